/** 我的: avatar and nickname, the phone number, and the end of the account. */

const account = require('../../services/account')
const { texts } = require('../../services/language')
const { moment } = require('../../shared/format')
const { confirm, definePage, run, runNext } = require('../../shared/page')
const { NICKNAME_LENGTH, isNickname, lengthOf } = require('../../shared/profile')

/** @param {string} nickname */
function draft(nickname) {
  return {
    nickname,
    count: `${lengthOf(nickname)} / ${NICKNAME_LENGTH}`,
    nicknameWrong: !isNickname(nickname),
  }
}

/** @param {import('../../services/account').User} user */
function shownOf(user) {
  return {
    ...draft(user.nickname || ''),
    user,
    since: moment(user.created_at),
    dirty: false,
  }
}

/**
 * What is being written is not lost.
 * @param {import('../../shared/page').Page} page
 * @param {import('../../services/account').User} user
 */
function shownBeside(page, user) {
  const { nickname, dirty } = page.data
  return dirty ? { ...shownOf(user), ...draft(nickname), dirty } : shownOf(user)
}

/**
 * WeChat charges for the code, so nothing that the page is doing may lose it.
 * @param {import('../../shared/page').Page} page
 * @param {{ code?: string }} detail
 */
function bindPhone(page, detail) {
  return runNext(page, 'bindPhone', async () =>
    shownBeside(page, await account.api().phone(detail))
  )
}

/**
 * The path of WeChat is a temporary one: the picture is uploaded at once, and only what the
 * server answers is shown. The page loads anew when the user comes back from choosing.
 * @param {import('../../shared/page').Page} page
 * @param {string} path
 */
function uploadAvatar(page, path) {
  return runNext(page, 'uploadAvatar', async () => {
    page.setData({ percent: 0 })
    const onProgress = (/** @type {number} */ percent) => page.setData({ percent })
    return shownBeside(page, await account.api().uploadAvatar(path, { onProgress }))
  })
}

definePage({
  section: 'profile',
  needsLogin: true,
  data: {
    ...draft(''),
    user: null,
    since: '',
    percent: 0,
    dirty: false,
    saved: false,
    reviewed: true, // not refused by WeChat
    sandbox: false,
  },
  async load(page) {
    const user = await account.api().me()
    return { ...shownBeside(page, user), sandbox: account.inDevelopment() }
  },
  actions: {
    onChooseAvatar(event) {
      const { avatarUrl, errMsg = '' } = event.detail
      return /cancel/i.test(errMsg) ? undefined : uploadAvatar(this, avatarUrl)
    },

    async onRemoveAvatar() {
      const { removeAvatarTitle: title, removeAvatarText: content, removeAvatarYes: yes } = texts().profile
      if (!(await confirm({ title, content, yes }))) return
      await run(this, 'removeAvatar', async () =>
        shownBeside(this, await account.api().removeAvatar())
      )
    },

    onPhone(event) {
      return bindPhone(this, event.detail)
    },

    onSandboxPhone() {
      return bindPhone(this, { code: `demo-${Date.now()}` })
    },

    async onRemovePhone() {
      const { removePhoneTitle: title, removePhoneText: content, removePhoneYes: yes } = texts().profile
      if (!(await confirm({ title, content, yes }))) return
      await run(this, 'removePhone', async () =>
        shownBeside(this, await account.api().removePhone())
      )
    },

    onNickname(event) {
      // the keyboard's own nickname may come with blur alone
      if (event.detail.value === this.data.nickname) return
      this.setData({ ...draft(event.detail.value), dirty: true, saved: false, reviewed: true })
    },

    /** WeChat checks the nickname itself, empties the field where it is risky, and tells here. */
    onNicknameReview(event) {
      const { pass, timeout } = event.detail
      if (pass || timeout) return
      this.setData({ ...draft(''), dirty: true, saved: false, reviewed: false })
    },

    async onSave() {
      const { nickname, dirty, nicknameWrong } = this.data
      if (!dirty || nicknameWrong) return
      await run(this, 'save', async () => {
        const shown = shownOf(await account.api().put('/api/me', { nickname: nickname || null }))
        const { nickname: later } = this.data
        if (later === nickname) return { ...shown, saved: true }
        return { ...shown, ...draft(later), dirty: true }
      })
    },

    async onErase() {
      const { eraseTitle: title, eraseText: content, eraseYes: yes } = texts().profile
      if (!(await confirm({ title, content, yes }))) return
      if (await run(this, 'erase', () => account.erase())) await this.onRetry()
    },
  },
})

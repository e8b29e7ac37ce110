/** 个人资料: nickname and avatar, the phone number, and the end of the account. */

const account = require('../../services/account')
const { moment } = require('../../shared/format')
const { confirm, definePage, run, runNext } = require('../../shared/page')
const { NICKNAME_LENGTH, isAvatar, isNickname, lengthOf } = require('../../shared/profile')
const { profile: texts } = require('../../strings')

/** @param {string} nickname @param {string} avatar */
function draft(nickname, avatar) {
  return {
    nickname,
    avatar,
    count: `${lengthOf(nickname)} / ${NICKNAME_LENGTH}`,
    nicknameWrong: !isNickname(nickname),
    avatarWrong: !isAvatar(avatar),
  }
}

/** @param {import('../../services/account').User} user */
function shownOf(user) {
  return {
    ...draft(user.nickname || '', user.avatar_url || ''),
    user,
    initial: Array.from(user.nickname || '?')[0],
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
  const { nickname, avatar, dirty } = page.data
  return dirty ? { ...shownOf(user), ...draft(nickname, avatar), dirty } : shownOf(user)
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

definePage({
  texts,
  needsLogin: true,
  data: {
    ...draft('', ''),
    user: null,
    initial: '',
    since: '',
    dirty: false,
    saved: false,
    sandbox: false,
  },
  async load(page) {
    const user = await account.api().me()
    return { ...shownBeside(page, user), sandbox: account.inDevelopment() }
  },
  actions: {
    onPhone(event) {
      return bindPhone(this, event.detail)
    },

    onSandboxPhone() {
      return bindPhone(this, { code: `demo-${Date.now()}` })
    },

    async onRemovePhone() {
      const { removePhoneTitle: title, removePhoneText: content, removePhoneYes: yes } = texts
      if (!(await confirm({ title, content, yes }))) return
      await run(this, 'removePhone', async () =>
        shownBeside(this, await account.api().removePhone())
      )
    },

    onNickname(event) {
      // the keyboard's own nickname may come with blur alone
      if (event.detail.value === this.data.nickname) return
      const shown = draft(event.detail.value, this.data.avatar)
      this.setData({ ...shown, dirty: true, saved: false })
    },

    onAvatar(event) {
      const shown = draft(this.data.nickname, event.detail.value.trim())
      this.setData({ ...shown, dirty: true, saved: false })
    },

    async onSave() {
      const { nickname, avatar, dirty, nicknameWrong, avatarWrong } = this.data
      if (!dirty || nicknameWrong || avatarWrong) return
      await run(this, 'save', async () => {
        const written = { nickname: nickname || null, avatar_url: avatar || null }
        const shown = shownOf(await account.api().put('/api/me', written))
        const { nickname: later, avatar: laterAvatar } = this.data
        if (later === nickname && laterAvatar === avatar) return { ...shown, saved: true }
        return { ...shown, ...draft(later, laterAvatar), dirty: true }
      })
    },

    async onErase() {
      const { eraseTitle: title, eraseText: content, eraseYes: yes } = texts
      if (!(await confirm({ title, content, yes }))) return
      if (await run(this, 'erase', () => account.erase())) await this.onRetry()
    },
  },
})

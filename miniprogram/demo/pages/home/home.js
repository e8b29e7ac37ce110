/** 首页: who am I, is the server there, which server is it, and where the rest is. */

const account = require('../../services/account')
const { CHOICES, choice, choose: speak, texts } = require('../../services/language')
const settings = require('../../services/settings')
const { moment } = require('../../shared/format')
const { choose, definePage, run } = require('../../shared/page')

/** @returns {Promise<object>} */
async function hello() {
  const asked = Date.now()
  // sent once: a second sending would count into the latency
  const told = await account.api().get('/api/hello', undefined, { auth: false, idempotent: false })
  return { hello: { msg: told.msg, time: moment(told.time), latency: `${Date.now() - asked} ms` } }
}

/** @returns {Promise<object>} */
async function whoAmI() {
  return { user: account.signedIn() ? await account.api().me() : null }
}

definePage({
  section: 'home',
  data: {
    hello: null,
    user: null,
    baseUrl: '',
    changed: false, // the address is not the one in use
    addressWrong: false,
    addressSaved: false,
    spoken: '', // the choice of language, in words
  },
  async load(page) {
    const spoken = texts().home.languages[choice()]
    page.setData({ spoken, baseUrl: page.data.changed ? page.data.baseUrl : settings.baseUrl() })
    const shown = await hello()
    page.setData(shown)
    return whoAmI()
  },
  actions: {
    onHello() {
      return run(this, 'hello', hello)
    },

    onWho() {
      wx.switchTab({ url: '/pages/profile/profile' })
    },

    onLogout() {
      return run(this, 'logout', async () => {
        const leaving = account.logout()
        this.setData({ user: null, signedIn: false })
        await leaving
      })
    },

    onMessages() {
      wx.navigateTo({ url: '/pages/messages/messages' })
    },

    onEncrypted() {
      wx.navigateTo({ url: '/pages/encrypted/encrypted' })
    },

    async onLanguage() {
      const { languages } = texts().home
      const chosen = await choose(CHOICES.map(each => languages[each]))
      if (chosen < 0) return
      speak(CHOICES[chosen])
      await this.onRetry()
    },

    onAddress(event) {
      const baseUrl = event.detail.value.trim()
      const changed = baseUrl !== settings.baseUrl()
      this.setData({ baseUrl, changed, addressWrong: false, addressSaved: false })
    },

    async onSaveAddress() {
      if (this.data.busy || !this.data.changed) return
      if (!account.connect(this.data.baseUrl)) {
        this.setData({ addressWrong: true })
        return
      }
      const signedIn = account.signedIn()
      this.setData({ changed: false, addressSaved: true, hello: null, user: null, signedIn })
      await this.onRetry()
    },
  },
})

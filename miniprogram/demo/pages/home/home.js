/** 首页: is the server there, who am I, and which server is it. */

const account = require('../../services/account')
const settings = require('../../services/settings')
const { moment } = require('../../shared/format')
const { definePage, run } = require('../../shared/page')
const { home: texts } = require('../../strings')

/** @returns {Promise<object>} */
async function hello() {
  const asked = Date.now()
  // sent once: a second sending would count into the latency
  const told = await account.api().get('/api/hello', undefined, { auth: false, idempotent: false })
  return { hello: { msg: told.msg, time: moment(told.time), latency: `${Date.now() - asked} ms` } }
}

/** @returns {Promise<object>} */
async function whoAmI() {
  if (!account.signedIn()) return { user: null, since: '' }
  const user = await account.api().me()
  return { user, since: moment(user.created_at) }
}

definePage({
  texts,
  data: { hello: null, user: null, since: '', baseUrl: '', addressWrong: false, addressSaved: false },
  async load(page) {
    page.setData({ baseUrl: page.data.baseUrl || settings.baseUrl() })
    const shown = await hello()
    page.setData(shown)
    return whoAmI()
  },
  actions: {
    onHello() {
      return run(this, 'hello', hello)
    },

    onLogout() {
      return run(this, 'logout', async () => {
        const leaving = account.logout()
        this.setData({ user: null, signedIn: false })
        await leaving
      })
    },

    /** No tab: WeChat has room for five. */
    onMessages() {
      wx.navigateTo({ url: '/pages/messages/messages' })
    },

    onAddress(event) {
      const baseUrl = event.detail.value.trim()
      this.setData({ baseUrl, addressWrong: false, addressSaved: false })
    },

    async onSaveAddress() {
      if (this.data.busy) return
      if (!account.connect(this.data.baseUrl)) {
        this.setData({ addressWrong: true })
        return
      }
      this.setData({ addressSaved: true, hello: null, user: null, signedIn: account.signedIn() })
      await this.onRetry()
    },
  },
})

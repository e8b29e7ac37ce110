/** 加密数据: what WeChat encrypts for the server alone. */

const account = require('../../services/account')
const { definePage, run } = require('../../shared/page')
const { encrypted: texts } = require('../../strings')

/** Who the developer tool logs in as, on the sandbox. */
const SANDBOX_USER = 'developer'

/** @typedef {Parameters<import('../../myapi/client').Client['decrypt']>[0]} Detail */

/** @returns {Promise<Detail>} */
function fromSandbox() {
  const wanted = { openid: SANDBOX_USER, data: texts.sample }
  return account.api().post('/sandbox/encrypt', wanted, { auth: false })
}

/** WeChat answers only while the user taps. @returns {Promise<Detail>} */
function fromUserInfo() {
  return new Promise(resolve => {
    wx.getUserProfile({ desc: texts.why, success: resolve, fail: () => resolve({}) })
  })
}

/** @param {{ [name: string]: any }} plain */
function factsOf(plain) {
  return Object.keys(plain).map(name => {
    const value = plain[name]
    return { name, value: typeof value === 'object' ? JSON.stringify(value) : String(value) }
  })
}

/**
 * @param {import('../../shared/page').Page} page
 * @param {string} doing
 * @param {() => Promise<Detail>} source
 */
function decrypt(page, doing, source) {
  return run(page, doing, async () => {
    const plain = await account.api().decrypt(await source())
    return { plain: factsOf(plain) }
  })
}

definePage({
  texts,
  needsLogin: true,
  data: { plain: [] },
  load: async () => ({}),
  actions: {
    onSandbox() {
      return decrypt(this, 'sandbox', fromSandbox)
    },
    onPhone(event) {
      return decrypt(this, 'phone', async () => event.detail)
    },
    onUserInfo() {
      return decrypt(this, 'userInfo', fromUserInfo)
    },
  },
})

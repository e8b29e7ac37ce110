/** 加密数据: what WeChat encrypts for the server alone. */

const account = require('../../services/account')
const { texts } = require('../../services/language')
const { definePage, run } = require('../../shared/page')

/** Who the developer tool logs in as, on the sandbox. */
const SANDBOX_USER = 'developer'

/** @typedef {Parameters<import('../../myapi/client').Client['decrypt']>[0]} Detail */

/** @returns {Promise<Detail>} */
function fromSandbox() {
  const wanted = { openid: SANDBOX_USER, data: texts().encrypted.sample }
  return account.api().post('/sandbox/encrypt', wanted, { auth: false })
}

/** WeChat answers only while the user taps. @returns {Promise<Detail>} */
function fromUserInfo() {
  return new Promise(resolve => {
    wx.getUserProfile({ desc: texts().encrypted.why, success: resolve, fail: () => resolve({}) })
  })
}

/**
 * The fields of an object, those of objects in it by names such as watermark.appid.
 * @param {{ [name: string]: any }} plain
 * @param {string} [before]
 * @returns {{ name: string, value: string }[]}
 */
function factsOf(plain, before = '') {
  /** @type {{ name: string, value: string }[]} */
  const facts = []
  Object.keys(plain).forEach(key => {
    const name = before + key
    const value = plain[key]
    if (isObject(value)) facts.push(...factsOf(value, `${name}.`))
    else facts.push({ name, value: String(value) })
  })
  return facts
}

/** @param {any} value */
const isObject = value => typeof value === 'object' && value !== null

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
  section: 'encrypted',
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

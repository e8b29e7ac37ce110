/**
 * What the demo keeps over restarts: the address, whether the user is signed in there, the
 * template of its messages, and the language.
 */

const DEFAULT_URL = 'http://127.0.0.1:8000'
const URL_KEY = 'demo:baseUrl'
/** The sandbox takes any template; WeChat knows only those of your console. */
const DEFAULT_TEMPLATE = 'sandbox-template'
const TEMPLATE_KEY = 'demo:templateId'
const LANGUAGE_KEY = 'demo:language'

/** A phone whose storage is full or broken forgets at the next start, and no sooner. */
const kept = new Map()

/** @param {string} key @returns {any} */
function read(key) {
  if (kept.has(key)) return kept.get(key)
  try {
    return wx.getStorageSync(key)
  } catch (_) {
    return ''
  }
}

/** @param {string} key @param {any} value */
function keep(key, value) {
  kept.set(key, value)
  try {
    wx.setStorageSync(key, value)
  } catch (_) {
    // it stays in memory
  }
}

/** @returns {string} */
const baseUrl = () => read(URL_KEY) || DEFAULT_URL

/** @param {string} url */
const keepBaseUrl = url => keep(URL_KEY, url)

/** A server in development is called over http; one in production answers over https alone. */
const inDevelopment = () => baseUrl().startsWith('http://')

const signedInKey = () => `demo:signedIn:${baseUrl()}`

/** @returns {boolean} */
const signedIn = () => read(signedInKey()) === true

/** @param {boolean} yes */
const keepSignedIn = yes => keep(signedInKey(), yes)

/** @returns {string} of mp.weixin.qq.com → 订阅消息 */
const templateId = () => read(TEMPLATE_KEY) || DEFAULT_TEMPLATE

/** @param {string} id empty: that of the sandbox */
const keepTemplateId = id => keep(TEMPLATE_KEY, id)

/** @returns {string} empty: the phone's */
const language = () => read(LANGUAGE_KEY) || ''

/** @param {string} chosen */
const keepLanguage = chosen => keep(LANGUAGE_KEY, chosen)

module.exports = {
  baseUrl,
  keepBaseUrl,
  inDevelopment,
  signedIn,
  keepSignedIn,
  templateId,
  keepTemplateId,
  language,
  keepLanguage,
}

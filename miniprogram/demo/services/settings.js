/** What the demo keeps over restarts: the address, and whether the user is signed in there. */

const DEFAULT_URL = 'http://127.0.0.1:8000'
const URL_KEY = 'demo:baseUrl'

/** @returns {string} */
function baseUrl() {
  return wx.getStorageSync(URL_KEY) || DEFAULT_URL
}

/** @param {string} url */
function keepBaseUrl(url) {
  wx.setStorageSync(URL_KEY, url)
}

const signedInKey = () => `demo:signedIn:${baseUrl()}`

/** @returns {boolean} */
function signedIn() {
  return wx.getStorageSync(signedInKey()) === true
}

/** @param {boolean} yes */
function keepSignedIn(yes) {
  wx.setStorageSync(signedInKey(), yes)
}

module.exports = { baseUrl, keepBaseUrl, signedIn, keepSignedIn }

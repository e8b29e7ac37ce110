/**
 * What this client calls by itself. `tests/miniprogram/contract.js` has the fields in and out, and
 * `tests/test_miniprogram.py` compares all of it with the server's OpenAPI description.
 */

/** @typedef {'GET' | 'POST' | 'PUT' | 'DELETE'} Method */

/** @param {Method} method @param {string} path */
const route = (method, path) => ({ method, path })

const LOGIN = route('POST', '/api/auth/login')
const LOGOUT = route('POST', '/api/auth/logout')
const SESSIONS = route('GET', '/api/auth/sessions')
const ME = route('GET', '/api/me')
const ERASE = route('DELETE', '/api/me')
const PHONE = route('POST', '/api/me/phone')
const REMOVE_PHONE = route('DELETE', '/api/me/phone')
/** A form with the picture as its field `file`, as wx.uploadFile sends it. */
const AVATAR = route('POST', '/api/me/avatar')
const REMOVE_AVATAR = route('DELETE', '/api/me/avatar')
/** What the user answered in the dialog of subscribe messages; without results it only asks. */
const MESSAGES = route('POST', '/api/me/messages')
const DECRYPT = route('POST', '/api/me/decrypt')

module.exports = {
  LOGIN,
  LOGOUT,
  SESSIONS,
  ME,
  ERASE,
  PHONE,
  REMOVE_PHONE,
  AVATAR,
  REMOVE_AVATAR,
  MESSAGES,
  DECRYPT,
}

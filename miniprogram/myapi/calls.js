/**
 * What this client calls by itself. `tests/miniprogram/contract.js` has the fields in and out, and
 * `tests/test_miniprogram.py` compares all of it with the server's OpenAPI description.
 */

/** @typedef {{ method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string }} Route */

/** @type {Route} */
const LOGIN = { method: 'POST', path: '/api/auth/login' }

/** @type {Route} */
const LOGOUT = { method: 'POST', path: '/api/auth/logout' }

/** @type {Route} */
const SESSIONS = { method: 'GET', path: '/api/auth/sessions' }

/** @type {Route} */
const ME = { method: 'GET', path: '/api/me' }

/** @type {Route} */
const ERASE = { method: 'DELETE', path: '/api/me' }

/** @type {Route} */
const PHONE = { method: 'POST', path: '/api/me/phone' }

/** @type {Route} */
const REMOVE_PHONE = { method: 'DELETE', path: '/api/me/phone' }

/**
 * A form with the picture as its field `file`, as wx.uploadFile sends it.
 * @type {Route}
 */
const AVATAR = { method: 'POST', path: '/api/me/avatar' }

/** @type {Route} */
const REMOVE_AVATAR = { method: 'DELETE', path: '/api/me/avatar' }

/**
 * What the user answered in the dialog of subscribe messages; without results it only asks.
 * @type {Route}
 */
const MESSAGES = { method: 'POST', path: '/api/me/messages' }

/** @type {Route} */
const DECRYPT = { method: 'POST', path: '/api/me/decrypt' }

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

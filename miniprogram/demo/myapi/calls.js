/**
 * What this client calls by itself; `tests/test_miniprogram.py` compares it with the server's
 * OpenAPI description: method, path, whether a token is needed, the fields in and out.
 */

/** @typedef {{ method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, auth: boolean,
 *   takes: string[], gives: string[] }} Route */

/** @type {Route} */
const LOGIN = {
  method: 'POST',
  path: '/api/auth/login',
  auth: false,
  takes: ['code'],
  gives: ['token', 'user'],
}

/** @type {Route} */
const LOGOUT = { method: 'POST', path: '/api/auth/logout', auth: true, takes: [], gives: [] }

/** @type {Route} */
const SESSIONS = {
  method: 'GET',
  path: '/api/auth/sessions',
  auth: true,
  takes: [],
  gives: ['sessions'],
}

/** @type {Route} */
const ME = {
  method: 'GET',
  path: '/api/me',
  auth: true,
  takes: [],
  gives: ['id', 'nickname', 'avatar_url', 'phone', 'created_at'],
}

/** @type {Route} */
const ERASE = { method: 'DELETE', path: '/api/me', auth: true, takes: [], gives: [] }

/** @type {Route} */
const PHONE = {
  method: 'POST',
  path: '/api/me/phone',
  auth: true,
  takes: ['code'],
  gives: ['id', 'phone'],
}

/** @type {Route} */
const REMOVE_PHONE = {
  method: 'DELETE',
  path: '/api/me/phone',
  auth: true,
  takes: [],
  gives: ['id', 'phone'],
}

/**
 * A form with the picture as its field, as wx.uploadFile sends it.
 * @type {Route}
 */
const AVATAR = {
  method: 'POST',
  path: '/api/me/avatar',
  auth: true,
  takes: ['file'],
  gives: ['id', 'avatar_url'],
}

/** @type {Route} */
const REMOVE_AVATAR = {
  method: 'DELETE',
  path: '/api/me/avatar',
  auth: true,
  takes: [],
  gives: ['id', 'avatar_url'],
}

/**
 * What the user answered in the dialog of subscribe messages; without results it only asks.
 * @type {Route}
 */
const MESSAGES = {
  method: 'POST',
  path: '/api/me/messages',
  auth: true,
  takes: ['id', 'results'],
  gives: ['permissions'],
}

/** @type {Route} */
const DECRYPT = {
  method: 'POST',
  path: '/api/me/decrypt',
  auth: true,
  takes: ['encryptedData', 'iv', 'rawData', 'signature'],
  gives: [],
}

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

/** Typical errors, made on purpose. None of them signs the user in or out. */

const { createClient } = require('../myapi/index')
const { api } = require('./account')
const { baseUrl } = require('./settings')

/** No login is needed, and none is sent twice: the error is to be seen at once. */
const ONCE = { auth: false, idempotent: false }

/** @type {{ [id: string]: () => Promise<any> }} */
const CASES = {
  path: () => api().get('/api/no-such-path', undefined, ONCE),
  body: () => api().post('/api/auth/login', {}, ONCE),
  token: () => stranger(baseUrl(), 'Bearer forged').get('/api/me', undefined, ONCE),
  domain: () => stranger('https://not-listed.example.com').get('/api/hello', undefined, ONCE),
  timeout: () => api().get('/api/hello', undefined, { ...ONCE, timeout: 1 }),
  refused: () => stranger('http://127.0.0.1:59999').get('/api/hello', undefined, ONCE),
}

/**
 * A client that knows nobody and keeps nothing, so that it cannot touch the user's session.
 * @param {string} url
 * @param {string} [authorization] is put on every request
 */
function stranger(url, authorization) {
  return createClient({
    baseUrl: url,
    platform: {
      request: options =>
        wx.request({
          ...options,
          header: authorization
            ? { ...options.header, Authorization: authorization }
            : options.header,
        }),
      login: options => wx.login(options),
      getStorageSync: () => /** @type {any} */ (''),
      setStorageSync: () => {},
      removeStorageSync: () => {},
    },
  })
}

/**
 * @param {string} id of strings.trouble.cases
 * @returns {Promise<any>}
 */
function provoke(id) {
  return CASES[id]()
}

module.exports = { provoke }

/**
 * What an app calls: `createClient` joins the parts of this folder.
 */

const {
  AVATAR,
  DECRYPT,
  ERASE,
  LOGIN,
  LOGOUT,
  ME,
  MESSAGES,
  PHONE,
  REMOVE_AVATAR,
  REMOVE_PHONE,
  SESSIONS,
} = require('./calls')
const { acceptedOf, askUser } = require('./dialog')
const { ApiError, isObject, ofPhoneButton } = require('./errors')
const { Foreground, TIMERS, onReturn } = require('./platform')
const { CONTROL, OPEN, SESSION } = require('./queue')
const { Reports } = require('./reports')
const { Requests } = require('./requests')
const { Session } = require('./session')
const { Storage } = require('./storage')
const { loginCode } = require('./transport')

/** @typedef {import('./session').User} User */

/**
 * @typedef {object} Options of one request
 * @property {boolean} [auth] false: send no token and need no login
 * @property {boolean} [idempotent] whether it may be sent again when nobody knows whether it
 *   arrived; without it, true for all but POST
 * @property {number} [timeout] ms
 * @property {{ [name: string]: string }} [header]
 */

/**
 * @typedef {object} Settings
 * @property {string} baseUrl such as https://api.example.com
 * @property {import('./platform').Platform} [platform] wx, unless told
 * @property {number} [timeout] ms for one sending of a request
 * @property {import('./platform').Timers} [timers] for tests
 */

/** @typedef {{ id: string, created_at: string, last_seen_at: string | null, ip: string,
 *   user_agent: string, current: boolean }} SessionRow */

/** @typedef {import('./reports').Left} Left */

/**
 * @typedef {object} Notified
 * @property {string[]} accepted the templates that the user permits
 * @property {{ [templateId: string]: string }} results what WeChat's dialog gave: `accept`,
 *   `reject`, `ban` (by WeChat), `filter` (of the same title as another)
 * @property {Left | null} left how many messages may still be sent, by template; null: the
 *   server could not be told, and will be later
 */

/** The phone runs no more at once. */
const WIDTH = 10
const TIMEOUT = 15000
/** 2 MiB, the most that the server takes, at 70 KiB a second. */
const UPLOAD_TIMEOUT = 30000
const CODE_TIMEOUT = 10000
/** https://name or http://name, with a port or a path, and nothing that could hide another host. */
const BASE_URL = /^https?:\/\/[\w.-]+(:\d+)?(\/[\w.\-/]*)?$/

class Client {
  /** @param {Settings} settings */
  constructor({ baseUrl, platform = wx, timeout = TIMEOUT, timers = TIMERS }) {
    if (!BASE_URL.test(baseUrl)) throw new TypeError('baseUrl must look like https://api.example.com')
    const base = baseUrl.replace(/\/+$/, '')
    const share = timers.random()
    /** @private */
    this._uploadTimeout = Math.max(timeout, UPLOAD_TIMEOUT)
    /** @private */
    this._platform = platform
    const foreground = new Foreground(platform)
    const storage = new Storage(platform, base)
    /** @private */
    this._requests = new Requests({
      baseUrl: base,
      platform,
      timers,
      timeout,
      width: WIDTH,
      share,
      foreground,
    })
    /** @private */
    this._session = new Session({
      storage,
      timers,
      foreground,
      share,
      code: () => loginCode(platform, timers, CODE_TIMEOUT),
      exchange: (code, unwanted) => this._exchange(code, unwanted),
      end: token => this._logOut(token).catch(() => {}),
      onToken: () => {
        this._requests.tokenChanged()
        this._reports.sendAll()
      },
      onLeft: () => {
        this._requests.left()
        this._reports.left()
      },
      onFailed: error => this._requests.loginFailed(error),
    })
    this._requests.attach(this._session)
    /** @private */
    this._reports = new Reports({
      storage,
      session: this._session,
      random: timers.random,
      send: ({ id, results }, how) => this._report(id, results, how),
    })
    /** @private @type {{ epoch: number, user: Promise<User> } | null} */
    this._asking = null
    /** @private @type {Promise<null> | null} */
    this._erasing = null
    onReturn(platform, () => this._reports.sendAll())
    this._reports.sendAll()
  }

  /**
   * @param {string} path such as /api/me
   * @param {any} [data] becomes the query
   * @param {Options} [options]
   * @returns {Promise<any>} `data` of the answer
   */
  get(path, data, options) {
    return this._make('GET', path, data, options)
  }

  /**
   * @param {string} path
   * @param {any} [data]
   * @param {Options} [options]
   * @returns {Promise<any>}
   */
  post(path, data, options) {
    return this._make('POST', path, data, options)
  }

  /**
   * @param {string} path
   * @param {any} [data]
   * @param {Options} [options]
   * @returns {Promise<any>}
   */
  put(path, data, options) {
    return this._make('PUT', path, data, options)
  }

  /**
   * @param {string} path
   * @param {any} [data]
   * @param {Options} [options]
   * @returns {Promise<any>}
   */
  delete(path, data, options) {
    return this._make('DELETE', path, data, options)
  }

  /**
   * Make sure that the user is signed in, and tell who it is. No app needs to call it: the
   * first request that needs a login does it.
   * @param {{ fresh?: boolean }} [options] fresh: call wx.login in any case, which also brings
   *   the server a new session_key
   * @returns {Promise<User>}
   */
  login({ fresh = false } = {}) {
    const { epoch, token } = this._session
    if (fresh || !token) return this._session.signIn()
    if (!this._asking || this._asking.epoch !== epoch) {
      const asking = { epoch, user: this.me() }
      const over = () => {
        if (this._asking === asking) this._asking = null
      }
      this._asking = asking
      asking.user.then(over, over)
    }
    return this._asking.user
  }

  /**
   * End this session, here at once. A failure means that the server may not know yet.
   * @returns {Promise<null>}
   */
  logout() {
    return this._session.leave(token => (token ? this._logOut(token) : Promise.resolve(null)), {
      orStay: false,
    })
  }

  /**
   * Erase the account for good. It needs a session and never logs in: signed out, it fails.
   * When it fails, nothing is known to be erased, and the user is signed in as before.
   * @returns {Promise<null>}
   */
  erase() {
    if (this._erasing) {
      this._session.drop()
      return this._erasing
    }
    const over = () => {
      this._erasing = null
    }
    const { user } = this._session
    this._erasing = this._session.leave(token => this._erase(token), { orStay: true })
    this._erasing.then(() => this._reports.forget(user), () => {})
    this._erasing.then(over, over)
    return this._erasing
  }

  /** @returns {Promise<User>} */
  me() {
    return this._make(ME.method, ME.path)
  }

  /** @returns {Promise<SessionRow[]>} the devices on which the user is logged in */
  sessions() {
    return this._make(SESSIONS.method, SESSIONS.path).then(data => data.sessions)
  }

  /**
   * Store the user's phone number: the server gets it from WeChat for the code that the button
   * `open-type="getPhoneNumber"` or `"getRealtimePhoneNumber"` gives in `e.detail`. WeChat
   * charges for each code and takes it once, but the server keeps its result for 5 minutes: so
   * the same code is sent again when an answer was lost.
   * @param {{ code?: string, errno?: number, errMsg?: string }} detail
   * @returns {Promise<User>}
   */
  phone(detail) {
    const code = detail && detail.code
    if (typeof code !== 'string' || !code) return Promise.reject(ofPhoneButton(detail))
    return this._make(PHONE.method, PHONE.path, { code }, { idempotent: true })
  }

  /** @returns {Promise<User>} without a phone number */
  removePhone() {
    return this._make(REMOVE_PHONE.method, REMOVE_PHONE.path)
  }

  /**
   * Make a picture on the phone the user's avatar. The server keeps one, so the same picture
   * may be sent again when an answer was lost.
   * @param {string} tempFilePath `e.detail.avatarUrl` of the button `open-type="chooseAvatar"`;
   *   a JPEG, PNG or WebP of at most 2 MiB
   * @param {{ onProgress?: (percent: number) => void, timeout?: number }} [options]
   *   onProgress: told 0 to 100, from the beginning again when the picture is sent again;
   *   timeout: ms for one sending, 30 s or the client's unless told
   * @returns {Promise<User>}
   */
  uploadAvatar(tempFilePath, { onProgress, timeout = this._uploadTimeout } = {}) {
    if (typeof tempFilePath !== 'string' || !tempFilePath) {
      return Promise.reject(new ApiError('picture_missing'))
    }
    const file = { field: AVATAR.takes[0], path: tempFilePath, onProgress }
    return this._requests.make({
      lane: SESSION,
      method: AVATAR.method,
      path: AVATAR.path,
      file,
      idempotent: true,
      timeout,
    })
  }

  /** @returns {Promise<User>} without an avatar */
  removeAvatar() {
    return this._make(REMOVE_AVATAR.method, REMOVE_AVATAR.path)
  }

  /**
   * Ask the user to permit subscribe messages, and tell the server. It must be called in the
   * handler of a tap, before anything is waited for: otherwise WeChat does not open its dialog.
   * What the user permits is kept on the phone until the server knows it, and is never lost.
   * @param {string[]} templateIds one to three
   * @returns {Promise<Notified>} fails where the dialog did not open or was not answered, and
   *   where the server refuses the answer for good
   */
  async askToNotify(templateIds) {
    const { epoch, user } = this._session
    const results = await askUser(this._platform, templateIds)
    const left = await this._reports.add(results, { epoch, user })
    /** @type {Left} */
    const none = {}
    Object.keys(results).forEach(id => (none[id] = 0))
    return { accepted: acceptedOf(results), results, left: left && { ...none, ...left } }
  }

  /**
   * How many messages may still be sent to the user, by template; first, the server is told
   * what it does not know yet.
   * @returns {Promise<Left>}
   */
  async permissions() {
    const { epoch } = this._session
    const failure = await this._reports.sendAll({ mayLogIn: true })
    if (epoch !== this._session.epoch) throw new ApiError('signed_out')
    if (failure) throw failure
    return this._report(this._reports.newId(), {}, { mayLogIn: true })
  }

  /**
   * Have the server decrypt what WeChat encrypted, such as what a button gives in `e.detail`.
   * @param {{ encryptedData?: string, iv?: string, rawData?: string, signature?: string }} detail
   * @returns {Promise<any>} the plain object
   */
  decrypt(detail) {
    if (!detail || !detail.encryptedData || !detail.iv) {
      return Promise.reject(new ApiError('no_encrypted_data'))
    }
    const { encryptedData, iv, rawData, signature } = detail
    const signed = rawData !== undefined && signature !== undefined
    const data = signed ? { encryptedData, iv, rawData, signature } : { encryptedData, iv }
    return this._make(DECRYPT.method, DECRYPT.path, data)
  }

  /**
   * @private
   * @param {'GET' | 'POST' | 'PUT' | 'DELETE'} method
   * @param {string} path
   * @param {any} [data]
   * @param {Options} [options]
   * @returns {Promise<any>}
   */
  _make(method, path, data, { auth = true, idempotent, timeout, header } = {}) {
    // without the slash, a path could turn the address into one of another host
    if (typeof path !== 'string' || path[0] !== '/') return Promise.reject(new ApiError('bad_url'))
    const lane = auth ? SESSION : OPEN
    return this._requests.make({ lane, method, path, data, idempotent, timeout, header })
  }

  /**
   * The server counts an id once, so the same report may be sent again.
   * @private
   * @param {string} id
   * @param {import('./dialog').Results} results
   * @param {{ mayLogIn: boolean }} how mayLogIn: false: with the present token alone
   * @returns {Promise<Left>}
   */
  async _report(id, results, { mayLogIn }) {
    const { method, path } = MESSAGES
    const { epoch, token } = this._session
    const wish = { method, path, data: { id, results }, idempotent: true }
    const unwanted = () => epoch !== this._session.epoch
    const data = await this._requests.make(
      mayLogIn ? { lane: SESSION, ...wish } : { lane: CONTROL, token, unwanted, ...wish }
    )
    if (!isObject(data) || !Array.isArray(data.permissions)) throw new ApiError('bad_answer')
    /** @type {Left} */
    const left = {}
    data.permissions.forEach(each => (left[each.template_id] = each.left))
    return left
  }

  /**
   * @private
   * @param {string} code
   * @param {() => boolean} unwanted
   */
  _exchange(code, unwanted) {
    const { method, path } = LOGIN
    return this._requests.make({ lane: CONTROL, method, path, data: { code }, unwanted })
  }

  /**
   * @private
   * @param {string} token
   * @returns {Promise<null>}
   */
  _logOut(token) {
    return this._leave(LOGOUT, token, ['session_ended', 'token_invalid'])
  }

  /**
   * @private
   * @param {string} token
   * @returns {Promise<null>}
   */
  _erase(token) {
    if (!token) return Promise.reject(new ApiError('signed_out'))
    return this._leave(ERASE, token, ['session_ended'])
  }

  /**
   * Sent again only with the very same token, so it can do nothing twice. That the session has
   * ended is what was wanted: an earlier sending has arrived.
   * @private
   * @param {import('./calls').Route} route
   * @param {string} token
   * @param {string[]} wanted errors that say that it is done
   * @returns {Promise<null>}
   */
  _leave({ method, path }, token, wanted) {
    return this._requests.make({ lane: CONTROL, method, path, token, idempotent: true }).then(
      () => null,
      error => {
        if (wanted.includes(error.error)) return null
        throw error
      }
    )
  }
}

/**
 * Make the one client of an app.
 * @param {Settings} settings
 * @returns {Client}
 */
function createClient(settings) {
  return new Client(settings)
}

module.exports = { Client, createClient }

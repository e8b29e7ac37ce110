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
const { askUser } = require('./dialog')
const { ApiError, isObject, ofPhoneButton } = require('./errors')
const { TIMERS, createForeground, onReturn } = require('./platform')
const { CONTROL, OPEN, SESSION } = require('./queue')
const { createReports } = require('./reports')
const { createRequests } = require('./requests')
const { createSession } = require('./session')
const { createStorage } = require('./storage')
const { loginCode } = require('./transport')

/** @typedef {import('./session').User} User */

/**
 * @template T
 * @typedef {import('./requests').Call<T>} Call a promise that can be aborted
 */

/**
 * @typedef {object} Options of one request
 * @property {boolean} [auth] false: send no token and need no login
 * @property {boolean} [idempotent] whether it may be sent again when nobody knows whether it
 *   arrived; without it, true for all but POST
 * @property {number} [timeout] ms
 * @property {{ [name: string]: string }} [header]
 */

/** @typedef {Options & { name?: string, formData?: { [name: string]: any },
 *   onProgress?: (percent: number) => void }} UploadOptions */

/** @typedef {Omit<Options, 'idempotent'>
 *   & { onProgress?: (percent: number) => void }} DownloadOptions */

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
/** Files of any size: as long as WeChat itself waits. */
const FILE_TIMEOUT = 60000
const CODE_TIMEOUT = 10000
/** https://name or http://name, with a port or a path, and nothing that could hide another host. */
const BASE_URL = /^https?:\/\/[\w.-]+(:\d+)?(\/[\w.\-/]*)?$/

/** @typedef {ReturnType<typeof createClient>} Client */

/**
 * Make the one client of an app.
 * @param {Settings} settings
 */
function createClient({ baseUrl: url, platform = wx, timeout = TIMEOUT, timers = TIMERS }) {
  if (!BASE_URL.test(url)) throw new TypeError('baseUrl must look like https://api.example.com')
  const baseUrl = url.replace(/\/+$/, '')
  const storage = createStorage(platform, baseUrl)
  const foreground = createForeground(platform, timers)
  const shared = { timers, foreground, share: timers.random() }
  const requests = createRequests({ ...shared, baseUrl, platform, timeout, width: WIDTH })
  const session = createSession({
    ...shared,
    storage,
    code: () => loginCode(platform, timers, CODE_TIMEOUT),
    exchange: (code, unwanted) =>
      requests.make({ lane: CONTROL, ...LOGIN, data: { code }, unwanted }),
    end: token => logOut(token).catch(() => {}),
    onToken: () => {
      requests.tokenChanged()
      reports.sendAll()
    },
    onLeft: () => {
      requests.left()
      reports.left()
    },
    onFailed: requests.loginFailed,
  })
  requests.attach(session)
  const reports = createReports({
    storage,
    session,
    random: timers.random,
    send: ({ id, results }, mayLogIn) => report(id, results, mayLogIn),
  })
  /** @type {{ epoch: number, user: Promise<User> } | null} */
  let asking = null
  /** @type {Promise<null> | null} */
  let erasing = null
  onReturn(platform, () => reports.sendAll())
  reports.sendAll()

  /**
   * What the app passes is copied: what it changes later is not sent.
   * @param {{ method: import('./calls').Method, path: string }} route
   * @param {any} [data]
   * @param {Options & Pick<import('./requests').Wish, 'file' | 'inOrder'>} [options]
   * @returns {Call<any>}
   */
  function make(route, data, { auth = true, idempotent, timeout, header, file, inOrder } = {}) {
    const { path } = route
    // without the slash, a path could turn the address into one of another host
    if (typeof path !== 'string' || path[0] !== '/') return rejected(new ApiError('bad_url'))
    const lane = auth ? SESSION : OPEN
    const wish = { ...route, lane, idempotent, timeout, header: { ...header }, file, inOrder }
    try {
      return requests.make({ ...wish, data: data && JSON.parse(JSON.stringify(data)) })
    } catch (_) {
      return rejected(new ApiError('request_failed')) // it cannot be written as JSON
    }
  }

  /**
   * @param {{ method: import('./calls').Method, path: string }} route
   * @param {import('./transport').File} file
   * @param {Options & Pick<import('./requests').Wish, 'inOrder'>} options
   * @param {number} least ms, unless the client's time is longer or the options have one
   * @param {string} [missing] the error where there is no path; a download needs none
   * @returns {Call<any>}
   */
  function transfer(route, file, options, least, missing) {
    const { path } = file
    if (missing && (typeof path !== 'string' || !path)) return rejected(new ApiError(missing))
    const ms = options.timeout || Math.max(least, timeout)
    return make(route, undefined, { ...options, timeout: ms, file })
  }

  /**
   * The server counts an id once, so the same report may be sent again.
   * @param {string} id
   * @param {import('./dialog').Results} results
   * @param {boolean} mayLogIn false: with the present token alone
   * @returns {Promise<Left>}
   */
  async function report(id, results, mayLogIn) {
    const { epoch, token } = session
    const wish = { ...MESSAGES, data: { id, results }, idempotent: true }
    const unwanted = () => epoch !== session.epoch
    const data = await requests.make(
      mayLogIn ? { lane: SESSION, ...wish } : { lane: CONTROL, token, unwanted, ...wish }
    )
    /** @type {Left} */
    const left = {}
    listOf(data, 'permissions').forEach(each => (left[each.template_id] = each.left))
    return left
  }

  /**
   * @param {string} token
   * @returns {Promise<null>}
   */
  function logOut(token) {
    return leave(LOGOUT, { token, everLate: true }, ['session_ended', 'token_invalid'])
  }

  /**
   * Sent again only with the very same token, so it can do nothing twice. That the session has
   * ended is what was wanted: an earlier sending has arrived.
   * @param {{ method: import('./calls').Method, path: string }} route
   * @param {Pick<import('./requests').Wish, 'token' | 'made' | 'everLate'>} how
   * @param {string[]} wanted errors that say that it is done
   * @returns {Promise<null>}
   */
  function leave(route, how, wanted) {
    return requests.make({ lane: CONTROL, ...route, idempotent: true, ...how }).then(
      () => null,
      error => {
        if (wanted.includes(error.error)) return null
        throw error
      }
    )
  }

  /** @returns {Call<User>} */
  const me = () => make(ME)

  return {
    /**
     * @param {string} path such as /api/me
     * @param {any} [data] becomes the query
     * @param {Options} [options]
     * @returns {Call<any>} `data` of the answer
     */
    get(path, data, options) {
      return make({ method: 'GET', path }, data, options)
    },

    /**
     * @param {string} path
     * @param {any} [data]
     * @param {Options} [options]
     * @returns {Call<any>}
     */
    post(path, data, options) {
      return make({ method: 'POST', path }, data, options)
    },

    /**
     * @param {string} path
     * @param {any} [data]
     * @param {Options} [options]
     * @returns {Call<any>}
     */
    put(path, data, options) {
      return make({ method: 'PUT', path }, data, options)
    },

    /**
     * @param {string} path
     * @param {any} [data]
     * @param {Options} [options]
     * @returns {Call<any>}
     */
    delete(path, data, options) {
      return make({ method: 'DELETE', path }, data, options)
    },

    /**
     * Send a file as a form.
     * @param {string} path
     * @param {string} filePath of a file on the phone
     * @param {UploadOptions} [options] name: the field of the file, `file` unless told; formData:
     *   the other fields; onProgress: told 0 to 100, from the beginning again when it is sent
     *   again; timeout: 60 s or the client's unless told; idempotent: false unless told
     * @returns {Call<any>} `data` of the answer
     */
    upload(path, filePath, { name = 'file', formData, onProgress, ...options } = {}) {
      const file = { path: filePath, field: name, formData: { ...formData }, onProgress }
      return transfer({ method: 'POST', path }, file, options, FILE_TIMEOUT, 'file_missing')
    },

    /**
     * Get a file. What the server refuses is an error, as elsewhere, and never a file.
     * @param {string} path
     * @param {DownloadOptions} [options] onProgress and timeout as of an upload
     * @returns {Call<{ tempFilePath: string }>} the phone deletes the file at some time
     */
    download(path, { onProgress, ...options } = {}) {
      return transfer({ method: 'GET', path }, { onProgress }, options, FILE_TIMEOUT)
    },

    /**
     * Be told before each sending, of a login too: `{id, method, path, attempt, header}`. What the
     * hook writes into `header` is sent too. It sees no token and no body.
     * @param {(request: import('./requests').HookRequest) => void} hook what it throws changes nothing
     * @returns {() => void} takes it away
     */
    onRequest(hook) {
      return hooked(requests.requestHooks, hook)
    },

    /**
     * Be told after each sending: `{id, method, path, attempt, status, error, requestId, ms}`.
     * @param {(response: import('./requests').HookResponse) => void} hook
     * @returns {() => void} takes it away
     */
    onResponse(hook) {
      return hooked(requests.responseHooks, hook)
    },

    /**
     * Make sure that the user is signed in, and tell who it is. No app needs to call it: the
     * first request that needs a login does it.
     * @param {{ fresh?: boolean }} [options] fresh: call wx.login in any case, which also brings
     *   the server a new session_key
     * @returns {Promise<User>}
     */
    login({ fresh = false } = {}) {
      const { epoch, token } = session
      if (fresh || !token) return session.signIn()
      if (!asking || asking.epoch !== epoch) {
        const mine = { epoch, user: me() }
        const over = () => {
          if (asking === mine) asking = null
        }
        asking = mine
        mine.user.then(over, over)
      }
      return asking.user
    },

    /**
     * End this session, here at once. A failure means that the server may not know yet.
     * @returns {Promise<null>}
     */
    logout() {
      return session.leave(async token => (token ? logOut(token) : null))
    },

    /**
     * Erase the account for good. It needs a session and never logs in: signed out, it fails.
     * When it fails, nothing is known to be erased, and the user is signed in as before.
     * @returns {Promise<null>}
     */
    erase() {
      if (erasing) {
        session.drop()
        return erasing
      }
      const { user } = session
      const made = timers.now()
      const erase = async (/** @type {string} */ token) => {
        if (!token) throw new ApiError('signed_out')
        return leave(ERASE, { token, made }, ['session_ended'])
      }
      const over = () => {
        erasing = null
      }
      erasing = session.leave(erase, true)
      erasing.then(() => reports.forget(user), () => {}).then(over)
      return erasing
    },

    me,

    /** @returns {Call<SessionRow[]>} the devices on which the user is logged in */
    sessions() {
      return mapped(make(SESSIONS), data => listOf(data, 'sessions'))
    },

    /**
     * Store the user's phone number: the server gets it from WeChat for the code that the button
     * `open-type="getPhoneNumber"` or `"getRealtimePhoneNumber"` gives in `e.detail`. WeChat
     * charges for each code and takes it once, but the server keeps its result for 5 minutes: so
     * the same code is sent again when an answer was lost.
     * @param {{ code?: string, errno?: number, errMsg?: string }} detail
     * @returns {Call<User>}
     */
    phone(detail) {
      const { code } = detail || {}
      if (typeof code !== 'string' || !code) return rejected(ofPhoneButton(detail))
      return make(PHONE, { code }, { idempotent: true, inOrder: true })
    },

    /** @returns {Call<User>} without a phone number */
    removePhone() {
      return make(REMOVE_PHONE)
    },

    /**
     * Make a picture on the phone the user's avatar. The server keeps one, so the same picture
     * may be sent again when an answer was lost.
     * @param {string} tempFilePath `e.detail.avatarUrl` of the button `open-type="chooseAvatar"`;
     *   a JPEG, PNG or WebP of at most 2 MiB
     * @param {{ onProgress?: (percent: number) => void, timeout?: number }} [options]
     *   onProgress: told 0 to 100, from the beginning again when the picture is sent again;
     *   timeout: ms for one sending, 30 s or the client's unless told
     * @returns {Call<User>}
     */
    uploadAvatar(tempFilePath, { onProgress, timeout } = {}) {
      const file = { path: tempFilePath, field: 'file', onProgress }
      const options = { timeout, idempotent: true, inOrder: true }
      const call = transfer(AVATAR, file, options, UPLOAD_TIMEOUT, 'picture_missing')
      return mapped(call, undefined, error => {
        if (error.error !== 'file_missing') throw error
        throw new ApiError('picture_missing', { errno: error.errno, symptom: 'upload_file' })
      })
    },

    /** @returns {Call<User>} without an avatar */
    removeAvatar() {
      return make(REMOVE_AVATAR)
    },

    /**
     * Ask the user to permit subscribe messages, and tell the server. It must be called in the
     * handler of a tap, before anything is waited for: otherwise WeChat does not open its dialog.
     * What the user permits is kept on the phone until the server knows it, and is never lost.
     * @param {string[]} templateIds one to three
     * @returns {Promise<Notified>} fails where the dialog did not open or was not answered, and
     *   where the server refuses the answer for good
     */
    async askToNotify(templateIds) {
      const { epoch, user } = session
      const results = await askUser(platform, templateIds)
      const told = await reports.add(results, { epoch, user })
      const ids = Object.keys(results)
      /** @type {Left} */
      const left = { ...told }
      ids.forEach(id => (left[id] = left[id] || 0))
      // a later kind of `accept` is one too, such as `acceptWithAudio`
      const accepted = ids.filter(id => results[id].startsWith('accept'))
      return { accepted, results, left: told && left }
    },

    /**
     * How many messages may still be sent to the user, by template; first, the server is told
     * what it does not know yet.
     * @returns {Promise<Left>}
     */
    async permissions() {
      const { epoch } = session
      const failure = await reports.sendAll(true)
      if (epoch !== session.epoch) throw new ApiError('signed_out')
      if (failure) throw failure
      return report(reports.newId(), {}, true)
    },

    /**
     * Have the server decrypt what WeChat encrypted, such as what a button gives in `e.detail`.
     * @param {{ encryptedData?: string, iv?: string, rawData?: string, signature?: string }} detail
     * @returns {Call<any>} the plain object
     */
    decrypt(detail) {
      const { encryptedData, iv, rawData, signature } = detail || {}
      if (!encryptedData || !iv) return rejected(new ApiError('no_encrypted_data'))
      const signed = rawData !== undefined && signature !== undefined
      return make(DECRYPT, { encryptedData, iv, ...(signed && { rawData, signature }) })
    },
  }
}

/**
 * Have a call that has failed already.
 * @param {ApiError} error
 * @returns {Call<any>}
 */
function rejected(error) {
  return Object.assign(Promise.reject(error), { abort() {} })
}

/**
 * What becomes of a call can be aborted like the call.
 * @param {Call<any>} call
 * @param {(data: any) => any} [onData]
 * @param {(error: ApiError) => any} [onError]
 * @returns {Call<any>}
 */
function mapped(call, onData, onError) {
  return Object.assign(call.then(onData, onError), { abort: call.abort })
}

/**
 * @param {any} data of an answer
 * @param {string} name
 * @returns {any[]}
 */
function listOf(data, name) {
  if (isObject(data) && Array.isArray(data[name])) return data[name]
  throw new ApiError('bad_answer')
}

/**
 * @template T
 * @param {Set<T>} hooks
 * @param {T} hook
 * @returns {() => void}
 */
function hooked(hooks, hook) {
  if (typeof hook !== 'function') throw new TypeError('a hook must be a function')
  hooks.add(hook)
  return () => {
    hooks.delete(hook)
  }
}

module.exports = { createClient }

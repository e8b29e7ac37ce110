/**
 * The life of a request: queued, sent, judged; sent again or settled, and settled once.
 */

const { ApiError, isObject, ofAnswer } = require('./errors')
const { CONTROL, SESSION, Queue } = require('./queue')
const { PATIENCE, RETRIES, passing, pause } = require('./retry')
const { send } = require('./transport')

/** @typedef {import('./platform').Platform} Platform */
/** @typedef {import('./platform').Timers} Timers */

/**
 * @typedef {object} Wish what is to be sent
 * @property {string} lane one of queue.js
 * @property {'GET' | 'POST' | 'PUT' | 'DELETE'} method
 * @property {string} path
 * @property {any} [data]
 * @property {import('./transport').File} [file] goes with wx.uploadFile, without data
 * @property {{ [name: string]: string }} [header]
 * @property {number} [timeout] ms, counted from the sending
 * @property {boolean} [idempotent] sending it twice does no more than once
 * @property {string} [token] in the lane CONTROL, where the present one does not count
 * @property {() => boolean} [unwanted] asked just before it is sent
 */

/** A wish on its way. */
class Request {
  /**
   * @param {Wish} wish
   * @param {number} order
   * @param {number} epoch
   * @param {number} timeout
   */
  constructor(wish, order, epoch, timeout) {
    this.lane = wish.lane
    this.method = wish.method
    this.path = wish.path
    this.data = wish.data
    this.file = wish.file
    this.header = wish.header || {}
    this.timeout = wish.timeout || timeout
    this.idempotent = wish.idempotent === undefined ? wish.method !== 'POST' : wish.idempotent
    this.token = wish.token || ''
    this.unwanted = wish.unwanted || (() => false)
    this.order = order
    this.epoch = epoch
    this.sentFirst = 0 // when, in ms
    this.logins = 0 // of the session, when it was sent
    this.tries = 0 // made again because the network or the server failed
    this.replayed = false // after a login
    this.renewed = false // after a login that was to bring a session_key
    this.inFlight = false
    this.settled = false
    /** @type {(value: any) => void} */
    this.resolve = () => {}
    /** @type {(error: ApiError) => void} */
    this.reject = () => {}
    this.result = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }
}

class Requests {
  /**
   * @param {{ baseUrl: string, platform: Platform, timers: Timers, timeout: number,
   *   width: number, share: number,
   *   foreground: import('./platform').Foreground }} settings
   */
  constructor(settings) {
    this._settings = settings
    this._count = 0
    /** @type {Set<Request>} those that depend on the session, until they are settled */
    this._bound = new Set()
    /** @type {Queue<Request>} */
    this._queue = new Queue(settings.width, request => this._send(request))
    /** @type {import('./session').Session} */
    this._session = /** @type {any} */ (null)
  }

  /** @param {import('./session').Session} session */
  attach(session) {
    this._session = session
    this.tokenChanged()
  }

  /**
   * @param {Wish} wish
   * @returns {Promise<any>} what stands in the answer as data
   */
  make(wish) {
    const { timeout } = this._settings
    const request = new Request(wish, (this._count += 1), this._session.epoch, timeout)
    if (request.lane === SESSION) this._bound.add(request)
    this._enqueue(request)
    return request.result
  }

  /** Hold the requests that need a token while there is none. */
  tokenChanged() {
    if (this._session) this._queue.admit(this._session.token !== '')
  }

  /** Whoever waited for the login gets to know why there is none. @param {ApiError} error */
  loginFailed(error) {
    this._queue.clear().forEach(request => this._reject(request, error))
  }

  /** What has not been sent is not sent any more; what is on its way is judged when it comes. */
  left() {
    this._queue.clear()
    this._bound.forEach(request => {
      if (!request.inFlight) this._reject(request, new ApiError('signed_out'))
    })
  }

  /** @param {Request} request */
  _enqueue(request) {
    if (request.settled) return
    if (request.lane === SESSION && !this._session.token) this._session.signIn()
    this._queue.add(request)
  }

  /** @param {Request} request */
  async _send(request) {
    const { baseUrl, platform, timers } = this._settings
    if (request.settled) return
    if (request.unwanted()) return this._reject(request, new ApiError('signed_out'))
    if (request.lane === SESSION) request.token = this._session.token
    request.logins = this._session.logins
    request.sentFirst = request.sentFirst || timers.now()
    request.inFlight = true
    const outcome = await send(platform, timers, {
      method: request.method,
      url: baseUrl + request.path,
      data: request.data,
      file: request.file,
      header: headerOf(request),
      timeout: request.timeout,
    })
    request.inFlight = false
    this._judge(request, outcome)
  }

  /**
   * @param {Request} request
   * @param {import('./transport').Answer | ApiError} outcome
   */
  _judge(request, outcome) {
    const result = outcome instanceof ApiError ? outcome : dataOf(outcome)
    if (!(result instanceof ApiError)) {
      if (request.lane === SESSION) this._session.accepted(request.token)
      return this._resolve(request, result.data)
    }
    if (request.lane === SESSION && this._sendsAnew(request, result)) return undefined
    if (this._mayGoAgain(request, result)) return this._goAgain(request, result)
    return this._reject(request, result)
  }

  /**
   * Act on what a login can mend.
   * @param {Request} request
   * @param {ApiError} error
   * @returns {boolean} whether the request has been seen to
   */
  _sendsAnew(request, error) {
    const mended = error.status === 401 || this._mayGoAgain(request, error)
    if (request.epoch !== this._session.epoch) {
      this._reject(request, mended ? new ApiError('signed_out') : error)
      return true
    }
    if (error.status === 401) this._replay(request, error)
    else if (error.error === 'session_key_missing' && !request.renewed) this._renew(request)
    else return false
    return true
  }

  /**
   * After a 401 the server has done nothing, so any request may go once more.
   * @param {Request} request
   * @param {ApiError} error
   */
  _replay(request, error) {
    this._session.refused(request.token, error)
    const failure = this._session.failureSince(request.logins)
    if (request.replayed || failure) {
      this._reject(request, failure || error)
      // those behind it still need a token
      if (!this._session.token && this._queue.held) this._session.signIn()
      return
    }
    request.replayed = true
    this._enqueue(request)
  }

  /**
   * The server has no session_key of this user: a login brings one. WeChat may have made a new
   * one by then, which does not fit the data taken before: then `decrypt_failed` comes, and
   * the user has to tap again.
   * @param {Request} request
   */
  _renew(request) {
    request.renewed = true
    const renewed = this._session.renewedSince(request.logins)
    const login = renewed ? Promise.resolve() : this._session.signIn()
    login.then(
      () => this._enqueue(request),
      error => this._reject(request, error)
    )
  }

  /**
   * @param {Request} request
   * @param {ApiError} error
   * @returns {boolean}
   */
  _mayGoAgain(request, error) {
    // A login goes again with a fresh code, or not at all: session.js sees to that.
    const neverSent = error.error === 'too_many_tasks' && request.lane !== CONTROL
    if (!request.idempotent && !neverSent) return false
    if (request.tries >= RETRIES) return false
    if (error.error === 'interrupted') return true
    const then = this._settings.timers.now() + this._waitFor(request, error)
    return passing(error) && then <= request.sentFirst + Math.max(PATIENCE, 2 * request.timeout)
  }

  /**
   * @param {Request} request
   * @param {ApiError} error
   */
  _goAgain(request, error) {
    const { timers, foreground } = this._settings
    const wait = this._waitFor(request, error)
    request.tries += 1
    const again = () => timers.setTimeout(() => this._enqueue(request), wait)
    if (error.error !== 'interrupted') return again()
    request.sentFirst = 0 // its patience begins anew: nobody waited while the app was away
    return foreground.back().then(again)
  }

  /**
   * @param {Request} request
   * @param {ApiError} error
   * @returns {number} ms
   */
  _waitFor(request, error) {
    return pause(error, request.tries, this._settings.share)
  }

  /**
   * @param {Request} request
   * @param {any} data
   */
  _resolve(request, data) {
    this._settle(request)
    request.resolve(data)
  }

  /**
   * @param {Request} request
   * @param {ApiError} error
   */
  _reject(request, error) {
    this._settle(request)
    request.reject(error)
  }

  /** @param {Request} request */
  _settle(request) {
    request.settled = true
    this._bound.delete(request)
  }
}

/**
 * @param {Request} request
 * @returns {{ [name: string]: string }}
 */
function headerOf(request) {
  /** @type {{ [name: string]: string }} */
  const header = {}
  // the phone writes that of a form itself, for it chooses the boundary of the parts
  if (!request.file) header['Content-Type'] = 'application/json'
  Object.keys(request.header)
    .filter(name => !/^(authorization|content-type)$/i.test(name))
    .forEach(name => (header[name] = request.header[name]))
  if (request.token) header.Authorization = `Bearer ${request.token}`
  return header
}

/**
 * Read what an answer gives: `data` of the envelope, or the whole body where there is none.
 * @param {import('./transport').Answer} answer
 * @returns {{ data: any } | ApiError}
 */
function dataOf(answer) {
  const { status, body } = answer
  if (status < 200 || status > 299) return ofAnswer(answer)
  if (status === 204) return { data: null }
  if (!isObject(body) || (typeof body.code === 'number' && body.code !== 0)) return ofAnswer(answer)
  return { data: body.code === 0 && 'data' in body ? body.data : body }
}

module.exports = { Requests }

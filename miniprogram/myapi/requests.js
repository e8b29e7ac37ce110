/**
 * The life of a request: queued, sent, judged; sent again or settled, and settled once.
 */

const { ApiError, isObject, ofAnswer } = require('./errors')
const { CONTROL, SESSION, Queue } = require('./queue')
const { PATIENCE, nextTry } = require('./retry')
const { quietly, send } = require('./transport')

/**
 * @template T
 * @typedef {Promise<T> & { abort: () => void }} Call
 */

/** @typedef {{ id: number, method: string, path: string, attempt: number }} Seen */

/** What a hook is told before each sending. What it writes into `header` is sent too.
 * @typedef {Seen & { header: { [name: string]: string } }} HookRequest */

/** What a hook is told after each sending.
 * @typedef {Seen & { status: number, error: string, requestId: string, ms: number }} HookResponse */

/**
 * @typedef {object} Wish what is to be sent
 * @property {string} lane one of queue.js
 * @property {'GET' | 'POST' | 'PUT' | 'DELETE'} method
 * @property {string} path
 * @property {any} [data]
 * @property {import('./transport').File} [file] goes or comes in place of data
 * @property {{ [name: string]: string }} [header]
 * @property {number} [timeout] ms, counted from the sending
 * @property {boolean} [idempotent] sending it twice does no more than once
 * @property {string} [token] in the lane CONTROL, where the present one does not count
 * @property {() => boolean} [unwanted] asked just before it is sent
 * @property {boolean} [inOrder] goes after what was written to the same path before; without it,
 *   true for PUT and DELETE
 * @property {number} [made] when the app called, in ms; now, unless told
 * @property {boolean} [everLate] goes even if the app was away for long meanwhile
 */

/**
 * A wish on its way.
 * @typedef {Wish & ReturnType<Requests['_requestOf']>} Request
 */

class Requests {
  /**
   * @param {{ baseUrl: string, platform: import('./platform').Platform,
   *   timers: import('./platform').Timers, timeout: number, width: number, share: number,
   *   foreground: import('./platform').Foreground }} settings
   */
  constructor(settings) {
    this._settings = settings
    this._count = 0
    /** @type {((request: HookRequest) => void)[]} */
    this.requestHooks = []
    /** @type {((response: HookResponse) => void)[]} */
    this.responseHooks = []
    /**
     * The write to each path that is on its way: no newer one goes before it is settled, so that
     * no older state overtakes a newer one.
     * @type {Map<string, Request>}
     */
    this._writes = new Map()
    /** @type {Set<Request>} those that depend on the session, until they are settled */
    this._bound = new Set()
    /** @type {Queue<Request>} */
    this._queue = new Queue(
      settings.width,
      ({ lane, resource, order }) => {
        const write = this._writes.get(resource)
        return (lane !== SESSION || this._session.token !== '') && (!write || write.order === order)
      },
      request => this._send(request)
    )
    /** @type {import('./session').Session} given by the client */
    this._session = /** @type {any} */ (null)
  }

  /** @param {import('./session').Session} session */
  attach(session) {
    this._session = session
  }

  /**
   * @param {Wish} wish
   * @returns {Call<any>} what stands in the answer as data
   */
  make(wish) {
    const request = { ...wish, ...this._requestOf(wish) }
    const result = new Promise((resolve, reject) => Object.assign(request, { resolve, reject }))
    if (request.lane === SESSION) this._bound.add(request)
    this._enqueue(request)
    return Object.assign(result, { abort: () => this._abort(request) })
  }

  /** What waited for a token may go. */
  tokenChanged() {
    this._queue.fill()
  }

  /** Whoever waited for the login gets to know why there is none. @param {ApiError} error */
  loginFailed(error) {
    const waiting = this._queue.in(SESSION)
    this._queue.remove(waiting)
    waiting.forEach(request => this._reject(request, error))
  }

  /** What has not been sent is not sent any more; what is on its way is judged when it comes. */
  left() {
    this._queue.remove(this._queue.in(SESSION))
    this._bound.forEach(request => {
      if (!request.inFlight) this._reject(request, new ApiError('signed_out'))
    })
  }

  /**
   * @param {Wish} wish
   */
  _requestOf(wish) {
    const { method, path, lane } = wish
    const { timeout, timers } = this._settings
    const isWrite = method === 'PUT' || method === 'DELETE'
    const { idempotent = method !== 'POST', inOrder = isWrite && lane !== CONTROL } = wish
    return {
      idempotent,
      /** The path whose writes go one after another. */
      resource: inOrder ? path.split('?')[0] : '',
      timeout: wish.timeout || timeout,
      made: wish.made || timers.now(),
      token: wish.token || '',
      order: (this._count += 1),
      epoch: this._session.epoch,
      attempts: 0,
      /** Breaks off the sending under way. */
      stop: () => {},
      sentFirst: 0, // when, in ms
      logins: 0, // of the session, when it was sent
      tries: 0, // made again because the network or the server failed
      replayed: false, // after a login
      renewed: false, // after a login that was to bring a session_key
      inFlight: false,
      settled: false,
      resolve: (/** @type {any} */ _value) => {},
      reject: (/** @type {ApiError} */ _error) => {},
    }
  }

  /** @param {Request} request */
  _abort(request) {
    if (request.settled) return
    this._queue.remove([request])
    this._reject(request, new ApiError('aborted'))
    if (request.inFlight) request.stop()
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
    const { method, path, data, file, timeout, unwanted } = request
    if (unwanted && unwanted()) return this._reject(request, new ApiError('signed_out'))
    if (this._isTooLate(request)) return this._reject(request, new ApiError('interrupted'))
    if (request.resource) this._writes.set(request.resource, request)
    if (request.lane === SESSION) request.token = this._session.token
    const seen = { id: request.order, method, path, attempt: (request.attempts += 1) }
    const wanted = { ...request.header }
    this.requestHooks.forEach(hook => quietly(() => hook({ ...seen, header: wanted })))
    if (request.settled) return // aborted by a hook
    const begun = timers.now()
    request.logins = this._session.logins
    request.sentFirst = request.sentFirst || begun
    request.inFlight = true
    const header = headerOf(request, wanted)
    const call = { method, url: baseUrl + path, data, file, header, timeout }
    const { abort, outcome } = send(platform, timers, call)
    request.stop = abort
    const answer = await outcome
    request.inFlight = false
    const result = answer instanceof ApiError ? answer : dataOf(answer)
    const failure = result instanceof ApiError ? result : undefined
    const told = {
      ...seen,
      status: answer.status,
      error: failure ? failure.error : '',
      requestId: (failure || answer).requestId,
      ms: timers.now() - begun,
    }
    this.responseHooks.forEach(hook => quietly(() => hook({ ...told })))
    if (!request.settled) this._judge(request, result)
  }

  /** @param {Request} request */
  _isTooLate({ everLate, made }) {
    return !everLate && this._settings.foreground.wasAwayLong(made)
  }

  /**
   * @param {Request} request
   * @param {{ data: any } | ApiError} result
   */
  _judge(request, result) {
    if (!(result instanceof ApiError)) {
      if (request.lane === SESSION) this._session.accepted(request.token)
      this._settle(request)
      return request.resolve(result.data)
    }
    const ms = this._nextTry(request, result)
    if (request.lane === SESSION) {
      if (request.epoch !== this._session.epoch) {
        const isOver = result.status === 401 || ms >= 0
        return this._reject(request, isOver ? new ApiError('signed_out') : result)
      }
      if (result.status === 401) return this._replay(request, result)
      if (result.error === 'session_key_missing' && !request.renewed) return this._renew(request)
    }
    return ms < 0 ? this._reject(request, result) : this._goAgain(request, result, ms)
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
      if (!this._session.token && this._queue.in(SESSION).length) this._session.signIn()
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
   * @returns {number} see retry.js
   */
  _nextTry(request, error) {
    // A login goes again with a fresh code, or not at all: session.js sees to that.
    const neverSent = error.error === 'too_many_tasks' && request.lane !== CONTROL
    const mayGo = request.idempotent || neverSent
    if (!mayGo || (error.error === 'interrupted' && this._isTooLate(request))) return -1
    const { timers, share } = this._settings
    const until = request.sentFirst + Math.max(PATIENCE, 2 * request.timeout)
    return nextTry(error, request.tries, share, until - timers.now())
  }

  /**
   * @param {Request} request
   * @param {ApiError} error
   * @param {number} ms to wait
   */
  _goAgain(request, error, ms) {
    const { timers, foreground } = this._settings
    request.tries += 1
    const again = () => timers.setTimeout(() => this._enqueue(request), ms)
    if (error.error !== 'interrupted') return again()
    request.sentFirst = 0 // its patience begins anew: nobody waited while the app was away
    return foreground.back().then(again)
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
    if (this._writes.get(request.resource) !== request) return
    this._writes.delete(request.resource)
    this._queue.fill()
  }
}

/**
 * @param {Request} request
 * @param {{ [name: string]: string }} wanted by the app and its hooks
 * @returns {{ [name: string]: string }}
 */
function headerOf(request, wanted) {
  /** @type {{ [name: string]: string }} */
  const header = {}
  // the phone writes that of a form itself, for it chooses the boundary of the parts
  if (!request.file) header['Content-Type'] = 'application/json'
  Object.keys(wanted).forEach(name => {
    const isText = ['string', 'number'].includes(typeof wanted[name])
    if (isText && !/^(authorization|content-type)$/i.test(name)) header[name] = `${wanted[name]}`
  })
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
  if (status === 204) return { data: null }
  const isFine = status >= 200 && status < 300 && isObject(body)
  if (!isFine || (typeof body.code === 'number' && body.code !== 0)) return ofAnswer(answer)
  return { data: body.code === 0 && 'data' in body ? body.data : body }
}

module.exports = { Requests }

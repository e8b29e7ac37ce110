/**
 * The life of a request: queued, sent, judged; sent again or settled, and settled once.
 */

const { ApiError, isObject, ofAnswer } = require('./errors')
const { CONTROL, SESSION, Queue } = require('./queue')
const { PATIENCE, RETRIES, passing, pause } = require('./retry')
const { quietly, send } = require('./transport')

/** @typedef {import('./platform').Platform} Platform */
/** @typedef {import('./platform').Timers} Timers */

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

/** A wish on its way. */
class Request {
  /**
   * @param {Wish} wish
   * @param {number} order
   * @param {number} epoch
   * @param {number} timeout
   * @param {number} made in ms, unless the wish says it
   */
  constructor(wish, order, epoch, timeout, made) {
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
    this.everLate = wish.everLate || false
    this.order = order
    this.epoch = epoch
    this.made = wish.made || made
    this.resource = resourceOf(wish)
    this.attempts = 0
    /** Breaks off the sending under way. */
    this.stop = () => {}
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
    /** @type {((request: HookRequest) => void)[]} */
    this.requestHooks = []
    /** @type {((response: HookResponse) => void)[]} */
    this.responseHooks = []
    /**
     * What is written to each path, the earliest first: it alone is on its way, so that no older
     * state overtakes a newer one.
     * @type {Map<string, Request[]>}
     */
    this._writes = new Map()
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
   * @returns {Call<any>} what stands in the answer as data
   */
  make(wish) {
    const { timeout, timers } = this._settings
    const { epoch } = this._session
    const request = new Request(wish, (this._count += 1), epoch, timeout, timers.now())
    if (request.lane === SESSION) this._bound.add(request)
    if (this._isNextWrite(request)) this._enqueue(request)
    return Object.assign(request.result, { abort: () => this._abort(request) })
  }

  /** Hold the requests that need a token while there is none. */
  tokenChanged() {
    if (this._session) this._queue.admit(this._session.token !== '')
  }

  /** Whoever waited for the login gets to know why there is none. @param {ApiError} error */
  loginFailed(error) {
    const waiting = [...this._queue.clear(), ...this._dropWrites()]
    waiting.sort((a, b) => a.order - b.order).forEach(request => this._reject(request, error))
  }

  /** What has not been sent is not sent any more; what is on its way is judged when it comes. */
  left() {
    this._queue.clear()
    this._dropWrites()
    this._bound.forEach(request => {
      if (!request.inFlight) this._reject(request, new ApiError('signed_out'))
    })
  }

  /** @param {Request} request */
  _abort(request) {
    if (request.settled) return
    this._queue.remove(request)
    this._reject(request, new ApiError('aborted'))
    if (request.inFlight) request.stop()
  }

  /**
   * @param {Request} request
   * @returns {boolean} false: it waits for an older write to the same path
   */
  _isNextWrite(request) {
    if (!request.resource) return true
    const line = this._writes.get(request.resource) || []
    this._writes.set(request.resource, line)
    return line.push(request) === 1
  }

  /** @param {Request} request is over */
  _nextWrite(request) {
    const line = this._writes.get(request.resource)
    if (!line) return
    const at = line.indexOf(request)
    if (at >= 0) line.splice(at, 1)
    if (!line.length) this._writes.delete(request.resource)
    else if (at === 0) this._enqueue(line[0])
  }

  /**
   * Take out the writes with a token that wait for an older one.
   * @returns {Request[]}
   */
  _dropWrites() {
    /** @type {Request[]} */
    const dropped = []
    this._writes.forEach((line, resource) => {
      const isKept = (/** @type {Request} */ request, /** @type {number} */ i) =>
        i === 0 || request.lane !== SESSION
      line.forEach((request, i) => isKept(request, i) || dropped.push(request))
      this._writes.set(resource, line.filter(isKept))
    })
    return dropped
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
    if (this._isTooLate(request)) return this._reject(request, new ApiError('interrupted'))
    if (request.lane === SESSION) request.token = this._session.token
    const seen = seenOf(request)
    const header = { ...request.header }
    this.requestHooks.forEach(hook => quietly(() => hook({ ...seen, header })))
    if (request.settled) return // aborted by a hook
    const begun = timers.now()
    request.logins = this._session.logins
    request.sentFirst = request.sentFirst || begun
    request.inFlight = true
    const sending = send(platform, timers, {
      method: request.method,
      url: baseUrl + request.path,
      data: request.data,
      file: request.file,
      header: headerOf(request, header),
      timeout: request.timeout,
    })
    request.stop = sending.abort
    const outcome = await sending.outcome
    request.inFlight = false
    const result = outcome instanceof ApiError ? outcome : dataOf(outcome)
    this._tell(seen, outcome, result, timers.now() - begun)
    if (!request.settled) this._judge(request, result)
  }

  /** @param {Request} request */
  _isTooLate({ everLate, made }) {
    return !everLate && this._settings.foreground.wasAwayLong(made)
  }

  /**
   * @param {Seen} seen
   * @param {import('./transport').Answer | ApiError} outcome
   * @param {{ data: any } | ApiError} result
   * @param {number} ms
   */
  _tell(seen, outcome, result, ms) {
    const isAnswer = !(outcome instanceof ApiError)
    const status = isAnswer ? outcome.status : 0
    const failed = result instanceof ApiError
    const requestId = failed ? result.requestId : isAnswer ? outcome.header('X-Request-Id') : ''
    const told = { ...seen, status, error: failed ? result.error : '', requestId, ms }
    this.responseHooks.forEach(hook => quietly(() => hook({ ...told })))
  }

  /**
   * @param {Request} request
   * @param {{ data: any } | ApiError} result
   */
  _judge(request, result) {
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
    if (error.error === 'interrupted') return !this._isTooLate(request)
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
    this._nextWrite(request)
  }
}

/**
 * @param {Wish} wish
 * @returns {string} the path whose writes go one after another, or ''
 */
function resourceOf({ lane, method, path, inOrder = method === 'PUT' || method === 'DELETE' }) {
  return inOrder && lane !== CONTROL ? path.split('?')[0] : ''
}

/**
 * @param {Request} request
 * @returns {Seen}
 */
function seenOf(request) {
  const { order: id, method, path } = request
  return { id, method, path, attempt: (request.attempts += 1) }
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
  Object.keys(wanted)
    .filter(name => !/^(authorization|content-type)$/i.test(name))
    .filter(name => typeof wanted[name] === 'string' || typeof wanted[name] === 'number')
    .forEach(name => (header[name] = String(wanted[name])))
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

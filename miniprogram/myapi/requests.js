/**
 * The life of a request: queued, sent, judged; sent again or settled, and settled once.
 */

const { ApiError, isObject, ofAnswer } = require('./errors')
const { CONTROL, SESSION, createQueue } = require('./queue')
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
 * @typedef {object} State
 * @property {string} resource the path whose writes go one after another, or ''
 * @property {boolean} idempotent
 * @property {number} timeout
 * @property {number} made
 * @property {string} token
 * @property {number} order
 * @property {number} epoch
 * @property {number} attempts
 * @property {() => void} stop breaks off the sending under way
 * @property {number} sentFirst when, in ms
 * @property {number} logins of the session, when it was sent
 * @property {number} tries made again because the network or the server failed
 * @property {boolean} [replayed] after a login
 * @property {boolean} [renewed] after a login that was to bring a session_key
 * @property {boolean} [inFlight]
 * @property {boolean} [settled]
 * @property {(value: any) => void} resolve
 * @property {(error: ApiError) => void} reject
 */
/** @typedef {Wish & State} Request */

/**
 * @param {{ baseUrl: string, platform: import('./platform').Platform,
 *   timers: import('./platform').Timers, timeout: number, width: number, share: number,
 *   foreground: import('./platform').Foreground }} settings
 */
function createRequests({ baseUrl, platform, timers, timeout, width, share, foreground }) {
  let count = 0
  /** @type {import('./session').Session} */
  let session
  /** @type {Set<(request: HookRequest) => void>} */
  const requestHooks = new Set()
  /** @type {Set<(response: HookResponse) => void>} */
  const responseHooks = new Set()
  /**
   * The write to each path that is on its way: no newer one goes before it is settled, so that no
   * older state overtakes a newer one.
   * @type {Map<string, Request>}
   */
  const writes = new Map()
  /** @type {Set<Request>} those that depend on the session, until they are settled */
  const bound = new Set()
  const queue = createQueue(width, mayGo, sendOne)

  /** @param {Request} request */
  function mayGo({ lane, resource, order }) {
    const write = writes.get(resource)
    return (lane !== SESSION || session.token !== '') && (!write || write.order === order)
  }

  /** @param {Request} request */
  const isBound = ({ lane }) => lane === SESSION

  /**
   * @param {Wish} wish
   * @returns {Call<any>} what stands in the answer as data
   */
  function make(wish) {
    const { method, path, lane } = wish
    const isWrite = method === 'PUT' || method === 'DELETE'
    const { idempotent = method !== 'POST', inOrder = isWrite && lane !== CONTROL } = wish
    /** @type {Request} */
    let request
    const result = new Promise((resolve, reject) => {
      request = {
        ...wish,
        idempotent,
        resource: inOrder ? path.split('?')[0] : '',
        timeout: wish.timeout || timeout,
        made: wish.made || timers.now(),
        token: wish.token || '',
        order: (count += 1),
        epoch: session.epoch,
        attempts: 0,
        stop: () => {},
        sentFirst: 0,
        logins: 0,
        tries: 0,
        resolve,
        reject,
      }
      if (isBound(request)) bound.add(request)
      enqueue(request)
    })
    const abort = () => {
      if (request.settled) return
      queue.take(each => each === request)
      reject(request, new ApiError('aborted'))
      if (request.inFlight) request.stop()
    }
    return Object.assign(result, { abort })
  }

  /** @param {Request} request */
  function enqueue(request) {
    if (request.settled) return
    if (isBound(request) && !session.token) session.signIn()
    queue.add(request)
  }

  /** @param {Request} request */
  async function sendOne(request) {
    const { method, path, data, file, unwanted, resource } = request
    if (unwanted && unwanted()) return reject(request, new ApiError('signed_out'))
    if (isTooLate(request)) return reject(request, new ApiError('interrupted'))
    if (resource) writes.set(resource, request)
    if (isBound(request)) request.token = session.token
    const seen = { id: request.order, method, path, attempt: (request.attempts += 1) }
    const wanted = { ...request.header }
    requestHooks.forEach(hook => quietly(() => hook({ ...seen, header: wanted })))
    if (request.settled) return // aborted by a hook
    const begun = timers.now()
    request.logins = session.logins
    request.sentFirst = request.sentFirst || begun
    request.inFlight = true
    const header = headerOf(request, wanted)
    const call = { method, url: baseUrl + path, data, file, header, timeout: request.timeout }
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
    responseHooks.forEach(hook => quietly(() => hook({ ...told })))
    if (!request.settled) judge(request, result)
  }

  /** @param {Request} request */
  const isTooLate = ({ everLate, made }) => !everLate && foreground.wasAwayLong(made)

  /**
   * @param {Request} request
   * @param {{ data: any } | ApiError} result
   */
  function judge(request, result) {
    if (!(result instanceof ApiError)) {
      if (isBound(request)) session.accepted(request.token)
      settle(request)
      return request.resolve(result.data)
    }
    const ms = waitFor(request, result)
    if (isBound(request)) {
      if (request.epoch !== session.epoch) {
        const isOver = result.status === 401 || ms >= 0
        return reject(request, isOver ? new ApiError('signed_out') : result)
      }
      if (result.status === 401) return replay(request, result)
      if (result.error === 'session_key_missing' && !request.renewed) return renew(request)
    }
    if (ms < 0) return reject(request, result)
    request.tries += 1
    const again = () => timers.setTimeout(() => enqueue(request), ms)
    if (result.error !== 'interrupted') return again()
    request.sentFirst = 0 // its patience begins anew: nobody waited while the app was away
    return foreground.back().then(again)
  }

  /**
   * After a 401 the server has done nothing, so any request may go once more.
   * @param {Request} request
   * @param {ApiError} error
   */
  function replay(request, error) {
    session.refused(request.token, error)
    const failure = session.failureSince(request.logins)
    if (request.replayed || failure) {
      reject(request, failure || error)
      // those behind it still need a token
      if (!session.token && queue.has(isBound)) session.signIn()
      return
    }
    request.replayed = true
    enqueue(request)
  }

  /**
   * The server has no session_key of this user: a login brings one. WeChat may have made a new
   * one by then, which does not fit the data taken before: then `decrypt_failed` comes, and
   * the user has to tap again.
   * @param {Request} request
   */
  function renew(request) {
    request.renewed = true
    const login = session.renewedSince(request.logins) ? Promise.resolve() : session.signIn()
    login.then(
      () => enqueue(request),
      error => reject(request, error)
    )
  }

  /**
   * @param {Request} request
   * @param {ApiError} error
   * @returns {number} see retry.js
   */
  function waitFor(request, error) {
    // A login goes again with a fresh code, or not at all: session.js sees to that.
    const neverSent = error.error === 'too_many_tasks' && request.lane !== CONTROL
    const mayGo = request.idempotent || neverSent
    if (!mayGo || (error.error === 'interrupted' && isTooLate(request))) return -1
    const until = request.sentFirst + Math.max(PATIENCE, 2 * request.timeout)
    return nextTry(error, request.tries, share, until - timers.now())
  }

  /**
   * @param {Request} request
   * @param {ApiError} error
   */
  function reject(request, error) {
    settle(request)
    request.reject(error)
  }

  /** @param {Request} request */
  function settle(request) {
    request.settled = true
    bound.delete(request)
    if (writes.get(request.resource) !== request) return
    writes.delete(request.resource)
    queue.fill()
  }

  return {
    requestHooks,
    responseHooks,
    make,

    /** @param {import('./session').Session} its */
    attach: its => {
      session = its
    },

    /** What waited for a token may go. */
    tokenChanged: () => queue.fill(),

    /** Whoever waited for the login gets to know why there is none. @param {ApiError} error */
    loginFailed: error => queue.take(isBound).forEach(request => reject(request, error)),

    /** What has not been sent is not sent any more; what is on its way is judged when it comes. */
    left: () => {
      queue.take(isBound)
      bound.forEach(request => {
        if (!request.inFlight) reject(request, new ApiError('signed_out'))
      })
    },
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

module.exports = { createRequests }

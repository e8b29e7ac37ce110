/**
 * One call of wx.request, wx.uploadFile or wx.login as a promise that always settles, within its time.
 */

const { ApiError, isObject, ofFailure } = require('./errors')

/** @typedef {import('./platform').Platform} Platform */
/** @typedef {import('./platform').Timers} Timers */

/** @typedef {{ method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, data?: any,
 *   file?: File, header: { [name: string]: string }, timeout: number }} Call */

/** @typedef {{ field: string, path: string, onProgress?: (percent: number) => void }} File */

const GRACE = 1000 // ms that the phone has to tell of its own time-out, before ours counts

/** What came back: `success` of wx.request is called for every status. */
class Answer {
  /**
   * @param {number} status
   * @param {any} body parsed JSON, or the text of what is none
   * @param {{ [name: string]: any }} headers
   * @param {number} now in ms
   */
  constructor(status, body, headers, now) {
    this.status = status
    this.body = body
    this._headers = headers
    this._now = now
  }

  /**
   * Read a header, whatever case the phone gives its name in.
   * @param {string} name
   * @returns {string}
   */
  header(name) {
    const wanted = name.toLowerCase()
    const found = Object.keys(this._headers).find(each => each.toLowerCase() === wanted)
    return found === undefined ? '' : String(this._headers[found])
  }

  /**
   * Seconds to wait, as the server says it or counted from the date that it says; 0 without.
   * @returns {number}
   */
  retryAfter() {
    const value = this.header('Retry-After').trim()
    const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - this._now) / 1000
    return seconds > 0 ? seconds : 0
  }
}

/**
 * @param {Platform} platform
 * @param {Timers} timers
 * @param {Call} call
 * @returns {Promise<Answer | ApiError>}
 */
function send(platform, timers, call) {
  let over = false
  const outcome = within(timers, call.timeout + GRACE, settle => {
    const { url, method, data, file, header, timeout } = call
    const success = (/** @type {any} */ result) => settle(read(result, timers.now()))
    const fail = (/** @type {any} */ failure) => settle(ofFailure(failure))
    const task = file
      ? upload(platform, file, { url, header, timeout, success, fail }, () => !over)
      : platform.request({ url, method, data, header, timeout, success, fail })
    return () => task && task.abort && task.abort()
  })
  outcome.then(() => (over = true))
  return outcome
}

/**
 * wx.uploadFile leaves the answer as text; what is no JSON stays text, as with wx.request.
 * @param {Platform} platform
 * @param {File} file
 * @param {{ url: string, header: object, timeout: number, success: (result: any) => void,
 *   fail: (failure: any) => void }} options
 * @param {() => boolean} underWay a phone may tell of progress after the end
 */
function upload(platform, { field, path, onProgress }, { success, ...options }, underWay) {
  if (!platform.uploadFile) throw new TypeError('this platform has no uploadFile')
  const task = platform.uploadFile({
    ...options,
    filePath: path,
    name: field,
    success: result => success({ ...result, data: parsed(result && result.data) }),
  })
  if (onProgress && task && task.onProgressUpdate) {
    task.onProgressUpdate(told => {
      const percent = told && told.progress
      const known = Number.isFinite(percent) && percent >= 0 && percent <= 100
      if (known && underWay()) quietly(() => onProgress(percent))
    })
  }
  return task
}

/** @param {any} body */
function parsed(body) {
  if (typeof body !== 'string') return body
  try {
    return JSON.parse(body)
  } catch (_) {
    return body
  }
}

/**
 * Get a code of wx.login.
 * @param {Platform} platform
 * @param {Timers} timers
 * @param {number} timeout
 * @returns {Promise<string | ApiError>}
 */
function loginCode(platform, timers, timeout) {
  return within(timers, timeout, settle => {
    platform.login({
      success: result => {
        const code = result && result.code
        settle(typeof code === 'string' && code ? code : ofFailure(result || {}))
      },
      fail: failure => settle(ofFailure(failure)),
    })
  })
}

/**
 * Only the first thing that happens counts: what the phone tells after our time-out is late.
 * @template T
 * @param {Timers} timers
 * @param {number} timeout
 * @param {(settle: (value: T | ApiError) => void) => (() => void) | void} start
 * @returns {Promise<T | ApiError>}
 */
function within(timers, timeout, start) {
  return new Promise(resolve => {
    /** @type {(() => void) | void} */
    let abort
    const timer = timers.setTimeout(() => {
      resolve(new ApiError('timeout', { errno: 5 }))
      if (abort) quietly(abort)
    }, timeout)
    /** @param {T | ApiError} value */
    const settle = value => {
      timers.clearTimeout(timer)
      resolve(value)
    }
    try {
      abort = start(settle)
    } catch (_) {
      settle(new ApiError('request_failed'))
    }
  })
}

/** @param {() => void} action */
function quietly(action) {
  try {
    action()
  } catch (_) {
    // it can change nothing for the request
  }
}

/**
 * @param {any} result
 * @param {number} now
 * @returns {Answer | ApiError}
 */
function read(result, now) {
  const status = Number(result && result.statusCode)
  if (!(status >= 100)) return new ApiError('bad_answer')
  return new Answer(status, result.data, isObject(result.header) ? result.header : {}, now)
}

module.exports = { Answer, loginCode, send }

/**
 * One call of wx.request, wx.uploadFile, wx.downloadFile or wx.login as a promise that always
 * settles, within its time.
 */

const { ApiError, isObject, ofFailure } = require('./errors')

/** @typedef {import('./platform').Platform} Platform */
/** @typedef {import('./platform').Timers} Timers */

/** @typedef {{ method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, data?: any,
 *   file?: File, header: { [name: string]: string }, timeout: number }} Call */

/**
 * A file that goes with wx.uploadFile, or comes with wx.downloadFile if it has no path.
 * @typedef {{ path?: string, field?: string, formData?: { [name: string]: any },
 *   onProgress?: (percent: number) => void }} File
 */

/** @typedef {{ outcome: Promise<Answer | ApiError>, abort: () => void }} Sending */

/** @typedef {{ url: string, header: object, timeout: number, success: (result: any) => void,
 *   fail: (failure: any) => void }} TaskOptions */

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
 * @returns {Sending}
 */
function send(platform, timers, call) {
  let over = false
  const sending = within(timers, call.timeout + GRACE, settle => {
    const { url, method, data, file, header, timeout } = call
    const success = (/** @type {any} */ result) => settle(read(result, timers.now()))
    const fail = (/** @type {any} */ failure) => settle(ofFailure(failure))
    const options = { url, header, timeout, success, fail }
    const task = file
      ? transfer(platform, file, options, () => !over)
      : platform.request({ ...options, method, data })
    return () => task && task.abort && task.abort()
  })
  sending.outcome.then(() => (over = true))
  return sending
}

/**
 * @param {Platform} platform
 * @param {File} file
 * @param {TaskOptions} options
 * @param {() => boolean} underWay a phone may tell of progress after the end
 */
function transfer(platform, file, options, underWay) {
  const { onProgress } = file
  const task = file.path ? upload(platform, file, options) : download(platform, options)
  if (onProgress && task && task.onProgressUpdate) {
    task.onProgressUpdate((/** @type {any} */ told) => {
      const percent = told && told.progress
      const known = Number.isFinite(percent) && percent >= 0 && percent <= 100
      if (known && underWay()) quietly(() => onProgress(percent))
    })
  }
  return task
}

/**
 * wx.uploadFile leaves the answer as text; what is no JSON stays text, as with wx.request.
 * @param {Platform} platform
 * @param {File} file
 * @param {TaskOptions} options
 */
function upload(platform, { field = '', path = '', formData }, { success, ...options }) {
  if (!platform.uploadFile) throw new TypeError('this platform has no uploadFile')
  return platform.uploadFile({
    ...options,
    filePath: path,
    name: field,
    formData,
    success: result => success({ ...result, data: parsed(result && result.data) }),
  })
}

/**
 * wx.downloadFile makes a file of every answer: what a refusal says is read from it.
 * @param {Platform} platform
 * @param {TaskOptions} options
 */
function download(platform, { success, ...options }) {
  if (!platform.downloadFile) throw new TypeError('this platform has no downloadFile')
  return platform.downloadFile({
    ...options,
    success: (/** @type {any} */ result) => {
      const { statusCode = 0, tempFilePath = '' } = result || {}
      const told = (/** @type {any} */ data) => success({ statusCode, data })
      if (statusCode >= 200 && statusCode < 300) told(tempFilePath && { tempFilePath })
      else readText(platform, tempFilePath, text => told(parsed(text)))
    },
  })
}

/**
 * @param {Platform} platform
 * @param {string} filePath
 * @param {(text: any) => void} then gets '' where it cannot be read
 */
function readText(platform, filePath, then) {
  try {
    const files = /** @type {any} */ (platform).getFileSystemManager()
    const success = (/** @type {any} */ { data }) => then(data)
    files.readFile({ filePath, encoding: 'utf8', success, fail: () => then('') })
  } catch (_) {
    then('')
  }
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
  const { outcome } = within(timers, timeout, settle => {
    platform.login({
      success: result => {
        const code = result && result.code
        settle(typeof code === 'string' && code ? code : ofFailure(result || {}))
      },
      fail: failure => settle(ofFailure(failure)),
    })
  })
  return outcome
}

/**
 * Only the first thing that happens counts: what the phone tells after our time-out is late.
 * @template T
 * @param {Timers} timers
 * @param {number} timeout
 * @param {(settle: (value: T | ApiError) => void) => (() => void) | void} start
 * @returns {{ outcome: Promise<T | ApiError>, abort: () => void }}
 */
function within(timers, timeout, start) {
  let abort = () => {}
  /** @type {Promise<T | ApiError>} */
  const outcome = new Promise(resolve => {
    /** @type {(() => void) | void} */
    let end
    /** @param {T | ApiError} value */
    const settle = value => {
      timers.clearTimeout(timer)
      resolve(value)
    }
    /** @param {ApiError} error */
    const giveUp = error => {
      settle(error)
      if (end) quietly(end)
    }
    const timer = timers.setTimeout(() => giveUp(new ApiError('timeout', { errno: 5 })), timeout)
    abort = () => giveUp(new ApiError('aborted'))
    try {
      end = start(settle)
    } catch (_) {
      settle(new ApiError('request_failed'))
    }
  })
  return { outcome, abort }
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

module.exports = { Answer, loginCode, quietly, send }

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

/**
 * What came back: `success` of wx.request is called for every status.
 * @typedef {object} Answer
 * @property {number} status
 * @property {any} body parsed JSON, or the text of what is none
 * @property {string} requestId
 * @property {number} retryAfter seconds to wait, as the server says it; 0 without
 */

/** @typedef {{ url: string, header: object, timeout: number, success: (result: any) => void,
 *   fail: (failure: any) => void }} TaskOptions */

const GRACE = 1000 // ms that the phone has to tell of its own time-out, before ours counts

/**
 * @param {Platform} platform
 * @param {Timers} timers
 * @param {Call} call
 * @returns {{ outcome: Promise<Answer | ApiError>, abort: () => void }}
 */
function send(platform, timers, { url, method, data, file, header, timeout }) {
  return within(timers, timeout + GRACE, (settle, isOver) => {
    const success = (/** @type {any} */ result) => settle(read(result, timers.now()))
    const fail = (/** @type {any} */ failure) => settle(ofFailure(failure))
    const options = { url, header, timeout, success, fail }
    if (!file) return platform.request({ ...options, method, data })
    const task = file.path ? upload(platform, file, options) : download(platform, options)
    const { onProgress } = file
    if (onProgress && task && task.onProgressUpdate) {
      task.onProgressUpdate((/** @type {any} */ told) => {
        const percent = told && told.progress
        const isKnown = Number.isFinite(percent) && percent >= 0 && percent <= 100
        // a phone may tell of progress after the end
        if (isKnown && !isOver()) quietly(() => onProgress(percent))
      })
    }
    return task
  })
}

/**
 * wx.uploadFile leaves the answer as text; what is no JSON stays text, as with wx.request.
 * @param {any} platform without `uploadFile` it throws
 * @param {File} file
 * @param {TaskOptions} options
 */
function upload(platform, { field, path, formData }, { success, ...options }) {
  return platform.uploadFile({
    ...options,
    filePath: path,
    name: field,
    formData,
    success: (/** @type {any} */ result) => success({ ...result, data: parsed(result && result.data) }),
  })
}

/**
 * wx.downloadFile makes a file of every answer: what a refusal says is read from it.
 * @param {any} platform without `downloadFile` it throws
 * @param {TaskOptions} options
 */
function download(platform, { success, ...options }) {
  return platform.downloadFile({
    ...options,
    success: (/** @type {any} */ result) => {
      const { statusCode = 0, tempFilePath = '' } = result || {}
      const told = (/** @type {any} */ data) => success({ statusCode, data })
      if (statusCode >= 200 && statusCode < 300) return told(tempFilePath && { tempFilePath })
      try {
        platform.getFileSystemManager().readFile({
          filePath: tempFilePath,
          encoding: 'utf8',
          success: (/** @type {any} */ { data }) => told(parsed(data)),
          fail: () => told(''),
        })
      } catch (_) {
        told('')
      }
    },
  })
}

/** @param {any} body */
function parsed(body) {
  try {
    return typeof body === 'string' ? JSON.parse(body) : body
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
        const { code } = result || {}
        settle(typeof code === 'string' && code ? code : ofFailure(result))
      },
      fail: failure => settle(ofFailure(failure)),
    })
  }).outcome
}

/**
 * Only the first thing that happens counts: what the phone tells after our time-out is late.
 * @template T
 * @param {Timers} timers
 * @param {number} timeout
 * @param {(settle: (value: T | ApiError) => void, isOver: () => boolean) => any} start gives the
 *   task of the phone, if there is one
 * @returns {{ outcome: Promise<T | ApiError>, abort: () => void }}
 */
function within(timers, timeout, start) {
  let over = false
  /** @type {any} */
  let task
  /** @type {(error: ApiError) => void} */
  let giveUp = () => {}
  /** @type {Promise<T | ApiError>} */
  const outcome = new Promise(resolve => {
    const settle = (/** @type {T | ApiError} */ value) => {
      over = true
      timers.clearTimeout(timer)
      resolve(value)
    }
    giveUp = error => {
      settle(error)
      quietly(() => task.abort()) // if there is one that can
    }
    const timer = timers.setTimeout(() => giveUp(new ApiError('timeout', { errno: 5 })), timeout)
    try {
      task = start(settle, () => over)
    } catch (_) {
      settle(new ApiError('request_failed'))
    }
  })
  return { outcome, abort: () => giveUp(new ApiError('aborted')) }
}

/** @param {() => void} action whose failure changes nothing */
function quietly(action) {
  try {
    action()
  } catch (_) {
    // as it says
  }
}

/**
 * @param {any} result
 * @param {number} now
 * @returns {Answer | ApiError}
 */
function read(result, now) {
  const { statusCode, data: body, header } = result || {}
  const status = Number(statusCode)
  if (!(status >= 100)) return new ApiError('bad_answer')
  const headers = isObject(header) ? header : {}
  // the phone gives the names of headers as it likes
  const of = (/** @type {string} */ wanted) =>
    `${headers[Object.keys(headers).find(name => name.toLowerCase() === wanted) || ''] || ''}`
  const wait = of('retry-after')
  const seconds = Number(wait) || (Date.parse(wait) - now) / 1000 // a date is allowed too
  return { status, body, requestId: of('x-request-id'), retryAfter: Math.max(0, seconds) || 0 }
}

module.exports = { loginCode, quietly, send }

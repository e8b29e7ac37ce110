/**
 * Every error that a call can end with, and a sentence about it for the user.
 *
 * The first part of the table is the server's registry: its own sentence is `msg` of an answer,
 * with details. `tests/test_miniprogram.py` compares the names and numbers.
 */

const { CAUSES, causeOf } = require('./causes')
const { fieldsOf, own } = require('./fields')

/** @typedef {{ en: string, zh: string }} Said */
/** @typedef {import('./fields').FieldError} FieldError */
/** @typedef {{ status: number, code: number, en: string, zh: string }} Kind */

/**
 * @param {number} code of the server: the HTTP status and two digits; of the phone or this
 *   client, with no answer and so no status: less than 100
 * @param {string} en
 * @param {string} zh
 * @returns {Kind}
 */
const kind = (code, en, zh) => ({ status: Math.floor(code / 100), code, en, zh })

/** @type {{ [name: string]: Kind }} */
const ERRORS = {
  // ---- what the server answers with ----
  invalid_request: kind(40000, 'The request is not as described.', '请求格式不正确。'),
  login_code_invalid: kind(40001, 'The login did not work: try again.', '登录没有成功，请重试。'),
  decrypt_failed: kind(40002, 'The data cannot be decrypted.', '数据解密失败。'),
  phone_code_invalid: kind(40003, 'The phone number did not come: tap again.', '手机号凭证无效，请再次点击按钮。'),
  content_risky: kind(40004, 'This text is risky: write another one.', '微信判定该内容有风险，请修改后再试。'),
  picture_invalid: kind(40005, 'Choose a JPEG, PNG or WebP that does not move.', '请上传一张图片：JPEG、PNG 或 WebP，不能是动图。'),
  message_invalid: kind(40006, 'WeChat does not take this message.', '消息内容不符合微信的要求。'),
  token_missing: kind(40100, 'Log in first.', '请先登录。'),
  token_invalid: kind(40101, 'The login is not valid: log in again.', '登录状态无效，请重新登录。'),
  session_ended: kind(40102, 'The session has ended: log in again.', '登录已失效，请重新登录。'),
  user_banned: kind(40300, 'This account is banned.', '该账号已被封禁。'),
  wechat_blocked_user: kind(40301, 'WeChat blocked the login of this user.', '微信拦截了该用户的登录。'),
  development_only: kind(40302, 'This server is in development mode.', '服务运行在开发模式，仅响应本机访问。'),
  https_required: kind(40303, 'This server takes https alone.', '该服务仅支持 https。'), // of Nginx
  not_found: kind(40400, 'Not found.', '资源不存在。'),
  method_not_allowed: kind(40500, 'The method is not allowed.', '不支持该请求方法。'),
  session_key_missing: kind(40900, 'There is no session_key: log in again.', '缺少 session_key，请重新登录。'),
  message_not_permitted: kind(40901, 'The user does not permit this message.', '用户没有允许发送该模板的消息。'),
  payload_too_large: kind(41300, 'This is too large.', '内容过大。'),
  unsupported_media_type: kind(41500, 'The server takes another format.', '服务器不支持该格式。'),
  rate_limited: kind(42900, 'Too many requests: wait a little.', '请求过于频繁，请稍后再试。'),
  internal_error: kind(50000, 'Internal server error.', '服务器内部错误。'),
  wechat_misconfigured: kind(50001, "The server's WeChat settings are wrong.", '服务器的微信配置有误。'),
  wechat_unavailable: kind(50200, 'WeChat does not answer: try again.', '微信服务暂不可用，请稍后再试。'),
  service_unavailable: kind(50300, 'The service is unavailable: try again.', '服务暂不可用，请稍后再试。'),
  wechat_timeout: kind(50400, 'WeChat is slow: try again.', '微信响应超时，请稍后再试。'),

  // ---- what the phone or this client says ----
  signed_out: kind(1, 'You have signed out.', '你已退出登录。'),
  network: kind(2, 'There is no connection: check the network.', '网络异常，请检查网络后重试。'),
  timeout: kind(3, 'No answer came in time: try again.', '请求超时，请稍后再试。'),
  interrupted: kind(4, 'It was cut off in the background: try again.', '请求在后台被中断，请重试。'),
  domain_not_listed: kind(5, 'The domain is not listed: tell the developer.', '服务器域名未登记，请联系开发者。'),
  bad_url: kind(6, 'The address is wrong: tell the developer.', '请求地址不正确，请联系开发者。'),
  tls: kind(7, 'There is no safe connection: try another network.', '无法建立安全连接，请更换网络。'),
  too_many_redirects: kind(8, 'Too many redirects: tell the developer.', '重定向过多，请联系开发者。'),
  too_many_tasks: kind(9, 'Too many requests at once: try again.', '同时进行的请求过多，请稍后再试。'),
  request_failed: kind(10, 'The request was not made: try again.', '请求未能发出，请重试。'),
  login_blocked: kind(11, 'WeChat blocked the login on this phone.', '微信拦截了这部手机的登录。'),
  bad_answer: kind(12, 'The answer cannot be understood: try again.', '服务器的响应无法识别，请稍后再试。'),
  no_encrypted_data: kind(13, 'There is nothing to decrypt.', '没有可解密的数据。'),
  phone_refused: kind(14, 'You did not share your phone number: tap again to share it.', '你没有授权手机号，如需授权请再次点击按钮。'),
  phone_unavailable: kind(15, 'WeChat cannot give your phone number now.', '暂时无法获取手机号，请稍后再试或更新微信。'),
  picture_missing: kind(16, 'There is no picture to upload: choose one again.', '没有可上传的图片，请重新选择。'),
  messages_refused: kind(17, 'You did not answer: tap again to get messages.', '你没有选择是否接收消息，如需接收请再次点击。'),
  messages_off: kind(18, 'Messages are off: turn them on in the settings.', '你已关闭本小程序的订阅消息，请在小程序的设置中打开。'),
  template_invalid: kind(19, 'The template is wrong: tell the developer.', '消息模板不正确，请联系开发者。'),
  messages_unavailable: kind(20, 'WeChat cannot ask about messages now.', '暂时无法订阅消息，请稍后再试或更新微信。'),
  aborted: kind(21, 'The app called this request off.', '小程序取消了这次请求。'),
  file_missing: kind(22, 'There is no file to upload: choose one again.', '没有可上传的文件，请重新选择。'),
  download_failed: kind(23, 'The file is too large, or the storage is full.', '文件过大或存储空间不足。'),
}

/**
 * Of WeChat's dialog for messages: its errCodes, and its words where it gives none that is known.
 * Anything else is `messages_unavailable`, such as 20005: the mini program is banned.
 * @type {[string, number[], RegExp?][]}
 */
const DIALOG = [
  ['messages_refused', [], /cancel|取消/i],
  ['messages_off', [20004], /main switch|主开关/i],
  ['network', [10002, 10003]], // the dialog could not be fetched, or the answer not be sent
  ['interrupted', [10005]], // the app went to the background
  ['template_invalid', [10001, 10004, 20001, 20002, 20003, 20013], /templates?\b|tmplids?\b|模板/i],
]

/**
 * How a call failed. `error` and `code` are stable: decide by them. `en` and `zh` are for the
 * user, `symptom` is for the developer. It holds nothing of what was sent, and never a token.
 */
class ApiError extends Error {
  /**
   * @param {string} error
   * @param {{ status?: number, code?: number, errno?: number, requestId?: string, msg?: string,
   *   retryAfter?: number, symptom?: string, fields?: FieldError[] }} [told]
   */
  constructor(error, told = {}) {
    const known = own(ERRORS, error)
    const kind = known || ERRORS.bad_answer
    super(`${error}: ${told.msg || kind.en}`)
    Object.setPrototypeOf(this, ApiError.prototype) // lost where a class is made ES5 by TypeScript
    this.name = 'ApiError'
    this.error = error
    this.code = told.code || kind.code
    /** The HTTP status; 0 when no answer came. */
    this.status = told.status || kind.status
    /** The number by which the phone says why no answer came; 0 when one did. */
    this.errno = told.errno || 0
    /** The id under which the server's log knows the request. */
    this.requestId = told.requestId || ''
    /** What the server said, in the language of the phone. */
    this.msg = told.msg || ''
    /** Seconds to wait before trying again, where the server said so. */
    this.retryAfter = told.retryAfter || 0
    /** Which fields of the body are wrong; empty where the error is another. */
    this.fields = told.fields || []
    /** One of ours is told in both languages; one that an app's server added, in its own words. */
    this.en = known ? kind.en : this.msg || kind.en
    this.zh = known ? kind.zh : this.msg || kind.zh
    if (this.fields.length) {
      this.en = this.fields.map(field => field.en).join(' ')
      this.zh = this.fields.map(field => field.zh).join('')
    }
    const cause = own(CAUSES, told.symptom || error)
    /** @type {Said | null} */
    this.symptom = cause ? cause.symptom : symptomOf(error, this.status)
  }
}

/**
 * Name what the server, or something before it, has to do with the failure: the doctor knows it.
 * @param {string} error
 * @param {number} status
 * @returns {Said | null}
 */
function symptomOf(error, status) {
  const isServers = status > 499 || [404, 413].includes(status) || error === 'decrypt_failed'
  if (error === 'bad_answer') error = 'res.data: no JSON'
  else if (!isServers || !own(ERRORS, error)) return null
  return status ? { en: `${error} (statusCode ${status})`, zh: `${error}（statusCode ${status}）` } : null
}

/**
 * Make the error of an answer that is not a success.
 * @param {import('./transport').Answer} answer
 * @returns {ApiError}
 */
function ofAnswer(answer) {
  const body = isObject(answer.body) ? answer.body : {}
  const { error, code } = body
  const told = {
    status: answer.status,
    requestId: text(body.request_id) || answer.requestId,
    retryAfter: answer.retryAfter,
  }
  if (typeof error !== 'string' || typeof code !== 'number') return new ApiError('bad_answer', told)
  return new ApiError(error, { ...told, code, msg: text(body.msg), fields: fieldsOf(body.fields) })
}

/** @typedef {{ errno?: number, errCode?: number, errMsg?: string }} Failure */

/**
 * Make the error of what `fail` of wx.request or its likes was called with.
 * @param {Failure} failure
 * @returns {ApiError}
 */
function ofFailure(failure) {
  const { errno, errMsg } = read(failure)
  const symptom = causeOf(errno, errMsg)
  return new ApiError(CAUSES[symptom].error, { errno, symptom })
}

/**
 * Make the error of what the phone-number button gave in place of a code.
 * @param {Failure} detail
 * @returns {ApiError}
 */
function ofPhoneButton(detail) {
  const { errno, errMsg } = read(detail)
  const refused = /user.?(deny|denied|cancel)|用户.{0,4}(拒绝|取消)|permission is not authorized/i
  if (errno === 103 || errno === 104 || refused.test(errMsg)) return new ApiError('phone_refused', { errno })
  const symptom = causeOf(errno, errMsg)
  return new ApiError('phone_unavailable', { errno, symptom: /^p/.test(symptom) ? symptom : '' })
}

/**
 * Make the error of what `fail` of wx.requestSubscribeMessage was called with.
 * @param {Failure} failure
 * @returns {ApiError}
 */
function ofDialog(failure) {
  const { errno, errMsg } = read(failure)
  const found =
    DIALOG.find(([, codes]) => codes.includes(errno)) ||
    DIALOG.find(([, , words]) => words && words.test(errMsg))
  return new ApiError(found ? found[0] : 'messages_unavailable', { errno })
}

/**
 * @param {Failure} failure whatever the phone gave
 * @returns {{ errno: number, errMsg: string }}
 */
function read(failure) {
  const { errno, errCode, errMsg } = failure || {}
  return { errno: Number(errno || errCode) || 0, errMsg: text(errMsg) }
}

/**
 * @param {any} value
 * @returns {value is { [name: string]: any }}
 */
function isObject(value) {
  return typeof value === 'object' && value !== null
}

/**
 * @param {any} value
 * @returns {string}
 */
function text(value) {
  return typeof value === 'string' ? value : ''
}

module.exports = { ApiError, DIALOG, ERRORS, isObject, ofAnswer, ofDialog, ofFailure, ofPhoneButton }

/**
 * Every error that a call can end with, and the words for it.
 *
 * The first part of the table is the server's registry and the words in SYMPTOMS are the
 * doctor's; `tests/test_miniprogram.py` compares them, so that none of them can drift.
 */

const { fieldsOf, own } = require('./fields')

/** @typedef {{ en: string, zh: string }} Said */
/** @typedef {import('./fields').FieldError} FieldError */
/** @typedef {{ status: number, code: number, en: string, zh: string }} Kind */

/**
 * @param {number} status
 * @param {number} code
 * @param {string} en
 * @param {string} zh
 * @returns {Kind}
 */
const kind = (status, code, en, zh) => ({ status, code, en, zh })

/** @param {number} code @param {string} en @param {string} zh */
const ours = (code, en, zh) => kind(0, code, en, zh)

/** @type {{ [name: string]: Kind }} */
const ERRORS = {
  // ---- what the server answers with ----
  invalid_request: kind(400, 40000, 'The request is not as described.', '请求格式不正确。'),
  login_code_invalid: kind(
    400,
    40001,
    'The login code is wrong, used or too old: get a fresh one from wx.login.',
    '登录凭证无效、已使用或已过期，请重新调用 wx.login 获取。'
  ),
  decrypt_failed: kind(400, 40002, 'The data cannot be decrypted.', '数据解密失败。'),
  phone_code_invalid: kind(
    400,
    40003,
    'The code of the phone number is wrong, used or too old: tap the button again.',
    '手机号凭证无效、已使用或已过期，请重新点击按钮获取。'
  ),
  content_risky: kind(
    400,
    40004,
    'WeChat judged this text risky: write another one.',
    '微信判定该内容有风险，请修改后再试。'
  ),
  picture_invalid: kind(
    400,
    40005,
    'Send one picture: a JPEG, PNG or WebP of at most 8 million pixels, not animated.',
    '请上传一张图片：JPEG、PNG 或 WebP，最多 800 万像素，不能是动图。'
  ),
  message_invalid: kind(
    400,
    40006,
    'WeChat does not take this message: a value breaks the rule of its field.',
    '消息内容不符合微信的要求，请检查各字段的值。'
  ),
  token_missing: kind(401, 40100, 'Log in first: there is no bearer token.', '请先登录。'),
  token_invalid: kind(401, 40101, 'The token is not valid.', '登录状态无效，请重新登录。'),
  session_ended: kind(401, 40102, 'The session has ended: log in again.', '登录已失效，请重新登录。'),
  user_banned: kind(403, 40300, 'This account is banned.', '该账号已被封禁。'),
  wechat_blocked_user: kind(
    403,
    40301,
    'WeChat rates this user as high-risk and blocked the login.',
    '微信判定该用户为高风险用户，已拦截登录。'
  ),
  development_only: kind(
    403,
    40302,
    'This server runs in development mode: it answers only direct requests from this machine.',
    '服务运行在开发模式，仅响应本机直接访问（不经代理）。'
  ),
  // Nginx says this one by itself.
  https_required: kind(
    403,
    40303,
    'Call this API over https: plain http is not answered.',
    '请使用 https 调用本接口，不支持 http。'
  ),
  not_found: kind(404, 40400, 'Not found.', '资源不存在。'),
  method_not_allowed: kind(405, 40500, 'This path does not allow this method.', '不支持该请求方法。'),
  session_key_missing: kind(
    409,
    40900,
    'There is no session_key to decrypt with: log in again.',
    '缺少可用的 session_key，请重新登录。'
  ),
  message_not_permitted: kind(
    409,
    40901,
    'The user permits no message of this template: ask on the phone first.',
    '用户没有允许发送该模板的消息，请先在小程序里征得同意。'
  ),
  payload_too_large: kind(413, 41300, 'The body is too large.', '请求体过大。'),
  unsupported_media_type: kind(
    415,
    41500,
    'Send the body as application/json.',
    '请以 application/json 发送请求体。'
  ),
  rate_limited: kind(429, 42900, 'Too many requests: wait a little.', '请求过于频繁，请稍后再试。'),
  internal_error: kind(500, 50000, 'Internal server error.', '服务器内部错误。'),
  wechat_misconfigured: kind(
    500,
    50001,
    "The server's WeChat settings are wrong: contact its operator.",
    '服务器的微信配置有误，请联系开发者。'
  ),
  wechat_unavailable: kind(
    502,
    50200,
    'WeChat gave no usable answer: try again.',
    '微信服务暂不可用，请稍后再试。'
  ),
  service_unavailable: kind(503, 50300, 'The service is unavailable: try again.', '服务暂不可用，请稍后再试。'),
  wechat_timeout: kind(504, 50400, 'WeChat did not answer in time: try again.', '微信响应超时，请稍后再试。'),

  // ---- what the phone or this client says; no answer came, so the status is 0 ----
  signed_out: ours(1, 'You have signed out.', '你已退出登录。'),
  network: ours(2, 'The network fails: check the connection and try again.', '网络异常，请检查网络后重试。'),
  timeout: ours(3, 'No answer came in time: try again.', '请求超时，请稍后再试。'),
  interrupted: ours(
    4,
    'The request was cut off when the app went to the background: try again.',
    '小程序进入后台，请求已中断，请重试。'
  ),
  domain_not_listed: ours(
    5,
    "The server is not on this mini program's list of domains: tell its developer.",
    '服务器不在小程序的合法域名列表中，请联系开发者。'
  ),
  bad_url: ours(6, 'The address of the request is wrong: tell the developer.', '请求地址不正确，请联系开发者。'),
  tls: ours(
    7,
    'There is no safe connection to the server: try another network, or tell its operator.',
    '无法与服务器建立安全连接，请更换网络或联系开发者。'
  ),
  too_many_redirects: ours(
    8,
    'The server sends the request in circles: tell its operator.',
    '服务器重定向过多，请联系开发者。'
  ),
  too_many_tasks: ours(9, 'Too many requests at once: try again.', '同时进行的请求过多，请稍后再试。'),
  request_failed: ours(
    10,
    'The request could not be made: try again, or update WeChat.',
    '请求未能发出，请重试或更新微信。'
  ),
  login_blocked: ours(11, 'WeChat blocked the login on this phone.', '微信拦截了这部手机的登录。'),
  bad_answer: ours(
    12,
    'The server gave an answer that cannot be understood: try again.',
    '服务器的响应无法识别，请稍后再试。'
  ),
  no_encrypted_data: ours(
    13,
    'There is nothing to decrypt: the permission was not given.',
    '没有可解密的数据：未获得授权。'
  ),
  phone_refused: ours(
    14,
    'You did not share your phone number: tap the button again to share it.',
    '你没有授权手机号，如需授权请再次点击按钮。'
  ),
  phone_unavailable: ours(
    15,
    'WeChat cannot give your phone number now: try again later, or update WeChat.',
    '暂时无法获取手机号，请稍后再试或更新微信。'
  ),
  picture_missing: ours(16, 'There is no picture to upload: choose one again.', '没有可上传的图片，请重新选择。'),
  messages_refused: ours(
    17,
    'You closed the question about messages: tap again to get them.',
    '你没有选择是否接收消息，如需接收请再次点击。'
  ),
  messages_off: ours(
    18,
    'You have turned off the messages of this mini program: turn them on in its settings.',
    '你已关闭本小程序的订阅消息，请在小程序的设置中打开。'
  ),
  template_invalid: ours(
    19,
    'The template of the message is wrong: tell the developer.',
    '消息模板不正确，请联系开发者。'
  ),
  messages_unavailable: ours(
    20,
    'WeChat cannot ask about messages now: try again later, or update WeChat.',
    '暂时无法订阅消息，请稍后再试或更新微信。'
  ),
  aborted: ours(21, 'The app called this request off.', '小程序取消了这次请求。'),
  file_missing: ours(22, 'There is no file to upload: choose one again.', '没有可上传的文件，请重新选择。'),
  download_failed: ours(
    23,
    'The file could not be kept: it is too large, or the storage is full.',
    '文件无法保存：文件过大或存储空间不足。'
  ),
}

/** @param {string} en @param {string} zh @returns {Said} */
const said = (en, zh) => ({ en, zh })

/**
 * What the phone's network stack says inside errno 600001.
 * @param {string} name @param {number} number @param {string} zh
 */
const net = (name, number, zh) =>
  said(
    `net::ERR_${name} (${number}) in errno 600001`,
    `errno 600001 中的 net::ERR_${name}（${number}）：${zh}`
  )

/**
 * The doctor's words for what a phone shows, under the doctor's own names. What stands here,
 * given to `flask doctor --explain`, leads to the checks that find the cause.
 * @type {{ [name: string]: Said }}
 */
const SYMPTOMS = {
  domain_list: said(
    'url not in domain list (errno 600002)',
    'url not in domain list：不在以下 request 合法域名列表中（errno 600002）'
  ),
  upload_domain_list: said(
    'uploadFile:fail url not in domain list (errno 600002)',
    'uploadFile:fail url not in domain list：不在以下 uploadFile 合法域名列表中（errno 600002）'
  ),
  download_domain_list: said(
    'downloadFile:fail url not in domain list (errno 600002)',
    'downloadFile:fail url not in domain list：不在以下 downloadFile 合法域名列表中（errno 600002）'
  ),
  upload_file: said('uploadFile:fail file not found', 'uploadFile:fail file not found：找不到要上传的文件'),
  download_file: said(
    'downloadFile:fail (errno 603300, 603301, 603302 or 603303)',
    'downloadFile:fail（errno 603300、603301、603302 或 603303）：文件无法保存'
  ),
  bad_url: said('request:fail invalid url (errno 600009 or 600011)', 'request:fail URL 格式不合法（errno 600009 或 600011）'),
  network: said(
    'request:fail (errno 600001, 600000, 602000 or 602001; inside it errcode -1 to -4)',
    'request:fail（errno 600001、600000、602000 或 602001，其中 errcode 为 -1 到 -4）'
  ),
  not_resolved: net('NAME_NOT_RESOLVED', -105, '域名解析失败'),
  refused: net('CONNECTION_REFUSED', -102, '连接被拒绝'),
  timeout: said('request:fail timeout (errno 5)', 'request:fail timeout 请求超时（errno 5）'),
  reset: net('CONNECTION_RESET', -101, '连接被重置'),
  ssl: said('ssl hand shake error (-107)', 'ssl hand shake error：TLS 握手失败（-107）'),
  certificate: net('CERT_AUTHORITY_INVALID', -202, '证书不受信任'),
  certificate_name: net('CERT_COMMON_NAME_INVALID', -200, '证书与域名不符'),
  certificate_date: net('CERT_DATE_INVALID', -201, '证书不在有效期内'),
  tls_version: net('SSL_VERSION_OR_CIPHER_MISMATCH', -113, 'TLS 版本不符'),
  client_certificate: net('SSL_CLIENT_AUTH_CERT_NEEDED', -110, '服务器要求客户端证书'),
  cleartext: net('CLEARTEXT_NOT_PERMITTED', -29, '不允许 http 明文请求'),
  offline: net('INTERNET_DISCONNECTED', -106, '手机没有网络'),
  proxy: net('PROXY_CONNECTION_FAILED', -130, '连不上代理'),
  redirects: said('too many redirects (errno 600008)', '重定向过多（errno 600008）'),
  interrupted: said(
    'request:fail interrupted (errno 600003), or request:fail abort',
    'request:fail interrupted（errno 600003），或 request:fail abort'
  ),
  too_many_tasks: said('too many tasks (errno 600007)', '同时进行的请求过多（errno 600007）'),
  request_failed: said(
    'request:fail (errno 600004, 600005, 600006, 600010 or 602300)',
    'request:fail（errno 600004、600005、600006、600010 或 602300）'
  ),
  login_blocked: said('login:fail (errno 1402101)', 'login:fail（errno 1402101）'),
  privacy: said(
    'api scope is not declared in the privacy agreement (errno 112)',
    'api scope is not declared in the privacy agreement（errno 112）：隐私协议未声明'
  ),
  phone_quota: said(
    'getPhoneNumber:fail (errno 1400001): the quota of phone numbers is used up',
    'getPhoneNumber:fail（errno 1400001）：获取手机号的额度已用完'
  ),
  phone_not_permitted: said(
    'getPhoneNumber:fail no permission',
    'getPhoneNumber:fail no permission：没有权限'
  ),
  not_found: said(
    'success with statusCode 404, or HTML in res.data',
    'success 回调里 statusCode 为 404，或 res.data 是 HTML'
  ),
  gateway: said(
    'success with statusCode 502, 503 or 504',
    'success 回调里 statusCode 为 502、503 或 504'
  ),
  too_large: said('success with statusCode 413', 'success 回调里 statusCode 为 413'),
  login: said(
    'every login fails with wechat_misconfigured (40013, 40125, 40243)',
    '所有登录都失败，返回 wechat_misconfigured（40013、40125、40243）'
  ),
  login_slow: said(
    'logins fail with wechat_unavailable or wechat_timeout',
    '登录失败，返回 wechat_unavailable 或 wechat_timeout'
  ),
  failing: said(
    'success with statusCode 500 or 503 (service_unavailable)',
    'success 回调里 statusCode 为 500 或 503（service_unavailable）'
  ),
  clock: said(
    'decrypt_failed, or a certificate that is "not yet valid"',
    '返回 decrypt_failed，或提示证书“尚未生效”'
  ),
}

/** @typedef {[error: string, symptom: string]} Cause */

/**
 * @param {[error: string, symptom: string, ...numbers: number[]][]} rows
 * @returns {{ [number: number]: Cause }}
 */
function byNumber(rows) {
  /** @type {{ [number: number]: Cause }} */
  const causes = {}
  rows.forEach(([error, symptom, ...numbers]) =>
    numbers.forEach(number => (causes[number] = [error, symptom]))
  )
  return causes
}

/** What the phone's errno means, as far as WeChat's list says it for wx.request and its likes. */
const ERRNOS = byNumber([
  ['timeout', 'timeout', 5],
  ['network', 'network', 600000, 600001, 602000, 602001],
  ['domain_not_listed', 'domain_list', 600002],
  ['interrupted', 'interrupted', 600003],
  ['request_failed', 'request_failed', 600004, 600005, 600006, 600010, 602300],
  ['too_many_tasks', 'too_many_tasks', 600007],
  ['too_many_redirects', 'redirects', 600008],
  ['bad_url', 'bad_url', 600009, 600011],
  ['download_failed', 'download_file', 603300, 603301, 603302, 603303],
  ['login_blocked', 'login_blocked', 1402101],
])

/**
 * What stands inside errno 600001: the number of Chromium's network stack (Android, the tool:
 * net_error_list.h), or of Apple's (four digits: NSURLError, and -98xx: SecureTransport).
 */
const INSIDE = byNumber([
  ['tls', 'certificate_name', -200, -159, -9843],
  ['tls', 'certificate_date', -201, -1201, -1204, -9814, -9815],
  ['tls', 'certificate', -202, -203, -204, -205, -206, -207, -208, -210, -211, -212, -213, -214],
  ['tls', 'certificate', -215, -217, -149, -150, -156, -167, -181, -1202, -1203],
  ['tls', 'certificate', -9807, -9808, -9812, -9813],
  ['tls', 'client_certificate', -110, -117, -134, -135, -141, -151, -164, -177, -1205, -1206],
  ['tls', 'client_certificate', -9825, -9826, -9827, -9828, -9829],
  ['tls', 'tls_version', -113, -112, -172, -218, -9801, -9836, -9837],
  ['tls', 'ssl', -107, -114, -116, -122, -123, -125, -126, -148, -153, -178, -179, -180],
  ['tls', 'ssl', -182, -183, -184, -1200, -9800, -9802, -9805, -9806, -9824],
  ['bad_url', 'cleartext', -29, -1022],
  ['bad_url', 'bad_url', -300, -301, -302, -1000, -1002],
  ['too_many_redirects', 'redirects', -310, -1007],
  ['network', 'not_resolved', -105, -137, -166, -1003, -1006],
  ['network', 'refused', -102, -1004],
  ['network', 'reset', -100, -101, -103, -324, -1005],
  ['network', 'offline', -106, -1009],
  ['network', 'proxy', -111, -115, -120, -121, -127, -130, -131, -136, -336],
  ['timeout', 'timeout', -7, -118, -1001],
])

/** The calls that have a list of domains of their own. */
const UPLOAD = /upload(file|task)|上传/i
const DOWNLOAD = /download(file|task)|下载/i
/** @type {Cause} */
const NO_FILE = ['file_missing', 'upload_file']

/**
 * The words of phones and tools, for an errMsg without a number: the specific before the general.
 * @type {[RegExp, Cause][]}
 */
const WORDS = [
  [/upload(file|task).{0,60}(file (not found|error)|no such file)/i, NO_FILE],
  [/upload(file|task).{0,60}(file .{0,8}n.t exist|文件不存在|找不到.{0,6}文件)/i, NO_FILE],
  [/download(file|task).{0,60}(max file size|save file|storage|permission denied)/i, ERRNOS[603300]],
  [/COMMON_NAME|证书.{0,4}域名|域名.{0,4}证书.{0,4}(不符|不匹配|不一致)/i, INSIDE[-200]],
  [/CERT_DATE|certificate.{0,20}expired|证书.{0,8}过期/i, INSIDE[-201]],
  [/AUTHORITY_INVALID|ERR_CERT_(INVALID|REVOKED)|trust anchor|self.?signed|自签/i, INSIDE[-202]],
  [/verify the first certificate|certificate for this server is invalid/i, INSIDE[-202]],
  [/证书(已|是)?(无效|不受信|不可信)|证书链/, INSIDE[-202]],
  [/VERSION_OR_CIPHER|(tls|ssl)[ 的]{0,3}(version|版本)/i, INSIDE[-113]],
  [/hand ?shake|握手|SSL_PROTOCOL|ssl error|ssl ?错误|安全连接/i, INSIDE[-107]],
  [/domain ?list|合法域名|域名不合法|域名.{0,4}(列表|配置|校验)|url not in/i, ERRNOS[600002]],
  [/(invalid|bad|unsupported) url|url.{0,4}不合法|(无效|不支持).{0,4}(url|地址)/i, ERRNOS[600009]],
  [/too.many.redirects|重定向.{0,4}(过多|次数)/i, ERRNOS[600008]],
  [/interrupted|\babort\b|进入后台/i, ERRNOS[600003]],
  [/(too many|max) .{0,8}tasks?|并发/i, ERRNOS[600007]],
  [/declared in the privacy|隐私(协议|保护指引|接口)/i, ['request_failed', 'privacy']],
  [/NAME_NOT_RESOLVED|NAME_RESOLUTION_FAILED|unknown ?host|unable to resolve/i, INSIDE[-105]],
  [/hostname could not be found|指定主机名|域名(无法|不能)?解析|无法解析/i, INSIDE[-105]],
  [/REFUSED|could not connect to the server|failed to connect to/i, INSIDE[-102]],
  [/未能连接到服务器|拒绝连接|连接被拒/, INSIDE[-102]],
  [/CONNECTION_(RESET|CLOSED|ABORTED)|EMPTY_RESPONSE|ECONNRESET|socket hang up/i, INSIDE[-101]],
  [/connection (was )?(reset|lost)|连接(已|被)?(重置|中断|断开)/i, INSIDE[-101]],
  [/INTERNET_DISCONNECTED|appears to be offline|断开与互联网/i, INSIDE[-106]],
  [/ERR_(PROXY|TUNNEL|NO_SUPPORTED_PROXIES)/i, INSIDE[-130]],
  [/time[sd]?[ -]?out|TIMED_OUT|超时/i, ERRNOS[5]],
  [/expired|not yet valid|过期|有效期|生效/i, INSIDE[-201]],
  [/certificate|证书/i, INSIDE[-202]],
  [/\b(ssl|tls)\b/i, INSIDE[-107]],
  [/redirect|重定向|跳转/i, ERRNOS[600008]],
]

/**
 * What the errno of the phone-number button means: the names of the error and of the symptom.
 * @type {{ [errno: number]: Cause }}
 */
const BUTTON_ERRNOS = {
  103: ['phone_refused', ''],
  104: ['phone_refused', ''],
  112: ['phone_unavailable', 'privacy'],
  1400001: ['phone_unavailable', 'phone_quota'],
}

/**
 * The words of that button, where it gives no errno.
 * @type {[RegExp, Cause][]}
 */
const BUTTON_WORDS = [
  [/user.?(deny|denied|cancel)|用户.{0,4}(拒绝|取消)/i, BUTTON_ERRNOS[103]],
  [/privacy permission is not authorized/i, BUTTON_ERRNOS[104]],
  [/declared in the privacy/i, BUTTON_ERRNOS[112]],
  [/no permission/i, ['phone_unavailable', 'phone_not_permitted']],
]

/**
 * What the errCode of wx.requestSubscribeMessage means.
 * @type {{ [errCode: number]: string }}
 */
const DIALOG_CODES = {
  10001: 'template_invalid', // no template
  10002: 'network', // the dialog could not be fetched
  10003: 'network', // the answer could not be sent to WeChat
  10004: 'template_invalid', // no list of texts
  10005: 'interrupted', // the app went to the background
  20001: 'template_invalid', // not there, or of another kind
  20002: 'template_invalid', // one-time and long-term ones together
  20003: 'template_invalid', // too many
  20004: 'messages_off',
  20005: 'messages_unavailable', // the mini program is banned
  20013: 'template_invalid', // of a device
}

/**
 * The words of that dialog, where it gives no errCode that is known.
 * @type {[RegExp, string][]}
 */
const DIALOG_WORDS = [
  [/cancel|取消/i, 'messages_refused'],
  [/main switch|主开关/i, 'messages_off'],
  [/templates?\b|tmplids?\b|模板/i, 'template_invalid'],
]

/** @type {{ [name: string]: string }} */
const SYMPTOM_OF_ERROR = {
  decrypt_failed: 'clock',
  not_found: 'not_found',
  payload_too_large: 'too_large',
  internal_error: 'failing',
  wechat_misconfigured: 'login',
  wechat_unavailable: 'login_slow',
  wechat_timeout: 'login_slow',
  service_unavailable: 'failing',
  timeout: 'timeout',
  bad_url: 'bad_url',
}

/** @type {{ [status: number]: string }} */
const SYMPTOM_OF_STATUS = {
  404: 'not_found',
  413: 'too_large',
  500: 'failing',
  502: 'gateway',
  503: 'gateway',
  504: 'gateway',
}

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
    /** @type {Said | null} */
    this.symptom = SYMPTOMS[told.symptom || SYMPTOM_OF_ERROR[error]] || null
  }
}

/**
 * Make the error of an answer that is not a success.
 * @param {import('./transport').Answer} answer
 * @returns {ApiError}
 */
function ofAnswer(answer) {
  const body = isObject(answer.body) ? answer.body : {}
  const requestId = text(body.request_id) || answer.header('X-Request-Id')
  const retryAfter = answer.retryAfter()
  const status = answer.status
  if (typeof body.error !== 'string' || typeof body.code !== 'number') {
    const symptom = SYMPTOM_OF_STATUS[status] || 'not_found'
    return new ApiError('bad_answer', { status, requestId, retryAfter, symptom })
  }
  const { error, code } = body
  const fields = fieldsOf(body.fields)
  return new ApiError(error, { status, code, requestId, retryAfter, msg: text(body.msg), fields })
}

/**
 * Make the error of what `fail` of wx.request or its likes was called with. errMsg is in the phone's
 * language: it is read for the numbers in it, and where an old phone gives no errno.
 * @param {{ errno?: number, errMsg?: string }} failure
 * @returns {ApiError}
 */
function ofFailure(failure) {
  const errMsg = text(failure && failure.errMsg)
  const errno = Number(failure && failure.errno) || 0
  const [error, symptom] = cause(errno, errMsg)
  return new ApiError(error, { errno, symptom })
}

/**
 * Make the error of what the phone-number button gave in place of a code.
 * @param {{ errno?: number, errMsg?: string }} detail
 * @returns {ApiError}
 */
function ofPhoneButton(detail) {
  const errno = Number(detail && detail.errno) || 0
  const errMsg = text(detail && detail.errMsg)
  const words = BUTTON_WORDS.find(([wording]) => wording.test(errMsg))
  const [error, symptom] = BUTTON_ERRNOS[errno] || (words ? words[1] : ['phone_unavailable', ''])
  return new ApiError(error, { errno, symptom })
}

/**
 * Make the error of what `fail` of wx.requestSubscribeMessage was called with.
 * @param {{ errCode?: number, errno?: number, errMsg?: string }} failure
 * @returns {ApiError}
 */
function ofDialog(failure) {
  const errno = Number(failure && (failure.errCode || failure.errno)) || 0
  const errMsg = text(failure && failure.errMsg)
  const words = DIALOG_WORDS.find(([wording]) => wording.test(errMsg))
  const error = DIALOG_CODES[errno] || (words ? words[1] : 'messages_unavailable')
  return new ApiError(error, { errno })
}

/**
 * An errno that says why is believed; else the number inside errMsg, then its words.
 * @param {number} errno
 * @param {string} errMsg
 * @returns {Cause}
 */
function cause(errno, errMsg) {
  const said = withoutNames(errMsg)
  const [error, symptom] = causeOf(errno, said)
  if (symptom !== 'domain_list') return [error, symptom]
  const list = UPLOAD.test(said) ? 'upload_' : DOWNLOAD.test(said) ? 'download_' : ''
  return [error, `${list}domain_list`]
}

/**
 * @param {number} errno
 * @param {string} said errMsg without the names in it
 * @returns {Cause}
 */
function causeOf(errno, said) {
  const known = ERRNOS[errno] || ERRNOS[600000]
  if (known[1] !== 'network') return known
  const inside = (said.match(/(^|[^\w.-])-\d{1,4}(?![\w-])/g) || [])
    .map(number => Number(number.slice(number.indexOf('-'))))
    .filter(number => INSIDE[number])
  if (inside.length) return INSIDE[inside[0]]
  const words = WORDS.find(([wording]) => wording.test(said))
  return words ? words[1] : known
}

/**
 * Leave out URLs, paths and host names: what stands in them (`api-200.example.com`) is no reason.
 * @param {string} errMsg
 * @returns {string}
 */
function withoutNames(errMsg) {
  return errMsg
    .replace(/[a-z]{1,20}:\/\/[^\s"'<>(),;，。；（）[\]{}]*/gi, ' ')
    .replace(/(^|[^\w.-])[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)+(:\d+)*/gi, '$1 ')
    .replace(/(^|[\s"'(（])\/[^\s"'）)]*/g, '$1 ')
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

module.exports = {
  ApiError,
  BUTTON_ERRNOS,
  DIALOG_CODES,
  ERRORS,
  ERRNOS,
  INSIDE,
  SYMPTOMS,
  isObject,
  ofAnswer,
  ofDialog,
  ofFailure,
  ofPhoneButton,
}

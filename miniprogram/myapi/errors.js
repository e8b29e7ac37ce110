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

/** @type {{ [name: string]: Kind }} */
const ERRORS = {
  // ---- what the server answers with ----
  invalid_request: {
    status: 400,
    code: 40000,
    en: 'The request is not as described.',
    zh: '请求格式不正确。',
  },
  login_code_invalid: {
    status: 400,
    code: 40001,
    en: 'The login code is wrong, used or too old: get a fresh one from wx.login.',
    zh: '登录凭证无效、已使用或已过期，请重新调用 wx.login 获取。',
  },
  decrypt_failed: {
    status: 400,
    code: 40002,
    en: 'The data cannot be decrypted.',
    zh: '数据解密失败。',
  },
  phone_code_invalid: {
    status: 400,
    code: 40003,
    en: 'The code of the phone number is wrong, used or too old: tap the button again.',
    zh: '手机号凭证无效、已使用或已过期，请重新点击按钮获取。',
  },
  content_risky: {
    status: 400,
    code: 40004,
    en: 'WeChat judged this text risky: write another one.',
    zh: '微信判定该内容有风险，请修改后再试。',
  },
  picture_invalid: {
    status: 400,
    code: 40005,
    en: 'Send one picture: a JPEG, PNG or WebP of at most 8 million pixels, not animated.',
    zh: '请上传一张图片：JPEG、PNG 或 WebP，最多 800 万像素，不能是动图。',
  },
  message_invalid: {
    status: 400,
    code: 40006,
    en: 'WeChat does not take this message: a value breaks the rule of its field.',
    zh: '消息内容不符合微信的要求，请检查各字段的值。',
  },
  token_missing: {
    status: 401,
    code: 40100,
    en: 'Log in first: there is no bearer token.',
    zh: '请先登录。',
  },
  token_invalid: {
    status: 401,
    code: 40101,
    en: 'The token is not valid.',
    zh: '登录状态无效，请重新登录。',
  },
  session_ended: {
    status: 401,
    code: 40102,
    en: 'The session has ended: log in again.',
    zh: '登录已失效，请重新登录。',
  },
  user_banned: { status: 403, code: 40300, en: 'This account is banned.', zh: '该账号已被封禁。' },
  wechat_blocked_user: {
    status: 403,
    code: 40301,
    en: 'WeChat rates this user as high-risk and blocked the login.',
    zh: '微信判定该用户为高风险用户，已拦截登录。',
  },
  development_only: {
    status: 403,
    code: 40302,
    en: 'This server runs in development mode: it answers only direct requests from this machine.',
    zh: '服务运行在开发模式，仅响应本机直接访问（不经代理）。',
  },
  https_required: {
    // Nginx says this one by itself.
    status: 403,
    code: 40303,
    en: 'Call this API over https: plain http is not answered.',
    zh: '请使用 https 调用本接口，不支持 http。',
  },
  not_found: { status: 404, code: 40400, en: 'Not found.', zh: '资源不存在。' },
  method_not_allowed: {
    status: 405,
    code: 40500,
    en: 'This path does not allow this method.',
    zh: '不支持该请求方法。',
  },
  session_key_missing: {
    status: 409,
    code: 40900,
    en: 'There is no session_key to decrypt with: log in again.',
    zh: '缺少可用的 session_key，请重新登录。',
  },
  message_not_permitted: {
    status: 409,
    code: 40901,
    en: 'The user permits no message of this template: ask on the phone first.',
    zh: '用户没有允许发送该模板的消息，请先在小程序里征得同意。',
  },
  payload_too_large: { status: 413, code: 41300, en: 'The body is too large.', zh: '请求体过大。' },
  unsupported_media_type: {
    status: 415,
    code: 41500,
    en: 'Send the body as application/json.',
    zh: '请以 application/json 发送请求体。',
  },
  rate_limited: {
    status: 429,
    code: 42900,
    en: 'Too many requests: wait a little.',
    zh: '请求过于频繁，请稍后再试。',
  },
  internal_error: {
    status: 500,
    code: 50000,
    en: 'Internal server error.',
    zh: '服务器内部错误。',
  },
  wechat_misconfigured: {
    status: 500,
    code: 50001,
    en: "The server's WeChat settings are wrong: contact its operator.",
    zh: '服务器的微信配置有误，请联系开发者。',
  },
  wechat_unavailable: {
    status: 502,
    code: 50200,
    en: 'WeChat gave no usable answer: try again.',
    zh: '微信服务暂不可用，请稍后再试。',
  },
  service_unavailable: {
    status: 503,
    code: 50300,
    en: 'The service is unavailable: try again.',
    zh: '服务暂不可用，请稍后再试。',
  },
  wechat_timeout: {
    status: 504,
    code: 50400,
    en: 'WeChat did not answer in time: try again.',
    zh: '微信响应超时，请稍后再试。',
  },

  // ---- what the phone or this client says; no answer came, so the status is 0 ----
  signed_out: { status: 0, code: 1, en: 'You have signed out.', zh: '你已退出登录。' },
  network: {
    status: 0,
    code: 2,
    en: 'The network fails: check the connection and try again.',
    zh: '网络异常，请检查网络后重试。',
  },
  timeout: {
    status: 0,
    code: 3,
    en: 'No answer came in time: try again.',
    zh: '请求超时，请稍后再试。',
  },
  interrupted: {
    status: 0,
    code: 4,
    en: 'The request was cut off when the app went to the background: try again.',
    zh: '小程序进入后台，请求已中断，请重试。',
  },
  domain_not_listed: {
    status: 0,
    code: 5,
    en: "The server is not on this mini program's list of domains: tell its developer.",
    zh: '服务器不在小程序的合法域名列表中，请联系开发者。',
  },
  bad_url: {
    status: 0,
    code: 6,
    en: 'The address of the request is wrong: tell the developer.',
    zh: '请求地址不正确，请联系开发者。',
  },
  tls: {
    status: 0,
    code: 7,
    en: 'There is no safe connection to the server: try another network, or tell its operator.',
    zh: '无法与服务器建立安全连接，请更换网络或联系开发者。',
  },
  too_many_redirects: {
    status: 0,
    code: 8,
    en: 'The server sends the request in circles: tell its operator.',
    zh: '服务器重定向过多，请联系开发者。',
  },
  too_many_tasks: {
    status: 0,
    code: 9,
    en: 'Too many requests at once: try again.',
    zh: '同时进行的请求过多，请稍后再试。',
  },
  request_failed: {
    status: 0,
    code: 10,
    en: 'The request could not be made: try again, or update WeChat.',
    zh: '请求未能发出，请重试或更新微信。',
  },
  login_blocked: {
    status: 0,
    code: 11,
    en: 'WeChat blocked the login on this phone.',
    zh: '微信拦截了这部手机的登录。',
  },
  bad_answer: {
    status: 0,
    code: 12,
    en: 'The server gave an answer that cannot be understood: try again.',
    zh: '服务器的响应无法识别，请稍后再试。',
  },
  no_encrypted_data: {
    status: 0,
    code: 13,
    en: 'There is nothing to decrypt: the permission was not given.',
    zh: '没有可解密的数据：未获得授权。',
  },
  phone_refused: {
    status: 0,
    code: 14,
    en: 'You did not share your phone number: tap the button again to share it.',
    zh: '你没有授权手机号，如需授权请再次点击按钮。',
  },
  phone_unavailable: {
    status: 0,
    code: 15,
    en: 'WeChat cannot give your phone number now: try again later, or update WeChat.',
    zh: '暂时无法获取手机号，请稍后再试或更新微信。',
  },
  picture_missing: {
    status: 0,
    code: 16,
    en: 'There is no picture to upload: choose one again.',
    zh: '没有可上传的图片，请重新选择。',
  },
  messages_refused: {
    status: 0,
    code: 17,
    en: 'You closed the question about messages: tap again to get them.',
    zh: '你没有选择是否接收消息，如需接收请再次点击。',
  },
  messages_off: {
    status: 0,
    code: 18,
    en: 'You have turned off the messages of this mini program: turn them on in its settings.',
    zh: '你已关闭本小程序的订阅消息，请在小程序的设置中打开。',
  },
  template_invalid: {
    status: 0,
    code: 19,
    en: 'The template of the message is wrong: tell the developer.',
    zh: '消息模板不正确，请联系开发者。',
  },
  messages_unavailable: {
    status: 0,
    code: 20,
    en: 'WeChat cannot ask about messages now: try again later, or update WeChat.',
    zh: '暂时无法订阅消息，请稍后再试或更新微信。',
  },
}

/**
 * The doctor's words for what a phone shows, under the doctor's own names. What stands here,
 * given to `flask doctor --explain`, leads to the checks that find the cause.
 * @type {{ [name: string]: Said }}
 */
const SYMPTOMS = {
  domain_list: {
    en: 'url not in domain list (errno 600002)',
    zh: 'url not in domain list：不在以下 request 合法域名列表中（errno 600002）',
  },
  upload_domain_list: {
    en: 'uploadFile:fail url not in domain list (errno 600002)',
    zh: 'uploadFile:fail url not in domain list：不在以下 uploadFile 合法域名列表中（errno 600002）',
  },
  upload_file: {
    en: 'uploadFile:fail file not found',
    zh: 'uploadFile:fail file not found：找不到要上传的文件',
  },
  bad_url: {
    en: 'request:fail invalid url (errno 600009)',
    zh: 'request:fail URL 格式不合法（errno 600009）',
  },
  network: {
    en: 'request:fail (errno 600001, 600000 or 602001; inside it errcode -1 to -4)',
    zh: 'request:fail（errno 600001、600000 或 602001，其中 errcode 为 -1 到 -4）',
  },
  not_resolved: {
    en: 'net::ERR_NAME_NOT_RESOLVED (-105) in errno 600001',
    zh: 'errno 600001 中的 net::ERR_NAME_NOT_RESOLVED（-105）：域名解析失败',
  },
  refused: {
    en: 'net::ERR_CONNECTION_REFUSED (-102) in errno 600001',
    zh: 'errno 600001 中的 net::ERR_CONNECTION_REFUSED（-102）：连接被拒绝',
  },
  timeout: {
    en: 'request:fail timeout (errno 5)',
    zh: 'request:fail timeout 请求超时（errno 5）',
  },
  reset: {
    en: 'net::ERR_CONNECTION_RESET (-101) in errno 600001',
    zh: 'errno 600001 中的 net::ERR_CONNECTION_RESET（-101）：连接被重置',
  },
  ssl: { en: 'ssl hand shake error (-107)', zh: 'ssl hand shake error：TLS 握手失败（-107）' },
  certificate: {
    en: 'net::ERR_CERT_AUTHORITY_INVALID (-202) in errno 600001',
    zh: 'errno 600001 中的 net::ERR_CERT_AUTHORITY_INVALID（-202）：证书不受信任',
  },
  certificate_name: {
    en: 'net::ERR_CERT_COMMON_NAME_INVALID (-200) in errno 600001',
    zh: 'errno 600001 中的 net::ERR_CERT_COMMON_NAME_INVALID（-200）：证书与域名不符',
  },
  certificate_date: {
    en: 'net::ERR_CERT_DATE_INVALID (-201) in errno 600001',
    zh: 'errno 600001 中的 net::ERR_CERT_DATE_INVALID（-201）：证书不在有效期内',
  },
  tls_version: {
    en: 'net::ERR_SSL_VERSION_OR_CIPHER_MISMATCH (-113) in errno 600001',
    zh: 'errno 600001 中的 net::ERR_SSL_VERSION_OR_CIPHER_MISMATCH（-113）：TLS 版本不符',
  },
  offline: {
    en: 'net::ERR_INTERNET_DISCONNECTED (-106) in errno 600001',
    zh: 'errno 600001 中的 net::ERR_INTERNET_DISCONNECTED（-106）：手机没有网络',
  },
  proxy: {
    en: 'net::ERR_PROXY_CONNECTION_FAILED (-130) in errno 600001',
    zh: 'errno 600001 中的 net::ERR_PROXY_CONNECTION_FAILED（-130）：连不上代理',
  },
  redirects: { en: 'too many redirects (errno 600008)', zh: '重定向过多（errno 600008）' },
  interrupted: {
    en: 'request:fail interrupted (errno 600003), or request:fail abort',
    zh: 'request:fail interrupted（errno 600003），或 request:fail abort',
  },
  too_many_tasks: {
    en: 'too many tasks (errno 600007)',
    zh: '同时进行的请求过多（errno 600007）',
  },
  request_failed: {
    en: 'request:fail (errno 600004, 600005 or 600006)',
    zh: 'request:fail（errno 600004、600005 或 600006）',
  },
  login_blocked: { en: 'login:fail (errno 1402101)', zh: 'login:fail（errno 1402101）' },
  privacy: {
    en: 'api scope is not declared in the privacy agreement (errno 112)',
    zh: 'api scope is not declared in the privacy agreement（errno 112）：隐私协议未声明',
  },
  phone_quota: {
    en: 'getPhoneNumber:fail (errno 1400001): the quota of phone numbers is used up',
    zh: 'getPhoneNumber:fail（errno 1400001）：获取手机号的额度已用完',
  },
  phone_not_permitted: {
    en: 'getPhoneNumber:fail no permission',
    zh: 'getPhoneNumber:fail no permission：没有权限',
  },
  not_found: {
    en: 'success with statusCode 404, or HTML in res.data',
    zh: 'success 回调里 statusCode 为 404，或 res.data 是 HTML',
  },
  gateway: {
    en: 'success with statusCode 502, 503 or 504',
    zh: 'success 回调里 statusCode 为 502、503 或 504',
  },
  too_large: { en: 'success with statusCode 413', zh: 'success 回调里 statusCode 为 413' },
  login: {
    en: 'every login fails with wechat_misconfigured (40013, 40125, 40243)',
    zh: '所有登录都失败，返回 wechat_misconfigured（40013、40125、40243）',
  },
  login_slow: {
    en: 'logins fail with wechat_unavailable or wechat_timeout',
    zh: '登录失败，返回 wechat_unavailable 或 wechat_timeout',
  },
  failing: {
    en: 'success with statusCode 500 or 503 (service_unavailable)',
    zh: 'success 回调里 statusCode 为 500 或 503（service_unavailable）',
  },
  clock: {
    en: 'decrypt_failed, or a certificate that is "not yet valid"',
    zh: '返回 decrypt_failed，或提示证书“尚未生效”',
  },
}

/**
 * What the phone's errno means: the names of the error and of the symptom.
 * @type {{ [errno: number]: [string, string] }}
 */
const ERRNOS = {
  5: ['timeout', 'timeout'],
  600000: ['network', 'network'],
  600001: ['network', 'network'],
  600002: ['domain_not_listed', 'domain_list'],
  600003: ['interrupted', 'interrupted'],
  600004: ['request_failed', 'request_failed'],
  600005: ['request_failed', 'request_failed'],
  600006: ['request_failed', 'request_failed'],
  600007: ['too_many_tasks', 'too_many_tasks'],
  600008: ['too_many_redirects', 'redirects'],
  600009: ['bad_url', 'bad_url'],
  602001: ['network', 'network'],
  1402101: ['login_blocked', 'login_blocked'],
}

/**
 * What stands inside errno 600001: the number of Chromium's network stack (Android, the tool)
 * or of Apple's (four digits).
 * @type {{ [number: number]: [string, string] }}
 */
const INSIDE = {
  '-200': ['tls', 'certificate_name'],
  '-201': ['tls', 'certificate_date'],
  '-1201': ['tls', 'certificate_date'],
  '-1204': ['tls', 'certificate_date'],
  '-202': ['tls', 'certificate'],
  '-206': ['tls', 'certificate'],
  '-207': ['tls', 'certificate'],
  '-1202': ['tls', 'certificate'],
  '-1203': ['tls', 'certificate'],
  '-113': ['tls', 'tls_version'],
  '-107': ['tls', 'ssl'],
  '-1022': ['tls', 'ssl'],
  '-1200': ['tls', 'ssl'],
  '-300': ['bad_url', 'bad_url'],
  '-1000': ['bad_url', 'bad_url'],
  '-1002': ['bad_url', 'bad_url'],
  '-310': ['too_many_redirects', 'redirects'],
  '-1007': ['too_many_redirects', 'redirects'],
  '-105': ['network', 'not_resolved'],
  '-137': ['network', 'not_resolved'],
  '-1003': ['network', 'not_resolved'],
  '-1006': ['network', 'not_resolved'],
  '-102': ['network', 'refused'],
  '-1004': ['network', 'refused'],
  '-100': ['network', 'reset'],
  '-101': ['network', 'reset'],
  '-103': ['network', 'reset'],
  '-324': ['network', 'reset'],
  '-1005': ['network', 'reset'],
  '-106': ['network', 'offline'],
  '-1009': ['network', 'offline'],
  '-111': ['network', 'proxy'],
  '-115': ['network', 'proxy'],
  '-130': ['network', 'proxy'],
  '-336': ['network', 'proxy'],
  '-7': ['timeout', 'timeout'],
  '-118': ['timeout', 'timeout'],
  '-1001': ['timeout', 'timeout'],
}

/** The call that has a list of domains of its own. */
const UPLOAD = /upload(file|task)|上传/i
/** @type {[string, string]} */
const NO_FILE = ['picture_missing', 'upload_file']

/**
 * The words of phones and tools, for an errMsg without a number: the specific before the general.
 * @type {[RegExp, [string, string]][]}
 */
const WORDS = [
  [/upload(file|task).{0,60}(file (not found|error)|no such file)/i, NO_FILE],
  [/upload(file|task).{0,60}(file .{0,8}n.t exist|文件不存在|找不到.{0,6}文件)/i, NO_FILE],
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
 * @type {{ [errno: number]: [string, string] }}
 */
const BUTTON_ERRNOS = {
  103: ['phone_refused', ''],
  104: ['phone_refused', ''],
  112: ['phone_unavailable', 'privacy'],
  1400001: ['phone_unavailable', 'phone_quota'],
}

/**
 * The words of that button, where it gives no errno.
 * @type {[RegExp, [string, string]][]}
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
 * Make the error of what `fail` of wx.request, wx.uploadFile or wx.login was called with. errMsg is in the
 * phone's language: it is read for the numbers in it, and where an old phone gives no errno.
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
 * @returns {[string, string]}
 */
function cause(errno, errMsg) {
  const said = withoutNames(errMsg)
  const [error, symptom] = causeOf(errno, said)
  const listed = symptom === 'domain_list' && UPLOAD.test(said)
  return [error, listed ? 'upload_domain_list' : symptom]
}

/**
 * @param {number} errno
 * @param {string} said errMsg without the names in it
 * @returns {[string, string]}
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

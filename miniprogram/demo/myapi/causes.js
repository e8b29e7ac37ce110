/**
 * What a phone shows when no answer came, and which error that is.
 *
 * The names and words are those of `doctor/symptoms`; `tests/test_miniprogram.py` compares them.
 */

/**
 * @typedef {object} Cause
 * @property {string} error
 * @property {{ en: string, zh: string }} symptom what `flask doctor --explain` knows it by
 * @property {number[]} numbers the phone's errno; a negative one stands inside errno 600001. It is
 *   of Chromium's network stack (Android, the tool: net_error_list.h), or of Apple's (four digits:
 *   NSURLError, and -98xx: SecureTransport)
 * @property {RegExp[]} words for an errMsg without a number
 */

/**
 * @param {string} error
 * @param {string} shown
 * @param {string} meaning in Chinese
 * @param {number[]} numbers
 * @param {...RegExp} words
 * @returns {Cause}
 */
function cause(error, shown, meaning, numbers, ...words) {
  const [first] = numbers
  const errnos = numbers.filter(number => number > 0)
  let en = shown
  let zh = shown
  if (first < 0) {
    en += ` (${first}) in errno 600001`
    zh = `errno 600001 中的 ${shown}（${first}）`
  } else if (first) {
    en += ` (errno ${errnos.join(', ')})`
    zh += `（errno ${errnos.join('、')}）`
  }
  return { error, symptom: { en, zh: `${zh}：${meaning}` }, numbers, words }
}

/**
 * Each of these calls has a list of domains of its own.
 * @param {string} call
 * @param {...RegExp} words
 */
function unlisted(call, ...words) {
  const shown = `${call === 'request' ? '' : `${call}:fail `}url not in domain list`
  return cause('domain_not_listed', shown, `不在以下 ${call} 合法域名列表中`, [600002], ...words)
}

/**
 * The specific before the general: the first one whose words are found counts.
 * @type {{ [name: string]: Cause }}
 */
const CAUSES = {
  upload_file: cause(
    'file_missing', 'uploadFile:fail file not found', '找不到要上传的文件', [],
    /upload(file|task).{0,60}(file (not found|error)|no such file)/i,
    /upload(file|task).{0,60}(file .{0,8}n.t exist|文件不存在|找不到.{0,6}文件)/i
  ),
  download_file: cause(
    'download_failed', 'downloadFile:fail', '文件无法保存', [603300, 603301, 603302, 603303],
    /download(file|task).{0,60}(max file size|save file|storage|permission denied)/i
  ),
  certificate_name: cause(
    'tls', 'net::ERR_CERT_COMMON_NAME_INVALID', '证书与域名不符', [-200, -159, -9843],
    /COMMON_NAME|证书.{0,4}域名|域名.{0,4}证书.{0,4}(不符|不匹配|不一致)/i
  ),
  certificate_date: cause(
    'tls', 'net::ERR_CERT_DATE_INVALID', '证书不在有效期内', [-201, -1201, -1204, -9814, -9815],
    /CERT_DATE|certificate.{0,20}expired|证书.{0,8}过期/i
  ),
  certificate: cause(
    'tls', 'net::ERR_CERT_AUTHORITY_INVALID', '证书不受信任',
    [
      -202, -203, -204, -205, -206, -207, -208, -210, -211, -212, -213, -214, -215, -217, -149,
      -150, -156, -167, -181, -1202, -1203, -9807, -9808, -9812, -9813,
    ],
    /AUTHORITY_INVALID|ERR_CERT_(INVALID|REVOKED)|trust anchor|self.?signed|自签/i
  ),
  tls_version: cause(
    'tls', 'net::ERR_SSL_VERSION_OR_CIPHER_MISMATCH', 'TLS 版本不符',
    [-113, -112, -172, -218, -9801, -9836, -9837],
    /VERSION_OR_CIPHER|(tls|ssl)[ 的]{0,3}(version|版本)/i
  ),
  client_certificate: cause(
    'tls', 'net::ERR_SSL_CLIENT_AUTH_CERT_NEEDED', '服务器要求客户端证书',
    [
      -110, -117, -134, -135, -141, -151, -164, -177, -1205, -1206, -9825, -9826, -9827, -9828,
      -9829,
    ]
  ),
  ssl: cause(
    'tls', 'ssl hand shake error', 'TLS 握手失败',
    [
      -107, -114, -116, -122, -123, -125, -126, -148, -153, -178, -179, -180, -182, -183, -184,
      -1200, -9800, -9802, -9805, -9806, -9824,
    ],
    /hand ?shake|握手|SSL_PROTOCOL|ssl error|ssl ?错误|安全连接/i
  ),
  cleartext: cause('bad_url', 'net::ERR_CLEARTEXT_NOT_PERMITTED', '不允许 http 明文请求', [-29, -1022]),
  domain_list: unlisted(
    'request', /domain ?list|合法域名|域名不合法|域名.{0,4}(列表|配置|校验)|url not in/i
  ),
  upload_domain_list: unlisted('uploadFile'),
  download_domain_list: unlisted('downloadFile'),
  bad_url: cause(
    'bad_url', 'request:fail invalid url', 'URL 格式不合法',
    [600009, 600011, -300, -301, -302, -1000, -1002],
    /(invalid|bad|unsupported) url|url.{0,4}不合法|(无效|不支持).{0,4}(url|地址)/i
  ),
  redirects: cause(
    'too_many_redirects', 'too many redirects', '重定向过多', [600008, -310, -1007],
    /too.many.redirects|重定向.{0,4}(过多|次数)/i
  ),
  interrupted: cause(
    'interrupted', 'request:fail interrupted', '请求被中断', [600003],
    /interrupted|\babort\b|进入后台/i
  ),
  too_many_tasks: cause(
    'too_many_tasks', 'too many tasks', '同时进行的请求过多', [600007],
    /(too many|max) .{0,8}tasks?|并发/i
  ),
  privacy: cause(
    'request_failed', 'api scope is not declared in the privacy agreement', '隐私协议未声明', [112],
    /declared in the privacy|隐私(协议|保护指引|接口)/i
  ),
  not_resolved: cause(
    'network', 'net::ERR_NAME_NOT_RESOLVED', '域名解析失败', [-105, -137, -166, -1003, -1006],
    /NAME_NOT_RESOLVED|NAME_RESOLUTION_FAILED|unknown ?host|unable to resolve/i,
    /hostname could not be found|指定主机名|域名(无法|不能)?解析|无法解析/i
  ),
  refused: cause(
    'network', 'net::ERR_CONNECTION_REFUSED', '连接被拒绝', [-102, -1004],
    /REFUSED|could not connect to the server|failed to connect to/i,
    /未能连接到服务器|拒绝连接|连接被拒/
  ),
  reset: cause(
    'network', 'net::ERR_CONNECTION_RESET', '连接被重置', [-101, -100, -103, -324, -1005],
    /CONNECTION_(RESET|CLOSED|ABORTED)|EMPTY_RESPONSE|ECONNRESET|socket hang up/i,
    /connection (was )?(reset|lost)|连接(已|被)?(重置|中断|断开)/i
  ),
  offline: cause(
    'network', 'net::ERR_INTERNET_DISCONNECTED', '手机没有网络', [-106, -1009],
    /INTERNET_DISCONNECTED|appears to be offline|断开与互联网/i
  ),
  proxy: cause(
    'network', 'net::ERR_PROXY_CONNECTION_FAILED', '连不上代理',
    [-130, -111, -115, -120, -121, -127, -131, -136, -336],
    /ERR_(PROXY|TUNNEL|NO_SUPPORTED_PROXIES)/i
  ),
  timeout: cause(
    'timeout', 'request:fail timeout', '请求超时', [5, -7, -118, -1001],
    /time[sd]?[ -]?out|TIMED_OUT|超时/i
  ),
  request_failed: cause(
    'request_failed', 'request:fail', '请求未能发出', [600004, 600005, 600006, 600010, 602300]
  ),
  login_blocked: cause('login_blocked', 'login:fail', '微信拦截了登录', [1402101]),
  phone_quota: cause('phone_unavailable', 'getPhoneNumber:fail', '获取手机号的额度已用完', [1400001]),
  phone_not_permitted: cause(
    'phone_unavailable', 'getPhoneNumber:fail no permission', '没有权限', [],
    /phonenumber.*no permission/i
  ),
  network: cause('network', 'request:fail', '没有说明原因', [600001, 600000, 602000, 602001]),
}

/**
 * Words that stand in many a message: they count where nothing above is found.
 * @type {{ [name: string]: RegExp }}
 */
const GENERAL = {
  certificate_date: /expired|not yet valid|过期|有效期|生效/i,
  certificate: /certificate|证书/i,
  ssl: /\b(ssl|tls)\b/i,
  redirects: /redirect|重定向|跳转/i,
}

/**
 * An errno that says why is believed; else the number inside errMsg, then its words.
 * @param {number} errno
 * @param {string} errMsg in the language of the phone
 * @returns {string} a name of CAUSES
 */
function causeOf(errno, errMsg) {
  const said = withoutNames(errMsg)
  const name = byNumber(errno) || 'network'
  const found = name === 'network' ? byNumberInside(said) || byWords(said) || name : name
  if (found !== 'domain_list') return found
  if (/upload(file|task)|上传/i.test(said)) return 'upload_domain_list'
  return /download(file|task)|下载/i.test(said) ? 'download_domain_list' : found
}

/**
 * @param {number} number
 * @returns {string | undefined}
 */
function byNumber(number) {
  return Object.keys(CAUSES).find(name => CAUSES[name].numbers.includes(number))
}

/**
 * @param {string} said
 * @returns {string | undefined}
 */
function byNumberInside(said) {
  const numbers = said.match(/(^|[^\w.-])-\d{1,4}(?![\w-])/g) || []
  return numbers.map(text => byNumber(Number(text.slice(text.indexOf('-'))))).find(Boolean)
}

/**
 * @param {string} said
 * @returns {string | undefined}
 */
function byWords(said) {
  const isIn = (/** @type {RegExp} */ words) => words.test(said)
  return (
    Object.keys(CAUSES).find(name => CAUSES[name].words.some(isIn)) ||
    Object.keys(GENERAL).find(name => isIn(GENERAL[name]))
  )
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

module.exports = { CAUSES, causeOf }

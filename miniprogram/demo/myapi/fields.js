/**
 * Which fields of a refused body are wrong, and the words for it.
 *
 * The words are those of the server's `web/field_texts.py`; `tests/test_miniprogram.py` compares
 * them. A rule or format that an app's server added is told in the server's own words.
 */

/** @typedef {{ en: string, zh: string }} Said */
/** @typedef {number | string | (number | string)[] | null} Limit */

/**
 * @typedef {object} FieldError
 * @property {string} field its path, such as items[2].name; empty: the body as a whole
 * @property {string} rule
 * @property {Limit} limit what the rule asks for: a number, a name or a list
 * @property {string} didYouMean the known field that is nearest to an unknown one, or ''
 * @property {string} msg what the server said, in the language of the phone
 * @property {string} en
 * @property {string} zh
 */

/** @type {{ [rule: string]: Said }} */
const RULES = {
  required: { en: '{field} is required.', zh: '缺少 {field}。' },
  type: { en: '{field} must be {limit}.', zh: '{field} 必须是{limit}。' },
  enum: { en: '{field} must be one of these: {limit}.', zh: '{field} 只能是以下之一：{limit}。' },
  format: { en: '{field} has the wrong format.', zh: '{field} 格式不正确。' },
  min_length: {
    en: '{field} is too short: the minimum length is {limit}.',
    zh: '{field} 太短，至少 {limit} 个字符。',
  },
  max_length: {
    en: '{field} is too long: the maximum length is {limit}.',
    zh: '{field} 太长，最多 {limit} 个字符。',
  },
  min_items: {
    en: '{field} has too few items: the minimum is {limit}.',
    zh: '{field} 至少要有 {limit} 项。',
  },
  max_items: {
    en: '{field} has too many items: the maximum is {limit}.',
    zh: '{field} 最多只能有 {limit} 项。',
  },
  minimum: { en: '{field} must be at least {limit}.', zh: '{field} 不能小于 {limit}。' },
  maximum: { en: '{field} must be at most {limit}.', zh: '{field} 不能大于 {limit}。' },
  exclusive_minimum: {
    en: '{field} must be greater than {limit}.',
    zh: '{field} 必须大于 {limit}。',
  },
  exclusive_maximum: { en: '{field} must be less than {limit}.', zh: '{field} 必须小于 {limit}。' },
  multiple_of: {
    en: '{field} must be a multiple of {limit}.',
    zh: '{field} 必须是 {limit} 的倍数。',
  },
  unknown: {
    en: '{field} has a field that is not known. The known fields are: {limit}.',
    zh: '{field} 中有无法识别的字段，可用的字段：{limit}。',
  },
  cut_off: { en: '{field} was cut off.', zh: '{field} 不完整。' },
  invalid: { en: '{field} is not valid.', zh: '{field} 不正确。' },
}

const DID_YOU_MEAN = {
  en: '{field} is not a known field. Did you mean {did_you_mean}?',
  zh: '没有 {field} 这个字段，你是不是想写 {did_you_mean}？',
}

/** The names that `limit` has under the rule `type`. @type {{ [name: string]: Said }} */
const TYPES = {
  string: { en: 'text', zh: '文本' },
  integer: { en: 'a whole number', zh: '整数' },
  number: { en: 'a number', zh: '数字' },
  boolean: { en: 'true or false', zh: ' true 或 false' },
  array: { en: 'a list', zh: '列表' },
  object: { en: 'an object', zh: '对象' },
  null: { en: 'null', zh: ' null' },
}

/** The names that `limit` has under the rule `format`. @type {{ [name: string]: Said }} */
const FORMATS = {
  json: {
    en: '{field} must be a JSON object in UTF-8.',
    zh: '{field} 必须是 UTF-8 编码的 JSON 对象。',
  },
  login_code: {
    en: '{field} must be a code from wx.login: printable ASCII characters.',
    zh: '{field} 必须是 wx.login 返回的 code：可打印的 ASCII 字符。',
  },
  https_url: {
    en: '{field} must be an https URL; percent-encode characters that are not ASCII.',
    zh: '{field} 必须是 https 网址，非 ASCII 字符须用百分号编码。',
  },
  one_line: {
    en: '{field} must be one line without control characters.',
    zh: '{field} 只能是一行文本，不能含控制字符。',
  },
  visible: {
    en: '{field} must have at least one visible character.',
    zh: '{field} 至少要有一个可见字符。',
  },
  ascii: { en: '{field} may have ASCII characters only.', zh: '{field} 只能含 ASCII 字符。' },
  base64: { en: '{field} must be Base64.', zh: '{field} 必须是 Base64 编码。' },
  date_time: {
    en: '{field} must be a time such as 2026-01-31T08:30:00Z.',
    zh: '{field} 必须是形如 2026-01-31T08:30:00Z 的时间。',
  },
  date: {
    en: '{field} must be a date such as 2026-01-31.',
    zh: '{field} 必须是形如 2026-01-31 的日期。',
  },
  time: {
    en: '{field} must be a time such as 08:30:00.',
    zh: '{field} 必须是形如 08:30:00 的时间。',
  },
  uuid: { en: '{field} must be a UUID.', zh: '{field} 必须是 UUID。' },
}

/** @type {{ body: Said, or: Said, comma: Said }} */
const WORDS = {
  body: { en: 'The body', zh: '请求体' },
  or: { en: ' or ', zh: '或' },
  comma: { en: ', ', zh: '、' },
}

/** An answer may be anybody's: so much of it is read. */
const MOST = { fields: 10, name: 200, msg: 1000, choices: 50 }

/**
 * Read `fields` of an answer, whatever that is.
 * @param {any} given
 * @returns {FieldError[]}
 */
function fieldsOf(given) {
  if (!Array.isArray(given)) return []
  return given.slice(0, MOST.fields).filter(isFieldError).map(read)
}

/** @param {any} item */
const isFieldError = item =>
  typeof item === 'object' && item !== null && isText(item.field) && isText(item.rule)

/** @param {any} item @returns {FieldError} */
function read(item) {
  const told = {
    field: item.field,
    rule: item.rule,
    limit: limitOf(item.limit),
    didYouMean: isText(item.did_you_mean) ? item.did_you_mean : '',
    msg: typeof item.msg === 'string' ? item.msg.slice(0, MOST.msg) : '',
  }
  return { ...told, en: sentence(told, 'en'), zh: sentence(told, 'zh') }
}

/** @typedef {Pick<FieldError, 'field' | 'rule' | 'limit' | 'didYouMean' | 'msg'>} Told */

/** @param {Told} told @param {'en' | 'zh'} language */
function sentence(told, language) {
  const template = templateOf(told)
  if (!template && told.msg) return told.msg
  const text = (template || RULES.invalid)[language]
  /** @type {{ [name: string]: string }} */
  const values = {
    field: told.field || WORDS.body[language],
    limit: written(told, language),
    did_you_mean: told.didYouMean,
  }
  const spaced = told.field || language === 'en' ? text : text.replace('{field} ', '{field}')
  return spaced.replace(/\{(\w+)\}/g, (_, name) => values[name])
}

/**
 * @param {Told} told
 * @returns {Said | undefined} undefined: only the server has words for it
 */
function templateOf({ rule, limit, didYouMean }) {
  if (rule === 'unknown' && didYouMean) return DID_YOU_MEAN
  if (rule === 'format' && limit !== null) return own(FORMATS, limit)
  const template = own(RULES, rule)
  return template && template.en.includes('{limit}') && limit === null ? undefined : template
}

/** @param {Told} told @param {'en' | 'zh'} language */
function written({ rule, limit }, language) {
  const texts = Array.isArray(limit) ? limit : [limit]
  if (rule !== 'type') return texts.join(WORDS.comma[language])
  const names = texts.map(name => (own(TYPES, name) || { en: `${name}`, zh: `${name}` })[language])
  return names.join(WORDS.or[language])
}

/** @param {any} limit @returns {Limit} */
function limitOf(limit) {
  if (isChoice(limit)) return limit
  const list = Array.isArray(limit) && limit.length <= MOST.choices && limit.every(isChoice)
  return list ? limit : null
}

/** @param {any} value */
const isChoice = value => Number.isFinite(value) || isText(value)

/** @param {any} value @returns {value is string} */
const isText = value => typeof value === 'string' && value.length <= MOST.name

/**
 * @template T
 * @param {{ [name: string]: T }} table
 * @param {any} name may be `constructor`
 * @returns {T | undefined}
 */
const own = (table, name) =>
  Object.prototype.hasOwnProperty.call(table, name) ? table[name] : undefined

module.exports = { DID_YOU_MEAN, FORMATS, RULES, TYPES, WORDS, fieldsOf, own }

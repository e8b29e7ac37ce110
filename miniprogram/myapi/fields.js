/**
 * Which fields of a refused body are wrong, and a sentence about each.
 *
 * The sentences are those of the server's `web/field_texts.py`; `tests/test_miniprogram.py`
 * compares them. A format is told in the server's words, in the language in which it said them,
 * and a rule of a team's own in both.
 */

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

/** English, Chinese. @typedef {[en: string, zh: string]} Said */

/** `@` is the field, `#` the limit, `$` the field that was meant. @type {{ [rule: string]: Said }} */
const RULES = {
  required: ['@ is required.', '缺少 @。'],
  type: ['@ must be #.', '@ 必须是#。'],
  enum: ['@ must be one of these: #.', '@ 只能是以下之一：#。'],
  format: ['@ has the wrong format.', '@ 格式不正确。'],
  min_length: ['@ is too short: the minimum length is #.', '@ 太短，至少 # 个字符。'],
  max_length: ['@ is too long: the maximum length is #.', '@ 太长，最多 # 个字符。'],
  min_items: ['@ has too few items: the minimum is #.', '@ 至少要有 # 项。'],
  max_items: ['@ has too many items: the maximum is #.', '@ 最多只能有 # 项。'],
  minimum: ['@ must be at least #.', '@ 不能小于 #。'],
  maximum: ['@ must be at most #.', '@ 不能大于 #。'],
  exclusive_minimum: ['@ must be greater than #.', '@ 必须大于 #。'],
  exclusive_maximum: ['@ must be less than #.', '@ 必须小于 #。'],
  multiple_of: ['@ must be a multiple of #.', '@ 必须是 # 的倍数。'],
  unknown: ['@ has a field that is not known. The known fields are: #.', '@ 中有无法识别的字段，可用的字段：#。'],
  cut_off: ['@ was cut off.', '@ 不完整。'],
  invalid: ['@ is not valid.', '@ 不正确。'],
}
/** @type {Said} */
const DID_YOU_MEAN = ['@ is not a known field. Did you mean $?', '没有 @ 这个字段，你是不是想写 $？']

/** The names that `limit` has under the rule `type`. @type {{ [name: string]: Said }} */
const TYPES = {
  string: ['text', '文本'],
  integer: ['a whole number', '整数'],
  number: ['a number', '数字'],
  boolean: ['true or false', ' true 或 false'],
  array: ['a list', '列表'],
  object: ['an object', '对象'],
  null: ['null', ' null'],
}

/** An answer may be anybody's: so much of it is read. */
const MOST_FIELDS = 10
const MOST_CHOICES = 50
const LONGEST_NAME = 200
const LONGEST_MSG = 1000

/**
 * Read `fields` of an answer, whatever that is.
 * @param {any} given
 * @returns {FieldError[]}
 */
function fieldsOf(given) {
  if (!Array.isArray(given)) return []
  return given
    .slice(0, MOST_FIELDS)
    .filter(item => item && isName(item.field) && isName(item.rule))
    .map(({ field, rule, limit, did_you_mean: meant, msg }) => {
      const told = {
        field,
        rule,
        limit: isLimit(limit) ? limit : null,
        didYouMean: isName(meant) ? meant : '',
        msg: typeof msg === 'string' ? msg.slice(0, LONGEST_MSG) : '',
      }
      return { ...told, en: sentence(told, 0), zh: sentence(told, 1) }
    })
}

/** @typedef {Omit<FieldError, 'en' | 'zh'>} Told */

/** @param {Told} told @param {0 | 1} language of Said @returns {string} */
function sentence({ field, rule, limit, didYouMean, msg }, language) {
  let said = own(RULES, rule)
  if (rule === 'unknown' && didYouMean) said = DID_YOU_MEAN
  if (said && said[0].includes('#') && limit === null) said = undefined
  const isChinese = /[\u4e00-\u9fff]/.test(msg)
  if (msg && (!said || (rule === 'format' && limit !== null && isChinese === language > 0))) return msg
  const names = /** @type {string[]} */ ([]).concat(/** @type {any} */ (limit))
  const listed =
    rule === 'type'
      ? names.map(name => (own(TYPES, name) || [name, name])[language]).join([' or ', '或'][language])
      : names.join([', ', '、'][language])
  const subject = field ? `${field} ` : ['The body ', '请求体'][language]
  const text = (said || RULES.invalid)[language]
  /** @type {{ [sign: string]: string }} */
  const values = { '#': listed, $: didYouMean, '@ ': subject, '@': field }
  return text.replace(/@ |[@#$]/g, sign => values[sign])
}

/** @param {any} limit @returns {limit is Limit} */
function isLimit(limit) {
  const isChoice = (/** @type {any} */ value) => Number.isFinite(value) || isName(value)
  if (Array.isArray(limit)) return limit.length <= MOST_CHOICES && limit.every(isChoice)
  return isChoice(limit)
}

/** @param {any} value @returns {value is string} */
const isName = value => typeof value === 'string' && value.length <= LONGEST_NAME

/**
 * @template T
 * @param {{ [name: string]: T }} table
 * @param {any} name may be `constructor`
 * @returns {T | undefined}
 */
const own = (table, name) =>
  Object.prototype.hasOwnProperty.call(table, name) ? table[name] : undefined

module.exports = { DID_YOU_MEAN, RULES, TYPES, fieldsOf, own }

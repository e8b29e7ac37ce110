// The fields of a schema: names, types, meanings, limits and examples, the nested ones below theirs.

import { resolved } from './description.js'
import { el, t } from './texts.js'

export function typeOf(schema) {
  const s = resolved(schema ?? {})
  if (s.anyOf && !s.properties) return [...new Set(s.anyOf.map(typeOf))].join(' | ')
  if ('const' in s) return JSON.stringify(s.const)
  if (s.enum && !s.type) return s.enum.length > 1 ? typeof s.enum[0] : JSON.stringify(s.enum[0])
  if (s.type === 'array') {
    const item = typeOf(s.items || {})
    return item.includes(' ') ? `(${item})[]` : `${item}[]`
  }
  if (s.format === 'binary') return 'binary'
  if (s.type === 'object' && !s.properties && s.additionalProperties?.type) return `Record<string, ${typeOf(s.additionalProperties)}>`
  return s.type ?? 'any'
}

const optionsOf = (s) => (s.anyOf && !s.properties ? s.anyOf.map(resolved) : [s])

function limitsOf(schema) {
  const s = resolved(schema)
  const span = (low, high) => (low === undefined ? `≤ ${high}` : high === undefined ? `≥ ${low}` : `${low}–${high}`)
  const { minLength, maxLength, minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below } = s
  return [
    (minLength ?? maxLength) !== undefined && [span(minLength, maxLength), 'characters'],
    (minimum ?? maximum) !== undefined && [span(minimum, maximum)],
    (above ?? below) !== undefined && [[above !== undefined && `> ${above}`, below !== undefined && `< ${below}`].filter(Boolean).join(', ')],
    s.pattern && [s.pattern],
  ].filter(Boolean).concat((s.anyOf ?? []).flatMap(limitsOf))
}

const valuesOf = (s) => optionsOf(s).flatMap((option) => (option.enum?.length > 1 ? option.enum : []))
const firstOf = (s, name) => optionsOf(s).map((option) => option[name]).find((value) => value !== undefined)

/** The objects inside a field: itself, the items of a list, or what it can be. */
function objectsIn(schema) {
  return optionsOf(resolved(schema)).flatMap((option) =>
    (option.type === 'array' ? objectsIn(option.items || {}) : option.properties ? [option] : []))
}

/**
 * List the fields of a schema, or return null if it has none. Limits are those of a request;
 * `values`: list what a field can be.
 * `above`: the objects around it, so that a tree of its own kind ends.
 */
export function fields(schema, { limited = false, values = true, above = [] } = {}) {
  const rows = objectsIn(schema).flatMap((object) =>
    Object.entries(object.properties).map(([name, field]) => row(name, field, object, { limited, values, above: [...above, object.title] })))
  return rows.length ? el('ul', { className: 'fields' }, rows) : null
}

function row(name, field, object, { limited, values, above }) {
  const s = resolved(field)
  const inner = objectsIn(field)
  const again = inner.some(({ title }) => title && above.includes(title))
  const meaning = field.description ?? (inner.length ? null : s.description ?? firstOf(s, 'description'))
  const examples = firstOf(s, 'examples')
  const example = examples && !inner.length && JSON.stringify(examples[0])
  const limits = [
    ...(limited ? limitsOf(s) : []),
    ...(values ? valuesOf(s) : []).map((value) => [JSON.stringify(value)]),
  ]
  return el('li', {},
    el('div', { className: 'name' }, el('b', {}, name), el('i', {}, typeOf(field)),
      limited && !object.required?.includes(name) && el('em', {}, t('optional')),
      example && el('code', { className: 'sample', title: example }, example)),
    meaning && el('p', {}, t(meaning)),
    limits.length > 0 && el('p', { className: 'limits' },
      limits.map(([limit, unit]) => el('code', {}, limit, unit && ' ', unit && t(unit)))),
    again ? el('p', { className: 'dim' }, t('Again the object that it is in.')) : inner.length > 0 && fields(field, { limited, values, above }))
}

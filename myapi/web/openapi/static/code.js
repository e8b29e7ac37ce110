// Code with colours, and what a call answered.

import { copyButton, el, t } from './texts.js'

const TOKENS = /(\/\/[^\n]*)|("(?:\\.|[^"\\])*"(?=\s*:))|("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)|\b(true|false|null|if|else|const|try|catch|await|undefined)\b|(-?\b\d[\d.eE+-]*)/g
const KINDS = ['comment', 'key', 'string', 'word', 'number']
const COLOURED = 50_000 // characters; more would be slow to show
const SHOWN = 200_000

export function paint(text) {
  const code = el('code')
  if (text.length > COLOURED) return el('pre', { tabIndex: 0 }, el('code', {}, text.slice(0, SHOWN)))
  let end = 0
  for (const match of text.matchAll(TOKENS)) {
    const kind = KINDS[match.slice(1).findIndex((group) => group !== undefined)]
    code.append(text.slice(end, match.index), el('span', { className: `k-${kind}` }, match[0]))
    end = match.index + match[0].length
  }
  code.append(text.slice(end))
  return el('pre', { tabIndex: 0 }, code)
}

export const pretty = (value) => JSON.stringify(value, null, 2)

const sized = (bytes) => (bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`)

/** Show an answer: its status and time, and its body as what it is. */
export function shown({ status, id, ms, type, size, text, json, picture }) {
  const full = json === undefined ? text : pretty(json)
  return [
    el('div', { className: 'meta' }, el('span', { className: `status ${status < 300 ? 'ok' : 'bad'}` }, String(status)),
      `${ms} ms · ${sized(size)}`, full && copyButton(() => full),
      id && el('span', { className: 'id' }, el('span', { className: 'dim' }, 'X-Request-Id '), id)),
    size === 0 ? el('p', { className: 'plain' }, t('No content.'))
      : picture ? el('p', { className: 'plain' }, el('img', { src: picture, alt: type }))
        : full === undefined ? el('p', { className: 'plain' }, el('code', {}, type || '?'))
          : json === undefined ? el('pre', { tabIndex: 0 }, el('code', {}, full.slice(0, SHOWN))) : paint(full),
    full?.length > SHOWN && el('p', { className: 'plain dim' }, t('Cut here; Copy has all of it.')),
  ].filter(Boolean)
}

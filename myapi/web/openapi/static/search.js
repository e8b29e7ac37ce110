// Search: routes by path and words, and errors by name, number and message, in both languages.

import { errorsOf, operations, resolved, spec, zh } from './description.js'
import { el, label, say, tr } from './texts.js'

const both = (text) => (text ? [text, Object.hasOwn(zh, text) ? zh[text] : ''] : [])
const errorWords = (name) => {
  const { status, code, msg, msg_zh: chinese } = spec['x-myapi-errors'][name]
  return [name, status, code, msg, chinese]
}
const lower = (words) => words.join('\n').toLowerCase()

/** The names and meanings of all fields in a schema. */
function* fieldWords(schema, seen = new Set()) {
  if (!schema || typeof schema !== 'object' || seen.has(schema.$ref ?? schema)) return
  seen.add(schema.$ref ?? schema)
  const s = resolved(schema)
  yield* both(s.description)
  for (const [name, field] of Object.entries(s.properties ?? {})) {
    yield name
    yield* fieldWords(field, seen)
  }
  for (const inner of [s.items, s.additionalProperties, ...(s.anyOf ?? [])]) yield* fieldWords(inner, seen)
}

const index = operations.map((operation) => {
  const { path, method, operationId, tags, summary, description, parameters, requestBody, responses } = operation
  const contents = [requestBody?.content, responses['200'].content].flatMap((content) => Object.values(content ?? {}))
  const group = spec.tags.filter(({ name }) => tags.includes(name))
  return {
    operationId,
    own: lower([`${method} ${path}`, operationId, ...both(summary), ...both(description),
      ...group.flatMap(({ name }) => both(name)), ...(parameters ?? []).map(({ name }) => name)]),
    fields: lower(contents.flatMap(({ schema }) => [...fieldWords(schema)])),
    errors: lower(errorsOf(operation).flatMap(errorWords)),
  }
})
const errorIndex = Object.keys(spec['x-myapi-errors']).map((name) => ({ name, words: lower(errorWords(name)) }))

/**
 * Find routes and errors that have every word. Routes are found by what they are; if none is, by
 * their fields; if none is, by their errors, since most routes share most of these.
 */
export function find(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  const all = (text) => words.every((word) => text.includes(word))
  const [by = 'errors'] = ['own', 'fields'].filter((kind) => index.some((route) => all(route[kind])))
  return {
    routes: new Set(index.filter((route) => all(route[by])).map(({ operationId }) => operationId)),
    byError: by === 'errors',
    errors: new Set(errorIndex.filter((error) => all(error.words)).map(({ name }) => name)),
    words,
  }
}

/**
 * Make the search box; `show(result)` is called with what is found, and with null for no search.
 * `begin(query)` searches for what the URL of the page asks for, as in `/docs?q=phone`.
 */
export function searchBox(show) {
  const input = label(el('input', { type: 'search', spellcheck: false, autocomplete: 'off' }), 'Search routes, words, errors')
  say(() => { input.placeholder = tr('Search routes, words, errors') })
  const count = el('span', { className: 'count', role: 'status' })
  const apply = () => {
    const query = input.value.trim()
    const result = query ? find(query) : null
    count.textContent = result ? `${result.routes.size}/${operations.length}` : ''
    show(result)
    if (result) scrollTo(0, 0)
  }
  input.oninput = apply
  input.onkeydown = ({ key }) => {
    if (key === 'Escape') { input.value = ''; apply(); input.blur() }
    if (key === 'Enter') { input.blur(); document.querySelector('main .operation:not([hidden]) h3 a')?.focus() }
  }
  document.addEventListener('keydown', (event) => {
    const typing = event.target.closest?.('input, textarea')
    if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    input.focus()
    input.select()
  })
  const node = el('div', { className: 'search', role: 'search' }, input, count, el('kbd', { ariaHidden: 'true' }, '/'))
  return { node, begin(query) { if (query) { input.value = query; apply() } } }
}

/** Mark the words on the screen, where the browser can without changing the page. */
export function mark(words, root) {
  if (!globalThis.CSS?.highlights) return
  CSS.highlights.delete('found')
  if (!words.length) return
  const ranges = []
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const text = texts.currentNode.data.toLowerCase()
    if (text.length !== texts.currentNode.length) continue // lower case is longer in some alphabets
    for (const word of words) {
      for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
        const range = new Range()
        range.setStart(texts.currentNode, at)
        range.setEnd(texts.currentNode, at + word.length)
        ranges.push(range)
      }
    }
  }
  CSS.highlights.set('found', new Highlight(...ranges))
}

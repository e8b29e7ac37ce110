// One route: what it takes and answers, the code that calls it, and a form to call it.

import { call, learn, onSession, tokenNow } from './calls.js'
import { paint, pretty, shown } from './code.js'
import { errorsOf, resolved, spec } from './description.js'
import { fields, typeOf } from './model.js'
import { clientsFor, snippet } from './snippets.js'
import { copyButton, el, isChinese, label, note, say, store, stored, t } from './texts.js'

const tries = new Map() // operationId → { draw(), fill(data) } of its form
let client = stored('client') ?? 'api'
let withToken = false // never at first, and never stored

export const badge = (method) => el('span', { className: `badge ${method}` }, method.toUpperCase())
const lock = () => el('span', { className: 'lock' }, t('session'))
const pathOf = (path) => el('code', { className: 'path' },
  path.split(/(\{[^}]+\})/).map((part) => (part.startsWith('{') ? el('var', {}, part) : part)))

export function section(operation) {
  const { path, method, operationId } = operation
  const body = operation.requestBody?.content['application/json']
  const form = operation.requestBody?.content['multipart/form-data']
  return el('section', { id: operationId, className: 'operation' },
    el('div', { className: 'about' },
      el('h3', {}, el('a', { href: `#${operationId}` }, t(operation.summary))),
      el('p', { className: 'route' }, badge(method), pathOf(path), operation.security && lock()),
      note(operation.description),
      body && [el('h4', {}, t('Body')), body.schema.$ref && note(resolved(body.schema).description), fields(body.schema, { limited: true })],
      form && [el('h4', {}, t('Body'), el('code', { className: 'where' }, 'multipart/form-data')), fields(form.schema, { limited: true })],
      answered(operation.responses['200'].content),
      errors(operation)),
    tryIt(operation, body, form && Object.keys(form.schema.properties)[0]))
}

function answered(success) {
  const schema = success['application/json']?.schema
  const data = schema?.properties?.data
  const heading = el('h4', {}, t('Response'), el('span', { className: 'status ok' }, '200'))
  if (!schema) return [heading, note('text/plain' in success ? 'Plain text.' : 'A picture.')]
  const shape = data ?? schema
  if (data) heading.append(el('code', { className: 'where' }, 'data'))
  if (data?.type === 'null') return [heading, note('`null`: no data.')]
  const list = fields(shape)
  return [heading, note(resolved(shape).description), list ?? el('p', { className: 'note' }, el('code', {}, typeOf(shape)))]
}

function errors(operation) {
  const names = errorsOf(operation)
  const statuses = [...new Set(names.map((name) => spec['x-myapi-errors'][name].status))]
  return el('details', {},
    el('summary', {}, t('Errors'), el('span', { className: 'chips' },
      statuses.map((status) => el('span', { className: 'status' }, String(status))))),
    errorTable(names))
}

export function errorTable(names) {
  return el('table', {}, el('tbody', {}, names.map((name) => {
    const kind = spec['x-myapi-errors'][name]
    const message = el('p')
    say(() => { message.textContent = isChinese() ? kind.msg_zh : kind.msg })
    const row = el('tr', {}, el('td', {}, el('span', { className: 'status' }, String(kind.status))),
      el('td', { className: 'number' }, String(kind.code)), el('td', {}, el('code', {}, name), message))
    row.dataset.error = name
    return row
  })))
}

function tryIt(operation, body, field) { // field: the name of a file to upload
  const { path, method, operationId } = operation
  const inputs = (operation.parameters ?? []).map(({ name }) =>
    ({ name, input: label(el('input', { required: true, spellcheck: false, autocomplete: 'off', oninput: draw }), name) }))
  const area = body && label(el('textarea', { value: pretty(body.example), spellcheck: false, oninput: draw }), 'Body')
  const file = field && label(el('input', { type: 'file', required: true, onchange: draw }), field)
  const clients = clientsFor(operation, field)
  const tabs = new Map([...clients].map(([name, words]) => [name, el('button', { type: 'button', onclick: () => choose(name) }, words)]))
  const own = el('input', { type: 'checkbox', onchange: () => { withToken = own.checked; drawAll() } })
  const asked = el('label', { className: 'own' }, own, t('with my token'))
  const code = el('div', { className: 'code' })
  const answer = el('div', { className: 'answer', ariaLive: 'polite' })
  const button = el('button', { type: 'submit' }, t('Send'))
  let text

  const filled = () => inputs.reduce((made, { name, input }) =>
    made.replace(`{${name}}`, () => encodeURIComponent(input.value) || `{${name}}`), path)
  function draw() {
    const chosen = clients.has(client) ? client : [...clients.keys()][0]
    const needed = Boolean(operation.security && tokenNow() && chosen !== 'api')
    for (const [name, tab] of tabs) tab.ariaPressed = String(name === chosen)
    asked.hidden = !needed
    own.checked = withToken
    text = snippet(chosen, operation, {
      path: filled(), body: area?.value, field, file: file?.files[0]?.name, token: needed && withToken ? tokenNow() : null,
    })
    code.replaceChildren(paint(text))
    if (area) area.rows = Math.min(16, area.value.split('\n').length)
  }
  function sent() {
    if (!field) return area?.value
    const form = new FormData()
    form.append(field, file.files[0])
    return form
  }
  async function send(event) {
    event.preventDefault()
    button.disabled = true
    try {
      const result = await call(method, filled(), sent())
      took(operationId, result)
      answer.replaceChildren(...shown(result))
    } catch (error) {
      answer.replaceChildren(el('p', { className: 'failed' }, t('The server does not answer.'), ` ${error.message}`))
    }
    button.disabled = false
  }
  tries.set(operationId, {
    draw,
    fill(data) { // from another response that has all required fields, such as encrypted data
      const wanted = body ? resolved(body.schema) : {}
      const fits = wanted.required?.length && wanted.required.every((name) => typeof data[name] === 'string')
      if (!fits) return
      area.value = pretty(Object.fromEntries(Object.keys(wanted.properties)
        .filter((name) => Object.hasOwn(data, name)).map((name) => [name, data[name]])))
      draw()
    },
  })
  say(draw)
  const example = operation.responses['200'].content['application/json']?.example
  if (example !== undefined) answer.append(el('p', { className: 'meta' }, t('Example')), paint(pretty(example)))

  return el('form', { className: 'try', onsubmit: send },
    el('div', { className: 'bar' }, el('div', { className: 'tabs' }, ...tabs.values()), copyButton(() => text)),
    code, asked,
    el('div', { className: 'inputs' },
      inputs.map(({ name, input }) => el('label', {}, el('code', {}, name), input)),
      area, file && el('label', {}, el('code', {}, field), file), button),
    answer)
}

function choose(name) {
  client = name
  store('client', name)
  drawAll()
}

const drawAll = () => { for (const { draw } of tries.values()) draw() }

onSession((user) => {
  if (!user) withToken = false
  drawAll()
})

/** Use a response in the rest of the page: a session begins or ends, other forms are filled in. */
export function took(operationId, result) {
  learn(operationId, result)
  if (result.status !== 200) return
  const data = result.json?.data ?? result.json ?? {}
  for (const [id, form] of tries) if (id !== operationId) form.fill(data)
}

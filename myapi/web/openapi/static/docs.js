// Reads openapi.json and builds the page. Data becomes text nodes, never markup.

const API = new URL('.', location.href).href.replace(/\/$/, '')
const METHODS = ['get', 'post', 'put', 'patch', 'delete']

const [spec, zh] = await Promise.all(['openapi.json', 'docs/zh.json'].map(load)).catch((error) => {
  document.body.append(`This page could not be built: ${error.message}`)
  throw error
})
const schemas = spec.components.schemas
const sandbox = '/sandbox/encrypt' in spec.paths
const operations = Object.entries(spec.paths).flatMap(([path, item]) =>
  METHODS.filter((method) => method in item).map((method) => ({ path, method, ...item[method] })))

let token = null // only in memory: gone when the page is closed
const tries = new Map() // operationId → { fill(data) } of its form
const onSession = [] // called when the token is set or removed

// ---- languages: every text is written again when the language changes ----

const store = (key, value) => { try { localStorage[`docs.${key}`] = value } catch { /* private mode */ } }
const stored = (key) => { try { return localStorage[`docs.${key}`] } catch { return undefined } }
let chinese = (stored('lang') ?? navigator.language).startsWith('zh')
const writers = []
const say = (write) => { writers.push(write); write() }
const tr = (english) => (chinese ? zh[english] ?? english : english)
const t = (english) => { // text in which `…` is code
  const node = el('span')
  say(() => node.replaceChildren(...tr(english).split(/`([^`]+)`/)
    .map((part, i) => (i % 2 ? el('code', {}, part) : part))))
  return node
}
const label = (node, english) => { say(() => { node.ariaLabel = node.title = tr(english) }); return node }

function el(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props)
  node.append(...children.flat().filter((child) => child != null && child !== false))
  return node
}

async function load(path) {
  const response = await fetch(path)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return response.json()
}

// ---- calls ----

async function call(method, path, body) {
  const headers = { 'Accept-Language': chinese ? 'zh' : 'en' }
  if (token) headers.Authorization = `Bearer ${token}`
  if (typeof body === 'string') headers['Content-Type'] = 'application/json' // the browser says it of a form
  const started = performance.now()
  const response = await fetch(API + path, { method: method.toUpperCase(), headers, body, credentials: 'omit' })
  const text = await response.text()
  const ms = Math.round(performance.now() - started)
  let json
  try { json = JSON.parse(text) } catch { /* plain text */ }
  return { status: response.status, id: response.headers.get('X-Request-Id'), ms, text, json }
}

function signedIn(value) {
  token = value?.token ?? null
  onSession.forEach((tell) => tell(value?.user))
}

// Update the page after a response: a session begins or ends, other forms are filled in.
function learn(operationId, { status, json }) {
  const data = json?.data ?? json ?? {}
  if (operationId === 'auth.login' && status === 200) signedIn(data)
  const ended = ['auth.logout', 'me.erase'].includes(operationId) && status === 200
  if (ended || (status === 401 && token)) signedIn(null)
  if (status !== 200) return
  for (const [id, form] of tries) if (id !== operationId) form.fill(data)
}

// ---- schemas as flat lists of fields ----

function resolved(schema) {
  if (!schema.$ref) return schema
  const { $ref, ...more } = schema
  return { ...schemas[$ref.split('/').pop()], ...more }
}

function typeOf(schema) {
  const s = resolved(schema)
  if (s.anyOf && !s.properties) return [...new Set(s.anyOf.map(typeOf))].join(' | ')
  if ('const' in s) return JSON.stringify(s.const)
  if (s.enum && !s.type) return s.enum.length > 1 ? typeof s.enum[0] : JSON.stringify(s.enum[0])
  if (s.type === 'array') return `${typeOf(s.items)}[]`
  return s.type
}

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

function* fieldsOf(schema, prefix = '') {
  const s = resolved(schema)
  for (const [name, field] of Object.entries(s.properties ?? {})) {
    const one = resolved(field)
    const deep = one.type === 'array' ? resolved(one.items) : one
    const many = one.type === 'array' ? '[]' : ''
    const described = one.description ?? one.anyOf?.find((option) => option.description)?.description
    yield { prefix, name: name + many, field, optional: !s.required?.includes(name), described: deep.title ? null : described }
    if (deep.properties) yield* fieldsOf(deep, `${prefix}${name}${many}.`)
  }
}

function fields(schema, limited) { // limits are shown only for request bodies
  const rows = [...fieldsOf(schema)].map(({ prefix, name, field, optional, described }) => el('li', {},
    el('div', { className: 'name' }, el('span', { className: 'dim' }, prefix), el('b', {}, name),
      el('i', {}, typeOf(field)), optional && el('em', {}, t('optional'))),
    described && el('p', {}, t(described)),
    limited && limitsOf(field).length > 0 && el('p', { className: 'limits' },
      limitsOf(field).map(([limit, unit]) => el('code', {}, limit, unit && ' ', unit && t(unit))))))
  return rows.length ? el('ul', { className: 'fields' }, rows) : null
}

// ---- code with colours ----

const TOKENS = /(\/\/[^\n]*)|("(?:\\.|[^"\\])*"(?=\s*:))|("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)|\b(true|false|null|if|else|const)\b|(-?\b\d[\d.eE+-]*)/g
const KINDS = ['comment', 'key', 'string', 'word', 'number']

function paint(text) {
  const code = el('code')
  let end = 0
  for (const match of text.matchAll(TOKENS)) {
    const kind = KINDS[match.slice(1).findIndex((group) => group !== undefined)]
    code.append(text.slice(end, match.index), el('span', { className: `k-${kind}` }, match[0]))
    end = match.index + match[0].length
  }
  code.append(text.slice(end))
  return el('pre', { tabIndex: 0 }, code)
}

const pretty = (value) => JSON.stringify(value, null, 2)

function literal(value, indent = '  ') {
  const quote = (text) => `'${JSON.stringify(text).slice(1, -1).replace(/\\"/g, '"').replace(/'/g, "\\'")}'`
  if (typeof value === 'string') return quote(value)
  if (value === null || typeof value !== 'object') return String(value)
  const items = Array.isArray(value)
    ? value.map((item) => literal(item, `${indent}  `))
    : Object.entries(value).map(([key, item]) =>
      `${/^[A-Za-z_$][\w$]*$/.test(key) ? key : quote(key)}: ${literal(item, `${indent}  `)}`)
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  if (!items.length) return open + close
  const line = `${open} ${items.join(', ')} ${close}`
  if (line.length < 50 && !line.includes('\n')) return line
  return `${open}\n${items.map((item) => `${indent}  ${item},\n`).join('')}${indent}${close}`
}

function uploadSnippet(operation, path, field) {
  return [
    'wx.uploadFile({',
    `  url: ${literal(API + path)},`,
    '  filePath, // such as e.detail.avatarUrl of chooseAvatar',
    `  name: ${literal(field)},`,
    '  header: { Authorization: `Bearer ${token}` },',
    '  success(res) {',
    '    const data = JSON.parse(res.data) // a string, unlike in wx.request',
    '    if (res.statusCode === 200) console.log(data.data)',
    '    else console.error(data.error, data.msg)',
    '  },',
    '  fail: (err) => console.error(err.errMsg), // no answer came',
    '})',
  ].join('\n')
}

function snippet(operation, path, body) {
  const answer = operation.responses['200'].content['application/json']?.schema
  const data = answer?.properties?.data ? 'res.data.data' : 'res.data'
  let parsed
  try { parsed = literal(JSON.parse(body)) } catch { parsed = '{ /* … */ }' }
  return [
    'wx.request({',
    `  url: ${literal(API + path)},`,
    operation.method !== 'get' && `  method: '${operation.method.toUpperCase()}',`,
    operation.security && '  header: { Authorization: `Bearer ${token}` },',
    body !== undefined && `  data: ${parsed},`,
    '  success(res) {',
    `    if (res.statusCode === 200) console.log(${data})`,
    '    else console.error(res.data.error, res.data.msg)',
    '  },',
    '  fail: (err) => console.error(err.errMsg), // no answer came',
    '})',
  ].filter(Boolean).join('\n')
}

function copyButton(text) {
  const words = t('Copy')
  const button = el('button', { type: 'button', className: 'quiet' }, words)
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(text())
    } catch { // not a secure context: another machine of the network, say
      const area = document.body.appendChild(el('textarea', { value: text() }))
      area.select()
      document.execCommand('copy')
      area.remove()
    }
    button.classList.add('done')
    setTimeout(() => button.classList.remove('done'), 1200)
  }
  return button
}

// ---- one operation ----

function section(operation) {
  const { path, method, operationId, responses } = operation
  const body = operation.requestBody?.content['application/json']
  const form = operation.requestBody?.content['multipart/form-data']
  const success = responses['200'].content
  return el('section', { id: operationId, className: 'operation' },
    el('div', { className: 'about' },
      el('h3', {}, el('a', { href: `#${operationId}` }, t(operation.summary))),
      el('p', { className: 'route' }, badge(method), pathOf(path), operation.security && lock()),
      operation.description && el('p', {}, t(operation.description)),
      body && [el('h4', {}, t('Body')), body.schema.$ref && note(resolved(body.schema).description), fields(body.schema, true)],
      form && [el('h4', {}, t('Body')), el('p', { className: 'note' }, el('code', {}, 'multipart/form-data')), fields(form.schema, true)],
      answered(success),
      errors(responses)),
    tryIt(operation, body, form && Object.keys(form.schema.properties)[0]))
}

const badge = (method) => el('span', { className: `badge ${method}` }, method.toUpperCase())
const note = (text) => text && el('p', { className: 'note' }, t(text))
const lock = () => el('span', { className: 'lock' }, t('session'))
const pathOf = (path) => el('code', { className: 'path' },
  path.split(/(\{[^}]+\})/).map((part) => (part.startsWith('{') ? el('var', {}, part) : part)))

function answered(success) {
  const schema = success['application/json']?.schema
  const data = schema?.properties?.data
  const heading = el('h4', {}, t('Response'), el('span', { className: 'status ok' }, '200'))
  if (!schema) return [heading, note('text/plain' in success ? 'Plain text.' : 'A picture.')]
  if (!data) return [heading, note(resolved(schema).description), fields(schema) ?? el('p', { className: 'note' }, el('code', {}, typeOf(schema)))]
  heading.append(el('code', { className: 'where' }, 'data'))
  if (data.type === 'null') return [heading, note('`null`: no data.')]
  return [heading, note(resolved(data).title ? null : resolved(data).description), fields(data)]
}

function errors(responses) {
  const failures = Object.entries(responses).filter(([status]) => status !== '200')
  const names = failures.flatMap(([, response]) => Object.keys(response.content['application/json'].examples))
  return el('details', {},
    el('summary', {}, t('Errors'), el('span', { className: 'chips' },
      failures.map(([status]) => el('span', { className: 'status' }, status)))),
    errorTable(names))
}

function errorTable(names) {
  return el('table', {}, el('tbody', {}, names.map((name) => {
    const kind = spec['x-myapi-errors'][name]
    const message = el('td', {})
    say(() => { message.textContent = chinese ? kind.msg_zh : kind.msg })
    return el('tr', {}, el('td', { className: 'number' }, String(kind.code)), el('td', {}, el('code', {}, name)), message)
  })))
}

function tryIt(operation, body, field) { // field: the name of a file to upload
  const { path, method, operationId } = operation
  const inputs = (operation.parameters ?? []).map(({ name }) =>
    ({ name, input: label(el('input', { required: true, spellcheck: false, autocomplete: 'off', oninput: draw }), name) }))
  const area = body && label(el('textarea', { value: pretty(body.example), spellcheck: false, oninput: draw }), 'Body')
  const file = field && label(el('input', { type: 'file', required: true }), field)
  const code = el('div', { className: 'code' })
  const answer = el('div', { className: 'answer', ariaLive: 'polite' })
  const button = el('button', { type: 'submit' }, t('Send'))
  let text

  const filled = () => inputs.reduce((made, { name, input }) =>
    made.replace(`{${name}}`, encodeURIComponent(input.value) || `{${name}}`), path)
  function draw() {
    text = field ? uploadSnippet(operation, filled(), field) : snippet(operation, filled(), area?.value)
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
      learn(operationId, result)
      answer.replaceChildren(...shown(result))
    } catch (error) {
      answer.replaceChildren(el('p', { className: 'failed' }, t('The server does not answer.'), ` ${error.message}`))
    }
    button.disabled = false
  }
  tries.set(operationId, {
    fill(data) { // from another response that has all required fields, such as encrypted data
      const wanted = body ? resolved(body.schema) : {}
      const fits = wanted.required?.length && wanted.required.every((name) => typeof data[name] === 'string')
      if (!fits) return
      area.value = pretty(Object.fromEntries(Object.keys(wanted.properties).filter((k) => k in data).map((k) => [k, data[k]])))
      draw()
    },
  })
  draw()
  const example = operation.responses['200'].content['application/json']?.example
  if (example) answer.append(el('p', { className: 'meta' }, t('Example')), paint(pretty(example)))

  return el('form', { className: 'try', onsubmit: send },
    el('div', { className: 'bar' }, el('span', {}, field ? 'wx.uploadFile' : 'wx.request'), copyButton(() => text)),
    code,
    el('div', { className: 'inputs' },
      inputs.map(({ name, input }) => el('label', {}, el('code', {}, name), input)),
      area, file && el('label', {}, el('code', {}, field), file), button),
    answer)
}

function shown({ status, id, ms, text, json }) {
  return [
    el('p', { className: 'meta' }, el('span', { className: `status ${status < 300 ? 'ok' : 'bad'}` }, String(status)),
      `${ms} ms`, id && el('span', { className: 'id' }, el('span', { className: 'dim' }, 'X-Request-Id '), id)),
    paint(json === undefined ? text : pretty(json)),
  ]
}

// ---- the page ----

function loginBox() {
  const input = label(el('input', { name: 'code', required: true, maxLength: 256, spellcheck: false, autocomplete: 'off' }), 'The code of wx.login')
  if (sandbox) input.value = 'alice'
  say(() => { input.placeholder = tr('The code of wx.login') })
  const problem = el('span', { className: 'failed', role: 'status' })
  const who = el('span', { className: 'who' })
  const out = el('form', { className: 'login', hidden: true }, who, el('button', { className: 'quiet' }, t('Log out')))
  const form = el('form', { className: 'login' }, problem, input, el('button', {}, t('Log in')))
  const over = (method, path, operationId, body) => async (event) => {
    event.preventDefault()
    problem.textContent = ''
    try {
      const result = await call(method, path, body?.())
      learn(operationId, result)
      if (result.status !== 200) problem.textContent = result.json?.msg ?? result.status
    } catch (error) { problem.textContent = error.message }
  }
  form.onsubmit = over('post', '/api/auth/login', 'auth.login', () => JSON.stringify({ code: input.value }))
  out.onsubmit = over('post', '/api/auth/logout', 'auth.logout')
  onSession.push((user) => {
    out.hidden = !user
    form.hidden = Boolean(user)
    who.textContent = user ? user.nickname || user.id : ''
  })
  return [form, out]
}

function switches() {
  const language = el('button', { type: 'button', className: 'quiet' })
  say(() => { document.documentElement.lang = chinese ? 'zh-CN' : 'en'; language.textContent = chinese ? 'English' : '中文' })
  language.onclick = () => {
    chinese = !chinese
    store('lang', chinese ? 'zh' : 'en')
    writers.forEach((write) => write())
  }
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const root = document.documentElement
  if (stored('theme')) root.dataset.theme = stored('theme')
  const theme = label(el('button', { type: 'button', className: 'quiet theme' }, '◐'), 'Light or dark')
  theme.onclick = () => {
    const now = root.dataset.theme ?? (dark.matches ? 'dark' : 'light')
    store('theme', (root.dataset.theme = now === 'dark' ? 'light' : 'dark'))
  }
  return [language, theme]
}

function navigation() {
  const link = (href, ...children) => el('a', { href }, ...children)
  return label(el('nav', {},
    spec.tags.map(({ name }) => el('div', {},
      link(`#${name}`, t(name)),
      operations.filter(({ tags }) => tags.includes(name)).map(({ operationId, method, path }) =>
        link(`#${operationId}`, badge(method), el('span', {}, path))))),
    el('div', {}, link('#errors', t('Errors')))), 'Routes')
}

// Mark in the navigation what is on the screen.
function follow(nav) {
  const links = new Map([...nav.querySelectorAll('a')].map((a) => [a.hash.slice(1), a]))
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) links.get(target.id)?.classList.toggle('here', isIntersecting)
  }, { rootMargin: '-116px 0px -55%' })
  document.querySelectorAll('main [id]').forEach((node) => seen.observe(node))
}

const nav = navigation()
document.body.append(
  el('header', {},
    el('a', { className: 'brand', href: '#' }, el('span', { className: 'mark', ariaHidden: 'true' }, '</>'), spec.info.title),
    loginBox(), switches()),
  el('div', { className: 'page' },
    nav,
    el('main', {},
      el('div', { className: 'intro' },
        el('h1', {}, t('Read and try the API')),
        spec.info.description.split('\n\n').map((text) => el('p', {}, t(text))),
        sandbox && el('p', { className: 'hint' }, t('No AppID is set, so the sandbox stands in for WeChat: any name such as `alice` logs in.')),
        el('p', {}, el('a', { href: 'openapi.json' }, 'openapi.json'))),
      spec.tags.map(({ name, description }) => el('div', { className: 'group' },
        el('h2', { id: name }, t(name)), el('p', { className: 'lead' }, t(description)),
        operations.filter(({ tags }) => tags.includes(name)).map(section))),
      el('div', { className: 'group' },
        el('h2', { id: 'errors' }, t('Errors')),
        el('p', { className: 'lead' }, t(schemas.Error.description)),
        fields(schemas.Error), errorTable(Object.keys(spec['x-myapi-errors']))))))
follow(nav)
document.getElementById(location.hash.slice(1))?.scrollIntoView()

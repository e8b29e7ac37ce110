// Builds the page from openapi.json.

import { call, onSession, resume, signedIn } from './calls.js'
import { API, operations, sandbox, spec } from './description.js'
import { fields } from './model.js'
import { badge, errorTable, section, took } from './route.js'
import { mark, searchBox } from './search.js'
import { copyButton, el, isChinese, label, languageSwitch, note, say, store, stored, t, tr } from './texts.js'

const titleOf = (name) => { // of a blueprint; only some have a title of their own
  const node = el('span')
  say(() => { node.textContent = tr(name).replaceAll('_', ' ') })
  return node
}

function loginBox() {
  const input = label(el('input', { name: 'code', required: true, maxLength: 256, spellcheck: false, autocomplete: 'off' }), 'The code of wx.login')
  if (sandbox) input.value = 'alice'
  say(() => { input.placeholder = tr('The code of wx.login') })
  const problem = el('span', { className: 'failed', role: 'status' })
  const who = label(el('span', { className: 'who' }), 'The token stays in this tab (sessionStorage), over a reload too, until you log out or close the tab.')
  const out = el('form', { className: 'login', hidden: true }, who, el('button', { className: 'quiet' }, t('Log out')))
  const form = el('form', { className: 'login' }, problem, input, el('button', {}, t('Log in')))
  const over = (method, path, operationId, body) => async (event) => {
    event.preventDefault()
    problem.textContent = ''
    try {
      const result = await call(method, path, body?.())
      took(operationId, result)
      if (result.status !== 200) problem.textContent = result.json?.msg ?? result.status
    } catch { problem.replaceChildren(t('The server does not answer.')) }
    if (operationId === 'auth.logout') signedIn(null) // here, whatever the server said
  }
  form.onsubmit = over('post', '/api/auth/login', 'auth.login', () => JSON.stringify({ code: input.value }))
  out.onsubmit = over('post', '/api/auth/logout', 'auth.logout')
  onSession((user) => {
    out.hidden = !user
    form.hidden = Boolean(user)
    who.replaceChildren(...(user ? [user.nickname || user.id || t('Logged in')] : []))
  })
  return [form, out]
}

function themeSwitch() {
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const root = document.documentElement
  if (stored('theme')) root.dataset.theme = stored('theme')
  const theme = label(el('button', { type: 'button', className: 'quiet theme' }, '◐'), 'Light or dark')
  theme.onclick = () => {
    const now = root.dataset.theme ?? (dark.matches ? 'dark' : 'light')
    store('theme', (root.dataset.theme = now === 'dark' ? 'light' : 'dark'))
  }
  return theme
}

function navigation() {
  const link = (href, ...children) => el('a', { href }, ...children)
  return label(el('nav', {},
    spec.tags.map(({ name }) => el('div', {},
      link(`#${name}`, titleOf(name)),
      operations.filter(({ tags }) => tags.includes(name)).map(({ operationId, method, path }) =>
        link(`#${operationId}`, badge(method), el('span', { title: path }, path))))),
    el('div', {}, link('#errors', t('Errors')))), 'Routes')
}

function introduction() {
  const file = el('a', { download: 'openapi.json' }, t('Save the file'))
  const address = el('code')
  let url
  say(() => {
    url = `${API}/openapi.json${isChinese() ? '?lang=zh' : ''}`
    file.href = address.textContent = url
  })
  return el('div', { className: 'intro' },
    el('h1', {}, t('Read and try the API')),
    spec.info.description.split('\n\n').map((text) => el('p', {}, t(text))),
    sandbox && el('p', { className: 'hint' }, t('No AppID is set, so the sandbox stands in for WeChat: any name such as `alice` logs in.')),
    note('The token stays in this tab (sessionStorage), over a reload too, until you log out or close the tab.'),
    el('div', { className: 'import' },
      el('p', {}, t('In Apifox or Postman, import this description (OpenAPI 3.1) by its URL or as a file.')),
      el('p', {}, address, copyButton(() => url), file)))
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
const intro = introduction()
const groups = spec.tags.map(({ name, description }) => el('div', { className: 'group' },
  el('h2', { id: name }, titleOf(name)), el('p', { className: 'lead' }, t(description)),
  operations.filter(({ tags }) => tags.includes(name)).map(section)))
const shape = el('div', {}, el('p', { className: 'lead' }, t(spec.components.schemas.Error.description)), fields(spec.components.schemas.Error, { values: false }))
const table = errorTable(Object.keys(spec['x-myapi-errors']))
const errors = el('div', { className: 'group' }, el('h2', { id: 'errors' }, t('Errors')), shape, table)
const none = el('p', { className: 'lead', hidden: true }, t('Nothing found.'))
const main = el('main', {}, intro, none, groups, errors)

function show(found) { // found: of a search, or null
  intro.hidden = shape.hidden = Boolean(found)
  const shows = (id) => !found || found.routes.has(id)
  for (const node of main.querySelectorAll('.operation')) {
    node.hidden = !shows(node.id)
    node.querySelector('details').open = Boolean(found?.byError)
  }
  for (const group of groups) group.hidden = !group.querySelector('.operation:not([hidden])')
  for (const row of table.querySelectorAll('tr')) row.hidden = Boolean(found) && !found.errors.has(row.dataset.error)
  errors.hidden = !table.querySelector('tr:not([hidden])')
  none.hidden = !found || found.routes.size + found.errors.size > 0
  for (const link of nav.querySelectorAll('a')) {
    const target = document.getElementById(link.hash.slice(1))
    link.hidden = target.hidden || target.parentElement.hidden
  }
  mark(found?.words ?? [], main)
}

const search = searchBox(show)
document.body.append(
  el('header', {},
    el('a', { className: 'brand', href: '#' }, el('span', { className: 'mark', ariaHidden: 'true' }, '</>'), spec.info.title),
    search.node, loginBox(), languageSwitch(), themeSwitch()),
  el('div', { className: 'page' }, nav, main))
follow(nav)
resume().catch(() => {}) // the server does not answer: the token is kept
search.begin(new URLSearchParams(location.search).get('q'))
document.getElementById(location.hash.slice(1))?.scrollIntoView()

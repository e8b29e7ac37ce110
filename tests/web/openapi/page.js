/**
 * The page /docs in jsdom, its modules run as a browser runs them. Calls of the API go to the
 * service at MYAPI_TEST_URL, or to `answers`, which stand in for one.
 */

'use strict'

const { File } = require('node:buffer') // a global only from Node 20 on
const fs = require('node:fs')
const { createRequire } = require('node:module')
const path = require('node:path')
const vm = require('node:vm')

const ROOT = path.join(__dirname, '..', '..', '..')
const STATIC = path.join(ROOT, 'myapi', 'web', 'openapi', 'static')
const tools = createRequire(path.join(ROOT, 'miniprogram', 'package.json'))
const { JSDOM } = tools('jsdom')

const BASE = process.env.MYAPI_TEST_URL || 'http://127.0.0.1:8000'
/** Their timers would keep the process alive. */
const opened = []
const close = () => opened.splice(0).forEach(window => window.close())

const WORDS = JSON.parse(fs.readFileSync(path.join(STATIC, 'zh.json'), 'utf8'))

/** @param {object} given `answers`: path → function that returns a Response; `kept`: the session storage before */
async function open({ answers = {}, kept = {}, language = 'en-US', query = '' } = {}) {
  const dom = new JSDOM('<!doctype html><html><body></body></html>', { url: `${BASE}/docs${query}`, runScripts: 'outside-only' })
  const { window } = dom
  opened.push(window)
  const copied = []
  const sent = []
  for (const [key, value] of Object.entries(kept)) window.sessionStorage.setItem(key, value)
  const defined = {
    fetch: async (target, options = {}) => {
      const url = new URL(target, window.location.href)
      const body = options.body instanceof window.FormData ? await form(window, options.body) : options.body
      const call = { method: options.method ?? 'GET', headers: options.headers ?? {}, body, path: url.pathname }
      sent.push(call)
      const answer = answers[url.pathname]
      if (answer) return answer(call)
      if (url.pathname === '/docs/zh.json') return Response.json(WORDS)
      return fetch(url, { method: call.method, headers: call.headers, body })
    },
    TextDecoder,
    matchMedia: () => ({ matches: false }),
    scrollTo() {},
    IntersectionObserver: class { observe() {} },
  }
  Object.assign(window, defined)
  Object.defineProperty(window.navigator, 'language', { value: language })
  Object.defineProperty(window.navigator, 'clipboard', { value: { writeText: async text => { copied.push(text) } } })
  await run(dom, 'docs.js')
  return new Page(window, copied, sent)
}

async function run(dom, entry) {
  const context = dom.getInternalVMContext()
  const modules = new Map()
  const load = name => {
    if (!modules.has(name)) {
      const text = fs.readFileSync(path.join(STATIC, name), 'utf8')
      modules.set(name, new vm.SourceTextModule(text, { context, identifier: name }))
    }
    return modules.get(name)
  }
  const module = load(entry)
  await module.link(specifier => load(path.basename(specifier)))
  await module.evaluate()
}

/** A form of jsdom as one of Node. */
async function form(window, given) {
  const made = new FormData()
  for (const [name, value] of given.entries()) {
    const bytes = await new Promise(resolve => {
      const reader = new window.FileReader()
      reader.onload = () => resolve(reader.result)
      reader.readAsArrayBuffer(value)
    })
    made.append(name, new File([new Uint8Array(bytes)], value.name, { type: value.type }))
  }
  return made
}

class Page {
  constructor(window, copied, sent) {
    Object.assign(this, { window, document: window.document, copied, sent })
  }

  find(selector, within = this.document) {
    const found = within.querySelector(selector)
    if (!found) throw new Error(`not on the page: ${selector}`)
    return found
  }

  text(selector, within) {
    return this.find(selector, within).textContent
  }

  route(id) {
    const section = this.document.getElementById(id)
    if (!section) throw new Error(`no such route: ${id}`)
    return section
  }

  /** The code that the page shows for a route and a client, such as `curl`. */
  snippet(id, client) {
    this.button(client, this.find('.tabs', this.route(id))).click()
    return this.text('.code', this.route(id))
  }

  button(words, within = this.document) {
    const found = [...within.querySelectorAll('button')].find(each => each.textContent === words)
    if (!found) throw new Error(`no button ${words}`)
    return found
  }

  write(input, text) {
    input.value = text
    input.dispatchEvent(new this.window.Event('input', { bubbles: true }))
  }

  choose(id, bytes, name) {
    const input = this.find('input[type=file]', this.route(id))
    const file = new this.window.File([bytes], name, { type: 'image/png' })
    Object.defineProperty(input, 'files', { value: [file], configurable: true })
    input.dispatchEvent(new this.window.Event('change'))
  }

  press(key, target = this.document.body) {
    const event = new this.window.KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })
    target.dispatchEvent(event)
    return event
  }

  submit(form) {
    form.dispatchEvent(new this.window.Event('submit', { cancelable: true }))
  }

  /** Send the form of a route and wait for what is shown. */
  async send(id) {
    const section = this.route(id)
    this.submit(this.find('form', section))
    const button = this.find('button[type=submit]', section)
    await until(() => !button.disabled)
    return this.find('.answer', section)
  }

  async logIn(code) {
    this.write(this.find('.login input'), code)
    this.submit(this.find('.login:not([hidden])'))
    await until(() => this.text('.who'))
  }

  routesShown() {
    return [...this.document.querySelectorAll('main .operation')]
      .filter(each => !each.closest('[hidden]')).map(each => each.id)
  }

  errorsShown() {
    return [...this.document.querySelectorAll('main > .group:last-child tr')]
      .filter(each => !each.closest('[hidden]')).map(each => each.dataset.error)
  }

  search(words) {
    this.write(this.find('.search input'), words)
    return this.routesShown()
  }

  get kept() {
    return { ...this.window.sessionStorage }
  }
}

async function until(condition) {
  const deadline = Date.now() + 15_000
  for (;;) {
    const value = condition()
    if (value) return value
    if (Date.now() > deadline) throw new Error(`never: ${condition}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

module.exports = { BASE, close, open, until }

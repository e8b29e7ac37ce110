/**
 * The demo on a stage: its pages rendered by miniprogram-simulate (with WeChat's own compiler of
 * wxml) in jsdom, on a stand-in for the phone. The client in between is the real one.
 *
 * There is no App() in the simulation and no window: the demo's app.js holds nothing, and what
 * WeChat draws itself (navigation bar, tabs, dialogues) is only asked for, through `wx`.
 */

'use strict'

const { createRequire } = require('node:module')
const path = require('node:path')

const DEMO = path.join(__dirname, '..', '..', 'miniprogram', 'demo')
const BASE = 'http://127.0.0.1:8000'
const USER_ID = '5f0c2a9d8e7b4c1f3a6d9e02' // the one of the examples on /docs
const tools = createRequire(path.join(DEMO, '..', 'package.json'))

const { JSDOM } = tools('jsdom')
const { window } = new JSDOM('<!doctype html>')
global.window = window
for (const name of ['document', 'Node', 'Element', 'Event', 'CustomEvent']) global[name] = window[name]
const simulate = tools('miniprogram-simulate')
const exparser = tools('miniprogram-exparser')

/** The server, as far as the demo asks it. */
class Server {
  constructor() {
    this.user = {
      id: USER_ID,
      nickname: '小明',
      avatar_url: null,
      phone: null,
      created_at: '2026-08-01T04:00:00Z',
    }
    this.sessions = [session('s1', { current: true })]
    this.permissions = {} // template → how many messages are left
    this.reported = new Set() // ids
    this.tokens = new Set()
    this.calls = [] // such as 'GET /api/me', in their order
    this.bodies = [] // what came with them
    this.wrong = {} // 'GET /api/me' → what is answered instead; see `refusal` and `failure`
    this.held = new Set() // calls that get no answer
  }

  /** What is said to a call: an answer, a failure, or null for none at all. */
  say(method, url, body, authorization = '') {
    const { origin, pathname } = new URL(url)
    const call = `${method} ${pathname}`
    this.calls.push(call)
    this.bodies.push(body)
    if (origin.includes('not-listed')) return failure(600002, 'url not in domain list')
    if (origin.endsWith(':59999')) return failure(600001, 'errcode:-102 net::ERR_CONNECTION_REFUSED')
    if (this.held.has(call)) return null
    if (this.wrong[call]) return this.wrong[call]
    if (call === 'GET /api/hello') {
      return reply({ code: 0, msg: 'Hello from Aliyun Lighthouse!', time: '2026-08-20T08:30:00Z' })
    }
    if (call === 'POST /api/auth/login') return this._login()
    if (call === 'POST /sandbox/encrypt') return reply({ encryptedData: 'c2VjcmV0', iv: 'aXY=' })
    if (!ROUTES[call] && !pathname.startsWith('/api/auth/sessions/')) return refusal(404, 40400, 'not_found')
    if (!this.tokens.has(authorization.replace('Bearer ', ''))) {
      return refusal(401, 40101, 'token_invalid')
    }
    return this._data(call, body)
  }

  _login() {
    const token = `t${this.tokens.size + 1}`
    this.tokens.add(token)
    return data({ token, expires_at: '2026-09-01T00:00:00Z', user: this.user })
  }

  _data(call, body) {
    if (call === 'POST /api/me/phone') this.user = { ...this.user, phone: '138******00' }
    if (call === 'DELETE /api/me/phone') this.user = { ...this.user, phone: null }
    if (call === 'POST /api/me/avatar') {
      const name = `${count(this.calls, call)}-${body.file.split('/').pop()}`
      this.user = { ...this.user, avatar_url: `${BASE}/avatars/${name}` } // plain http, as in development
    }
    if (call === 'DELETE /api/me/avatar') this.user = { ...this.user, avatar_url: null }
    if (call === 'POST /api/me/messages') this._count(body)
    if (call === 'POST /sandbox/messages') return this._message(body)
    if (call === 'PUT /api/me') this.user = { ...this.user, ...body }
    if (call === 'DELETE /api/auth/sessions') this.sessions = this.sessions.filter(each => each.current)
    const one = call.match(/^DELETE \/api\/auth\/sessions\/(.+)$/)
    if (one) this.sessions = this.sessions.filter(each => each.id !== one[1])
    if (call === 'POST /api/auth/logout' || call === 'DELETE /api/me') this.tokens.clear()
    return data(ROUTES[call] ? ROUTES[call](this) : null)
  }

  _count({ id, results }) {
    if (this.reported.has(id)) return
    this.reported.add(id)
    for (const [template, answer] of Object.entries(results)) {
      const before = this.permissions[template] || 0
      this.permissions[template] = answer === 'accept' ? before + 1 : 0
    }
  }

  _message({ template_id: template }) {
    const left = this.permissions[template] || 0
    if (!left) return refusal(409, 40901, 'message_not_permitted')
    this.permissions[template] = left - 1
    return data({ id: '17', state: 'sent', error: null, left: left - 1 })
  }
}

/** What is given for each route that needs a session. */
const ROUTES = {
  'GET /api/me': server => server.user,
  'PUT /api/me': server => server.user,
  'DELETE /api/me': () => null,
  'POST /api/me/avatar': server => server.user,
  'DELETE /api/me/avatar': server => server.user,
  'POST /api/me/phone': server => server.user,
  'DELETE /api/me/phone': server => server.user,
  'POST /api/me/messages': ({ permissions }) => ({
    permissions: Object.entries(permissions).map(([template_id, left]) => ({ template_id, left })),
  }),
  'POST /sandbox/messages': () => null,
  'POST /api/auth/logout': () => null,
  'GET /api/auth/sessions': server => ({ sessions: server.sessions }),
  'DELETE /api/auth/sessions': () => null,
  'POST /api/me/decrypt': () => ({
    phoneNumber: '13800138000',
    purePhoneNumber: '13800138000',
    countryCode: '86',
    watermark: { appid: 'wx4f4bc4dec97d474b', timestamp: 1787214600 },
  }),
}

function session(id, more = {}) {
  return {
    id,
    created_at: '2026-08-18T01:12:00Z',
    last_seen_at: '2026-08-20T08:30:00Z',
    ip: '203.0.113.7',
    user_agent: 'Mozilla/5.0 wechatdevtools/1.06 MicroMessenger/8.0.5',
    current: false,
    ...more,
  }
}

const count = (list, wanted) => list.filter(each => each === wanted).length
const reply = (body, statusCode = 200) => ({ statusCode, data: body, header: {} })
const data = body => reply({ code: 0, msg: 'ok', data: body })
const failure = (errno, errMsg) => ({ errno, errMsg: `request:fail ${errMsg}` })

function refusal(status, code, error, fields) {
  return reply({ code, error, msg: error, request_id: '5f0c9a7e41d2b836', fields }, status)
}

/** The demo on one phone: its modules are loaded anew, as when WeChat starts the app. */
class App {
  /**
   * `wx` replaces functions of the phone; `phone`, one of phone.js, brings real HTTP; `language`
   * is the one of WeChat.
   * @param {{ kept?: Map<string, any>, wx?: object, server?: Server, phone?: any, language?: string }} [options]
   */
  constructor({ kept = new Map(), wx = {}, server = new Server(), phone = null, language = 'zh_CN' } = {}) {
    Object.assign(this, { kept, server, phone, language })
    this.logins = 0
    this.asked = [] // what wx.showModal and its kin were given, by name
    this.answer = true // to wx.showModal, and whether one of wx.showActionSheet is taken; null: none yet
    this.title = '' // what wx.setNavigationBarTitle was given
    this.tabs = [] // what wx.setTabBarItem was given
    this.item = 0 // of wx.showActionSheet
    this.theme = App.theme
    this.dialog = { 'sandbox-template': 'accept' } // what the one for messages gives, or its failure
    this.dialogs = [] // the templates that it was opened for
    this.running = 0
    this._waiting = []
    Object.assign(global.wx, this._wx(), wx)
    for (const file of Object.keys(require.cache)) {
      if (file.startsWith(DEMO + path.sep)) delete require.cache[file]
    }
  }

  /** Open a page; `show: false` leaves out what it does when it is shown. */
  async open(name, { show = true } = {}) {
    const file = path.join(DEMO, 'pages', name, name)
    const component = simulate.render(simulate.load(file, { rootPath: DEMO, compiler: 'official' }))
    component.attach(window.document.createElement('div'))
    const page = new Page(this, component)
    if (show) await page.show()
    return page
  }

  /** A module of the demo, as the pages see it. */
  module(name) {
    return require(path.join(DEMO, name))
  }

  /** Log in before any page is opened. */
  async signIn() {
    await this.module('services/account').login()
    return this
  }

  /** Fail the calls that the server held. */
  release() {
    this.server.held.clear()
    this._waiting.splice(0).forEach(fail => fail(failure(600004, 'released')))
  }

  _wx() {
    const ask = name => options => {
      this.asked.push({ name, ...options })
      if (options && options.success) options.success({})
    }
    const question = (name, taken, refused) => options => {
      this.asked.push({ name, ...options })
      if (this.answer === null) return
      if (this.answer || !refused) options.success(taken())
      else options.fail(refused)
    }
    return {
      request: options => (this.phone ? this._really('request', options) : this._request(options)),
      uploadFile: options => (this.phone ? this._really('uploadFile', options) : this._upload(options)),
      login: ({ success }) => {
        this.logins += 1
        setImmediate(success, { code: 'the code is a mock one' })
      },
      getStorageSync: key => (this.kept.has(key) ? this.kept.get(key) : ''),
      setStorageSync: (key, value) => this.kept.set(key, value),
      removeStorageSync: key => this.kept.delete(key),
      onAppShow: () => {},
      onAppHide: () => {},
      requestSubscribeMessage: ({ tmplIds, success, fail }) => {
        this.dialogs.push(tmplIds)
        setImmediate(this.dialog.errMsg ? fail : success, this.dialog)
      },
      onNetworkStatusChange: () => {},
      navigateTo: ask('navigateTo'),
      switchTab: ask('switchTab'),
      showModal: question('showModal', () => ({ confirm: this.answer })),
      showActionSheet: question('showActionSheet', () => ({ tapIndex: this.item }), { errMsg: 'showActionSheet:fail cancel' }),
      getAppBaseInfo: () => ({ language: this.language, version: '8.0.50', SDKVersion: '3.10.1', theme: this.theme }),
      getDeviceInfo: () => ({ system: 'iOS 18.5' }),
      setNavigationBarTitle: ({ title }) => (this.title = title),
      setTabBarItem: ({ index, text }) => (this.tabs[index] = text),
      showToast: ask('showToast'),
      setClipboardData: ask('setClipboardData'),
      stopPullDownRefresh: ask('stopPullDownRefresh'),
    }
  }

  _really(name, options) {
    this.running += 1
    const over = then => result => {
      this.running -= 1
      then(result)
    }
    const { success, fail } = options
    return this.phone.wx[name]({ ...options, success: over(success), fail: over(fail) })
  }

  /** `progress` tells how far the picture is. */
  _upload({ filePath, name, success, ...options }) {
    const text = result => success({ statusCode: result.statusCode, data: JSON.stringify(result.data) })
    const task = this._request({ ...options, method: 'POST', data: { [name]: filePath }, success: text })
    const onProgressUpdate = listener => (this.progress = progress => listener({ progress }))
    return { ...task, onProgressUpdate }
  }

  _request({ method, url, data: body, header, timeout, success, fail }) {
    const late = timeout === 1 ? failure(5, 'timeout') : null
    const said = late || this.server.say(method, url, body, header.Authorization)
    if (!said) {
      this._waiting.push(fail)
      return { abort: () => {} }
    }
    this.running += 1
    setImmediate(() => {
      this.running -= 1
      if (said.errMsg) fail(said)
      else success(said)
    })
    return { abort: () => {} }
  }
}

/** What WeChat tells the next app. */
App.theme = 'light'

/** A page as its user sees and touches it. */
class Page {
  constructor(app, component) {
    Object.assign(this, { app, component })
  }

  async show() {
    this.component.instance.onShow()
    await this.settle()
  }

  /** Wait until nothing is on its way. */
  async settle() {
    for (let quiet = 0; quiet < 10; quiet += 1) {
      await new Promise(resolve => setTimeout(resolve, this.app.phone ? 5 : 0))
      if (this.app.running) quiet = 0
    }
  }

  /** What can be read on it. */
  get text() {
    return this.component.dom.textContent
  }

  get data() {
    return this.component.instance.data
  }

  get tree() {
    return this.component.toJSON()
  }

  /** What the element whose attribute has this value is given by the template. */
  attributes(name, value) {
    const of = ({ attrs }) => Object.fromEntries(attrs.map(each => [each.name, each.value]))
    const all = node => (typeof node === 'string' ? [] : [of(node), ...node.children.flatMap(all)])
    return all(this.tree).find(attributes => attributes[name] === value)
  }

  /** Elements of the rendered page, those inside components too, by a selector of CSS. */
  all(selector) {
    return [...this.component.dom.querySelectorAll(selector)]
  }

  /** Tap what the selector finds, which must be one thing. */
  async tap(selector, type = 'tap', detail = {}) {
    const found = this.all(selector)
    if (found.length !== 1) throw new Error(`${found.length} of ${selector} on the page`)
    const how = { bubbles: true, composed: true, capturePhase: true }
    exparser.triggerEvent(found[0].__wxElement, type, detail, how)
    await this.settle()
  }

  async write(selector, value) {
    await this.tap(selector, 'input', { value })
  }
}

module.exports = { App, BASE, DEMO, USER_ID, Server, refusal, session, tools }

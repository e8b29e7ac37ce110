/**
 * A world to test the client in, without waiting: virtual time, a phone, and a server that can
 * have any kind of bad day. All chance comes from one seed, so every run can be made again.
 */

'use strict'

const { CAUSES } = require('../../miniprogram/myapi/causes')

const REQUESTS_AT_ONCE = 10
const ENDLESS = 60 * 60 * 1000 // ms of virtual time, far beyond any patience
const TOO_MANY_EVENTS = 200000
const PHONE = '/api/me/phone'
const AVATAR = '/api/me/avatar'
const MESSAGES = '/api/me/messages'

/** A small generator of chance (mulberry32). */
function chance(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Time that passes only from one event to the next. */
class Time {
  constructor(random) {
    this._now = 0
    this._count = 0
    this._events = []
    this.timers = {
      now: () => this._now,
      random,
      setTimeout: (action, ms) => this.at(ms, action),
      clearTimeout: event => {
        if (event) event.action = null
      },
    }
  }

  at(ms, action) {
    const event = { at: this._now + Math.max(0, ms), count: (this._count += 1), action }
    let low = 0
    let high = this._events.length
    while (low < high) {
      const middle = (low + high) >> 1
      const other = this._events[middle]
      // the soonest is last
      if (other.at > event.at || (other.at === event.at && other.count > event.count)) low = middle + 1
      else high = middle
    }
    this._events.splice(low, 0, event)
    return event
  }

  /** Let everything happen that is to happen. */
  async run() {
    await calm()
    for (let events = 0; this._events.length; events += 1) {
      const event = this._events.pop()
      if (!event.action) continue
      if (event.at > ENDLESS || events > TOO_MANY_EVENTS) throw new Error('it does not end')
      this._now = event.at
      event.action()
      await calm()
    }
  }
}

/** Let all promises that can go on go on. */
const calm = () => new Promise(resolve => setImmediate(resolve))

/**
 * A server with accounts and sessions. `mood(call)` may answer in its stead; it returns
 * { before: outcome } to answer without acting, { after: outcome } to act and answer so, or
 * nothing.
 */
class Server {
  constructor() {
    this.accounts = new Map() // person → account
    this.sessions = new Map() // token → account
    this.banned = new Set()
    this.keyless = new Set() // accounts without a session_key
    this.acted = new Map() // the label of a request → how often the server acted on it
    this.sentAs = new Map() // the label of a request → the accounts whose tokens it carried
    this.owners = new Map() // every token ever issued → its account
    this.codes = new Map() // those that were used → the token
    this.phoneCodes = new Map() // those that were used → the account
    this.phones = new Map() // account → number, as the user sees it
    this.pictures = new Map() // account → path on the phone
    this.nicknames = new Map() // by account
    this.reports = new Map() // account → what its user answered, by the id of the report
    this._count = 0
  }

  issue(account) {
    const token = `token-${(this._count += 1)}`
    this.sessions.set(token, account)
    this.owners.set(token, account)
    return token
  }

  account(person) {
    if (!this.accounts.has(person)) {
      this.accounts.set(person, `${person}#${(this._count += 1)}`)
    }
    return this.accounts.get(person)
  }

  erase(account) {
    for (const [person, each] of this.accounts) if (each === account) this.accounts.delete(person)
    this.endAll(account)
  }

  endAll(account) {
    for (const [token, each] of this.sessions) if (each === account) this.sessions.delete(token)
  }

  /** Answer as the real one does. */
  answer({ method, path, data, token, label }) {
    if (path === '/api/auth/login') return this._login(data.code)
    if (path === '/api/hello') return { status: 200, body: { code: 0, msg: 'Hello' } }
    if (label) note(this.sentAs, label, this.owners.get(token))
    if (!token) return failure(401, 40100, 'token_missing')
    const account = this.sessions.get(token)
    if (this.banned.has(this.owners.get(token))) return failure(403, 40300, 'user_banned')
    if (!account) return failure(401, 40102, 'session_ended')
    if (label) this.acted.set(label, (this.acted.get(label) || 0) + 1)
    if (path === PHONE && method === 'POST' && !this._takes(data.code, account)) {
      return failure(400, 40003, 'phone_code_invalid')
    }
    return success(this._act(method, path, token, account, data)) || failure(409, 40900, 'session_key_missing')
  }

  _login(code) {
    const first = this.codes.get(code)
    if (first !== undefined) {
      // a login that the phone sent twice; the token of the first one was lost on the way
      if (!this.sessions.has(first)) return failure(400, 40001, 'login_code_invalid')
      this.sessions.delete(first)
    }
    const account = this.account(code.split('.')[0])
    if (this.banned.has(account)) return failure(403, 40300, 'user_banned')
    this.keyless.delete(account)
    const token = this.issue(account)
    this.codes.set(code, token)
    return success({ token, user: this.user(account) })
  }

  /** A phone code works once, and when it is sent again by the same user. */
  _takes(code, account) {
    if (!this.phoneCodes.has(code)) this.phoneCodes.set(code, account)
    return this.phoneCodes.get(code) === account
  }

  /** An id counts once; a `reject` ends what was permitted before. */
  _countOnce(account, { id, results }) {
    if (!this.reports.has(account)) this.reports.set(account, new Map())
    const reports = this.reports.get(account)
    if (!reports.has(id)) reports.set(id, results)
    return { permissions: [...this.ledger(account)].map(([template_id, left]) => ({ template_id, left })) }
  }

  ledger(account) {
    const left = new Map()
    for (const results of (this.reports.get(account) || new Map()).values()) {
      for (const [template, answer] of Object.entries(results)) {
        const before = left.get(template) || 0
        if (answer.startsWith('accept')) left.set(template, before + 1)
        else if (answer === 'reject') left.set(template, 0)
      }
    }
    return left
  }

  user(account) {
    const picture = this.pictures.get(account)
    return {
      id: account,
      nickname: this.nicknames.get(account) || null,
      avatar_url: picture ? `https://api.example.com/avatars/${picture.slice(-8)}` : null,
      phone: this.phones.get(account) || null,
      created_at: '2026-01-01T00:00:00Z',
    }
  }

  _act(method, path, token, account, data) {
    if (path === '/api/auth/logout') this.sessions.delete(token)
    else if (path === '/api/me' && method === 'DELETE') this.erase(account)
    else if (path === '/api/me') {
      if (method === 'PUT') this.nicknames.set(account, data.nickname)
      return this.user(account)
    }
    else if (path === PHONE) {
      if (method === 'DELETE') this.phones.delete(account)
      else this.phones.set(account, '138******00')
      return this.user(account)
    }
    else if (path === AVATAR) {
      if (method === 'DELETE') this.pictures.delete(account)
      else this.pictures.set(account, data.file)
      return this.user(account)
    } else if (path === MESSAGES) return this._countOnce(account, data)
    else if (path === '/api/me/decrypt') return this.keyless.has(account) ? undefined : { plain: account }
    else return { account, path }
    return null
  }
}

function note(map, key, value) {
  if (!map.has(key)) map.set(key, new Set())
  if (value) map.get(key).add(value)
}

const success = data => data === undefined ? null : { status: 200, body: { code: 0, msg: 'ok', data } }
const failure = (status, code, error, header = {}) => ({
  status,
  header,
  body: { code, error, msg: `${error} (told by the server)`, request_id: 'r' },
})

/** What `wx` is on a phone, as far as the client uses it. `log` holds all that happened. */
class Phone {
  constructor(time, server, { person = 'alice', mood = () => undefined, latency = () => 50 } = {}) {
    this.time = time
    this.server = server
    this.person = person
    this.mood = mood
    this.latency = latency
    this.loginMood = () => undefined
    /** What becomes of WeChat's dialog: the answers to these templates, or a failure with errMsg. */
    this.dialog = ids => Object.fromEntries(ids.map(id => [id, 'accept']))
    this.dialogs = [] // the templates of each
    this.kept = new Map()
    this.storageFails = () => false
    this.log = [] // { at, what, … }
    this.logins = 0 // of wx.login
    this.sent = [] // every wx.request, wx.uploadFile and wx.downloadFile
    this.files = new Map() // what was downloaded, by path
    this.exchanges = []
    this.most = 0 // requests at once
    this._running = new Set()
    this._listeners = { show: [], hide: [], network: [] }
    this._hidden = null
    this.away = [] // when the app was in the background
    this.wx = {
      request: options => this._request(options),
      uploadFile: options => this._upload(options),
      downloadFile: options => this._download(options),
      getFileSystemManager: () => ({ readFile: options => this._read(options) }),
      login: options => this._login(options),
      getStorageSync: key => this._store(() => this.kept.get(key) || ''),
      setStorageSync: (key, value) => this._store(() => this.kept.set(key, value)),
      removeStorageSync: key => this._store(() => this.kept.delete(key)),
      onAppShow: listener => this._listeners.show.push(listener),
      onAppHide: listener => this._listeners.hide.push(listener),
      onNetworkStatusChange: listener => this._listeners.network.push(listener),
      requestSubscribeMessage: options => this._ask(options),
    }
  }

  /** The app goes to the background; what still runs 5 s later is cut off. */
  hide() {
    if (this._hidden) return
    this.away.push({ from: this.time.timers.now() })
    this._listeners.hide.forEach(each => each())
    this._hidden = this.time.at(5000, () => {
      for (const call of [...this._running]) call.fail(600003, '请求被中断')
    })
  }

  show() {
    if (!this._hidden) return
    this._hidden.action = null
    this._hidden = null
    this.away[this.away.length - 1].to = this.time.timers.now()
    this._listeners.show.forEach(each => each())
  }

  /** The network goes or comes back. */
  connect(isConnected) {
    this._listeners.network.forEach(each => each({ isConnected, networkType: isConnected ? 'wifi' : 'none' }))
  }

  _ask({ tmplIds, success, fail }) {
    this.dialogs.push(tmplIds)
    const told = this.dialog(tmplIds)
    this.time.at(this.latency('dialog'), () =>
      told.errMsg ? fail(told) : success({ errMsg: 'requestSubscribeMessage:ok', ...told })
    )
  }

  _store(action) {
    if (this.storageFails()) throw new Error('存储空间不足')
    return action()
  }

  _login({ success: succeed, fail }) {
    this.logins += 1
    const code = `${this.person}.${this.logins}`
    const mood = this.loginMood(this.logins)
    if (mood === 'silent') return
    this.time.at(this.latency('login'), () => (mood ? fail(mood) : succeed({ code, errMsg: 'login:ok' })))
  }

  /** A form with one file; it tells of the progress, and of some of it too late. */
  _upload({ filePath, name, formData, success, ...options }) {
    const told = result => {
      const { statusCode, data } = result // its header is not promised
      success({ statusCode, data: typeof data === 'string' ? data : JSON.stringify(data) })
    }
    const form = { ...options, method: 'POST', data: { ...formData, [name]: filePath }, success: told }
    return this._transfer(form, 'uploadFile')
  }

  /** Whatever is answered becomes a file. */
  _download({ success, ...options }) {
    const told = ({ statusCode, data }) => {
      const tempFilePath = `wxfile://tmp_${this.files.size}`
      this.files.set(tempFilePath, typeof data === 'string' ? data : JSON.stringify(data))
      success({ statusCode, tempFilePath })
    }
    return this._transfer({ ...options, method: 'GET', success: told }, 'downloadFile')
  }

  _read({ filePath, encoding, success, fail }) {
    const text = this.files.get(filePath)
    this.time.at(5, () =>
      text === undefined || encoding !== 'utf8' ? fail({ errMsg: 'readFile:fail' }) : success({ data: text })
    )
  }

  /** It tells of the progress, and of some of it too late. */
  _transfer({ success, ...options }, by) {
    const listeners = []
    const tell = progress => listeners.forEach(listener => listener({ progress }))
    const told = result => {
      success(result)
      this.time.at(1, () => tell(100))
    }
    const task = this._request({ ...options, success: told }, by)
    for (const [ms, progress] of [[0, 0], [10, 40], [20, 100]]) {
      this.time.at(ms, () => tell(progress))
    }
    return { ...task, onProgressUpdate: listener => listeners.push(listener) }
  }

  _request(options, by = 'request') {
    const { url, method, data, header } = options
    const token = (header.Authorization || '').replace('Bearer ', '')
    const path = url.replace('https://api.example.com', '')
    const label = labelOf(path, data, header)
    const call = { by, number: this.sent.length, method, path, data, header, token, label, at: this.time.timers.now() }
    this.sent.push(call)
    this._running.add(call)
    this.most = Math.max(this.most, this._running.size)
    if (path === '/api/auth/login') this.exchanges.push(call)
    const end = action => {
      if (!this._running.delete(call)) return
      call.ended = this.time.timers.now()
      action()
    }
    call.fail = (errno, errMsg) =>
      end(() => {
        call.outcome = errno
        options.fail({ errno, errMsg: `${by}:fail ${errMsg}` })
      })
    const answer = result =>
      end(() => {
        call.outcome = result.status
        call.told = result.body
        options.success({
          statusCode: result.status,
          data: result.body,
          header: lower(result.header),
          errMsg: `${by}:ok`,
        })
      })
    this._pass(call, answer)
    this.time.at(options.timeout, () => call.fail(5, '请求超时'))
    return { abort: () => call.fail(0, 'abort') }
  }

  /** There and back; the mood says what becomes of it on the way. */
  _pass(call, answer) {
    const mood = this.mood(call) || {}
    const there = this.latency('there', call)
    this.time.at(there, () => {
      call.resent = mood.twice // by the network stack of the phone; the first answer is lost
      if (mood.twice) this.server.answer(call)
      const result = mood.before || this.server.answer(call)
      const seen = mood.after || result
      if (seen === 'silence') return
      this.time.at(this.latency('back', call), () =>
        seen.errno ? call.fail(seen.errno, seen.errMsg) : answer(seen)
      )
    })
  }
}

/** What tells one request of an app from the others: a phone code does, a picture, and a template. */
function labelOf(path, data, header) {
  if (header['X-Label'] || !data) return header['X-Label'] || ''
  const labels = { [PHONE]: data.code, [AVATAR]: data.file, [MESSAGES]: Object.keys(data.results || {})[0] }
  return labels[path] || ''
}

/** The phone gives the names of headers as it likes. */
const lower = header =>
  Object.fromEntries(Object.entries({ 'X-Request-Id': 'r', ...header }).map(([k, v]) => [k.toLowerCase(), v]))

/** The doctor's words for what a phone shows; `null` where there is no name. */
const symptomOf = name => (name ? CAUSES[name].symptom : null)

module.exports = { Phone, Server, Time, chance, failure, success, symptomOf, REQUESTS_AT_ONCE }

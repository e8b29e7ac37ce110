/**
 * Seeded runs against a server that may do anything. One run is one seed:
 *
 *     node tests/miniprogram/fuzz.js 5000        runs the seeds 1 to 5000
 *     node tests/miniprogram/fuzz.js 1 4711      runs the seed 4711 alone
 */

'use strict'

const assert = require('node:assert/strict')

/** The parts of the client that was made last, for what no app can see. */
const parts = {}
for (const [file, name] of [['session', 'createSession'], ['reports', 'createReports']]) {
  const module = require(`../../miniprogram/myapi/${file}`)
  const create = module[name]
  module[name] = around => {
    const part = create(around)
    parts[file] = { ...around, part }
    return part
  }
}
const { createClient } = require('../../miniprogram/myapi/index')
const { Phone, Server, Time, chance, failure } = require('./world')

const BASE = 'https://api.example.com'
const LOGIN = '/api/auth/login'
const SHARED = '/api/shared' // what several wishes write to
const LONG = 5 * 60 * 1000 // ms that an app is away, after which nothing old is sent

/** Do one run; give what it counted. It fails with an AssertionError where a promise is broken. */
async function run(seed) {
  const random = chance(seed)
  const upTo = n => Math.floor(random() * n)
  const trouble = random() < 0.2 ? 0 : random() * random() // how often something goes wrong
  const wrong = () => random() < trouble
  const refuses = random() < 0.1 // it lets in, and then knows nobody
  const slow = random() < 0.2 ? 20000 : 400

  const time = new Time(random)
  const server = new Server()
  const phone = new Phone(time, server, {
    mood: call => {
      if (refuses && call.path !== LOGIN && upTo(20)) return { before: failure(401, 40102, 'session_ended') }
      return wrong() ? badDay(random, upTo, call) : undefined
    },
    latency: () => upTo(slow),
  })
  phone.loginMood = () => (wrong() ? [undefined, 'silent', { errno: 600001 }, { errMsg: 'login:fail' }][upTo(4)] : undefined)
  phone.storageFails = () => random() < trouble / 4
  remember(phone, server, upTo(3))

  const api = createClient({ baseUrl: BASE, platform: phone.wx, timers: time.timers })
  const judge = new Judge(time, server, phone, api, [0, 0.02, 0.2][upTo(3)])
  const span = 1 + upTo(upTo(2) ? 2000 : 60000)
  for (let n = upTo(7); n >= 0; n -= 1) {
    const at = upTo(span)
    const burst = upTo(4) ? 1 + upTo(12) : 1 + upTo(60)
    time.at(at, () => many(burst, () => judge.wish(random, upTo)))
  }
  for (let n = upTo(4); n > 0; n -= 1) time.at(upTo(span), () => happen(server, phone, upTo))
  for (let n = upTo(4); n > 0; n -= 1) {
    const at = upTo(span)
    time.at(at, () => phone.hide())
    time.at(at + upTo(upTo(4) ? 20000 : 2 * LONG), () => phone.show())
  }
  time.at(span + 2 * LONG + 1, () => phone.show())
  await time.run()
  judge.verdict()
  await judge.mayWriteAgain()
  return { promises: judge.wishes.length, requests: phone.sent.length, exchanges: phone.exchanges.length }
}

/** The phone knows nothing, a live token or a dead one. */
function remember(phone, server, what) {
  const account = server.account('alice')
  const token = server.issue(account)
  if (what === 2) server.sessions.clear()
  if (what) phone.kept.set(`myapi:${BASE}`, { token, user: account })
}

function badDay(random, upTo, call) {
  const net = () => ({ errno: [600000, 600001, 600001, 602001, 600007][upTo(5)], errMsg: `网络错误 errcode:-${100 + upTo(120)}` })
  const retry = () => (upTo(2) ? { 'Retry-After': String(upTo(8) ? upTo(5) : 500) } : {})
  const odd = () => [
    { status: 200, body: '{"code": 0, "data": {"tok' },
    { status: 200, body: '<html></html>' },
    { status: 200, body: null },
    { status: 200, body: { code: 0, data: { token: 7 } } },
    { status: 200, body: { code: 40100, error: 'token_missing' } },
    { status: 100 + upTo(500), body: '' },
    { status: 502, body: '<html>Bad Gateway</html>' },
    failure(503, 50300, 'service_unavailable', retry()),
    failure(429, 42900, 'rate_limited', retry()),
    failure(500, 50000, 'internal_error'),
    failure(403, 40300, 'user_banned'),
    failure(400, 40001, 'login_code_invalid'),
    failure(409, 40900, 'session_key_missing'),
  ][upTo(13)]
  switch (upTo(call.path === LOGIN ? 6 : 7)) {
    case 0: {
      const outcome = net()
      return { before: outcome }
    }
    case 1: {
      const outcome = net()
      return outcome.errno === 600007 ? { before: outcome } : { after: outcome }
    }
    case 2:
      return { before: odd() }
    case 3: {
      const answer = odd()
      // these say that nothing was done, and no client can see through that lie
      return [401, 409].includes(answer.status) ? { before: answer } : { after: answer }
    }
    case 4:
      return upTo(2) ? { before: 'silence' } : { after: 'silence' }
    case 5:
      return { twice: true }
    default:
      return { before: failure(401, 40102, 'session_ended') }
  }
}

/** What happens to users without their phone's doing. */
function happen(server, phone, upTo) {
  const account = server.account('alice')
  switch (upTo(6)) {
    case 0:
      return server.sessions.clear()
    case 1:
      return server.erase(account)
    case 2:
      server.endAll(account)
      return server.banned.add(account)
    case 3:
      return server.banned.clear()
    case 4:
      return server.keyless.add(account)
    default:
      phone.person = phone.person === 'alice' ? 'bob' : 'alice'
  }
}

/** Looks on, and says at the end whether every promise was kept. */
class Judge {
  constructor(time, server, phone, api, leaves) {
    Object.assign(this, { time, server, phone, api, leaves, session: parts.session.part, kept: [] })
    const { storage } = parts.reports
    const save = storage.saveReports
    storage.saveReports = reports => save((this.kept = reports)) // in memory, should the storage fail
    this.wishes = []
    this.breaches = []
    this.left = -1 // when the app called logout or erase last
    this.wished = -1 // when it wanted something else last
    this.moment = 0
    this.erased = new Set() // users who erased themselves
    this._watch()
  }

  /** The app does something. */
  wish(random, upTo) {
    const leaving = random() < this.leaves
    const kind = leaving ? upTo(2) : 2 + upTo(26)
    const wish = { kind, label: `w${this.wishes.length}`, at: this.time.timers.now(), owner: this.session.user, settled: 0 }
    this.wishes.push(wish)
    this.moment += 1
    if (kind < 2) this.left = this.moment
    else if (kind !== 3) this.wished = this.moment
    const over = value => {
      wish.settled += 1
      wish.value = value
    }
    const call = this._do(wish, kind, upTo)
    call.then(over, over)
    if (call.abort && upTo(10) === 0) this._abortAt(upTo(5000), wish, call)
  }

  _abortAt(ms, wish, call) {
    this.time.at(ms, () => {
      if (!wish.settled) wish.abortedAt = this.time.timers.now()
      call.abort()
    })
  }

  _do(wish, kind, upTo) {
    const { api } = this
    const options = { header: { 'X-Label': wish.label } }
    if (kind === 0) return api.logout()
    if (kind === 1) return api.erase().then(() => this.erased.add(wish.owner))
    if (kind === 2) return api.login({ fresh: (wish.fresh = upTo(2) === 0) })
    if (kind === 3) return api.get('/api/hello', undefined, { auth: false })
    if (kind === 4) return api.decrypt({ encryptedData: 'e', iv: 'i' })
    if (kind === 5) return api.sessions()
    if (kind === 18) return api.phone({ code: wish.label })
    if (kind === 19) return api.removePhone()
    if (kind === 20) return this._upload(wish, upTo)
    if (kind === 21) return api.removeAvatar()
    if (kind === 22) return api.askToNotify([wish.label])
    if (kind === 23) return api.permissions()
    if (kind === 24) return api.upload(`/api/x/${wish.label}`, 'wxfile://x', options)
    if (kind === 25) return api.download(`/api/x/${wish.label}`, options)
    if (kind > 25) return api.put(SHARED, { n: wish.label }, options)
    if (kind < 10) return api.post(`/api/x/${wish.label}`, {}, options)
    if (kind < 12) return api.put(`/api/x/${wish.label}`, {}, options)
    return api.get(`/api/x/${wish.label}`, undefined, options)
  }

  /** The app looks at the progress, or fails at that. */
  _upload(wish, upTo) {
    const fails = upTo(2) === 0
    return this.api.uploadAvatar(wish.label, {
      onProgress: percent => {
        this._note(!wish.settled, 'progress of an upload that is over')
        this._note(percent >= 0 && percent <= 100, `a progress of ${percent}`)
        if (fails) throw new Error('of the app')
      },
    })
  }

  /** Look at each exchange when it starts. */
  _watch() {
    const { phone } = this
    for (const name of ['request', 'uploadFile', 'downloadFile']) {
      const real = phone.wx[name]
      phone.wx[name] = options => {
        if (options.url.endsWith(LOGIN)) this._mayExchange()
        const task = real(options)
        const call = phone.sent[phone.sent.length - 1]
        call.moment = this.moment
        this._note(phone._running.size <= 10, 'more than ten requests at once')
        this._note(!call.url || !call.url.includes('token-'), 'a token in an address')
        this._judgeSending(call)
        return task
      }
    }
    this._watchWrites()
    this._watchHooks()
  }

  _judgeSending({ label, at }) {
    const wish = label && this.wishes[Number(label.slice(1))]
    if (!wish || wish.kind === 22) return // what the user permitted is sent whenever it can be
    this._note(wish.abortedAt === undefined, 'it was sent after it had been aborted')
    const { away } = this.phone
    const waited = away.map(({ from, to = at }) => to - Math.max(from, wish.at))
    this._note(waited.every(ms => ms <= LONG), 'it was sent after a long absence')
  }

  /** Of what the phone still waits for, an older state must not come after a newer one. */
  _watchWrites() {
    const { server } = this
    const answer = server.answer.bind(server)
    let newest = -1
    server.answer = call => {
      const result = answer(call)
      if (call.path !== SHARED || result.status !== 200 || call.ended !== undefined) return result
      const n = Number(call.label.slice(1))
      this._note(n >= newest, 'an older write overtook a newer one')
      newest = Math.max(n, newest)
      return result
    }
  }

  /** They see as much as is sent, and no token. */
  _watchHooks() {
    this.hooked = { before: 0, after: 0 }
    const look = name => told => {
      this.hooked[name] += 1
      this._note(!/token-|alice|bob/.test(JSON.stringify(told)), 'a hook saw a token or a code')
      throw new Error('of the app')
    }
    this.api.onRequest(look('before'))
    this.api.onResponse(look('after'))
  }

  _mayExchange() {
    const { phone } = this
    this._note(phone.exchanges.every(each => each.ended !== undefined), 'two exchanges at once')
    this._note(this.left < 0 || this.wished > this.left, 'it logged in after leaving')
    const former = phone.exchanges[phone.exchanges.length - 1]
    if (!former) return
    const token = former.outcome === 200 && former.told && former.told.data && former.told.data.token
    if (typeof token !== 'string') return // it failed
    const since = phone.sent.filter(call => call.ended !== undefined && call.token === token)
    const refused = since.some(call => call.outcome === 401)
    const left = this.left > former.moment
    const asked = this.wishes.some(wish => wish.fresh && wish.at >= former.ended)
    const keyless = phone.sent.some(call => call.at >= former.ended && isKeyless(call))
    this._note(refused || left || asked || keyless, 'an exchange after one that was well')
  }

  /** The client would take an exception for a failure of the phone: so it is raised at the end. */
  _note(kept, breach) {
    if (!kept) this.breaches.push(breach)
  }

  verdict() {
    const { server, phone, wishes } = this
    assert.deepEqual(this.breaches, [])
    for (const wish of wishes) {
      assert.equal(wish.settled, 1, `${wish.label} did not settle`)
      if (wish.value instanceof Error) assert.equal(wish.value.name, 'ApiError', wish.value.stack)
      const as = [...(server.sentAs.get(wish.label) || [])]
      assert.ok(as.length <= 1, `${wish.label} was sent as ${as}`)
      if (as.length && wish.owner) assert.equal(as[0], wish.owner, 'a token of another user')
      const account = wish.value && wish.value.account
      if (account && wish.owner) assert.equal(account, wish.owner, 'an answer of another user')
      if (wish.abortedAt !== undefined) assert.equal(wish.value.error, 'aborted')
      if (wish.kind === 22) this._judgeReport(wish)
      if ((wish.kind >= 6 && wish.kind < 10) || wish.kind === 24) {
        const sendings = phone.sent.filter(call => call.label === wish.label)
        const acted = server.acted.get(wish.label) || 0
        const resent = sendings.filter(call => call.resent).length
        assert.ok(acted <= 1 + resent, 'a POST was done twice')
      }
    }
    assert.equal(phone._running.size, 0)
    assert.deepEqual(this.hooked, { before: phone.sent.length, after: phone.sent.length })
    assert.ok(this.kept.length <= 50)
    const codes = phone.exchanges.map(call => call.data.code)
    assert.equal(new Set(codes).size, codes.length, 'a code was used twice')
  }

  /** Nothing that is over holds up what comes after it. */
  async mayWriteAgain() {
    const { time, server, phone, api } = this
    phone.mood = phone.loginMood = () => undefined
    phone.latency = () => 50
    server.banned.clear()
    let outcome = 'waiting'
    api.put(SHARED, {}).then(() => (outcome = 'ok'), error => (outcome = error.error))
    await time.run()
    // another person may hold the phone by now
    assert.ok(['ok', 'signed_out'].includes(outcome), `a write after all others is ${outcome}`)
  }

  /** What the user permitted is counted once, or still on the phone. */
  _judgeReport({ label, owner, value, at }) {
    const { server, phone, wishes } = this
    const ledgers = [...server.reports.keys()].map(account => server.ledger(account).get(label) || 0)
    const counted = ledgers.reduce((sum, left) => sum + left, 0)
    assert.ok(counted <= 1, 'a permission was counted twice')
    if (value instanceof Error) return
    assert.deepEqual(value.accepted, [label])
    if (value.left) assert.deepEqual([counted, value.left[label]], [1, 1])
    const kept = this.kept.some(report => report.results[label])
    const refused = phone.sent.some(call => call.label === label && call.outcome === 400 && call.told.error)
    // of a user whom no login has told yet, it ends with the generation
    const given = this.erased.has(owner) || (!owner && wishes.some(wish => wish.kind < 2 && wish.at >= at))
    assert.ok(counted || kept || refused || given, 'a permission was lost')
  }
}

const isKeyless = call => Boolean(call.told) && call.told.error === 'session_key_missing'

function many(count, action) {
  for (let i = 0; i < count; i += 1) action()
}

/** Run these seeds; give the sums. */
async function runs(count, first = 1) {
  const sum = { runs: 0, promises: 0, requests: 0, exchanges: 0 }
  for (let seed = first; seed < first + count; seed += 1) {
    const one = await run(seed).catch(error => {
      throw new Error(`seed ${seed}: ${error.message}`, { cause: error })
    })
    sum.runs += 1
    for (const name of Object.keys(one)) sum[name] += one[name]
  }
  return sum
}

module.exports = { runs }

if (require.main === module) {
  const [count = 1000, first = 1] = process.argv.slice(2).map(Number)
  runs(count, first).then(sum => console.log(JSON.stringify(sum)))
}

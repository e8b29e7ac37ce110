/** What the client promises, in a world without waiting. */

'use strict'

const assert = require('node:assert/strict')
const { test } = require('node:test')

const { ofAnswer } = require('../../miniprogram/myapi/errors')
const { ApiError, ERRORS, createClient } = require(process.env.MYAPI_TEST_CLIENT || '../../miniprogram/myapi/index')
const { Phone, Server, Time, chance, failure, success, symptomOf } = require('./world')

const BASE = 'https://api.example.com'

/** A world with one phone; `token: 'dead'` gives it one that the server does not know. */
function world({ token, ...options } = {}) {
  const random = chance(7)
  const time = new Time(random)
  const server = new Server()
  const phone = new Phone(time, server, options)
  if (token === 'dead') phone.kept.set(`myapi:${BASE}`, { token: 'dead', user: server.account('alice') })
  if (token === 'live') {
    const account = server.account('alice')
    phone.kept.set(`myapi:${BASE}`, { token: server.issue(account), user: account })
  }
  const client = () => createClient({ baseUrl: BASE, platform: phone.wx, timers: time.timers })
  return { time, server, phone, client, api: client() }
}

/** Run the world to its end; give what became of each promise: its value, or its error. */
async function outcomes(time, promises) {
  const settled = []
  promises.forEach((promise, i) =>
    promise.then(
      value => (settled[i] = { value }),
      error => (settled[i] = { error: error.error, status: error.status, it: error })
    )
  )
  await time.run()
  assert.equal(Object.keys(settled).length, promises.length, 'a promise did not settle')
  return settled
}

const many = (count, make) => Array.from({ length: count }, (_, i) => make(i))
const names = settled => [...new Set(settled.map(each => each.error || 'ok'))]
const kept = phone => phone.kept.get(`myapi:${BASE}`)

// ---- one login at a time ----

test('requests before any login log in once, in order, ten at a time', async () => {
  const { time, phone, api } = world()
  const settled = await outcomes(time, many(100, i => api.get(`/api/x/${i}`)))
  assert.deepEqual(names(settled), ['ok'])
  assert.equal(phone.logins, 1)
  assert.equal(phone.exchanges.length, 1)
  assert.equal(phone.most, 10)
  const order = phone.sent.slice(1).map(call => call.path)
  assert.deepEqual(order, many(100, i => `/api/x/${i}`))
})

test('a storm with a dead token: one login, replays keep their place', async () => {
  const { time, phone, api } = world({ token: 'dead' })
  const settled = await outcomes(time, many(500, i => api.post(`/api/x/${i}`, { i })))
  assert.deepEqual(settled.map(each => each.value.path), many(500, i => `/api/x/${i}`))
  assert.deepEqual([phone.logins, phone.exchanges.length, phone.most], [1, 1, 10])
  const taken = phone.sent.filter(call => call.outcome === 200 && call.path !== '/api/auth/login')
  assert.deepEqual(taken.map(call => call.path), many(500, i => `/api/x/${i}`))
  assert.equal(phone.sent.length, 500 + 10 + 1) // ten had gone with the dead token
})

test('a late 401 does not throw away the new token', async () => {
  const random = chance(3)
  const latency = (way, call) => (way === 'back' && call.token === 'dead' ? 30000 * random() : 20)
  const { time, phone, api } = world({ token: 'dead', latency })
  phone.latency = (way, call) => Math.min(14000, latency(way, call))
  const settled = await outcomes(time, many(500, i => api.get(`/api/x/${i}`)))
  assert.deepEqual(names(settled), ['ok'])
  assert.deepEqual([phone.logins, phone.exchanges.length], [1, 1])
})

test('a request is replayed once', async () => {
  const mood = call => (call.path === '/api/x' ? { before: failure(401, 40102, 'session_ended') } : undefined)
  const { time, phone, api } = world({ mood })
  const [settled] = await outcomes(time, [api.get('/api/x')])
  assert.equal(settled.error, 'session_ended')
  assert.equal(phone.sent.filter(call => call.path === '/api/x').length, 2)
})

test('a server that refuses every token ends in errors and few logins', async () => {
  const mood = call => (call.path === '/api/auth/login' ? undefined : { before: failure(401, 40102, 'session_ended') })
  const { time, phone, api } = world({ mood })
  const settled = await outcomes(time, many(500, i => api.get(`/api/x/${i}`)))
  assert.deepEqual(names(settled), ['session_ended'])
  assert.ok(phone.exchanges.length <= 3, `${phone.exchanges.length} exchanges`)
})

test('a login code that is refused is replaced by a fresh one, once', async () => {
  const mood = call => (call.path === '/api/auth/login' ? { before: failure(400, 40001, 'login_code_invalid') } : undefined)
  const { time, phone, api } = world({ mood })
  const settled = await outcomes(time, many(20, () => api.get('/api/x')))
  assert.deepEqual(names(settled), ['login_code_invalid'])
  assert.deepEqual(phone.exchanges.map(call => call.data.code), ['alice.1', 'alice.2'])
})

test('a login that meets a network failure goes again with a fresh code', async () => {
  const mood = call => {
    const first = call.path === '/api/auth/login' && phone.exchanges.length === 1
    return first ? { after: { errno: 600001, errMsg: '网络错误 errcode:-101' } } : undefined
  }
  const { time, phone, api } = world({ mood })
  const settled = await outcomes(time, many(50, () => api.get('/api/x')))
  assert.deepEqual(names(settled), ['ok'])
  assert.deepEqual(phone.exchanges.map(call => call.data.code), ['alice.1', 'alice.2'])
})

test('a login honours Retry-After, and not one that is too long', async () => {
  const away = seconds => failure(503, 50300, 'service_unavailable', { 'Retry-After': String(seconds) })
  const short = world({ mood: call => (call.path === '/api/auth/login' && call.at < 4000 ? { before: away(2) } : undefined) })
  assert.deepEqual(names(await outcomes(short.time, [short.api.get('/api/x')])), ['ok'])
  const [first, second] = short.phone.exchanges
  assert.ok(second.at - first.ended >= 2000)
  const long = world({ mood: () => ({ before: away(300) }) })
  const [settled] = await outcomes(long.time, [long.api.get('/api/x')])
  assert.equal(settled.it.retryAfter, 300)
  assert.equal(long.phone.exchanges.length, 1)
})

test('a banned user gets the error at once, and the next request asks again', async () => {
  const { time, server, phone, api } = world()
  server.banned.add(server.account('alice'))
  assert.deepEqual(names(await outcomes(time, many(500, () => api.get('/api/x')))), ['user_banned'])
  assert.equal(phone.exchanges.length, 1)
  server.banned.clear()
  assert.deepEqual(names(await outcomes(time, [api.get('/api/x')])), ['ok'])
})

test('wx.login that never calls back ends in a time-out and is tried again', async () => {
  const { time, phone, api } = world()
  phone.loginMood = count => (count === 1 ? 'silent' : undefined)
  assert.deepEqual(names(await outcomes(time, [api.get('/api/x')])), ['ok'])
  assert.equal(phone.logins, 2)
})

test('wx.login that WeChat blocks is told as such', async () => {
  const { time, phone, api } = world()
  phone.loginMood = () => ({ errno: 1402101, errMsg: 'login:fail 登录被拦截' })
  const [settled] = await outcomes(time, [api.get('/api/x')])
  assert.equal(settled.error, 'login_blocked')
  assert.equal(phone.logins, 1)
})

test('login() asks who it is where a token is held, and logs in where none is', async () => {
  const { time, phone, api } = world({ token: 'live' })
  const settled = await outcomes(time, many(20, () => api.login()))
  assert.deepEqual(new Set(settled.map(each => each.value.id)).size, 1)
  assert.deepEqual([phone.logins, phone.sent.length], [0, 1])
  await outcomes(time, many(20, () => api.login({ fresh: true })))
  assert.deepEqual([phone.logins, phone.exchanges.length], [1, 1])
})

// ---- leaving ----

test('logout: what is queued fails, nothing logs in, and the token is gone', async () => {
  const { time, server, phone, api } = world({ token: 'live' })
  const requests = many(50, i => api.get(`/api/x/${i}`))
  const out = api.logout()
  const settled = await outcomes(time, [...requests, out])
  assert.deepEqual(settled.slice(0, 50).map(each => each.error || 'ok'), many(50, i => (i < 10 ? 'ok' : 'signed_out')))
  assert.equal(settled[50].value, null)
  assert.deepEqual([phone.logins, server.sessions.size, kept(phone)], [0, 0, undefined])
})

test('a 401 after logout neither logs in nor replays', async () => {
  const { time, phone, api } = world({ token: 'dead' })
  const settled = await outcomes(time, [api.get('/api/x'), api.logout()])
  assert.deepEqual([settled[0].error, settled[1].value], ['signed_out', null])
  assert.deepEqual([phone.logins, phone.sent.length], [0, 2])
})

test('a login that arrives after logout signs nobody in, and its session is ended', async () => {
  const { time, server, phone, api } = world()
  const request = api.get('/api/x')
  let out
  time.at(120, () => (out = api.logout())) // the exchange is on its way
  const settled = await outcomes(time, [request])
  assert.equal(settled[0].error, 'signed_out')
  assert.equal(await out, null)
  assert.deepEqual([phone.exchanges[0].outcome, server.sessions.size, kept(phone)], [200, 0, undefined])
})

test('after logout the next request logs in, when the former exchange is over', async () => {
  const latency = way => (way === 'login' ? 20 : 500)
  const { time, server, phone, api } = world({ latency })
  const before = api.login()
  let after
  time.at(120, () => {
    api.logout()
    after = api.get('/api/x')
  })
  const settled = await outcomes(time, [before])
  assert.equal(settled[0].error, 'signed_out')
  assert.equal((await after).path, '/api/x')
  const [first, second] = phone.exchanges
  assert.ok(second.at >= first.ended)
  assert.equal(server.sessions.size, 1)
})

test('erase is done once, and an erasure sent twice makes no account again', async () => {
  const mood = call => (call.method === 'DELETE' && call.number === 0 ? { after: { errno: 600001, errMsg: '网络错误' } } : undefined)
  const { time, server, phone, api } = world({ token: 'live', mood })
  const settled = await outcomes(time, [api.erase(), api.erase()])
  assert.deepEqual(settled.map(each => each.value), [null, null])
  assert.deepEqual(phone.sent.map(call => call.outcome), [600001, 401])
  assert.deepEqual([server.accounts.size, phone.logins, kept(phone)], [0, 0, undefined])
})

test('a request made during an erasure logs in after it', async () => {
  const { time, phone, api } = world({ token: 'live' })
  const settled = await outcomes(time, [api.erase(), api.get('/api/x')])
  assert.deepEqual(names(settled), ['ok'])
  assert.deepEqual(phone.sent.map(call => call.path), ['/api/me', '/api/auth/login', '/api/x'])
  assert.ok(phone.sent[1].at >= phone.sent[0].ended)
})

test('erasing twice also ends what was begun between', async () => {
  const { time, server, phone, api } = world({ token: 'live' })
  const settled = await outcomes(time, [api.erase(), api.get('/api/x'), api.erase()])
  assert.deepEqual(settled.map(each => each.error || 'ok'), ['ok', 'signed_out', 'ok'])
  assert.deepEqual([phone.logins, phone.sent.length, server.accounts.size], [0, 1, 0])
})

test('an erasure that fails leaves the user signed in', async () => {
  const mood = call => (call.method === 'DELETE' ? { before: failure(500, 50000, 'internal_error') } : undefined)
  const { time, phone, api } = world({ token: 'live', mood })
  const [settled] = await outcomes(time, [api.erase()])
  assert.equal(settled.error, 'internal_error')
  assert.ok(kept(phone).token)
  assert.deepEqual(names(await outcomes(time, [api.get('/api/x')])), ['ok'])
  assert.equal(phone.logins, 0)
})

for (const [what, answer] of [
  ['a key that was taken out', failure(401, 40102, 'token_invalid')],
  ['a proxy', { status: 401, body: '<html>', header: {} }],
]) {
  test(`a 401 by ${what} is no erasure`, async () => {
    const mood = call => (call.method === 'DELETE' ? { before: answer } : undefined)
    const { time, server, phone, api } = world({ token: 'live', mood })
    const [settled] = await outcomes(time, [api.erase()])
    assert.ok(settled.error)
    assert.ok(kept(phone).token)
    assert.equal(server.accounts.size, 1)
  })
}

test('an erasure goes after the login under way, which would make the account again', async () => {
  const latency = (way, call) => (way === 'there' && call.path === '/api/auth/login' ? 600 : 50)
  const { time, server, phone, api } = world({ token: 'live', latency })
  const login = api.login({ fresh: true })
  let gone
  time.at(150, () => (gone = api.erase()))
  await outcomes(time, [login])
  assert.equal(await gone, null)
  assert.deepEqual([server.accounts.size, server.sessions.size, kept(phone)], [0, 0, undefined])
})

test('a fresh login ends the session before it', async () => {
  const { time, server, api } = world({ token: 'live' })
  for (let i = 0; i < 3; i += 1) {
    await outcomes(time, [api.login({ fresh: true })])
  }
  await time.run()
  assert.equal(server.sessions.size, 1)
})

test('login() after a logout is no answer to the one before', async () => {
  let asked = 0
  const first = (way, call) => way === 'back' && call.path === '/api/me' && (asked += 1) === 1
  const { time, phone, api } = world({ token: 'live', latency: (way, call) => (first(way, call) ? 8000 : 50) })
  const before = api.login()
  let after
  time.at(100, () => {
    api.logout()
    phone.person = 'bob'
  })
  time.at(500, () => api.get('/api/x'))
  time.at(2000, () => (after = api.login()))
  await outcomes(time, [before])
  assert.notEqual((await after).id, (await before).id)
})

test('signed out, erase fails and logout succeeds, without a call', async () => {
  const { time, phone, api } = world()
  const settled = await outcomes(time, [api.erase(), api.logout()])
  assert.deepEqual([settled[0].error, settled[1].value, phone.sent.length], ['signed_out', null, 0])
})

// ---- users ----

test('what was begun under one user is never sent under another', async () => {
  const { time, server, phone, api } = world({ token: 'live' })
  server.sessions.clear()
  phone.person = 'bob'
  const settled = await outcomes(time, many(50, () => api.put('/api/x', {})))
  assert.deepEqual(names(settled), ['signed_out'])
  const [next] = await outcomes(time, [api.get('/api/x')])
  assert.match(next.value.account, /^bob/)
  assert.equal(phone.exchanges.length, 1)
})

// ---- sending again ----

test('a request that only reads goes again after a network failure; a POST does not', async () => {
  const mood = call => (call.at < 1000 && call.path !== '/api/auth/login' ? { before: { errno: 600001, errMsg: '网络错误' } } : undefined)
  const { time, phone, api } = world({ token: 'live', mood })
  const settled = await outcomes(time, [api.get('/api/a'), api.post('/api/b'), api.post('/api/c', {}, { idempotent: true })])
  assert.deepEqual(settled.map(each => each.error || 'ok'), ['ok', 'network', 'ok'])
  assert.equal(phone.sent.filter(call => call.path === '/api/b').length, 1)
})

test('it gives up at last', async () => {
  const { time, phone, api } = world({ token: 'live', mood: () => ({ before: { errno: 600001, errMsg: '' } }) })
  assert.deepEqual(names(await outcomes(time, [api.get('/api/a')])), ['network'])
  assert.equal(phone.sent.length, 5)
})

test('a phone that says there are too many tasks has sent nothing, so a POST may go again', async () => {
  const mood = call => (call.number === 0 ? { before: { errno: 600007, errMsg: '' } } : undefined)
  const { time, api } = world({ token: 'live', mood })
  assert.deepEqual(names(await outcomes(time, [api.post('/api/a')])), ['ok'])
})

test('what the background cut off goes again when the app is shown', async () => {
  const mood = call => (call.at < 1000 ? { before: 'silence' } : undefined)
  const { time, phone, api } = world({ token: 'live', mood })
  const promises = [api.get('/api/a'), api.post('/api/b')]
  time.at(1, () => phone.hide())
  time.at(60000, () => phone.show())
  const settled = await outcomes(time, promises)
  assert.deepEqual(settled.map(each => each.error || 'ok'), ['ok', 'interrupted'])
  assert.ok(phone.sent[2].at >= 60000)
})

test('a login that the background cut off gets a fresh code when the app is shown', async () => {
  const mood = call => (call.at < 1000 ? { before: 'silence' } : undefined)
  const { time, phone, api } = world({ mood })
  const promises = [api.get('/api/a')]
  time.at(1, () => phone.hide())
  time.at(60000, () => phone.show())
  assert.deepEqual(names(await outcomes(time, promises)), ['ok'])
  assert.deepEqual(phone.exchanges.map(call => call.data.code), ['alice.1', 'alice.2'])
})

test('a phone that never calls back is given up on', async () => {
  const { time, phone, api } = world({ token: 'live' })
  phone.wx.request = () => ({ abort() {} })
  const [settled] = await outcomes(time, [api.post('/api/a', {}, { timeout: 3000 })])
  assert.deepEqual([settled.error, settled.it.errno], ['timeout', 5])
})

test('a phone that throws is told as an error', async () => {
  const { time, phone, api } = world({ token: 'live' })
  phone.wx.request = () => {
    throw new Error('parameter error')
  }
  assert.deepEqual(names(await outcomes(time, [api.get('/api/a')])), ['request_failed'])
})

// ---- decryption ----

test('decrypt logs in anew once when the server has no session_key, then sends again', async () => {
  const { time, server, phone, api } = world({ token: 'live' })
  server.keyless.add(server.account('alice'))
  const detail = { encryptedData: 'e', iv: 'i', errMsg: 'ok', cloudID: 'x' }
  const settled = await outcomes(time, many(5, () => api.decrypt(detail)))
  assert.deepEqual(names(settled), ['ok'])
  assert.deepEqual([phone.logins, phone.exchanges.length], [1, 1])
  assert.deepEqual(phone.sent[0].data, { encryptedData: 'e', iv: 'i' })
})

test('decrypt does not log in again and again', async () => {
  const mood = call => (call.path === '/api/me/decrypt' ? { before: failure(409, 40900, 'session_key_missing') } : undefined)
  const { time, phone, api } = world({ token: 'live', mood })
  const [settled] = await outcomes(time, [api.decrypt({ encryptedData: 'e', iv: 'i' })])
  assert.deepEqual([settled.error, phone.logins], ['session_key_missing', 1])
})

test('decrypt without data says that nothing was given', async () => {
  const { time, phone, api } = world({ token: 'live' })
  const [settled] = await outcomes(time, [api.decrypt({ errMsg: 'getPhoneNumber:fail user deny' })])
  assert.deepEqual([settled.error, phone.sent.length], ['no_encrypted_data', 0])
})

// ---- the phone number ----

test('phone sends the code of the button and nothing else, and gives the user', async () => {
  const { time, phone, api } = world({ token: 'live' })
  const detail = { code: 'c1', encryptedData: 'e', iv: 'i', errMsg: 'getPhoneNumber:ok' }
  const [bound] = await outcomes(time, [api.phone(detail)])
  assert.equal(bound.value.phone, '138******00')
  assert.deepEqual(phone.sent.map(({ method, path, data }) => [method, path, data]), [
    ['POST', '/api/me/phone', { code: 'c1' }],
  ])
  const [removed] = await outcomes(time, [api.removePhone()])
  assert.equal(removed.value.phone, null)
})

for (const [lost, after] of [
  ['a network failure', { errno: 600001, errMsg: '网络错误 errcode:-101' }],
  ['a time-out of the phone', 'silence'],
  ['a busy server', failure(503, 50300, 'service_unavailable')],
]) {
  test(`a phone code whose answer was lost in ${lost} is sent again, the same one`, async () => {
    const mood = () => (phone.sent.length === 1 ? { after } : undefined)
    const { time, phone, api, server } = world({ token: 'live', mood })
    const [settled] = await outcomes(time, [api.phone({ code: 'c1' })])
    assert.equal(settled.value.phone, '138******00')
    assert.deepEqual(phone.sent.map(call => call.data), [{ code: 'c1' }, { code: 'c1' }])
    assert.deepEqual([...server.phoneCodes.keys()], ['c1'])
  })
}

test('a phone code survives a session that has ended: one login, and the same code goes again', async () => {
  const { time, phone, api } = world({ token: 'dead' })
  const [settled] = await outcomes(time, [api.phone({ code: 'c1' })])
  assert.equal(settled.value.phone, '138******00')
  assert.deepEqual([phone.logins, phone.exchanges.length], [1, 1])
})

test('a phone code is never sent as another user', async () => {
  const { time, server, phone, api } = world({ token: 'dead' })
  phone.person = 'bob'
  const [settled] = await outcomes(time, [api.phone({ code: 'c1' })])
  assert.deepEqual([settled.error, server.phones.size], ['signed_out', 0])
})

for (const [detail, error, symptom] of [
  [{ errMsg: 'getPhoneNumber:fail user deny' }, 'phone_refused', null],
  [{ errMsg: 'getPhoneNumber:fail:user cancel' }, 'phone_refused', null],
  [{ errMsg: 'getPhoneNumber:fail privacy permission is not authorized', errno: 104 }, 'phone_refused', null],
  [{ errMsg: 'getPhoneNumber:fail privacy permission is not authorized' }, 'phone_refused', null],
  [{ errMsg: 'getPhoneNumber:fail', errno: 1400001 }, 'phone_unavailable', 'phone_quota'],
  [{ errMsg: 'getPhoneNumber:fail api scope is not declared in the privacy agreement', errno: 112 }, 'phone_unavailable', 'privacy'],
  [{ errMsg: 'getPhoneNumber:fail api scope is not declared in the privacy agreement' }, 'phone_unavailable', 'privacy'],
  [{ errMsg: 'getPhoneNumber:fail no permission' }, 'phone_unavailable', 'phone_not_permitted'],
  [{ errMsg: 'getPhoneNumber:fail jsapi has no permission' }, 'phone_unavailable', 'phone_not_permitted'],
  [{ errMsg: 'getPhoneNumber:ok', encryptedData: 'e', iv: 'i' }, 'phone_unavailable', null], // an old WeChat
  [{ errMsg: 'getPhoneNumber:ok', code: '' }, 'phone_unavailable', null],
  [{ code: 7 }, 'phone_unavailable', null],
  [{}, 'phone_unavailable', null],
  [undefined, 'phone_unavailable', null],
]) {
  test(`no phone code in ${JSON.stringify(detail)} is ${error}, ${symptom}, and nothing is sent`, async () => {
    const { time, phone, api } = world({ token: 'live' })
    const [settled] = await outcomes(time, [api.phone(detail)])
    assert.deepEqual([settled.error, settled.it.symptom, phone.sent.length], [error, symptomOf(symptom), 0])
    assert.equal(settled.it.errno, (detail && detail.errno) || 0)
  })
}

// ---- the avatar ----

const PICTURE = 'wxfile://tmp_1a2b.jpg'

test('a picture goes as the field file of a form, with the token, and gives the user', async () => {
  const { time, phone, api } = world({ token: 'live' })
  const [set] = await outcomes(time, [api.uploadAvatar(PICTURE)])
  assert.match(set.value.avatar_url, /^https:/)
  const [{ by, method, path, data, header, token }] = phone.sent
  assert.deepEqual([by, method, path, data], ['uploadFile', 'POST', '/api/me/avatar', { file: PICTURE }])
  assert.equal(token, kept(phone).token)
  assert.deepEqual(Object.keys(header), ['Authorization']) // the phone chooses the boundary of the form
  const [removed] = await outcomes(time, [api.removeAvatar()])
  assert.equal(removed.value.avatar_url, null)
})

for (const [lost, mood] of [
  ['a network failure', { after: { errno: 600001, errMsg: '网络错误 errcode:-101' } }],
  ['a time-out of the phone', { after: 'silence' }],
  ['a busy server', { before: failure(503, 50300, 'service_unavailable') }],
  ['a proxy whose app is away', { before: { status: 502, body: '<html>Bad Gateway</html>' } }],
]) {
  test(`a picture that meets ${lost} is sent again`, async () => {
    const { time, phone, api } = world({ token: 'live', mood: () => (phone.sent.length === 1 ? mood : undefined) })
    const [settled] = await outcomes(time, [api.uploadAvatar(PICTURE)])
    assert.match(settled.value.avatar_url, /^https:/)
    assert.deepEqual(phone.sent.map(call => call.data), [{ file: PICTURE }, { file: PICTURE }])
  })
}

test('a picture that the background cut off goes again when the app is shown', async () => {
  const { time, phone, api } = world({ token: 'live', mood: () => (phone.sent.length === 1 ? { after: 'silence' } : undefined) })
  time.at(10, () => phone.hide())
  time.at(100000, () => phone.show())
  const [settled] = await outcomes(time, [api.uploadAvatar(PICTURE)])
  assert.match(settled.value.avatar_url, /^https:/)
  assert.deepEqual(phone.sent.map(call => call.outcome), [600003, 200])
})

test('a picture survives a session that has ended: one login, and it goes once more', async () => {
  const { time, phone, api } = world({ token: 'dead' })
  const [settled] = await outcomes(time, [api.uploadAvatar(PICTURE)])
  assert.match(settled.value.avatar_url, /^https:/)
  assert.deepEqual([phone.logins, phone.exchanges.length, phone.sent.length], [1, 1, 3])
})

test('a picture whose token is refused again is not sent a third time', async () => {
  const mood = call => (call.by === 'uploadFile' ? { before: failure(401, 40102, 'session_ended') } : undefined)
  const { time, phone, api } = world({ mood })
  const [settled] = await outcomes(time, [api.uploadAvatar(PICTURE)])
  assert.equal(settled.error, 'session_ended')
  assert.equal(phone.sent.filter(call => call.by === 'uploadFile').length, 2)
})

test('a picture is never sent as another user', async () => {
  const { time, server, phone, api } = world({ token: 'dead' })
  phone.person = 'bob'
  const [settled] = await outcomes(time, [api.uploadAvatar(PICTURE)])
  assert.deepEqual([settled.error, server.pictures.size], ['signed_out', 0])
})

test('pictures and profiles of a user are sent in the order in which they were made, one of each at once', async () => {
  const { time, phone, api } = world({ token: 'dead' })
  const change = i => (i % 2 ? api.uploadAvatar(`wxfile://${i}`) : api.put('/api/me', { nickname: `${i}` }))
  assert.deepEqual(names(await outcomes(time, many(60, change))), ['ok'])
  const taken = by => phone.sent.filter(call => call.by === by && call.outcome === 200 && call.path !== '/api/auth/login')
  assert.deepEqual(taken('uploadFile').map(({ data }) => data.file), many(30, i => `wxfile://${2 * i + 1}`))
  assert.deepEqual(taken('request').map(({ data }) => data.nickname), many(30, i => `${2 * i}`))
  assert.deepEqual([phone.logins, phone.most], [1, 2])
})

test('a picture has more time than a request, as much as the app gives it', async () => {
  const lasting = async (options, settings) => {
    const { time, phone } = world({ token: 'live', mood: () => ({ after: 'silence' }) })
    const api = createClient({ baseUrl: BASE, platform: phone.wx, timers: time.timers, ...settings })
    const [settled] = await outcomes(time, [api.uploadAvatar(PICTURE, options)])
    assert.equal(settled.error, 'timeout')
    return phone.sent[0].ended
  }
  assert.equal(await lasting(), 30000)
  assert.equal(await lasting({ timeout: 3000 }), 3000)
  assert.equal(await lasting({}, { timeout: 60000 }), 60000)
})

for (const path of ['', undefined, null, 7, {}]) {
  test(`no picture, ${JSON.stringify(path)}, is picture_missing, and nothing is sent`, async () => {
    const { time, phone, api } = world()
    const [settled] = await outcomes(time, [api.uploadAvatar(path)])
    assert.deepEqual([settled.error, phone.sent.length, phone.logins], ['picture_missing', 0, 0])
  })
}

test('progress is told from 0 to 100, and no more after the end', async () => {
  const { time, api } = world({ token: 'live' })
  const told = []
  await outcomes(time, [api.uploadAvatar(PICTURE, { onProgress: percent => told.push(percent) })])
  assert.deepEqual(told, [0, 40, 100])
})

test('progress begins again with the next sending, and never counts for a former one', async () => {
  const { time, phone, api } = world({ token: 'live', mood: () => (phone.sent.length === 1 ? { after: 'silence' } : undefined) })
  const told = []
  await outcomes(time, [api.uploadAvatar(PICTURE, { onProgress: percent => told.push(percent) })])
  assert.deepEqual(told, [0, 40, 100, 0, 40, 100])
})

test('an app that fails at the progress, and a phone that tells nonsense or none, lose no picture', async () => {
  const broken = () => {
    throw new Error('of the app')
  }
  const { time, phone, api } = world({ token: 'live' })
  assert.deepEqual(names(await outcomes(time, [api.uploadAvatar(PICTURE, { onProgress: broken })])), ['ok'])
  const real = phone.wx.uploadFile
  const told = []
  const onProgress = percent => told.push(percent)
  const odd = [-1, 101, NaN, undefined, null, '50%']
  phone.wx.uploadFile = options => ({
    ...real(options),
    onProgressUpdate: listener => odd.forEach(progress => listener({ progress })),
  })
  assert.deepEqual(names(await outcomes(time, [api.uploadAvatar(PICTURE, { onProgress })])), ['ok'])
  for (const task of [undefined, {}]) {
    phone.wx.uploadFile = options => {
      real(options)
      return task
    }
    assert.deepEqual(names(await outcomes(time, [api.uploadAvatar(PICTURE, { onProgress })])), ['ok'])
  }
  assert.deepEqual(told, [])
})

test('whatever answers an upload is understood, or told as no answer of ours', async () => {
  const me = { id: 'u', avatar_url: 'https://api.example.com/avatars/x' }
  const error = (code, error) => JSON.stringify({ code, error, msg: 'm', request_id: 'r1' })
  for (const [statusCode, data, expected] of [
    [200, JSON.stringify({ code: 0, msg: 'ok', data: me }), me],
    ['200', JSON.stringify({ code: 0, msg: 'ok', data: me }), me],
    [200, { code: 0, msg: 'ok', data: me }, me], // a phone that has parsed it already
    [400, error(40005, 'picture_invalid'), 'picture_invalid 400'],
    [413, error(41300, 'payload_too_large'), 'payload_too_large 413'],
    [413, '<html>413 Request Entity Too Large</html>', 'bad_answer 413'],
    [200, '<!doctype html><title>portal</title>', 'bad_answer 200'],
    [200, '{"code": 0, "data": {"id', 'bad_answer 200'],
    [200, '', 'bad_answer 200'],
    [200, 'null', 'bad_answer 200'],
    [200, '7', 'bad_answer 200'],
    [200, '"text"', 'bad_answer 200'],
    [200, undefined, 'bad_answer 200'],
    [200, error(40100, 'token_missing'), 'token_missing 200'],
    [403, '[]', 'bad_answer 403'],
    [undefined, undefined, 'bad_answer 0'],
  ]) {
    const { time, phone, api } = world({ token: 'live' })
    phone.wx.uploadFile = ({ success }) => time.at(1, () => success({ statusCode, data, errMsg: 'uploadFile:ok' }))
    const [settled] = await outcomes(time, [api.uploadAvatar(PICTURE)])
    assert.deepEqual(settled.error ? `${settled.error} ${settled.status}` : settled.value, expected, String(data))
  }
  const { time, phone, api } = world({ token: 'live' })
  phone.wx.uploadFile = ({ success }) => time.at(1, () => success(undefined))
  assert.deepEqual(names(await outcomes(time, [api.uploadAvatar(PICTURE)])), ['bad_answer'])
})

for (const [errno, errMsg, error, symptom] of [
  [600002, 'uploadFile:fail url not in domain list', 'domain_not_listed', 'upload_domain_list'],
  [600002, 'uploadFile:fail 不在以下 uploadFile 合法域名列表中', 'domain_not_listed', 'upload_domain_list'],
  [undefined, 'uploadFile:fail createUploadTask:fail url not in domain list', 'domain_not_listed', 'upload_domain_list'],
  [undefined, 'uploadFile:fail createUploadTask:fail file not found', 'picture_missing', 'upload_file'],
  [undefined, 'uploadFile:fail createUploadTask:fail invalid url', 'bad_url', 'bad_url'],
  [600009, 'uploadFile:fail invalid url', 'bad_url', 'bad_url'],
  [undefined, 'request:fail https://uploadfile.example.com url not in domain list', 'domain_not_listed', 'domain_list'],
]) {
  test(`an upload that fails with ${errno}, ${errMsg}, is ${error}, ${symptom}, and not sent again`, async () => {
    const { time, phone, api } = world({ token: 'live' })
    let sent = 0
    phone.wx.uploadFile = ({ fail }) => {
      sent += 1
      time.at(1, () => fail({ errno, errMsg }))
    }
    const [{ it }] = await outcomes(time, [api.uploadAvatar(PICTURE)])
    assert.deepEqual([it.error, it.symptom, sent], [error, symptomOf(symptom), 1])
  })
}

test('a platform without uploadFile, and one that throws, is told as an error', async () => {
  for (const uploadFile of [undefined, () => assert.fail('parameter error')]) {
    const { time, phone } = world({ token: 'live' })
    const platform = { ...phone.wx, uploadFile }
    const api = createClient({ baseUrl: BASE, platform, timers: time.timers })
    assert.deepEqual(names(await outcomes(time, [api.uploadAvatar(PICTURE)])), ['request_failed'])
    assert.deepEqual(names(await outcomes(time, [api.get('/api/x')])), ['ok'])
  }
})

// ---- answers ----

const refused = fields => {
  const { status, body } = failure(400, 40000, 'invalid_request')
  return ofAnswer({ status, body: { ...body, fields }, requestId: '', retryAfter: 0 })
}

test('a refused field is told in both languages, whatever the language of the phone', () => {
  const items = [
    { field: 'nickname', rule: 'max_length', limit: 32, msg: '…' },
    { field: 'kind', rule: 'type', limit: ['string', 'integer'], msg: '…' },
    { field: 'items[2].colour', rule: 'enum', limit: ['red', 'blue'], msg: '…' },
    { field: 'avatarUrl', rule: 'unknown', did_you_mean: 'avatar_url', msg: '…' },
    { field: '', rule: 'format', limit: 'json', msg: 'The body must be a JSON object in UTF-8.' },
    { field: '', rule: 'format', limit: 'json', msg: '请求体必须是 UTF-8 编码的 JSON 对象。' },
    { field: 'plate', rule: 'format', msg: '…' },
  ]
  const error = refused(items)
  assert.deepEqual(error.fields.map(field => field.en), [
    'nickname is too long: the maximum length is 32.',
    'kind must be text or a whole number.',
    'items[2].colour must be one of these: red, blue.',
    'avatarUrl is not a known field. Did you mean avatar_url?',
    'The body must be a JSON object in UTF-8.',
    'The body has the wrong format.',
    'plate has the wrong format.',
  ])
  assert.deepEqual(error.fields.map(field => field.zh), [
    'nickname 太长，最多 32 个字符。',
    'kind 必须是文本或整数。',
    'items[2].colour 只能是以下之一：red、blue。',
    '没有 avatarUrl 这个字段，你是不是想写 avatar_url？',
    '请求体格式不正确。',
    '请求体必须是 UTF-8 编码的 JSON 对象。',
    'plate 格式不正确。',
  ])
  assert.equal(refused(items.slice(0, 2)).zh, 'nickname 太长，最多 32 个字符。kind 必须是文本或整数。')
  assert.equal(refused(items.slice(0, 1)).en, 'nickname is too long: the maximum length is 32.')
})

test("a rule of an app's own is told in the server's words, a format in those of the same language", () => {
  for (const limit of ['plate', '__proto__', 'json']) {
    for (const [msg, zh, en] of [['结束时间太早。', '结束时间太早。', 'ends_at has the wrong format.'], ['Too early.', 'ends_at 格式不正确。', 'Too early.']]) {
      const error = refused([{ field: 'ends_at', rule: 'format', limit, msg }])
      assert.deepEqual([error.zh, error.en], [zh, en])
    }
  }
  for (const [rule, limit] of [['after_start'], ['constructor'], ['max_length']]) {
    const error = refused([{ field: 'ends_at', rule, limit, msg: '结束时间太早。' }])
    assert.deepEqual([error.zh, error.en], ['结束时间太早。', '结束时间太早。'], rule)
    assert.equal(refused([{ field: 'ends_at', rule, limit }]).en, 'ends_at is not valid.')
  }
})

test('an error with the name of a property of every object is told as one that is not known', () => {
  for (const error of ['constructor', '__proto__', 'toString']) {
    const told = body => ofAnswer({ status: 400, body: { error, code: 40099, ...body }, requestId: '', retryAfter: 0 })
    assert.deepEqual([told({ msg: '已售罄。' }).zh, told({ msg: '已售罄。' }).en], ['已售罄。', '已售罄。'])
    assert.equal(told({}).en, ERRORS.bad_answer.en)
  }
})

test('fields is always an array, and hostile ones are harmless', () => {
  const { en, zh } = ERRORS.invalid_request
  for (const fields of [undefined, null, 7, 'x', {}, [], [null, 7, 'x', [], {}], [{ field: 7, rule: 'type' }], [{ field: 'x'.repeat(201), rule: 'y' }]]) {
    const error = refused(fields)
    assert.deepEqual([error.fields, error.en, error.zh], [[], en, zh], JSON.stringify(fields))
  }
  const odd = [{}, [{}], [[]], NaN, Infinity, true, 'x'.repeat(201), Array(51).fill('x'), { length: 1 }]
  for (const limit of odd) {
    const [field] = refused([{ field: '{limit}$&', rule: 'enum', limit, did_you_mean: {}, msg: {} }]).fields
    assert.deepEqual(field, { field: '{limit}$&', rule: 'enum', limit: null, didYouMean: '', msg: '', en: '{limit}$& is not valid.', zh: '{limit}$& 不正确。' })
  }
  const many = refused(Array(1000).fill({ field: 'x', rule: 'own', msg: 'y'.repeat(5000) }))
  assert.deepEqual([many.fields.length, many.fields[0].msg.length], [10, 1000])
  assert.deepEqual(new ApiError('network').fields, [])
})

test('every status is understood', async () => {
  for (const [result, expected] of [
    [success({ a: 1 }), { a: 1 }],
    [success(null), null],
    [{ status: 204, body: '' }, null],
    [{ status: 200, body: { code: 0, msg: 'Hello', time: 't' } }, { code: 0, msg: 'Hello', time: 't' }],
    [{ status: 200, body: { encryptedData: 'e' } }, { encryptedData: 'e' }],
    [failure(404, 40400, 'not_found'), 'not_found 404'],
    [failure(402, 40299, 'no_credit'), 'no_credit 402'],
    [{ status: 200, body: '<html>' }, 'bad_answer 200'],
    [{ status: 200, body: '{"code": 0, "da' }, 'bad_answer 200'],
    [{ status: 200, body: null }, 'bad_answer 200'],
    [{ status: 500, body: '' }, 'bad_answer 500'],
    [{ status: 304, body: '' }, 'bad_answer 304'],
    [{ status: 403, body: '<html>' }, 'bad_answer 403'],
    [{ status: undefined, body: {} }, 'bad_answer 0'],
  ]) {
    const { time, api } = world({ token: 'live', mood: () => ({ before: result }) })
    const [settled] = await outcomes(time, [api.post('/api/a')])
    assert.deepEqual(settled.error ? `${settled.error} ${settled.status}` : settled.value, expected)
  }
})

test('an error tells what the app and its user need, and never the token', async () => {
  const { time, phone, api } = world({ token: 'live', mood: () => ({ before: failure(429, 42900, 'rate_limited', { 'RETRY-AFTER': '77' }) }) })
  const [{ it }] = await outcomes(time, [api.get('/api/a')])
  assert.ok(it instanceof Error)
  const { error, code, status, errno, requestId, retryAfter, zh, en } = it
  assert.deepEqual([error, code, status, errno, requestId, retryAfter], ['rate_limited', 42900, 429, 0, 'r', 77])
  assert.deepEqual([zh, en], ['请求过于频繁，请稍后再试。', 'Too many requests: wait a little.'])
  assert.ok(!JSON.stringify([it, it.message, it.stack]).includes(kept(phone).token))
})

test('the phone is believed by its errno, whatever its language', async () => {
  for (const [errno, errMsg, error, symptom] of [
    [5, '请求超时', 'timeout', 'errno 5'],
    [600001, '网络错误 errcode:-102 cronet_error_code:-102', 'network', 'REFUSED'],
    [600001, 'errcode:-202 net::ERR_CERT_AUTHORITY_INVALID', 'tls', 'AUTHORITY'],
    [600001, '网络错误', 'network', '600001'],
    [600002, 'url 不在以下合法域名列表中', 'domain_not_listed', '600002'],
    [600009, 'URL 无效', 'bad_url', '600009'],
    [undefined, 'timeout', 'timeout', 'errno 5'],
    [undefined, 'url not in domain list', 'domain_not_listed', '600002'],
  ]) {
    const { time, phone, api } = world({ token: 'live' })
    phone.wx.request = options => {
      time.at(1, () => options.fail({ errno, errMsg: `request:fail ${errMsg}` }))
    }
    const [{ it }] = await outcomes(time, [api.post('/api/a')])
    assert.equal(it.error, error)
    assert.ok(it.symptom.en.includes(symptom))
  }
})

// ---- the rest ----

test('twenty thousand requests are sent in order, and soon', async () => {
  const { time, phone, api } = world({ token: 'dead', latency: () => 1 })
  const begun = Date.now()
  await outcomes(time, many(20000, i => api.get(`/api/x/${i}`)))
  const taken = phone.sent.filter(call => call.outcome === 200 && call.path !== '/api/auth/login')
  assert.deepEqual(taken.map(call => call.path), many(20000, i => `/api/x/${i}`))
  assert.ok(Date.now() - begun < 20000) // it is a second or two; squared it would be minutes
})


test('a public request needs no login and carries no token', async () => {
  const { time, phone, api } = world({ token: 'live' })
  await outcomes(time, [api.get('/api/hello', undefined, { auth: false })])
  assert.deepEqual([phone.logins, phone.sent[0].token], [0, ''])
})

test('a public request passes those that wait for a login', async () => {
  const { time, phone, api } = world()
  await outcomes(time, [api.get('/api/x'), api.get('/api/hello', undefined, { auth: false })])
  assert.equal(phone.sent[0].path, '/api/hello')
})

test('the token stays over a restart of the app, for its own server alone', async () => {
  const { time, phone, api, client } = world()
  await outcomes(time, [api.login()])
  await outcomes(time, [client().get('/api/x')])
  assert.equal(phone.logins, 1)
  const other = createClient({ baseUrl: 'https://test.example.com/', platform: phone.wx, timers: time.timers })
  other.get('/api/x').catch(() => {})
  await time.run()
  assert.equal(phone.logins, 2)
})

test('a storage that fails loses nothing of what is in memory', async () => {
  const { time, phone, api } = world()
  phone.storageFails = () => true
  assert.deepEqual(names(await outcomes(time, many(30, () => api.get('/api/x')))), ['ok'])
  assert.equal(phone.logins, 1)
  assert.deepEqual(names(await outcomes(time, [api.logout()])), ['ok'])
})

test('what is kept and makes no sense is as if nothing were kept', async () => {
  for (const nonsense of ['text', 7, null, { token: 1, user: 'x' }, { user: 'x' }]) {
    const { time, phone, client } = world()
    phone.kept.set(`myapi:${BASE}`, nonsense)
    assert.deepEqual(names(await outcomes(time, [client().get('/api/x')])), ['ok'])
  }
})

test('the token goes to its own server alone', async () => {
  for (const baseUrl of ['', 'api.example.com', 'https://a@b', 'https://a?b', 'https://a#b', 'https://a b', undefined]) {
    assert.throws(() => createClient({ baseUrl, platform: {} }), TypeError)
  }
  const { time, phone, api } = world({ token: 'live' })
  const settled = await outcomes(time, [api.get('@evil.example.com/'), api.get('.evil.example.com/'), api.get(undefined)])
  assert.deepEqual(names(settled), ['bad_url'])
  assert.equal(phone.sent.length, 0)
})

test('headers of the app are sent, but never in the place of the token', async () => {
  const { time, phone, api } = world({ token: 'live' })
  const real = phone.wx.request
  let seen
  phone.wx.request = options => real(Object.assign(options, { header: (seen = options.header) }))
  await outcomes(time, [api.get('/api/x', undefined, { header: { 'X-A': 'b', authorization: 'Bearer x' } })])
  assert.equal(seen['X-A'], 'b')
  assert.equal(seen.authorization, undefined)
  assert.match(seen.Authorization, /^Bearer token-/)
})

test('a platform without onAppShow works too', async () => {
  const { time, phone } = world()
  const { onAppShow: _1, onAppHide: _2, ...platform } = phone.wx
  const api = createClient({ baseUrl: BASE, platform, timers: time.timers })
  assert.deepEqual(names(await outcomes(time, [api.get('/api/x')])), ['ok'])
})

/** Subscribe messages: the dialog opens in the tap, and what the user permits is never lost. */

'use strict'

const assert = require('node:assert/strict')
const { test } = require('node:test')

const { ApiError, createClient } = require('../../miniprogram/myapi/index')
const { Phone, Server, Time, chance, failure, success } = require('./world')

const BASE = 'https://api.example.com'
const MESSAGES = '/api/me/messages'
const OFFLINE = { errno: 600001, errMsg: '网络错误 errcode:-106' }

/** A world with one phone; `token` is that of alice: live, dead or none. */
function world({ token, ...options } = {}) {
  const time = new Time(chance(7))
  const server = new Server()
  const phone = new Phone(time, server, options)
  const account = server.account('alice')
  if (token) phone.kept.set(`myapi:${BASE}`, { token: token === 'live' ? server.issue(account) : 'dead', user: account })
  return { time, server, account, phone, api: client(time, phone) }
}

const client = (time, phone) => createClient({ baseUrl: BASE, platform: phone.wx, timers: time.timers })

/** The app is killed, and started again with what the storage holds now. */
function restart({ time, server, phone, account }, options) {
  const again = new Phone(time, server, options)
  again.kept = new Map(JSON.parse(JSON.stringify([...phone.kept])))
  return { time, server, account, phone: again, api: client(time, again) }
}

/** Run the world to its end; give what became of a promise: its value, or its error. */
async function outcome(time, promise) {
  let settled
  promise.then(value => (settled = value), error => (settled = error))
  await time.run()
  assert.notEqual(settled, undefined, 'a promise did not settle')
  return settled
}

const reports = phone => phone.sent.filter(call => call.path === MESSAGES)
const stored = phone => phone.kept.get(`myapi:${BASE}:reports`) || []
const ledger = (server, account) => Object.fromEntries(server.ledger(account))
const offline = { mood: call => (call.path === MESSAGES ? { before: OFFLINE } : undefined) }

// ---- the dialog ----

test('the dialog opens in the call stack of the tap, before any request', async () => {
  const { time, phone, api } = world()
  const asked = api.askToNotify(['t1', 't2'])
  assert.deepEqual([phone.dialogs, phone.sent.length], [[['t1', 't2']], 0])
  await outcome(time, asked)
})

test('what the user answers is told to the server as it is, and the app gets to know what is left', async () => {
  const { time, server, account, phone, api } = world({ token: 'live' })
  const answers = { t1: 'accept', t2: 'reject', t3: 'acceptWithAudio' }
  phone.dialog = () => answers
  assert.deepEqual(await outcome(time, api.askToNotify(['t1', 't2', 't3'])), {
    accepted: ['t1', 't3'],
    results: answers,
    left: { t1: 1, t2: 0, t3: 1 },
  })
  const [{ method, data, token }] = reports(phone)
  assert.equal(method, 'POST')
  assert.deepEqual(Object.keys(data), ['id', 'results'])
  assert.match(data.id, /^[\w-]{8,64}$/)
  assert.deepEqual(data.results, answers)
  assert.equal(server.owners.get(token), account)
  assert.deepEqual(stored(phone), [])
})

test('a template of which nothing was ever permitted has 0 left', async () => {
  const { time, phone, api } = world({ token: 'live' })
  phone.dialog = () => ({ t1: 'ban', t2: 'filter' })
  const { accepted, left } = await outcome(time, api.askToNotify(['t1', 't2']))
  assert.deepEqual([accepted, left], [[], { t1: 0, t2: 0 }])
})

test('what the dialog tells beside its answers is not sent', async () => {
  const { time, phone, api } = world({ token: 'live' })
  phone.dialog = () => ({ t1: 'accept', errCode: '0', reqId: 'x', t2: 7 })
  const { results } = await outcome(time, api.askToNotify(['t1', 't2']))
  assert.deepEqual([results, reports(phone)[0].data.results], [{ t1: 'accept' }, { t1: 'accept' }])
})

test('two dialogs are two reports with ids of their own', async () => {
  const { time, server, account, phone, api } = world({ token: 'live' })
  await outcome(time, api.askToNotify(['t1']))
  const { left } = await outcome(time, api.askToNotify(['t1']))
  assert.deepEqual([left, ledger(server, account)], [{ t1: 2 }, { t1: 2 }])
  assert.equal(new Set(reports(phone).map(call => call.data.id)).size, 2)
})

for (const ids of [undefined, null, 't1', {}, [], ['a', 'b', 'c', 'd'], [''], [7], ['t1', undefined]]) {
  test(`asking for ${JSON.stringify(ids)} is template_invalid, and no dialog opens`, async () => {
    const { time, phone, api } = world({ token: 'live' })
    const error = await outcome(time, api.askToNotify(ids))
    assert.ok(error instanceof ApiError)
    assert.deepEqual([error.error, phone.dialogs, phone.sent], ['template_invalid', [], []])
  })
}

for (const [told, name] of [
  [{ errCode: 10001, errMsg: "TmplIds can't be empty" }, 'template_invalid'],
  [{ errCode: 10002, errMsg: 'Request list fail' }, 'network'],
  [{ errCode: 10003, errMsg: 'Request subscribe fail' }, 'network'],
  [{ errCode: 10004, errMsg: 'Invalid template id' }, 'template_invalid'],
  [{ errCode: 10005, errMsg: 'Cannot show subscribe message UI' }, 'interrupted'],
  [{ errCode: 20001, errMsg: 'No template data return, verify the template id exist' }, 'template_invalid'],
  [{ errCode: 20002, errMsg: 'Templates type must be same' }, 'template_invalid'],
  [{ errCode: 20003, errMsg: 'Templates count out of max bounds' }, 'template_invalid'],
  [{ errCode: 20004, errMsg: 'The main switch is switched off' }, 'messages_off'],
  [{ errCode: 20005, errMsg: 'This mini program was banned subscribe message' }, 'messages_unavailable'],
  [{ errCode: 20013, errMsg: 'Reject DeviceMsg Template' }, 'template_invalid'],
  [{ errCode: 29999, errMsg: 'something new' }, 'messages_unavailable'],
  [{ errMsg: 'requestSubscribeMessage:fail cancel' }, 'messages_refused'],
  [{ errMsg: 'requestSubscribeMessage:fail The main switch is switched off' }, 'messages_off'],
  [{ errMsg: 'requestSubscribeMessage:fail No template data return' }, 'template_invalid'],
  [{ errMsg: 'requestSubscribeMessage:fail can only be invoked by user TAP gesture.' }, 'messages_unavailable'],
  [{ errMsg: 'requestSubscribeMessage:fail' }, 'messages_unavailable'],
]) {
  test(`a dialog that fails with ${told.errCode}, ${told.errMsg}, is ${name}, and nothing is sent or stored`, async () => {
    const { time, phone, api } = world({ token: 'live' })
    phone.dialog = () => told
    const error = await outcome(time, api.askToNotify(['t1']))
    assert.ok(error instanceof ApiError)
    assert.deepEqual([error.error, error.errno, error.status], [name, told.errCode || 0, 0])
    assert.ok(error.zh && error.en)
    assert.deepEqual([phone.sent, stored(phone)], [[], []])
  })
}

test('a WeChat without the dialog, and one that throws, is messages_unavailable', async () => {
  for (const requestSubscribeMessage of [undefined, () => assert.fail('parameter error')]) {
    const { time, phone } = world({ token: 'live' })
    const api = client(time, { wx: { ...phone.wx, requestSubscribeMessage } })
    assert.equal((await outcome(time, api.askToNotify(['t1']))).error, 'messages_unavailable')
  }
})

// ---- nothing is lost, and nothing counts twice ----

test('signed out, the answer is kept until the login that it causes', async () => {
  const { time, phone, api, server } = world()
  const { left } = await outcome(time, api.askToNotify(['t1']))
  assert.deepEqual([left, phone.logins, stored(phone)], [{ t1: 1 }, 1, []])
  assert.deepEqual([...server.reports.keys()], [server.account('alice')])
})

test('a session that has ended: one login, and the same report goes again', async () => {
  const { time, server, account, phone, api } = world({ token: 'dead' })
  const { left } = await outcome(time, api.askToNotify(['t1']))
  assert.deepEqual([left, ledger(server, account), phone.logins], [{ t1: 1 }, { t1: 1 }, 1])
  assert.deepEqual(reports(phone).map(call => call.outcome), [401, 200])
})

test('the app is killed before the report is sent: it goes at the next start, by itself', async () => {
  const killed = world({ token: 'live', mood: () => ({ before: 'silence' }) })
  killed.api.askToNotify(['t1'])
  let next
  killed.time.at(51, () => (next = restart(killed))) // the user answered just now
  await killed.time.run()
  assert.deepEqual([ledger(next.server, next.account), stored(next.phone)], [{ t1: 1 }, []])
})

test('the app is killed before the answer comes: the same id goes again, and counts once', async () => {
  const killed = world({ token: 'live', mood: call => (call.path === MESSAGES ? { after: 'silence' } : undefined) })
  killed.api.askToNotify(['t1'])
  let next
  killed.time.at(200, () => (next = restart(killed)))
  await killed.time.run()
  assert.deepEqual(ledger(next.server, next.account), { t1: 1 })
  const [first, second] = [reports(killed.phone)[0], reports(next.phone)[0]]
  assert.deepEqual([second.data, stored(next.phone)], [first.data, []])
})

test('an answer that is lost: the same id goes again, and counts once', async () => {
  const mood = call => (call.number < 3 ? { after: OFFLINE } : undefined)
  const { time, server, account, phone, api } = world({ token: 'live', mood })
  const { left } = await outcome(time, api.askToNotify(['t1']))
  assert.deepEqual([left, ledger(server, account)], [{ t1: 1 }, { t1: 1 }])
  assert.equal(new Set(reports(phone).map(call => call.data.id)).size, 1)
  assert.equal(reports(phone).length, 4)
})

test('offline, the app gets to know what was accepted, and the report stays', async () => {
  const { time, phone, api } = world({ token: 'live', ...offline })
  assert.deepEqual(await outcome(time, api.askToNotify(['t1'])), {
    accepted: ['t1'],
    results: { t1: 'accept' },
    left: null,
  })
  assert.equal(stored(phone).length, 1)
})

for (const [what, comeBack] of [
  ['the network is back', phone => phone.connect(true)],
  ['the app is shown again', phone => { phone.hide(); phone.show() }],
  ['the app is started', (phone, time) => client(time, phone)],
  ['the user logs in anew', (phone, time, api) => api.login({ fresh: true })],
  ['the user is asked again', (phone, time, api) => api.askToNotify(['t9'])],
  ['the app asks what is left', (phone, time, api) => api.permissions()],
]) {
  test(`what could not be sent goes when ${what}, in order`, async () => {
    const { time, server, account, phone, api } = world({ token: 'live', ...offline })
    for (const template of ['t1', 't2', 't3']) await outcome(time, api.askToNotify([template]))
    assert.equal(stored(phone).length, 3)
    phone.connect(false)
    phone.mood = () => undefined
    const before = phone.sent.length
    comeBack(phone, time, api)
    await time.run()
    assert.deepEqual(stored(phone), [])
    assert.deepEqual([...server.ledger(account).keys()].slice(0, 3), ['t1', 't2', 't3'])
    assert.deepEqual(reports(phone).filter(call => call.number >= before).slice(0, 3).map(call => call.label), ['t1', 't2', 't3'])
  })
}

test('a later refusal never overtakes an earlier permission', async () => {
  const latency = (way, call) => (way === 'there' && call.label && call.number < 2 ? 3000 : 20)
  const { time, server, account, phone, api } = world({ token: 'live', latency })
  const first = api.askToNotify(['t1'])
  time.at(100, () => {
    phone.dialog = () => ({ t1: 'reject' })
    api.askToNotify(['t1'])
  })
  await outcome(time, first)
  assert.deepEqual(ledger(server, account), { t1: 0 })
})

test('while nothing can be sent, each sign of the network is one attempt at the first report alone', async () => {
  const { time, phone, api } = world({ token: 'live', mood: () => ({ before: failure(500, 50000, 'internal_error') }) })
  for (const template of ['t1', 't2']) await outcome(time, api.askToNotify([template]))
  const before = phone.sent.length
  for (let i = 0; i < 3; i += 1) {
    phone.connect(true)
    await time.run()
  }
  assert.deepEqual(phone.sent.slice(before).map(call => call.label), ['t1', 't1', 't1'])
  phone.connect(false)
  await time.run()
  assert.equal(phone.sent.length, before + 3)
})

for (const answer of [
  failure(401, 40101, 'token_invalid'),
  failure(403, 40300, 'user_banned'),
  failure(403, 40303, 'https_required'),
  failure(404, 40400, 'not_found'), // a server before this client
  failure(405, 40500, 'method_not_allowed'),
  failure(408, 40800, 'of_a_proxy'),
  failure(429, 42900, 'rate_limited'),
  failure(500, 50000, 'internal_error'),
  failure(503, 50300, 'service_unavailable'),
  { status: 400, body: '<html>Bad Request</html>' }, // not of this server
  { status: 413, body: '<html>' },
  { status: 200, body: '<html>' },
  success({}),
  success(null),
]) {
  const name = answer.body && answer.body.error ? answer.body.error : JSON.stringify(answer.body)
  test(`an answer ${answer.status} ${name} loses no report`, async () => {
    const { time, server, phone, api } = world({ token: 'live', mood: call => (call.path === MESSAGES ? { before: answer } : undefined) })
    assert.equal((await outcome(time, api.askToNotify(['t1']))).left, null)
    assert.equal(stored(phone).length, 1)
    phone.mood = () => undefined
    await outcome(time, api.login({ fresh: true }))
    assert.deepEqual(ledger(server, server.account('alice')), { t1: 1 })
  })
}

for (const answer of [
  failure(400, 40000, 'invalid_request'),
  failure(413, 41300, 'payload_too_large'),
  failure(415, 41500, 'unsupported_media_type'),
]) {
  test(`a report that the server refuses with ${answer.body.error} is given up, and holds up no other`, async () => {
    const mood = call => (call.label === 't1' ? { before: answer } : undefined)
    const { time, server, account, phone, api } = world({ token: 'live', mood })
    const asked = Promise.allSettled([api.askToNotify(['t1']), api.askToNotify(['t2'])])
    const [first, second] = await outcome(time, asked)
    assert.deepEqual([first.reason.error, second.value.left], [answer.body.error, { t2: 1 }])
    assert.deepEqual([ledger(server, account), stored(phone)], [{ t2: 1 }, []])
  })
}

test('of more than fifty reports the oldest are given up', async () => {
  const { time, server, account, phone, api } = world({ token: 'live', ...offline })
  const asked = Array.from({ length: 60 }, (_, i) => api.askToNotify([`t${i}`]))
  const settled = Promise.all(asked)
  await outcome(time, settled)
  assert.equal(stored(phone).length, 50)
  phone.mood = () => undefined
  phone.connect(true)
  await time.run()
  assert.deepEqual([...server.ledger(account).keys()], Array.from({ length: 50 }, (_, i) => `t${i + 10}`))
})

test('a storage that fails loses nothing while the app runs', async () => {
  const { time, server, account, phone, api } = world({ token: 'live', ...offline })
  phone.storageFails = () => true
  await outcome(time, api.askToNotify(['t1']))
  phone.mood = () => undefined
  phone.connect(true)
  await time.run()
  assert.deepEqual(ledger(server, account), { t1: 1 })
})

test('what is stored and makes no sense is as if it were not there', async () => {
  for (const nonsense of ['text', 7, {}, [null, 7, {}, { id: 'x' }, { id: 'x', user: 7, results: {} }, { id: 'x', user: 'u' }]]) {
    const { time, phone } = world({ token: 'live' })
    phone.kept.set(`myapi:${BASE}:reports`, nonsense)
    const api = client(time, phone)
    assert.deepEqual((await outcome(time, api.askToNotify(['t1']))).left, { t1: 1 })
    assert.equal(reports(phone).length, 1)
  }
})

test('what is sent without a call of the app logs nobody in: a dead token keeps it until a login comes', async () => {
  const { time, phone, server, account } = world({ token: 'dead' })
  phone.kept.set(`myapi:${BASE}:reports`, [{ id: 'a'.repeat(24), user: account, results: { t1: 'accept' } }])
  const api = client(time, phone)
  await time.run()
  phone.connect(true)
  await time.run()
  assert.deepEqual([phone.logins, reports(phone).map(call => call.outcome), stored(phone).length], [0, [401, 401], 1])
  await outcome(time, api.me())
  assert.deepEqual([phone.logins, ledger(server, account), stored(phone)], [1, { t1: 1 }, []])
})

test('a late 401 of the old token: with the new one the report goes again at once', async () => {
  const latency = (way, call) => (way === 'back' && call.token === 'dead' && call.label ? 5000 : 50)
  const { time, phone, server, account } = world({ token: 'dead', latency })
  phone.kept.set(`myapi:${BASE}:reports`, [{ id: 'a'.repeat(24), user: account, results: { t1: 'accept' } }])
  const api = client(time, phone)
  await outcome(time, api.me())
  assert.deepEqual([phone.logins, reports(phone).map(call => call.outcome), ledger(server, account)], [1, [401, 200], { t1: 1 }])
})

for (const call of ['askToNotify', 'permissions']) {
  test(`${call} while a kept report meets a dead token: one login, and both are told`, async () => {
    const { time, phone, server, account } = world({ token: 'dead' })
    phone.kept.set(`myapi:${BASE}:reports`, [{ id: 'a'.repeat(24), user: account, results: { t1: 'accept' } }])
    const api = client(time, phone)
    let told
    time.at(60, () => (told = api[call](['t2'])))
    await time.run()
    assert.ok((await told) && phone.logins === 1)
    assert.equal(ledger(server, account).t1, 1)
    assert.deepEqual(stored(phone), [])
  })
}

test('after an erasure whose answer was lost nothing logs in and makes the account again', async () => {
  const mood = call => (call.path === MESSAGES ? { before: OFFLINE } : call.method === 'DELETE' ? { after: failure(500, 50000, 'internal_error') } : undefined)
  const { time, server, phone, api } = world({ token: 'live', mood })
  await outcome(time, api.askToNotify(['t1']))
  await outcome(time, api.erase())
  phone.mood = () => undefined
  phone.connect(true)
  await time.run()
  assert.deepEqual([phone.logins, server.accounts.size], [0, 0])
})

// ---- whose it is ----

test('after a logout nothing is sent, nor for the next user; the user who comes back finds it', async () => {
  const { time, server, account, phone, api } = world({ token: 'live', ...offline })
  await outcome(time, api.askToNotify(['t1']))
  phone.mood = () => undefined
  await outcome(time, api.logout())
  const before = phone.sent.length
  phone.connect(true)
  phone.hide()
  phone.show()
  client(time, phone)
  await time.run()
  assert.deepEqual([phone.sent.length, phone.logins], [before, 0])
  phone.person = 'bob'
  await outcome(time, api.login())
  assert.deepEqual((await outcome(time, api.askToNotify(['t2']))).left, { t2: 1 })
  assert.deepEqual([ledger(server, account), stored(phone).length], [{}, 1])
  await outcome(time, api.logout())
  phone.person = 'alice'
  await outcome(time, api.login())
  assert.deepEqual([ledger(server, account), stored(phone)], [{ t1: 1 }, []])
})

test('another user who logs in while a report is on its way gets nothing of it', async () => {
  const { time, server, account, phone, api } = world({ token: 'dead' })
  phone.person = 'bob'
  assert.equal((await outcome(time, api.askToNotify(['t1']))).left, null)
  assert.deepEqual([server.reports.size, stored(phone).map(report => report.user)], [0, [account]])
})

test('a dialog that is answered after a logout logs nobody in, and what was accepted stays for its user', async () => {
  const { time, server, account, phone, api } = world({ token: 'live', latency: way => (way === 'dialog' ? 5000 : 50) })
  const asked = api.askToNotify(['t1'])
  time.at(1000, () => api.logout())
  assert.equal((await outcome(time, asked)).left, null)
  assert.deepEqual([phone.logins, stored(phone).length], [0, 1])
  await outcome(time, api.login())
  assert.deepEqual(ledger(server, account), { t1: 1 })
})

test('an answer of an unknown user that was not sent by the logout is given up, and the app gets to know', async () => {
  const { time, server, phone, api } = world()
  phone.loginMood = () => 'silent'
  const asked = api.askToNotify(['t1'])
  time.at(2000, () => api.logout())
  assert.equal((await outcome(time, asked)).error, 'signed_out')
  phone.loginMood = () => undefined
  phone.person = 'bob'
  await outcome(time, api.login())
  assert.deepEqual([server.reports.size, stored(phone)], [0, []])
})

for (const [what, begin, left] of [
  ['the network is back', ({ phone }) => phone.connect(true), 1],
  ['the app asks what is left', ({ api }) => api.permissions().catch(() => {}), 1],
  ['the user is asked', ({ api }) => api.askToNotify(['t3']), 2],
]) {
  test(`a logout after ${what}: what is on its way counts, the rest stays, and nobody is logged in`, async () => {
    const it = world({ token: 'live', ...offline })
    const { time, server, account, phone, api } = it
    for (const template of ['t1', 't2']) await outcome(time, api.askToNotify([template]))
    phone.mood = () => undefined
    phone.latency = way => (way === 'dialog' ? 0 : 50)
    begin(it)
    time.at(60, () => api.logout()) // the server has just counted the first one
    await time.run()
    assert.deepEqual([ledger(server, account), stored(phone).length, phone.logins], [{ t1: 1 }, left, 0])
  })
}

test('a report that waits to be sent again is not sent any more after a logout', async () => {
  const { time, phone, api } = world({ token: 'live', ...offline })
  await outcome(time, api.askToNotify(['t1']))
  phone.connect(true)
  time.at(60, () => api.logout())
  const before = reports(phone).length
  await time.run()
  assert.deepEqual([reports(phone).length, stored(phone).length], [before, 1])
})

test('a user who logs in while a report of the former one fails need not wait for the next sign', async () => {
  const { time, server, phone, api } = world({ token: 'live', ...offline })
  await outcome(time, api.askToNotify(['t1']))
  await outcome(time, api.logout())
  phone.person = 'bob'
  await outcome(time, api.login())
  await outcome(time, api.askToNotify(['t2']))
  phone.mood = call => (call.label === 't2' ? { after: OFFLINE } : undefined)
  phone.latency = (way, call) => (way === 'back' && call.label === 't2' ? 5000 : 50)
  phone.connect(true)
  time.at(100, () => {
    api.logout()
    phone.person = 'alice'
    api.login()
  })
  await time.run()
  assert.deepEqual(ledger(server, server.account('alice')), { t1: 1 })
})

test('an erased user leaves no report on the phone; a failed erasure does', async () => {
  const mood = call => (call.path === MESSAGES ? { before: OFFLINE } : call.method === 'DELETE' && call.at < 1e5 ? { before: failure(500, 50000, 'internal_error') } : undefined)
  const { time, phone, api } = world({ token: 'live', mood })
  await outcome(time, api.askToNotify(['t1']))
  assert.equal((await outcome(time, api.erase())).error, 'internal_error')
  assert.equal(stored(phone).length, 1)
  phone.mood = call => (call.path === MESSAGES ? { before: OFFLINE } : undefined)
  assert.equal(await outcome(time, api.erase()), null)
  assert.deepEqual(stored(phone), [])
})

test('reports stay apart by server', async () => {
  const { time, phone, api } = world({ token: 'live', ...offline })
  await outcome(time, api.askToNotify(['t1']))
  const other = createClient({ baseUrl: 'https://test.example.com', platform: phone.wx, timers: time.timers })
  const before = phone.sent.length
  other.login().catch(() => {})
  await time.run()
  assert.deepEqual(reports({ sent: phone.sent.slice(before) }), [])
})

// ---- what is left ----

test('permissions tells what is left of each template, and changes nothing', async () => {
  const { time, phone, api } = world({ token: 'live' })
  assert.deepEqual(await outcome(time, api.permissions()), {})
  await outcome(time, api.askToNotify(['t1', 't2']))
  assert.deepEqual(await outcome(time, api.permissions()), { t1: 1, t2: 1 })
  assert.deepEqual(await outcome(time, api.permissions()), { t1: 1, t2: 1 })
  assert.deepEqual([stored(phone), reports(phone).map(call => call.data.results).slice(-1)], [[], [{}]])
})

test('permissions counts what was kept on the phone', async () => {
  const { time, phone, api } = world({ token: 'live', ...offline })
  await outcome(time, api.askToNotify(['t1']))
  phone.mood = () => undefined
  assert.deepEqual(await outcome(time, api.permissions()), { t1: 1 })
})

test('permissions logs in like any other call, and fails like one', async () => {
  const { time, phone, api } = world()
  assert.deepEqual([await outcome(time, api.permissions()), phone.logins], [{}, 1])
  phone.mood = () => ({ before: failure(503, 50300, 'service_unavailable') })
  assert.equal((await outcome(time, api.permissions())).error, 'service_unavailable')
})

test('permissions that cannot be right, since what is kept cannot be sent, are not asked for', async () => {
  const { time, phone, api } = world({ token: 'live', ...offline })
  await outcome(time, api.askToNotify(['t1']))
  assert.equal((await outcome(time, api.permissions())).error, 'network')
  assert.ok(reports(phone).every(call => call.label === 't1'))
})

test('permissions asked for one user are never those of the next', async () => {
  const { time, phone, api } = world({ token: 'live', ...offline })
  await outcome(time, api.askToNotify(['t1']))
  phone.mood = () => undefined
  phone.latency = (way, call) => (way === 'back' && call.label ? 5000 : 50)
  const asked = api.permissions()
  time.at(100, () => {
    api.logout()
    phone.person = 'bob'
    api.login()
  })
  assert.equal((await outcome(time, asked)).error, 'signed_out')
})

/** Aborting, files, hooks, the order of writes, and calls that an absence has made old. */

'use strict'

const assert = require('node:assert/strict')
const { test } = require('node:test')

const { createClient } = require(process.env.MYAPI_TEST_CLIENT || '../../miniprogram/myapi/index')
const { Phone, Server, Time, chance, failure, symptomOf } = require('./world')

const BASE = 'https://api.example.com'
const LOGIN = '/api/auth/login'
const OFFLINE = { errno: 600001, errMsg: '网络错误 errcode:-106' }
const MINUTE = 60 * 1000

/** A world with one phone; `token` is that of alice: live, dead or none. */
function world({ token, ...options } = {}) {
  const time = new Time(chance(7))
  const server = new Server()
  const phone = new Phone(time, server, options)
  const account = server.account('alice')
  if (token) phone.kept.set(`myapi:${BASE}`, { token: token === 'live' ? server.issue(account) : 'dead', user: account })
  return { time, server, phone, api: createClient({ baseUrl: BASE, platform: phone.wx, timers: time.timers }) }
}

/** Run the world to its end; give the name of each error, or `ok`. */
async function outcomes(time, promises) {
  const settled = await results(time, promises)
  return settled.map(each => (each instanceof Error ? each.error || each.stack : 'ok'))
}

/** Run the world to its end; give each value, or error. */
async function results(time, promises) {
  const settled = []
  promises.forEach((promise, i) => promise.then(value => (settled[i] = value), error => (settled[i] = error)))
  await time.run()
  assert.equal(Object.keys(settled).length, promises.length, 'a promise did not settle')
  return settled
}

const many = (count, make) => Array.from({ length: count }, (_, i) => make(i))
const paths = phone => phone.sent.map(call => call.path)

// ---- abort ----

test('an aborted call rejects at once as aborted, and the phone breaks it off', async () => {
  const { time, phone, api } = world({ token: 'live', mood: () => ({ after: 'silence' }) })
  const call = api.get('/api/x')
  let at
  call.catch(() => (at = time.timers.now()))
  time.at(200, () => call.abort())
  assert.deepEqual(await outcomes(time, [call]), ['aborted'])
  assert.equal(at, 200)
  assert.equal(phone.sent[0].ended, 200)
})

test('an aborted call is never sent again, whatever it was waiting for', async () => {
  const offline = world({ token: 'live', mood: () => ({ before: OFFLINE }) })
  const put = offline.api.put('/api/x', {})
  offline.time.at(400, () => put.abort()) // between two sendings
  assert.deepEqual(await outcomes(offline.time, [put]), ['aborted'])
  assert.equal(offline.phone.sent.length, 1)

  const { time, phone, api } = world({ token: 'dead' })
  const replayed = api.get('/api/x')
  time.at(120, () => replayed.abort()) // while the login is under way
  assert.deepEqual(await outcomes(time, [replayed]), ['aborted'])
  assert.deepEqual(paths(phone), ['/api/x', LOGIN])
})

test('an aborted call frees its place in the queue', async () => {
  const { time, phone, api } = world({ token: 'live', mood: call => (call.path < '/api/b' ? { after: 'silence' } : undefined) })
  const stuck = many(10, i => api.get(`/api/a${i}`))
  const next = api.get('/api/b')
  time.at(100, () => stuck[0].abort())
  time.at(200, () => stuck.forEach(call => call.abort()))
  assert.deepEqual(await outcomes(time, [...stuck, next]), [...many(10, () => 'aborted'), 'ok'])
  assert.equal(phone.sent[10].at, 100)
})

test('what is aborted in the queue is never sent', async () => {
  const { time, phone, api } = world({ token: 'live' })
  const calls = many(30, i => api.post(`/api/${i}`))
  calls.forEach((call, i) => i % 2 && call.abort())
  assert.deepEqual(await outcomes(time, calls), many(30, i => (i % 2 ? 'aborted' : 'ok')))
  const sent = paths(phone).slice(10)
  assert.deepEqual(sent, many(20, i => `/api/${i + 10}`).filter((_, i) => i % 2 === 0))
})

test('aborting one of several that share a login aborts no other', async () => {
  const { time, phone, api } = world()
  const calls = many(5, i => api.get(`/api/${i}`))
  time.at(120, () => calls[0].abort())
  assert.deepEqual(await outcomes(time, calls), ['aborted', 'ok', 'ok', 'ok', 'ok'])
  assert.deepEqual([phone.logins, phone.exchanges.length], [1, 1])
  assert.ok(!paths(phone).includes('/api/0'))
})

test('abort after the end, twice, or of a call that never began, does nothing', async () => {
  const { time, api } = world({ token: 'live' })
  const call = api.get('/api/x')
  const wrong = api.get('x')
  assert.deepEqual(await outcomes(time, [call, wrong]), ['ok', 'bad_url'])
  call.abort()
  call.abort()
  wrong.abort()
  assert.deepEqual(await outcomes(time, [call]), ['ok'])
})

test('every call of one request can be aborted', async () => {
  const { time, api } = world({ token: 'live', mood: () => ({ after: 'silence' }) })
  const detail = { encryptedData: 'e', iv: 'i' }
  const calls = [
    api.get('/a'), api.post('/a'), api.put('/b'), api.delete('/c'), api.me(), api.sessions(), api.phone({ code: 'c' }),
    api.removePhone(), api.uploadAvatar('wxfile://1'), api.removeAvatar(), api.decrypt(detail),
    api.upload('/d', 'wxfile://2'), api.download('/e'),
  ]
  time.at(100, () => calls.forEach(call => call.abort()))
  assert.deepEqual([...new Set(await outcomes(time, calls))], ['aborted'])
})

// ---- upload ----

test('a file goes as a form with its other fields, logs in, and gives the data of the answer', async () => {
  const { time, phone, api } = world()
  const told = []
  const options = { name: 'scan', formData: { page: '3' }, onProgress: percent => told.push(percent), header: { 'X-A': 'b' } }
  const call = api.upload('/api/scans', 'wxfile://scan.jpg', options)
  options.formData.page = '4'
  const [data] = await results(time, [call])
  assert.equal(data.path, '/api/scans')
  const { by, method, path, data: form, header } = phone.sent[1]
  assert.deepEqual([by, method, path, form], ['uploadFile', 'POST', '/api/scans', { page: '3', scan: 'wxfile://scan.jpg' }])
  assert.deepEqual(Object.keys(header).sort(), ['Authorization', 'X-A'])
  assert.deepEqual(told, [0, 40, 100])
})

test('an upload is sent again where the server did nothing, and otherwise only if the app says that it may', async () => {
  const lost = { after: { errno: 600001, errMsg: '网络错误 errcode:-101' } }
  for (const [mood, options, outcome, sent] of [
    [lost, {}, 'network', 1],
    [lost, { idempotent: true }, 'ok', 2],
    [{ before: { errno: 600007, errMsg: '' } }, {}, 'ok', 2],
    [{ before: failure(503, 50300, 'service_unavailable') }, {}, 'service_unavailable', 1],
    [{ before: failure(503, 50300, 'service_unavailable') }, { idempotent: true }, 'ok', 2],
  ]) {
    const { time, phone, api } = world({ token: 'live', mood: () => (phone.sent.length === 1 ? mood : undefined) })
    assert.deepEqual(await outcomes(time, [api.upload('/api/scans', 'wxfile://1', options)]), [outcome])
    assert.equal(phone.sent.length, sent)
  }
  const { time, phone, api } = world({ token: 'dead' })
  assert.deepEqual(await outcomes(time, [api.upload('/api/scans', 'wxfile://1')]), ['ok'])
  assert.equal(phone.sent.filter(call => call.by === 'uploadFile').length, 2)
})

test('without a file, or where it is gone, an upload is file_missing', async () => {
  const { time, phone, api } = world({ token: 'live' })
  phone.wx.uploadFile = ({ fail }) => time.at(1, () => fail({ errMsg: 'uploadFile:fail createUploadTask:fail file not found' }))
  const errors = await results(time, [api.upload('/a', ''), api.upload('/a'), api.upload('/a', 7), api.upload('/a', 'wxfile://gone')])
  assert.deepEqual(errors.map(each => each.error), many(4, () => 'file_missing'))
  assert.deepEqual(errors[3].symptom, symptomOf('upload_file'))
})

// ---- download ----

test('a download gives the path of a file, logs in, and tells its progress', async () => {
  const { time, phone, api } = world()
  const told = []
  const [file] = await results(time, [api.download('/api/bill.pdf', { onProgress: percent => told.push(percent) })])
  assert.deepEqual(Object.keys(file), ['tempFilePath'])
  assert.ok(phone.files.has(file.tempFilePath))
  assert.deepEqual([phone.sent[1].by, phone.sent[1].method], ['downloadFile', 'GET'])
  assert.deepEqual(Object.keys(phone.sent[1].header), ['Authorization'])
  assert.deepEqual(told, [0, 40, 100])
})

test('a refusal inside the file of a download is the error that it says, and never a file', async () => {
  for (const [answer, error, status] of [
    [failure(404, 40400, 'not_found'), 'not_found', 404],
    [failure(403, 40350, 'not_paid'), 'not_paid', 403],
    [{ status: 404, body: '<html>404 Not Found</html>' }, 'bad_answer', 404],
    [{ status: 413, body: '' }, 'bad_answer', 413],
  ]) {
    const { time, api } = world({ token: 'live', mood: () => ({ before: answer }) })
    const [told] = await results(time, [api.download('/api/bill.pdf')])
    assert.deepEqual([told.error, told.status], [error, status])
  }
})

test('a download survives a session that has ended, and a busy server', async () => {
  const dead = world({ token: 'dead' })
  assert.deepEqual(await outcomes(dead.time, [dead.api.download('/api/bill.pdf')]), ['ok'])
  assert.deepEqual(paths(dead.phone), ['/api/bill.pdf', LOGIN, '/api/bill.pdf'])
  const busy = world({ token: 'live', mood: call => (call.number ? undefined : { before: failure(503, 50300, 'service_unavailable') }) })
  assert.deepEqual(await outcomes(busy.time, [busy.api.download('/api/bill.pdf')]), ['ok'])
  assert.equal(busy.phone.sent.length, 2)
})

test('where the file of a refusal cannot be read, the status says what it can', async () => {
  const unreadable = [
    wx => delete wx.getFileSystemManager,
    wx => (wx.getFileSystemManager = () => ({ readFile: ({ fail }) => fail({}) })),
    wx => (wx.getFileSystemManager = () => assert.fail('of the phone')),
  ]
  for (const spoil of unreadable) {
    const { time, phone, api } = world({ token: 'live', mood: () => ({ before: failure(404, 40400, 'not_found') }) })
    spoil(phone.wx)
    const [error] = await results(time, [api.download('/api/bill.pdf')])
    assert.deepEqual([error.error, error.status], ['bad_answer', 404])
  }
})

test('a phone without files, and one that tells nonsense, is told as an error', async () => {
  for (const [downloadFile, error] of [
    [undefined, 'request_failed'],
    [() => assert.fail('parameter error'), 'request_failed'],
    [({ success }) => success(undefined), 'bad_answer'],
    [({ success }) => success({ statusCode: 200 }), 'bad_answer'],
    [({ success }) => success({ tempFilePath: 'wxfile://1' }), 'bad_answer'],
  ]) {
    const { time, phone } = world({ token: 'live' })
    const api = createClient({ baseUrl: BASE, platform: { ...phone.wx, downloadFile }, timers: time.timers })
    assert.deepEqual(await outcomes(time, [api.download('/a'), api.get('/b')]), [error, 'ok'])
  }
})

for (const [errno, errMsg, error, symptom] of [
  [600002, 'downloadFile:fail url not in domain list', 'domain_not_listed', 'download_domain_list'],
  [undefined, 'downloadFile:fail 不在以下 downloadFile 合法域名列表中', 'domain_not_listed', 'download_domain_list'],
  [603301, 'downloadFile:fail exceed max file size', 'download_failed', 'download_file'],
  [undefined, 'downloadFile:fail exceed max file size', 'download_failed', 'download_file'],
  [603300, 'downloadFile:fail download save file error', 'download_failed', 'download_file'],
]) {
  test(`a download that fails with ${errno}, ${errMsg}, is ${error}, ${symptom}`, async () => {
    const { time, phone, api } = world({ token: 'live' })
    phone.wx.downloadFile = ({ fail }) => time.at(1, () => fail({ errno, errMsg }))
    const [told] = await results(time, [api.download('/a')])
    assert.deepEqual([told.error, told.symptom], [error, symptomOf(symptom)])
  })
}

// ---- hooks ----

test('hooks see every sending, may add headers, and never see the token, a code or a body', async () => {
  const { time, server, phone, api } = world({ token: 'dead' })
  const seen = []
  api.onRequest(request => {
    request.header['X-Trace'] = `t${request.id}`
    request.header.authorization = 'Bearer x'
    request.path = '/elsewhere'
    seen.push({ ...request })
  })
  api.onResponse(response => seen.push(response))
  await outcomes(time, [api.post('/api/x', { secret: 's' }, { header: { 'X-A': 'b' } })])
  assert.deepEqual(
    seen.map(({ id, method, attempt, status, error }) => [id, method, attempt, status, error]),
    [
      [1, 'POST', 1, undefined, undefined],
      [1, 'POST', 1, 401, 'session_ended'],
      [2, 'POST', 1, undefined, undefined],
      [2, 'POST', 1, 200, ''],
      [1, 'POST', 2, undefined, undefined],
      [1, 'POST', 2, 200, ''],
    ]
  )
  assert.deepEqual(phone.sent.map(call => [call.path, call.header['X-Trace']]), [['/api/x', 't1'], [LOGIN, 't2'], ['/api/x', 't1']])
  assert.equal(phone.sent[2].header['X-A'], 'b')
  assert.ok(phone.sent.every(call => call.header.authorization === undefined))
  const text = JSON.stringify(seen)
  for (const token of [...server.owners.keys(), 'dead', 'alice.1', 'secret']) assert.ok(!text.includes(token), token)
  assert.deepEqual([seen[5].requestId, seen[5].ms, seen[5].path], ['r', 100, '/api/x'])
})

test('what a hook throws, or writes into what it is given, breaks no call', async () => {
  const { time, phone, api } = world({ token: 'live' })
  api.onRequest(() => assert.fail('of the app'))
  api.onRequest(request => (request.header = null))
  api.onRequest(request => Object.assign(request, { header: { 'X-B': {} } }))
  api.onRequest(request => Object.assign(request.header || {}, { 'X-C': undefined, 'X-D': {}, 'X-E': 7 }))
  api.onResponse(() => assert.fail('of the app'))
  api.onResponse(response => (response.status = 500))
  assert.deepEqual(await outcomes(time, [api.get('/api/x'), api.put('/api/x', {})]), ['ok', 'ok'])
  assert.deepEqual(Object.keys(phone.sent[0].header).sort(), ['Authorization', 'Content-Type', 'X-E'])
  for (const hook of [undefined, null, 'x']) assert.throws(() => api.onRequest(hook), TypeError)
})

test('a hook that is taken away is told nothing any more', async () => {
  const { time, api } = world({ token: 'live' })
  const seen = []
  const off = api.onResponse(({ path }) => seen.push(path))
  await outcomes(time, [api.get('/a')])
  off()
  off()
  await outcomes(time, [api.get('/b')])
  assert.deepEqual(seen, ['/a'])
})

test('a hook may abort the call that it sees', async () => {
  const { time, phone, api } = world()
  api.onRequest(({ path }) => path === '/a' && call.abort())
  const call = api.get('/a') // it waits for the login
  assert.deepEqual(await outcomes(time, [call, api.get('/b')]), ['aborted', 'ok'])
  assert.deepEqual(paths(phone), [LOGIN, '/b'])
})

// ---- the order of writes ----

test('a newer PUT of a path is never overtaken by an older one that has to go again', async () => {
  const mood = call => (call.at < 3000 && call.data.n === 0 ? { before: OFFLINE } : undefined)
  const { time, phone, api } = world({ token: 'live', mood })
  assert.deepEqual(await outcomes(time, many(5, n => api.put('/api/x', { n }))), many(5, () => 'ok'))
  const done = phone.sent.filter(call => call.outcome === 200)
  assert.deepEqual(done.map(call => call.data.n), [0, 1, 2, 3, 4])
})

test('a write waits for the older ones to its path, a query beside it, and for no other', async () => {
  const { time, phone, api } = world({ token: 'live' })
  await outcomes(time, [api.put('/api/x', {}), api.delete('/api/x?all=1'), api.put('/api/y', {}), api.post('/api/x', {}), api.get('/api/x')])
  const sent = Object.fromEntries(phone.sent.map(call => [`${call.method} ${call.path}`, call]))
  assert.equal(sent['DELETE /api/x?all=1'].at, sent['PUT /api/x'].ended)
  for (const other of ['PUT /api/y', 'POST /api/x', 'GET /api/x']) assert.equal(sent[other].at, 0)
})

test('the next write goes when the older one has failed or is aborted', async () => {
  const mood = call => (call.data.n < 2 ? { before: failure(400, 40000, 'invalid_request') } : undefined)
  const { time, phone, api } = world({ token: 'live', mood })
  const calls = many(5, n => api.put('/api/x', { n }))
  calls[3].abort()
  time.at(250, () => calls[2].abort())
  assert.deepEqual(await outcomes(time, calls), ['invalid_request', 'invalid_request', 'aborted', 'aborted', 'ok'])
  assert.deepEqual(phone.sent.map(call => call.data.n), [0, 1, 2, 4])
})

test('five hundred writes to one path with a dead token: one login, and all in order', async () => {
  const { time, phone, api } = world({ token: 'dead' })
  assert.deepEqual([...new Set(await outcomes(time, many(500, n => api.put('/api/x', { n }))))], ['ok'])
  assert.deepEqual([phone.logins, phone.exchanges.length], [1, 1])
  const done = phone.sent.filter(call => call.path === '/api/x' && call.outcome === 200)
  assert.deepEqual(done.map(call => call.data.n), many(500, n => n))
})

test('writes that wait for a login that fails, or for a user who leaves, fail with it', async () => {
  const banned = world()
  banned.server.banned.add(banned.server.account('alice'))
  const settled = await outcomes(banned.time, many(500, n => banned.api.put('/api/x', { n })))
  assert.deepEqual([...new Set(settled)], ['user_banned'])
  assert.equal(banned.phone.exchanges.length, 1)

  const { time, phone, api } = world({ token: 'live' })
  const calls = many(20000, n => api.put('/api/x', { n }))
  const out = api.logout()
  const [first, ...others] = await outcomes(time, [...calls, out])
  assert.deepEqual([first, others.pop(), ...new Set(others)], ['ok', 'ok', 'signed_out'])
  assert.equal(phone.sent.length, 2)
})

test('what is sent is what the app passed when it called', async () => {
  const { time, phone, api } = world({ token: 'dead' })
  const form = { name: 'a', list: [1, { deep: true }] }
  const header = { 'X-A': '1' }
  const calls = [api.post('/api/x', form, { header }), api.get('/api/y', form)]
  form.name = 'b'
  form.list[1].deep = false
  header['X-A'] = '2'
  assert.deepEqual(await outcomes(time, calls), ['ok', 'ok'])
  for (const path of ['/api/x', '/api/y']) {
    const last = phone.sent.filter(call => call.path === path).pop()
    assert.deepEqual(last.data, { name: 'a', list: [1, { deep: true }] })
  }
  assert.equal(phone.sent.filter(call => call.path === '/api/x').pop().header['X-A'], '1')
})

test('data that cannot be written as JSON is told as such, and nothing is sent', async () => {
  const circle = {}
  circle.self = circle
  const { time, phone, api } = world({ token: 'live' })
  assert.deepEqual(await outcomes(time, [api.post('/a', circle), api.post('/a', { big: 10n })]), ['request_failed', 'request_failed'])
  assert.equal(phone.sent.length, 0)
})

// ---- away ----

test('what waited for longer than five minutes in the background is not sent, but interrupted', async () => {
  for (const [minutes, outcome] of [[4, 'ok'], [6, 'interrupted'], [60, 'interrupted']]) {
    const mood = call => (call.at < 1000 ? { before: 'silence' } : undefined)
    const { time, phone, api } = world({ token: 'live', mood })
    const calls = [api.get('/a'), api.put('/b', {}), api.delete('/c'), api.upload('/d', 'wxfile://1', { idempotent: true }), api.download('/e')]
    time.at(1, () => phone.hide())
    time.at(minutes * MINUTE - 10000, () => phone.show())
    if (minutes === 60) time.at(6 * MINUTE, () => phone.show())
    assert.deepEqual(await outcomes(time, calls), calls.map(() => outcome))
    assert.equal(phone.sent.length, outcome === 'ok' ? 10 : 5)
  }
})

test('a phone that stops the clock in the background sends nothing old when it goes on', async () => {
  const { time, phone, api } = world({ token: 'live', mood: call => (call.number < 11 ? { before: OFFLINE } : undefined) })
  const waiting = [api.put('/a', {}), ...many(20, i => api.get(`/b${i}`))]
  time.at(120, () => {
    phone.hide()
    const stopped = time._events.splice(0) // no timer and no answer comes while it is away
    time.at(10 * MINUTE, () => {
      phone.show()
      stopped.forEach(event => time.at(1, () => event.action && event.action()))
    })
  })
  const settled = await outcomes(time, waiting)
  assert.ok(settled.every(outcome => ['interrupted', 'network', 'timeout'].includes(outcome)), settled)
  assert.equal(phone.sent.filter(call => call.at >= MINUTE).length, 0)
})

test('what was asked after a long absence, or during its end, is sent', async () => {
  const { time, phone, api } = world({ token: 'live' })
  let later
  time.at(1, () => phone.hide())
  time.at(20 * MINUTE, () => phone.show())
  time.at(20 * MINUTE + 1, () => (later = api.get('/a')))
  await time.run()
  assert.equal((await later).path, '/a')
})

test('a logout is told to the server even after a long absence, an erasure is not', async () => {
  const mood = call => (call.at < 1000 ? { before: 'silence' } : undefined)
  const out = world({ token: 'live', mood })
  const gone = world({ token: 'live', mood })
  for (const { time, phone } of [out, gone]) {
    time.at(1, () => phone.hide())
    time.at(20 * MINUTE, () => phone.show())
  }
  assert.deepEqual(await outcomes(out.time, [out.api.logout()]), ['ok'])
  assert.equal(out.server.sessions.size, 0)
  assert.deepEqual(await outcomes(gone.time, [gone.api.erase()]), ['interrupted'])
  assert.equal(gone.server.accounts.size, 1)
  assert.deepEqual(await outcomes(gone.time, [gone.api.get('/a')]), ['ok'])
})

// ---- all of it at once ----

test('a storm of every kind with a dead token: one login, each done once, writes in order, the aborted never', async () => {
  const { time, server, phone, api } = world({ token: 'dead' })
  const seen = { before: 0, after: 0 }
  api.onRequest(() => (seen.before += 1))
  api.onResponse(() => (seen.after += 1))
  const kinds = [
    (i, options) => api.get(`/api/get/${i}`, undefined, options),
    (i, options) => api.post(`/api/post/${i}`, { i }, options),
    (i, options) => api.put('/api/put', { i }, options),
    (i, options) => api.upload(`/api/upload/${i}`, 'wxfile://1', options),
    (i, options) => api.download(`/api/download/${i}`, options),
  ]
  const calls = many(500, i => kinds[i % 5](i, { header: { 'X-Label': `s${i}` } }))
  const isAborted = i => i >= 50 && i % 7 === 0
  calls.forEach((call, i) => isAborted(i) && call.abort())
  assert.deepEqual(await outcomes(time, calls), many(500, i => (isAborted(i) ? 'aborted' : 'ok')))
  assert.deepEqual([phone.logins, phone.exchanges.length, phone.most], [1, 1, 10])
  assert.ok([...server.acted.values()].every(times => times === 1))
  assert.equal(server.acted.size, many(500, isAborted).filter(aborted => !aborted).length)
  const written = phone.sent.filter(call => call.path === '/api/put' && call.outcome === 200).map(call => call.data.i)
  assert.deepEqual(written, many(500, i => i).filter(i => i % 5 === 2 && !isAborted(i)))
  assert.deepEqual(seen, { before: phone.sent.length, after: phone.sent.length })
})

// ---- leaving, and odd answers to a login ----

test('logout beside an erasure that fails ends the session, and waits for both', async () => {
  const mood = call => (call.method === 'DELETE' ? { before: failure(500, 50000, 'internal_error') } : undefined)
  const { time, server, phone, api } = world({ token: 'live', mood })
  assert.deepEqual(await outcomes(time, [api.erase(), api.logout()]), ['internal_error', 'ok'])
  assert.deepEqual(paths(phone), ['/api/me', '/api/auth/logout'])
  assert.deepEqual([server.sessions.size, phone.kept.size], [0, 0])
})

test('logout beside an erasure that succeeds asks the server nothing more', async () => {
  const { time, server, phone, api } = world({ token: 'live' })
  assert.deepEqual(await outcomes(time, [api.erase(), api.logout()]), ['ok', 'ok'])
  assert.deepEqual([paths(phone), server.accounts.size], [['/api/me'], 0])
})

test('an erasure that fails beside a new login leaves no session behind', async () => {
  const mood = call => (call.method === 'DELETE' ? { before: failure(500, 50000, 'internal_error') } : undefined)
  const { time, server, api } = world({ token: 'live', mood })
  assert.deepEqual(await outcomes(time, [api.erase(), api.get('/a')]), ['internal_error', 'ok'])
  assert.equal(server.sessions.size, 1)
})

const user = { id: 'u' }
for (const [what, status, body] of [
  ['no token', 200, { code: 0, data: { user } }],
  ['a token that is a number', 200, { code: 0, data: { token: 7, user } }],
  ['an empty token', 200, { code: 0, data: { token: '', user } }],
  ['a token with a line break', 200, { code: 0, data: { token: 'a\r\nX-Evil: 1', user } }],
  ['a token that is no ASCII', 200, { code: 0, data: { token: '令牌', user } }],
  ['a token without end', 200, { code: 0, data: { token: 'x'.repeat(5000), user } }],
  ['a list of tokens', 200, { code: 0, data: { token: ['x'], user } }],
  ['no user', 200, { code: 0, data: { token: 'x' } }],
  ['the user null', 200, { code: 0, data: { token: 'x', user: null } }],
  ['a user without an id', 200, { code: 0, data: { token: 'x', user: {} } }],
  ['a user with an empty id', 200, { code: 0, data: { token: 'x', user: { id: '' } } }],
  ['data null', 200, { code: 0, data: null }],
  ['a list', 200, []],
  ['HTML', 200, '<html></html>'],
  ['half a text', 200, '{"code": 0, "da'],
  ['nothing', 204, ''],
  ['a redirect', 302, ''],
  ['an unknown refusal', 400, {}],
]) {
  test(`a login that is answered with ${what} is a named error after one exchange, and the next call logs in`, async () => {
    let odd = true
    const mood = call => (odd && call.path === LOGIN ? { before: { status, body } } : undefined)
    const { time, phone, api } = world({ mood })
    assert.deepEqual(await outcomes(time, [...many(20, () => api.get('/a')), api.login()]), many(21, () => 'bad_answer'))
    assert.deepEqual([phone.exchanges.length, phone.kept.size], [1, 0])
    odd = false
    assert.deepEqual(await outcomes(time, [api.get('/a')]), ['ok'])
  })
}

for (const expires_at of ['2001-01-01T00:00:00Z', '9999-12-31T23:59:59Z', 'tomorrow', 7, null, {}]) {
  test(`a session that ends at ${JSON.stringify(expires_at)} lasts as long as the server takes it`, async () => {
    const { time, server, phone, api } = world()
    phone.mood = call => {
      if (call.path !== LOGIN || phone.exchanges.length > 1) return undefined
      const data = { token: server.issue(server.account('alice')), user: { id: server.account('alice') }, expires_at }
      return { before: { status: 200, body: { code: 0, data } } }
    }
    assert.deepEqual(await outcomes(time, many(20, () => api.get('/a'))), many(20, () => 'ok'))
    assert.equal(phone.exchanges.length, 1)
    server.sessions.clear()
    assert.deepEqual(await outcomes(time, [api.get('/a')]), ['ok'])
    assert.equal(phone.exchanges.length, 2)
  })
}

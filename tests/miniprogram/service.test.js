/**
 * The client on a stand-in for the phone, against the real service. tests/test_miniprogram.py
 * starts it, and does on the server what a test asks for through `operator`.
 */

'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')

const { createClient } = require('../../miniprogram/myapi/index')
const { LOGIN, Phone } = require('./phone')
const { figures, phoneWithDeadToken, storm } = require('./storm')

const BASE = process.env.MYAPI_TEST_URL
const PICTURE = path.join(__dirname, '../../docs/miniprogram/home-light.png')
const skip = BASE ? false : 'tests/test_miniprogram.py runs this one'

/** Have the operator do something: restart, ban NAME, erase NAME, fault KIND TIMES, … */
async function operator(...words) {
  const options = { method: 'POST', body: JSON.stringify(words) }
  const answer = await fetch(process.env.MYAPI_TEST_OPERATOR, options)
  const told = await answer.json()
  assert.equal(answer.status, 200, told)
  return told
}

/** Run `body` with a phone, and close it. */
function on(name, body, make = person => new Phone({ person })) {
  test(name, { skip, timeout: 120000 }, async () => {
    const person = `u${Math.random().toString(36).slice(2, 12)}`
    const phone = await make(person)
    const api = createClient({ baseUrl: BASE, platform: phone.wx })
    try {
      await body(api, phone, person)
      assert.ok(phone.most <= 10, `the phone was asked for ${phone.most} requests at once`)
    } finally {
      phone.close()
    }
  })
}

/** What a URL gives: status and type. A body that nobody reads would keep the connection open. */
async function opened(url) {
  const answer = await fetch(url)
  await answer.arrayBuffer()
  return [answer.status, answer.headers.get('content-type')]
}

const dead = person => phoneWithDeadToken(BASE, person)
const names = ({ settled }) => [...new Set(settled.map(each => (each.reason ? each.reason.error : 'ok')))].sort()
const counts = phone => [phone.logins, phone.exchanges.length]
/**
 * Whether the queue kept its order: first sendings come in the order in which they were made,
 * and one whose 401 has come goes before all that were made after it and are still waiting.
 */
function inOrder(phone) {
  const seen = new Map()
  let latest = -1
  return phone.sent.every((call, at) => {
    if (call.path === LOGIN) return true
    const number = Number(call.url.searchParams.get('n'))
    const former = seen.get(number)
    seen.set(number, call)
    if (!former) return latest < (latest = number)
    const meanwhile = phone.sent.slice(former.sentByThen, at)
    return meanwhile.every(({ path, url }) => path === LOGIN || Number(url.searchParams.get('n')) < number)
  })
}

on('the first request logs in, and all that the client can do is done', async (api, phone, person) => {
  const me = await api.get('/api/me')
  assert.deepEqual(Object.keys(me).sort(), ['avatar_url', 'created_at', 'id', 'nickname', 'phone'])
  assert.equal((await api.put('/api/me', { nickname: '小明' })).nickname, '小明')
  assert.equal((await api.login()).id, me.id)
  assert.equal((await api.me()).nickname, '小明')
  assert.equal((await api.sessions()).filter(each => each.current).length, 1)
  assert.match((await api.get('/api/hello', undefined, { auth: false })).msg, /Hello/)
  const detail = await operator('encrypt', person, { openGId: 'g1' })
  assert.equal((await api.decrypt({ ...detail, errMsg: 'ok', cloudID: 'c' })).openGId, 'g1')
  assert.deepEqual(counts(phone), [1, 1])
  assert.equal(await api.logout(), null)
  await assert.rejects(api.erase(), { error: 'signed_out' })
  await api.login()
  assert.equal(await api.erase(), null)
  assert.notEqual((await api.me()).id, me.id)
})

on('the phone number is stored once for a code, shown masked, and removed', async (api, phone, person) => {
  const code = `code-of-${person}`
  phone.resends = call => call.path === '/api/me/phone' && call.method === 'POST' // the first answer is dropped
  assert.equal((await api.phone({ code, errMsg: 'getPhoneNumber:ok' })).phone, '138******00')
  assert.equal((await api.me()).phone, '138******00')
  phone.resends = () => false
  const other = new Phone({ person: `x${person}` })
  try {
    const stranger = createClient({ baseUrl: BASE, platform: other.wx })
    await assert.rejects(stranger.phone({ code }), { error: 'phone_code_invalid', code: 40003 })
    assert.equal((await stranger.me()).phone, null)
  } finally {
    other.close()
  }
  assert.equal((await api.removePhone()).phone, null)
  assert.equal((await api.removePhone()).phone, null)
  assert.equal((await api.me()).phone, null)
})

on('a phone code that goes again while the first sending is under way gives the number, too', async (api, phone, person) => {
  const code = `twice-of-${person}`
  await api.login()
  const both = await Promise.all([api.phone({ code }), api.phone({ code })])
  assert.deepEqual(both.map(user => user.phone), ['138******00', '138******00'])
})

on('a picture becomes the avatar, a later one takes its place, and it is removed', async (api, phone) => {
  phone.resends = call => call.by === 'uploadFile' // the first answer is dropped
  const first = (await api.uploadAvatar(PICTURE)).avatar_url
  phone.resends = () => false
  assert.deepEqual(await opened(first), [200, 'image/jpeg'])
  const told = []
  const second = (await api.uploadAvatar(PICTURE, { onProgress: percent => told.push(percent) })).avatar_url
  assert.deepEqual(told, [100])
  assert.notEqual(second, first)
  assert.equal((await opened(first))[0], 404)
  assert.equal((await api.me()).avatar_url, second)
  await assert.rejects(api.uploadAvatar(__filename), { error: 'picture_invalid', code: 40005, status: 400 })
  assert.equal((await api.me()).avatar_url, second)
  assert.equal((await api.removeAvatar()).avatar_url, null)
  assert.equal((await api.removeAvatar()).avatar_url, null)
  assert.equal((await opened(second))[0], 404)
})

on('a download is the file, and a refusal is told as everywhere', async (api, phone) => {
  const { avatar_url: url } = await api.uploadAvatar(PICTURE)
  const told = []
  const { pathname } = new URL(url)
  const { tempFilePath } = await api.download(pathname, { auth: false, onProgress: percent => told.push(percent) })
  assert.deepEqual(fs.readFileSync(tempFilePath).subarray(0, 2), Buffer.from([0xff, 0xd8]))
  assert.ok(told.every(percent => percent >= 0 && percent <= 100))
  await assert.rejects(api.download('/api/nothing'), { error: 'not_found', code: 40400, status: 404 })
  phone.domains.downloadFile = []
  await assert.rejects(api.download(pathname), error => {
    assert.match(error.symptom.zh, /downloadFile 合法域名/)
    return error.error === 'domain_not_listed'
  })
})

on('a call that is aborted is broken off, and the others go on', async api => {
  await api.login()
  const calls = Array.from({ length: 30 }, () => api.me())
  calls.filter((_, i) => i % 2).forEach(call => call.abort())
  const settled = await Promise.allSettled(calls)
  assert.deepEqual(settled.map(({ status, reason }) => (reason ? reason.error : status)), calls.map((_, i) => (i % 2 ? 'aborted' : 'fulfilled')))
})

on('profiles that are changed quickly end with the last one', async api => {
  const changes = Array.from({ length: 20 }, (_, i) => api.put('/api/me', { nickname: `小明${i}` }))
  await Promise.all(changes)
  assert.equal((await api.me()).nickname, '小明19')
})

on('a picture that meets a session that has ended is uploaded after one login', async (api, phone) => {
  assert.ok((await api.uploadAvatar(PICTURE)).avatar_url)
  assert.deepEqual(counts(phone), [1, 1])
  assert.deepEqual(phone.sent.filter(call => call.by === 'uploadFile').map(call => call.status), [401, 200])
}, dead)

on('a permission whose answer is lost is sent again after a restart of the app, and counts once', async (api, phone) => {
  assert.deepEqual(await api.permissions(), {})
  phone.resends = call => call.path === '/api/me/messages' // the first answer is dropped
  const { accepted, left } = await api.askToNotify(['t1', 't2'])
  assert.deepEqual([accepted, left], [['t1', 't2'], { t1: 1, t2: 1 }])
  phone.resends = () => false
  const [report] = phone.sent.filter(call => call.data && call.data.results && call.data.results.t1)
  phone.kept.set(`myapi:${BASE}:reports`, JSON.stringify([{ ...report.data, user: (await api.me()).id }]))
  const restarted = createClient({ baseUrl: BASE, platform: phone.wx })
  assert.deepEqual(await restarted.permissions(), { t1: 1, t2: 1 })
  assert.equal(phone.kept.has(`myapi:${BASE}:reports`), false)
})

on('a permission that meets a session that has ended is told after one login', async (api, phone) => {
  assert.deepEqual((await api.askToNotify(['t1'])).left, { t1: 1 })
  assert.deepEqual(counts(phone), [1, 1])
}, dead)

on('an error of the server comes with its names, its sentence and its id', async api => {
  await assert.rejects(api.put('/api/me', { nickname: 'x'.repeat(33) }), error => {
    assert.deepEqual([error.error, error.code, error.status], ['invalid_request', 40000, 400])
    assert.equal(error.msg, 'nickname 太长，最多 32 个字符。')
    assert.deepEqual([error.zh, error.en], [error.msg, 'nickname is too long: the maximum length is 32.'])
    const [{ field, rule, limit }] = error.fields
    assert.deepEqual([error.fields.length, field, rule, limit], [1, 'nickname', 'max_length', 32])
    assert.match(error.requestId, /^[\w-]+$/)
    return true
  })
  await assert.rejects(api.put('/api/me', { nickName: 'x' }), error => {
    assert.equal(error.zh, '没有 nickName 这个字段，你是不是想写 nickname？')
    assert.equal(error.fields[0].didYouMean, 'nickname')
    return true
  })
  await assert.rejects(api.get('/api/none'), { error: 'not_found', code: 40400 })
  await assert.rejects(api.delete('/api/auth/sessions/none'), { error: 'not_found' })
})

on('a storm with a dead token: one login, none lost, in order', async (api, phone) => {
  const done = await storm(i => api.get('/api/me', { n: i }))
  assert.deepEqual(names(done), ['ok'])
  assert.deepEqual(counts(phone), [1, 1])
  assert.ok(inOrder(phone))
}, dead)

on('a storm of calls of every kind: one login, the aborted fail as such, and the last write stands', async (api, phone) => {
  const kinds = [
    () => api.me(),
    i => api.put('/api/me', { nickname: `小明${i}` }),
    () => api.download('/api/auth/sessions'),
    () => api.get('/api/hello', undefined, { auth: false }),
    () => {
      const call = api.sessions()
      call.abort()
      return call
    },
  ]
  const done = await storm(i => kinds[i % 5](i))
  assert.deepEqual(names({ settled: done.settled.filter((_, i) => i % 5 !== 4) }), ['ok'])
  assert.deepEqual(names({ settled: done.settled.filter((_, i) => i % 5 === 4) }), ['aborted'])
  assert.equal((await api.me()).nickname, '小明496')
  assert.deepEqual(counts(phone), [1, 1])
}, dead)

on('a storm whose 401s come late and out of order', async (api, phone) => {
  phone.hold = (call, { statusCode }) => (statusCode === 401 ? Math.random() * 1500 : 0)
  assert.deepEqual(names(await storm(i => api.get('/api/me', { n: i }))), ['ok'])
  assert.deepEqual(counts(phone), [1, 1])
}, dead)

on('a storm in which the phone sends the login twice', async (api, phone) => {
  phone.resends = call => call.path === LOGIN
  assert.deepEqual(names(await storm(i => api.get('/api/me', { n: i }))), ['ok'])
  assert.deepEqual(counts(phone), [1, 1])
  assert.ok(inOrder(phone))
}, dead)

on('a storm in which the login fails at first', async (api, phone) => {
  await operator('fault', 'closed', 1)
  assert.deepEqual(names(await storm(i => api.get('/api/me', { n: i }))), ['ok'])
  assert.deepEqual(counts(phone), [2, 2])
  assert.deepEqual(phone.exchanges.map(call => call.status), [502, 200])
}, dead)

on('a storm over a restart of the server', async (api, phone) => {
  let restarted
  const isFelt = () => phone.sent.some(call => call.errno === 600001)
  phone.hold = () => {
    const answered = phone.sent.filter(each => each.status === 200).length
    if (answered >= 100 && !restarted) restarted = operator('restart')
    return restarted && !isFelt() ? 100 : 0 // or the storm might be over before the server stops
  }
  assert.deepEqual(names(await storm(i => api.get('/api/me', { n: i }))), ['ok'])
  await restarted
  assert.ok(restarted)
  assert.deepEqual(counts(phone), [1, 1])
  assert.ok(isFelt(), 'the restart was not felt')
}, dead)

on('a storm in which the user is banned: 403, and no further login', async (api, phone, person) => {
  const done = await storm(i => {
    const request = api.get('/api/me', { n: i })
    return i === 50 ? request.then(value => operator('ban', person).then(() => value)) : request
  })
  assert.deepEqual(names(done), ['ok', 'user_banned'])
  assert.deepEqual(counts(phone), [1, 1])
  await assert.rejects(api.login({ fresh: true }), { error: 'user_banned' })
}, dead)

on('a storm in which the user is erased: one login, and nothing of the old account in the new', async (api, phone, person) => {
  const { id } = await api.login()
  const done = await storm(i => {
    const request = api.get('/api/me', { n: i })
    return i === 50 ? request.then(value => operator('erase', person).then(() => value)) : request
  })
  assert.deepEqual(names(done), ['ok', 'signed_out'])
  assert.ok(done.settled.every(each => !each.value || each.value.id === id))
  assert.deepEqual(counts(phone), [2, 2])
  assert.notEqual((await api.me()).id, id)
}, dead)

on('logout in a storm: nothing logs in, and no session is left', async (api, phone, person) => {
  const requests = storm(i => api.get('/api/me', { n: i }))
  await new Promise(resolve => setTimeout(resolve, 5)) // the login is on its way
  await api.logout()
  const done = names(await requests)
  assert.ok(done.includes('signed_out'))
  assert.ok(done.every(name => ['ok', 'signed_out'].includes(name))) // ok: answered before
  while (phone._running.size) await new Promise(resolve => setTimeout(resolve, 10))
  assert.ok(phone.exchanges.length <= 1)
  assert.deepEqual(await operator('sessions', person), [])
}, dead)

on('an erasure whose answer is lost makes no account again', async (api, phone, person) => {
  await api.login()
  phone.resends = call => call.method === 'DELETE' // the first answer is dropped
  assert.equal(await api.erase(), null)
  assert.equal(phone.sent[phone.sent.length - 1].status, 401)
  assert.deepEqual(await operator('users', person), [])
  assert.deepEqual(counts(phone), [1, 1])
})

on('what the background cuts off goes again when the app is shown', async (api, phone) => {
  await api.login()
  phone.cutOff = 50
  await operator('freeze')
  const request = api.get('/api/me')
  phone.hide()
  await new Promise(resolve => setTimeout(resolve, 150))
  await operator('thaw')
  assert.equal(phone.sent[1].errno, 600003)
  phone.show()
  assert.ok((await request).id)
})

on('a server that is away is told in the words of the doctor', async (api, phone) => {
  await api.login()
  await operator('stop')
  try {
    await assert.rejects(api.post('/api/me/decrypt', {}), error => {
      assert.deepEqual([error.error, error.errno, error.status], ['network', 600001, 0])
      assert.match(error.symptom.en, /ERR_CONNECTION_REFUSED/)
      return true
    })
  } finally {
    await operator('start')
  }
})

test('a simple wrapper logs in again and again in the same storm', { skip, timeout: 120000 }, async () => {
  const { myapi, simple } = await figures(BASE)
  console.log(`figures ${JSON.stringify({ myapi, simple })}`)
  assert.deepEqual([myapi.logins, myapi.exchanges, myapi.opened, myapi.answered], [1, 1, 1, 500])
  assert.ok(simple.logins > 10 && simple.opened > 10)
})

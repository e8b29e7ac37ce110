/** Over real HTTP: a server that closes connections, breaks off, stalls and talks nonsense. */

'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const http = require('node:http')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')

const { createClient } = require('../../miniprogram/myapi/index')
const { LOGIN, Phone } = require('./phone')
const { chance } = require('./world')

const QUICKER = 50 // times

const timers = random => ({
  now: () => Date.now() * QUICKER,
  random,
  setTimeout: (action, ms) => setTimeout(action, ms / QUICKER),
  clearTimeout,
})

/** Answer, or do one of the things that break a connection or its meaning. */
function answer(random, state, request, response) {
  const json = (status, body) => {
    const text = JSON.stringify(body)
    response.writeHead(status, { 'Content-Type': 'application/json', 'X-Request-Id': 'r' }).end(text)
  }
  const tricks = [
    () => request.socket.destroy(),
    () => response.writeHead(200, { 'Content-Length': 1000 }).write('{"code": 0', () => request.socket.destroy()),
    () => response.end('{"code": 0, "data": {"tok'),
    () => request.socket.end('nonsense\r\n\r\n'),
    () => {}, // silence
    () => response.writeHead(502, { 'Content-Type': 'text/html' }).end('<html>Bad Gateway</html>'),
    () => json(503, { code: 50300, error: 'service_unavailable', msg: '', request_id: 'r' }),
    () => json(401, { code: 40102, error: 'session_ended', msg: '', request_id: 'r' }),
  ]
  request.resume().on('end', () => {
    if (random() < state.trouble) return tricks[Math.floor(random() * tricks.length)]()
    const data = request.url === LOGIN ? { token: `t${(state.tokens += 1)}`, user: { id: 'u' } } : { ok: true }
    setTimeout(() => json(200, { code: 0, msg: 'ok', data }), random() * 5)
  })
}

test('every promise settles, and no exchange meets another', async t => {
  let promises = 0
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'myapi-broken-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  const picture = path.join(folder, 'tmp_1a2b.jpg')
  fs.writeFileSync(picture, Buffer.alloc(100000, 'picture'))
  for (let seed = 1; seed <= 30; seed += 1) {
    const random = chance(seed)
    const state = { trouble: random() * 0.7, tokens: 0 }
    const server = http.createServer((...both) => answer(random, state, ...both))
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
    const baseUrl = `http://127.0.0.1:${server.address().port}`
    const phone = new Phone({ person: 'alice' })
    const real = phone.wx.request
    let [now, most] = [0, 0]
    phone.wx.request = options => {
      if (!options.url.endsWith(LOGIN)) return real(options)
      most = Math.max(most, (now += 1))
      const over = action => result => {
        now -= 1
        action(result)
      }
      return real({ ...options, success: over(options.success), fail: over(options.fail) })
    }
    const api = createClient({ baseUrl, platform: phone.wx, timers: timers(random), timeout: 2500 })
    const kinds = [i => api.post('/api/x', { i }), () => api.uploadAvatar(picture), i => api.get(`/api/x/${i}`)]
    const wishes = Array.from({ length: 40 }, (_, i) => kinds[Math.min(i % 4, 2)](i))
    for (const { status, reason } of await Promise.allSettled(wishes)) {
      if (status === 'rejected') assert.equal(reason.name, 'ApiError', reason.stack)
      promises += 1
    }
    assert.ok(most <= 1, `seed ${seed}: ${most} exchanges at once`)
    assert.ok(phone.most <= 10)
    phone.close()
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
  console.log(`figures ${JSON.stringify({ promises })}`)
  assert.equal(promises, 1200)
})

/** From end to end: phone, TLS of a private authority, Nginx, Gunicorn, database, WeChat. */

'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')

const { createClient } = require('../../miniprogram/myapi/index')
const { Phone } = require('./phone')
const { phoneWithDeadToken, storm } = require('./storm')

const PICTURE = path.join(__dirname, '../../docs/miniprogram/home-light.png')
const BASE = process.env.MYAPI_TEST_TLS_URL // https://api.example.com:PORT
const skip = BASE ? false : 'tests/test_miniprogram.py runs this one'
const here = (host, options, found) =>
  options.all ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4)

function settings(ca) {
  return { options: ca ? { ca, lookup: here } : { lookup: here }, domains: [new URL(BASE).host] }
}

test('a storm through Nginx and TLS: one login, none lost', { skip, timeout: 120000 }, async () => {
  const ca = fs.readFileSync(process.env.MYAPI_TEST_AUTHORITY)
  const phone = await phoneWithDeadToken(BASE, 'alice', settings(ca))
  const api = createClient({ baseUrl: BASE, platform: phone.wx })
  const { answered } = await storm(() => api.get('/api/me'))
  assert.deepEqual([answered, phone.logins, phone.exchanges.length, phone.most], [500, 1, 1, 10])
  assert.match((await api.put('/api/me', { nickname: '小明' })).nickname, /小明/)
  await assert.rejects(api.post('/api/me', { text: 'x'.repeat(70000) }), { error: 'payload_too_large', code: 41300 })
  assert.equal(await api.erase(), null)
  phone.close()
})

test('a picture goes through Nginx up to 2 MiB, and a larger one is told as such', { skip, timeout: 60000 }, async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'myapi-nginx-'))
  const padded = bytes => {
    const file = path.join(folder, `${bytes}.png`)
    fs.writeFileSync(file, Buffer.concat([fs.readFileSync(PICTURE)], bytes)) // ends in zeros
    return file
  }
  const phone = new Phone({ person: 'alice', ...settings(fs.readFileSync(process.env.MYAPI_TEST_AUTHORITY)) })
  const api = createClient({ baseUrl: BASE, platform: phone.wx })
  try {
    assert.match((await api.uploadAvatar(padded(2 * 2 ** 20 - 1000))).avatar_url, /^https:/)
    await assert.rejects(api.uploadAvatar(padded(3 * 2 ** 20)), { error: 'payload_too_large', code: 41300, status: 413 })
  } finally {
    phone.close()
    fs.rmSync(folder, { recursive: true })
  }
})

test('an authority that the phone does not know is told as such', { skip }, async () => {
  const phone = new Phone({ person: 'alice', ...settings() })
  const api = createClient({ baseUrl: BASE, platform: phone.wx })
  await assert.rejects(api.get('/api/me'), error => {
    assert.deepEqual([error.error, error.errno], ['tls', 600001])
    assert.match(error.symptom.zh, /证书不受信任/)
    return true
  })
  assert.equal(phone.sent.length, 1) // no use in trying again
  phone.close()
})

test('plain http is not on the list of domains', { skip }, async () => {
  const phone = new Phone({ person: 'alice', ...settings() })
  const api = createClient({ baseUrl: BASE.replace('https', 'http'), platform: phone.wx })
  await assert.rejects(api.get('/api/me'), { error: 'domain_not_listed', errno: 600002 })
  phone.close()
})

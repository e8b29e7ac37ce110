/** A picture over real HTTP, from a file on the phone to a server that takes the form apart. */

'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const http = require('node:http')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')

const { createClient } = require('../../miniprogram/myapi/index')
const { LOGIN, Phone } = require('./phone')

const BYTES = Buffer.from([0xff, 0xd8, 0, 13, 10, 45, 45, 0xff, 0xd9, ...Buffer.from('图片')])

/** The one part of a form: its field and its bytes. */
function partOf(type, body) {
  const [, boundary] = type.match(/^multipart\/form-data; boundary=(.+)$/)
  const raw = body.toString('latin1')
  const [, head, bytes] = raw.match(/^--.+?\r\n([^]*?)\r\n\r\n([^]*)\r\n--.+--\r\n$/)
  assert.equal(raw.split(`--${boundary}`).length, 3)
  return { field: head.match(/name="(\w+)"/)[1], bytes: Buffer.from(bytes, 'latin1') }
}

/** Run `body` with a client, a picture, and a server that answers uploads as `replies` say. */
async function withServer(replies, body, settings = {}) {
  const seen = []
  const server = http.createServer((request, response) => {
    const parts = []
    request.on('data', part => parts.push(part)).on('end', () => {
      const login = request.url === LOGIN
      const token = (request.headers.authorization || '').replace('Bearer ', '')
      if (!login) seen.push({ ...partOf(request.headers['content-type'], Buffer.concat(parts)), token })
      const data = login ? { token: `t${seen.length}`, user: { id: 'u' } } : { id: 'u', avatar_url: 'https://x/avatars/1' }
      const [status, text] = (!login && replies.shift()) || [200, JSON.stringify({ code: 0, msg: 'ok', data })]
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(text)
    })
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  const baseUrl = `http://127.0.0.1:${server.address().port}`
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'myapi-upload-'))
  const picture = path.join(folder, 'tmp_1a2b.jpg')
  fs.writeFileSync(picture, BYTES)
  const phone = new Phone({ person: 'alice', ...settings })
  try {
    await body(createClient({ baseUrl, platform: phone.wx }), picture, { seen, phone })
  } finally {
    phone.close()
    fs.rmSync(folder, { recursive: true })
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
}

const refusal = (status, code, error) => [status, JSON.stringify({ code, error, msg: '说明', request_id: 'r1' })]

test('the bytes of the picture arrive as the field file, with the token', async () => {
  await withServer([], async (api, picture, { seen }) => {
    const told = []
    const me = await api.uploadAvatar(picture, { onProgress: percent => told.push(percent) })
    assert.equal(me.avatar_url, 'https://x/avatars/1')
    assert.deepEqual(seen, [{ field: 'file', bytes: BYTES, token: 't0' }])
    assert.deepEqual(told, [100])
  })
})

test('a file of any kind arrives with the other fields of its form', async () => {
  const taken = []
  const server = http.createServer((request, response) => {
    const parts = []
    request.on('data', part => parts.push(part)).on('end', () => {
      taken.push(Buffer.concat(parts).toString('latin1'))
      response.end(JSON.stringify({ code: 0, data: { id: 7 } }))
    })
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  const phone = new Phone({ person: 'alice' })
  const file = path.join(phone.folder, 'scan.pdf')
  fs.writeFileSync(file, BYTES)
  const api = createClient({ baseUrl: `http://127.0.0.1:${server.address().port}`, platform: phone.wx })
  try {
    const options = { name: 'scan', formData: { page: '3', title: 'a b' }, auth: false }
    assert.deepEqual(await api.upload('/api/scans', file, options), { id: 7 })
    const parts = taken[0].split(/--+phone\w+(?:--)?\r\n/).filter(Boolean)
    assert.match(parts[0], /name="page"\r\n\r\n3\r\n$/)
    assert.match(parts[1], /name="title"\r\n\r\na b\r\n$/)
    assert.match(parts[2], /name="scan"; filename="scan.pdf"/)
    assert.ok(parts[2].includes(BYTES.toString('latin1')))
  } finally {
    phone.close()
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
})

test('after a 401 the same bytes go once more, with the token of a new login', async () => {
  await withServer([refusal(401, 40102, 'session_ended')], async (api, picture, { seen, phone }) => {
    assert.equal((await api.uploadAvatar(picture)).id, 'u')
    assert.deepEqual(seen.map(({ token }) => token), ['t0', 't1'])
    assert.ok(seen.every(({ bytes }) => bytes.equals(BYTES)))
    assert.equal(phone.logins, 2)
  })
})

test('a refusal of the server is told with its id, a page of a proxy as no answer of ours', async () => {
  const page = '<html><title>413 Request Entity Too Large</title></html>'
  await withServer([refusal(400, 40005, 'picture_invalid'), [413, page]], async (api, picture, { seen }) => {
    await assert.rejects(api.uploadAvatar(picture), { error: 'picture_invalid', code: 40005, status: 400, requestId: 'r1', msg: '说明' })
    await assert.rejects(api.uploadAvatar(picture), { error: 'bad_answer', status: 413 })
    assert.equal(seen.length, 2)
  })
})

test('a temporary file that is gone is picture_missing, and nothing is sent', async () => {
  await withServer([], async (api, picture, { seen }) => {
    await assert.rejects(api.uploadAvatar(`${picture}.gone`), error => {
      assert.equal(error.error, 'picture_missing')
      assert.match(error.symptom.en, /file not found/)
      return true
    })
    assert.equal(seen.length, 0)
  })
})

test('a server on the list for requests alone takes no upload, and the symptom names the other list', async () => {
  await withServer([], async (api, picture, { phone, seen }) => {
    await api.login()
    phone.domains.uploadFile = [] // as if the console had only the other one
    await assert.rejects(api.uploadAvatar(picture), error => {
      assert.deepEqual([error.error, error.errno], ['domain_not_listed', 600002])
      assert.match(error.symptom.zh, /uploadFile 合法域名/)
      return true
    })
    assert.equal(seen.length, 0)
  })
})

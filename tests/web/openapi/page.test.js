/** Tests of the page /docs. tests/web/openapi/test_page.py runs them, with a service to call. */

'use strict'

const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const { afterEach, test } = require('node:test')

const { createClient } = require('../../../miniprogram/myapi/index')
const { BASE, close, open, until } = require('./page')

afterEach(close)

const CLIENT = createClient({ baseUrl: BASE, platform: {} })

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAIAAAACUFjqAAAAEklEQVR4nGP4z8CAB+GTG8HSALfKY52fTcuYAAAAAElFTkSuQmCC', 'base64')

// ---- the session ----

test('the token is kept over a reload, in this tab alone, until the log out', async () => {
  const page = await open()
  await page.logIn('reload')
  const who = page.text('.who')
  assert.deepEqual(Object.keys(page.kept), ['docs.token'])
  assert.ok(!JSON.stringify({ ...page.window.localStorage }).includes(page.kept['docs.token']))

  const again = await open({ kept: page.kept })
  await until(() => again.text('.who') === who)
  const shown = await again.send('me.show')
  assert.equal(again.text('.status', shown), '200')

  again.submit(again.find('.login:not([hidden])'))
  await until(() => !again.text('.who'))
  assert.deepEqual(again.kept, {})
  assert.equal(again.text('.status', await again.send('me.show')), '401')
})

test('the log out forgets the token also while the server is away', async () => {
  const page = await open({ answers: { '/api/auth/logout': away } })
  await page.logIn('away')
  page.submit(page.find('.login:not([hidden])'))
  await until(() => !page.text('.who'))
  assert.deepEqual(page.kept, {})
  assert.match(page.text('.login .failed'), /does not answer/)
})

test('a kept token that is no longer valid is forgotten', async () => {
  const page = await open({ kept: { 'docs.token': 'not.valid' } })
  await until(() => !page.kept['docs.token'])
  assert.equal(page.text('.who'), '')
})

test('a kept token outlasts a server that is away', async () => {
  const page = await open({ kept: { 'docs.token': 'a.b' }, answers: { '/api/me': away } })
  await until(() => page.sent.some(call => call.path === '/api/me'))
  await until(() => page.text('.who') === 'Logged in')
  assert.equal(page.kept['docs.token'], 'a.b')
})

test('the page says where the token is kept', async () => {
  assert.match((await open()).text('.intro'), /token stays in this tab/)
  assert.match((await open({ language: 'zh-CN' })).text('.intro'), /只保存在这个标签页/)
})

// ---- search ----

test('search finds routes by path, word, field and error, in both languages', async () => {
  const page = await open()
  const all = page.routesShown()
  assert.deepEqual(page.search('/api/me/phone'), ['me.set_phone', 'me.remove_phone'])
  assert.deepEqual(page.search('PUT nickname'), ['me.update'])
  assert.deepEqual(page.search('修改 昵称'), ['me.update'])
  assert.deepEqual(page.search('user_agent'), ['auth.list_sessions'])
  assert.deepEqual(page.search('session_key_missing'), ['me.decrypt'])
  assert.deepEqual(page.errorsShown(), ['session_key_missing'])
  assert.deepEqual(page.search('40005'), ['me.upload_avatar'])
  assert.equal(page.find('details', page.route('me.upload_avatar')).open, true)
  assert.deepEqual(page.search('no such thing'), [])
  assert.match(page.text('main'), /Nothing found\./)
  assert.deepEqual(page.search(''), all)
})

test('the navigation shows only what the search found', async () => {
  const page = await open()
  page.search('PUT nickname')
  const links = [...page.document.querySelectorAll('nav a')].filter(each => !each.hidden)
  assert.deepEqual(links.map(each => each.hash), ['#me', '#me.update'])
})

test('the key / puts the cursor into the search, except while one types, and Escape ends it', async () => {
  const page = await open()
  const input = page.find('.search input')
  const slash = page.press('/')
  assert.equal(page.document.activeElement, input)
  assert.equal(slash.defaultPrevented, true)
  page.search('phone')
  page.press('Escape', input)
  assert.equal(input.value, '')
  assert.notEqual(page.document.activeElement, input)
  assert.ok(page.routesShown().length > 10)
  const area = page.find('textarea', page.route('me.update'))
  area.focus()
  assert.equal(page.press('/', area).defaultPrevented, false)
  assert.equal(page.document.activeElement, area)
})

test('the URL of the page can hold a search', async () => {
  const page = await open({ query: '?q=PUT+nickname' })
  assert.deepEqual(page.routesShown(), ['me.update'])
  assert.equal(page.find('.search input').value, 'PUT nickname')
})

test('Enter leads from the search to the first route', async () => {
  const page = await open()
  page.search('avatar')
  page.press('Enter', page.find('.search input'))
  assert.equal(page.document.activeElement, page.find('h3 a', page.route(page.routesShown()[0])))
})

// ---- snippets ----

const HOSTILE = { nickname: 'it\'s "$HOME" `id` \\ 小明\n', '__proto__x': { deep: [1, null, true] } }
HOSTILE['a-b'] = "'; echo no; '"

/** What a shell passes to curl. */
function argumentsOfCurl(snippet) {
  const script = `curl() { printf '%s\\0' "$@"; }\n${snippet}\n`
  return execFileSync('sh', ['-c', script], { env: { ...process.env, TOKEN: 'of-the-shell' }, encoding: 'utf8' }).split('\0').slice(0, -1)
}

/** What a snippet passes to wx or uni. */
function optionsOf(snippet, object) {
  const made = []
  const record = new Proxy({}, { get: (_, name) => options => made.push([name, options]) })
  new Function(object, 'token', 'filePath', snippet)(record, 'of-the-app', 'wxfile://a.png')
  assert.equal(made.length, 1)
  return made[0]
}

/** What a snippet passes to the client of miniprogram/myapi. */
async function callOfClient(snippet) {
  const made = []
  const record = new Proxy({}, { get: (_, name) => async (...given) => { made.push([name, ...given]); return {} } })
  await new Function('api', 'filePath', 'console', `return (async () => { ${snippet.replace(/^\/\/.*\n/gm, '')} })()`)(record, 'wxfile://a.png', { log() {} })
  assert.equal(typeof CLIENT[made[0][0]], 'function', 'the client has this method')
  return made[0]
}

test('a snippet for each client makes the call of the form', async () => {
  const page = await open()
  page.write(page.find('textarea', page.route('me.update')), JSON.stringify(HOSTILE))
  for (const object of ['wx', 'uni']) {
    const [name, options] = optionsOf(page.snippet('me.update', `${object}.request`), object)
    assert.equal(name, 'request')
    assert.equal(options.url, `${BASE}/api/me`)
    assert.equal(options.method, 'PUT')
    assert.deepEqual(options.header, { Authorization: 'Bearer of-the-app' })
    assert.deepEqual(options.data, HOSTILE)
  }
  assert.deepEqual(await callOfClient(page.snippet('me.update', 'api')), ['put', '/api/me', HOSTILE])
  const given = argumentsOfCurl(page.snippet('me.update', 'curl'))
  assert.deepEqual(given.slice(0, 3), ['-X', 'PUT', `${BASE}/api/me`])
  assert.ok(given.includes('Authorization: Bearer of-the-shell'))
  assert.deepEqual(JSON.parse(given.at(-1)), HOSTILE)
})

test('a snippet has the values of the path', async () => {
  const page = await open()
  page.write(page.find('.inputs input', page.route('auth.end_session')), "a/b'c$&")
  const url = `${BASE}/api/auth/sessions/a%2Fb'c%24%26`
  assert.equal(optionsOf(page.snippet('auth.end_session', 'wx.request'), 'wx')[1].url, url)
  assert.deepEqual(argumentsOfCurl(page.snippet('auth.end_session', 'curl')).slice(0, 3), ['-X', 'DELETE', url])
})

test('a field named __proto__ is a field in a snippet as well', async () => {
  const page = await open()
  const text = '{"__proto__": {"admin": true}, "nickname": "a"}'
  page.write(page.find('textarea', page.route('me.update')), text)
  const [, { data }] = optionsOf(page.snippet('me.update', 'wx.request'), 'wx')
  assert.equal(JSON.stringify(data), JSON.stringify(JSON.parse(text)))
})

test('a body that is no JSON is in the snippet as it would be sent', async () => {
  const page = await open()
  page.write(page.find('textarea', page.route('me.update')), '{"nickname"')
  assert.equal(optionsOf(page.snippet('me.update', 'wx.request'), 'wx')[1].data, '{"nickname"')
  assert.equal(argumentsOfCurl(page.snippet('me.update', 'curl')).at(-1), '{"nickname"')
})

test('every snippet for the client calls a method that the client has', async () => {
  const page = await open()
  const named = {}
  for (const id of page.routesShown()) {
    const tabs = [...page.route(id).querySelectorAll('.tabs button')].map(each => each.textContent)
    if (tabs.includes('api')) named[id] = (await callOfClient(page.snippet(id, 'api')))[0]
  }
  assert.equal(named['auth.login'], 'login')
  assert.equal(named['me.upload_avatar'], 'uploadAvatar')
  assert.equal(named['me.erase'], 'erase')
  assert.equal(named['avatars.show'], 'download')
  assert.deepEqual(await callOfClient(page.snippet('hello.hello', 'api')), ['get', '/api/hello', undefined, { auth: false }])
})

test('an upload has snippets with its field and the chosen file', async () => {
  const page = await open()
  page.choose('me.upload_avatar', PNG, 'my; "picture".png')
  const given = argumentsOfCurl(page.snippet('me.upload_avatar', 'curl'))
  assert.deepEqual(given.slice(-2), ['-F', 'file=@"my; \\"picture\\".png"'])
  for (const object of ['wx', 'uni']) {
    const [name, options] = optionsOf(page.snippet('me.upload_avatar', `${object}.uploadFile`), object)
    assert.equal(name, 'uploadFile')
    assert.equal(options.name, 'file')
    assert.equal(options.filePath, 'wxfile://a.png')
  }
})

test('a route of a team that takes a file or gives one has a snippet with upload or download', async () => {
  const file = { type: 'string', contentMediaType: 'image/png' }
  const page = await openWith({
    '/api/scans': {
      post: {
        ...ROUTE,
        operationId: 'scans.add',
        security: [{ token: [] }],
        requestBody: { content: { 'multipart/form-data': { schema: { properties: { scan: file } } } } },
      },
    },
    '/api/maps/{id}': {
      get: {
        ...ROUTE,
        operationId: 'maps.show',
        parameters: [{ name: 'id', in: 'path' }],
        responses: { 200: { content: { 'image/png': {} } } },
      },
    },
  })
  assert.deepEqual(await callOfClient(page.snippet('scans.add', 'api')), ['upload', '/api/scans', 'wxfile://a.png', { name: 'scan' }])
  page.write(page.find('.inputs input', page.route('maps.show')), '7')
  assert.deepEqual(await callOfClient(page.snippet('maps.show', 'api')), ['download', '/api/maps/7', { auth: false }])
})

test('the token is in a snippet only where one asks for it, and not after the log out', async () => {
  const page = await open()
  await page.logIn('asked')
  const token = page.kept['docs.token']
  for (const client of ['wx.request', 'uni.request', 'curl', 'api']) {
    assert.ok(!page.snippet('me.show', client).includes(token))
  }
  page.snippet('me.show', 'curl')
  page.find('.own input', page.route('me.show')).click()
  assert.ok(argumentsOfCurl(page.text('.code', page.route('me.show'))).includes(`Authorization: Bearer ${token}`))
  assert.ok(!page.snippet('hello.hello', 'curl').includes(token), 'it needs no session')
  assert.ok(!page.snippet('me.show', 'api').includes(token))
  assert.ok(!JSON.stringify({ ...page.window.localStorage }).includes(token))
  page.snippet('me.show', 'curl')
  page.submit(page.find('.login:not([hidden])'))
  await until(() => !page.text('.who'))
  assert.ok(!page.document.body.textContent.includes(token))
})

test('one click copies a snippet, and the chosen client stays chosen', async () => {
  const page = await open()
  const shown = page.snippet('me.update', 'curl')
  page.button('Copy', page.find('.bar', page.route('me.update'))).click()
  await until(() => page.copied.length)
  assert.deepEqual(page.copied, [shown])
  assert.match(page.text('.code', page.route('hello.hello')), /^curl /)
  assert.equal(page.window.localStorage['docs.client'], 'curl')
})

// ---- what a route answers ----

test('the fields of an answer have a type, a meaning and an example, the nested ones too', async () => {
  const page = await open({ language: 'zh-CN' })
  const about = page.find('.about', page.route('auth.list_sessions'))
  const sessions = page.find('.fields > li', about)
  assert.equal(page.text('b', sessions), 'sessions')
  assert.equal(page.text('i', sessions), 'object[]')
  const ip = [...sessions.querySelectorAll('.fields li')].find(each => page.text('b', each) === 'ip')
  assert.equal(page.text('i', ip), 'string')
  assert.equal(page.text('p', ip), '登录时的 IP 地址。')
  assert.equal(page.text('.sample', ip), '"203.0.113.7"')
})

test('the errors of a route have a status, a code, a name and a meaning', async () => {
  const page = await open()
  const row = [...page.route('me.decrypt').querySelectorAll('tr')].find(each => each.dataset.error === 'session_key_missing')
  assert.deepEqual([...row.querySelectorAll('.status, .number, code, p')].map(each => each.textContent),
    ['409', '40900', 'session_key_missing', 'There is no session_key to decrypt with: log in again.'])
})

test('a picture can be uploaded and shown', async () => {
  const page = await open()
  await page.logIn('painter')
  page.choose('me.upload_avatar', PNG, 'a.png')
  const answer = await page.send('me.upload_avatar')
  assert.equal(page.text('.status', answer), '200')
  const name = JSON.parse(page.text('pre', answer)).data.avatar_url.split('/').at(-1)
  page.write(page.find('.inputs input', page.route('avatars.show')), name)
  const shown = await page.send('avatars.show')
  assert.match(page.find('img', shown).src, /^data:image\/(png|jpeg);base64,[\w+/]+=*$/)
})

test('what to import into Apifox and Postman is named, in Chinese for a Chinese page', async () => {
  const english = await open()
  assert.match(english.text('.import'), /Apifox or Postman/)
  assert.equal(english.find('.import a').href, `${BASE}/openapi.json`)
  const chinese = await open({ language: 'zh-CN' })
  assert.equal(chinese.find('.import a').href, `${BASE}/openapi.json?lang=zh`)
  const description = await (await fetch(chinese.find('.import a').href)).json()
  assert.deepEqual(description.servers, [{ url: BASE }])
  assert.equal(description.paths['/api/me'].get.summary, '查看我的资料。')
  assert.deepEqual(description.paths['/api/me'].get.tags, ['我的账号'])
})

// ---- hostile ----

const away = () => { throw new TypeError('fetch failed') }
const HTML = '<img src=x onerror="globalThis.broken = 1"><script>globalThis.broken = 1</script> & `<b>code</b>`'

const ROUTE = { tags: ['team'], summary: '-', responses: { 200: { content: { 'application/json': { schema: {} } } } } }

/** The page with these paths of a team. */
function openWith(paths) {
  const described = {
    openapi: '3.1.0',
    info: { title: 'x', description: '-' },
    tags: [{ name: 'team', description: '-' }],
    paths,
    components: { schemas: { Error: { description: '-', properties: {} } } },
    'x-myapi-errors': {},
  }
  return open({ answers: { '/openapi.json': () => Response.json(described) } })
}

/** A description with one route, GET /x, and what that answers. */
function hostile(schema, response, language) {
  const error = { status: 500, code: 50000, msg: HTML, msg_zh: HTML }
  const described = JSON.parse(JSON.stringify({
    openapi: '3.1.0',
    info: { title: HTML, description: HTML },
    tags: [{ name: 'constructor', description: HTML }],
    paths: {
      '/x': {
        get: {
          operationId: 'toString',
          tags: ['constructor'],
          summary: HTML,
          responses: {
            200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Shape' }, example: HTML } } },
            500: { content: { 'application/json': { examples: { internal_error: {} } } } },
          },
        },
      },
    },
    components: { schemas: { Shape: 0, Error: { description: HTML, properties: {} } } },
    'x-myapi-errors': { internal_error: error },
  }))
  described.components.schemas.Shape = schema
  return open({ language, answers: { '/openapi.json': () => Response.json(described), '/x': response ?? away } })
}

test('a schema text with HTML in it is shown as text', async () => {
  const page = await hostile({ title: 'Shape', description: HTML, properties: { [HTML]: { type: 'string', description: HTML, examples: [HTML] } } },
    () => Response.json({ [HTML]: HTML }))
  await page.send('toString')
  page.search('onerror')
  assert.equal(page.document.querySelector('main img, main script, main b b'), null)
  assert.equal(page.window.broken, undefined)
  assert.ok(page.text('.fields').includes('<script>'))
})

test('a field named __proto__ and names of JavaScript are shown like any other', async () => {
  const schema = JSON.parse('{"title": "Shape", "properties": {"__proto__": {"type": "string", "description": "valueOf"}, "constructor": {"$ref": "#/components/schemas/Shape"}}}')
  const answer = () => new Response('{"__proto__": {"admin": true}}', { headers: { 'Content-Type': 'application/json' } })
  const page = await hostile(schema, answer, 'zh-CN')
  assert.deepEqual([...page.document.querySelectorAll('.fields b')].map(each => each.textContent), ['__proto__', 'constructor'])
  assert.equal(page.text('.fields li p'), 'valueOf')
  assert.match(page.text('pre', await page.send('toString')), /__proto__/)
  assert.equal({}.admin, undefined)
  assert.deepEqual(page.search('__proto__'), ['toString'])
})

test('a shape that holds itself ends', async () => {
  const self = { $ref: '#/components/schemas/Shape' }
  const page = await hostile({ title: 'Shape', type: 'object', properties: { parent: { anyOf: [self, { type: 'null' }] }, children: { type: 'array', items: self } } })
  assert.deepEqual([...page.document.querySelectorAll('.fields i')].map(each => each.textContent), ['object | null', 'object[]'])
})

test('a large answer is cut on the page and whole in the copy', async () => {
  const large = { text: 'x'.repeat(1_000_000) }
  const page = await hostile({ type: 'object' }, () => Response.json(large))
  const answer = await page.send('toString')
  assert.ok(answer.textContent.length < 300_000)
  assert.match(answer.textContent, /1\.0 MB/)
  page.button('Copy', answer).click()
  await until(() => page.copied.length)
  assert.deepEqual(JSON.parse(page.copied[0]), large)
})

test('an answer without content, one that is no text and a plain one are shown as what they are', async () => {
  const answers = [
    [new Response(null, { status: 204 }), /204.*No content\./],
    [new Response(new Uint8Array([0, 1]), { headers: { 'Content-Type': 'application/pdf' } }), /2 B.*application\/pdf/],
    [new Response('plain // text', { headers: { 'Content-Type': 'text/plain' } }), /plain \/\/ text/],
    [new Response('<html>', { status: 502, headers: { 'Content-Type': 'text/html' } }), /502.*<html>/],
    [new Response('{"code": ', { headers: { 'Content-Type': 'application/json' } }), /\{"code": /],
  ]
  const page = await hostile({ type: 'object' }, () => answers[0][0])
  for (; answers.length; answers.shift()) assert.match((await page.send('toString')).textContent, answers[0][1])
})

test('a server that is away is named, and the next try works', async () => {
  let answer = away
  const page = await hostile({ type: 'object' }, () => answer())
  assert.match((await page.send('toString')).textContent, /The server does not answer\./)
  answer = () => Response.json({})
  assert.equal(page.text('.status', await page.send('toString')), '200')
})

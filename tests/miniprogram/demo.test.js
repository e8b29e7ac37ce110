/**
 * The demo: what its pages show and do, on a stand-in for the phone with the real client in
 * between; and that it is what the developer tools open.
 */

'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')

const { App, BASE, DEMO, USER_ID, Server, refusal, session, tools } = require('./stage')

const CLIENT = path.join(DEMO, '..', 'myapi')
const NAMES = ['home', 'profile', 'devices', 'encrypted', 'diagnosis', 'messages']
const CLOSED = ['profile', 'devices', 'encrypted', 'messages'] // need a login

const read = file => fs.readFileSync(path.join(DEMO, file), 'utf8')
const json = file => JSON.parse(read(file))
const exists = file => fs.existsSync(path.join(DEMO, file))

/** All files of the demo whose name ends so, without the copy of the client. */
function files(end, folder = '.') {
  const entries = fs.readdirSync(path.join(DEMO, folder), { withFileTypes: true })
  return entries.flatMap(entry => {
    const file = path.posix.join(folder, entry.name)
    if (file === 'myapi') return []
    if (entry.isDirectory()) return files(end, file)
    return file.endsWith(end) ? [file] : []
  })
}

const signedIn = async options => new App(options).signIn()
const three = () => {
  const server = new Server()
  server.sessions = [session('s2'), session('s1', { current: true }), session('s3')]
  return server
}
const dialogues = app => app.asked.filter(({ name }) => name === 'showModal')
const menus = app => app.asked.filter(({ name }) => name === 'showActionSheet')
const count = (list, wanted) => list.filter(each => each === wanted).length
const CHINESE = /[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]/
/** What is written on a page, without names and texts that people have chosen. */
const words = page => page.text.replace(/小?小明|你的奶茶做好了|简体中文/g, '')
/** What stands where the first answer will. */
const bones = page => page.all('[class~=main--bone], [class~=who--bone]').length
const has = (page, ...texts) => texts.forEach(text => assert.ok(page.text.includes(text), `${text} in ${page.text}`))
const lacks = (page, ...texts) => texts.forEach(text => assert.ok(!page.text.includes(text), `${text} in ${page.text}`))

// ---- it opens as it is ----

test('the client in the demo is the client', () => {
  const names = fs.readdirSync(CLIENT).sort()
  assert.deepEqual(fs.readdirSync(path.join(DEMO, 'myapi')).sort(), names)
  for (const name of names) {
    const same = fs.readFileSync(path.join(CLIENT, name)).equals(fs.readFileSync(path.join(DEMO, 'myapi', name)))
    assert.ok(same, `miniprogram/demo/myapi/${name} is another one: run npm run copy in miniprogram/`)
  }
})

test('the developer tools find all that the settings name', () => {
  const app = json('app.json')
  const project = json('project.config.json')
  assert.equal(project.miniprogramRoot, './')
  assert.equal(project.appid, 'touristappid')
  assert.equal(project.setting.urlCheck, false) // http://127.0.0.1 is on no list
  assert.ok(app.darkmode && exists(app.themeLocation) && exists(app.sitemapLocation))
  const tabs = app.tabBar.list.map(tab => tab.pagePath)
  assert.ok(tabs.length <= 5) // WeChat's limit
  assert.deepEqual(app.pages.slice(0, tabs.length), tabs)
  const sources = files('.js').map(read).join('')
  for (const page of app.pages.slice(tabs.length)) assert.ok(sources.includes(`navigateTo({ url: '/${page}' })`), page)
  for (const { iconPath, selectedIconPath } of app.tabBar.list) {
    for (const icon of [iconPath, selectedIconPath]) {
      const png = fs.readFileSync(path.join(DEMO, icon))
      assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [81, 81])
      assert.ok(png.length < 40 * 1024) // WeChat's limit
    }
  }
  for (const page of app.pages) {
    for (const end of ['js', 'json', 'wxml', 'wxss']) assert.ok(exists(`${page}.${end}`), page)
    for (const component of Object.values(json(`${page}.json`).usingComponents)) {
      assert.ok(exists(`${component}.js`) && json(`${component}.json`).component, component)
    }
  }
})

test('light and dark name the same variables, and no variable is missing', () => {
  const { light, dark } = json('theme.json')
  assert.deepEqual(Object.keys(light), Object.keys(dark))
  for (const [, name] of read('app.json').matchAll(/"@(\w+)"/g)) assert.ok(name in light, name)
  const { light: ofLight, dark: ofDark } = palettes()
  assert.deepEqual(Object.keys(ofLight), Object.keys(ofDark))
  for (const file of files('.wxss')) {
    for (const [, name] of read(file).matchAll(/var\(--([\w-]+)\)/g)) assert.ok(name in ofLight, `${file}: ${name}`)
  }
  assert.deepEqual([light.background, light.accent], [ofLight.background, ofLight.accent])
  assert.deepEqual([dark.background, dark.accent], [ofDark.background, ofDark.accent])
  const { DANGER } = new App().module('shared/page')
  assert.deepEqual(DANGER, { light: ofLight.danger, dark: ofDark.danger })
})

test("WeChat's compiler takes every template and style", () => {
  const compiler = tools('miniprogram-compiler')
  assert.match(compiler.wxmlToJs(DEMO), /pages\/diagnosis\/diagnosis\.wxml/)
  assert.ok(compiler.wxssToJs(DEMO))
})

test('it requires nothing outside its root, and fetches nothing but its API', () => {
  for (const file of files('.js')) {
    for (const [, name] of read(file).matchAll(/require\('([^']+)'\)/g)) {
      const target = path.join(path.dirname(file), name)
      assert.ok(name[0] === '.' && !target.startsWith('..') && exists(`${target}.js`), `${file}: ${name}`)
    }
  }
  for (const file of [...files('.wxml'), ...files('.wxss')]) {
    assert.doesNotMatch(read(file), /url\(|src="https?:|@font-face/, file)
  }
})

test('it is written in what old phones understand: nothing newer than ES2018', () => {
  const ts = tools('typescript')
  const told = (source, target) =>
    ts.transpileModule(source, { compilerOptions: { target, module: 'CommonJS' } }).outputText
  const newer = source => told(source, 'ES2018') !== told(source, 'ESNext')
  assert.ok(newer('a?.b ?? c'))
  for (const file of files('.js')) assert.ok(!newer(read(file)), file)
})

test('a class of a component or a page is the class of no other', () => {
  const owner = new Map()
  for (const file of files('.wxss')) {
    // at the beginning of a selector; what follows in it is a state
    for (const [, name] of read(file).matchAll(/^\.([\w-]+)/gm)) {
      assert.ok([undefined, file].includes(owner.get(name)), `${name}: ${owner.get(name)} and ${file}`)
      owner.set(name, file)
    }
  }
})

// ---- it can be read and touched ----

function palettes() {
  const [light, dark] = read('app.wxss').split('@media (prefers-color-scheme: dark)')
  const of = text => Object.fromEntries([...text.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map(found => found.slice(1)))
  return { light: of(light), dark: of(dark) }
}

/** The contrast of WCAG 2.1. */
function contrast(one, other) {
  const luminance = colour => {
    const [r, g, b] = [1, 3, 5].map(at => {
      const part = parseInt(colour.slice(at, at + 2), 16) / 255
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const [dim, bright] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (bright + 0.05) / (dim + 0.05)
}

test('texts have the contrast of WCAG AA, light and dark', () => {
  assert.equal(contrast('#000000', '#ffffff'), 21)
  const pairs = [
    ...['text', 'muted'].flatMap(text => ['background', 'card', 'field', 'line'].map(ground => [text, ground])),
    ...['accent', 'danger'].flatMap(text => ['background', 'card'].map(ground => [text, ground])),
    ...['text', 'muted', 'accent', 'danger'].map(text => [text, 'pressed']),
    ['on-accent', 'accent'],
    ['accent', 'accent-soft'],
    ...['text', 'muted', 'danger'].map(text => [text, 'danger-soft']),
  ]
  const { light, dark } = json('theme.json')
  for (const [name, palette] of Object.entries(palettes())) {
    for (const [text, ground] of pairs) {
      const found = contrast(palette[text], palette[ground])
      assert.ok(found >= 4.5, `${name}: ${text} on ${ground} is ${found.toFixed(2)}`)
    }
  }
  for (const { tab, accent, tabs } of [light, dark]) {
    assert.ok(contrast(tab, tabs) >= 4.5 && contrast(accent, tabs) >= 4.5)
  }
})

test('whatever can be tapped is at least 44 px high', () => {
  const heights = {}
  for (const file of files('.wxss')) {
    for (const [, name, body] of read(file).matchAll(/^\.([\w-]+) \{([^}]*)\}/gm)) {
      const found = body.match(/(?:^|\s)(?:min-)?height: (\d+)px/)
      if (found) heights[name] = Number(found[1])
    }
  }
  for (const file of files('.wxml')) {
    for (const [tag, classes] of [...read(file).matchAll(/<[^>]*\sclass="([\w-]+)[^>]*>/g)]) {
      if (!/bind:(tap|input|getphonenumber|chooseavatar)/.test(tag)) continue
      assert.ok(heights[classes] >= 44, `${file}: ${classes} is ${heights[classes]} px high`)
    }
  }
})

test('every text is in strings/, and there is advice for every error that can come', () => {
  for (const file of [...files('.wxml'), ...files('.js')].filter(file => !file.startsWith('strings/'))) {
    const code = read(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
    assert.doesNotMatch(code, CHINESE, file)
  }
  const { ERRORS } = require('../../miniprogram/myapi/index')
  for (const language of ['zh', 'en']) {
    const { advice, doing, diagnosis } = new App().module(`strings/${language}`)
    assert.deepEqual(Object.keys(advice).sort(), Object.keys(ERRORS).sort())
    for (const { id } of diagnosis.cases) assert.ok(doing[id], id)
  }
})

/** All texts by their place, such as `home.save`. */
function texts(language) {
  const all = (value, place) =>
    typeof value === 'string' ? [[place, value]] : Object.entries(value).flatMap(([key, each]) => all(each, `${place}.${key}`))
  return all(new App().module(`strings/${language}`), '')
}

test('both languages have the same texts, each in its own words', () => {
  const [zh, en] = ['zh', 'en'].map(texts)
  assert.deepEqual(en.map(([place]) => place), zh.map(([place]) => place))
  const quoted = ['.home.languages.zh', '.messages.sample']
  for (const [place, text] of en) if (!quoted.includes(place)) assert.doesNotMatch(text, CHINESE, place)
  for (const [place, text] of [...zh, ...en]) assert.ok(text, place)
})

test('what WeChat draws has room for its words: a button of a dialog for eight letters', () => {
  const width = text => Array.from(text).reduce((sum, each) => sum + (CHINESE.test(each) ? 2 : 1), 0)
  for (const [place, text] of [...texts('zh'), ...texts('en')]) {
    if (/Yes$|common\.cancel$/.test(place)) assert.ok(width(text) <= 8, `${place}: ${text}`)
    if (/^\.tabs/.test(place)) assert.ok(width(text) <= 10, `${place}: ${text}`)
  }
})

// ---- all pages ----

for (const name of NAMES) {
  test(`${name}: on a Chinese phone, all that it says is Chinese`, async () => {
    const app = await signedIn({ server: three() })
    const page = await app.open(name)
    assert.equal(app.title, json(`pages/${name}/${name}.json`).navigationBarTitleText)
    assert.match(app.title, CHINESE)
    assert.match(page.text, /[\u4e00-\u9fff]{4}/)
    assert.doesNotMatch(page.text, /undefined|null|NaN|\[object/)
    assert.deepEqual(app.tabs, []) // those of app.json
  })

  test(`${name}: on any other phone, all that it says is English`, async () => {
    const app = await signedIn({ server: three(), language: 'de' })
    const page = await app.open(name)
    assert.match(app.title, /^[A-Z]|^myapi/)
    assert.doesNotMatch(app.title + words(page), CHINESE)
    assert.doesNotMatch(page.text, /undefined|null|NaN|\[object/)
    assert.deepEqual(app.tabs, ['Home', 'Devices', 'Diagnosis', 'Me'])
  })
}

for (const name of CLOSED) {
  test(`${name}: in English, signed out and with an error, it is English as well`, async () => {
    const app = new App({ language: 'en' })
    app.server.wrong['POST /api/auth/login'] = refusal(403, 40300, 'user_banned')
    const page = await app.open(name)
    await page.tap('gate wx-button')
    has(page, 'Log in to see this', 'This account is banned.', 'flask users unban')
    assert.doesNotMatch(page.text, CHINESE)
  })
}

for (const name of CLOSED) {
  test(`${name}: signed out, it asks for nothing until 登录 is tapped`, async () => {
    const app = new App()
    const page = await app.open(name)
    has(page, '登录后可查看')
    assert.deepEqual([app.server.calls, app.logins], [[], 0])
    await page.tap('gate wx-button')
    lacks(page, '登录后可查看')
    assert.equal(app.logins, 1)
  })

  test(`${name}: after signing out elsewhere it shows nothing of the user any more`, async () => {
    const app = await signedIn()
    const page = await app.open(name)
    lacks(page, '登录后可查看')
    const home = await app.open('home')
    await home.tap('[data-act=logout]')
    await page.show()
    has(page, '登录后可查看')
    lacks(page, '小明', '203.0.113.7')
    assert.doesNotMatch(JSON.stringify(page.data), /小明|203\.0\.113\.7/) // nor for the next user
  })

  test(`${name}: a login that fails says why`, async () => {
    const app = new App()
    app.server.wrong['POST /api/auth/login'] = refusal(403, 40300, 'user_banned')
    const page = await app.open(name)
    await page.tap('gate wx-button')
    has(page, '该账号已被封禁', 'user_banned', '登录后可查看')
  })
}

for (const [name, call] of [
  ['home', 'GET /api/hello'],
  ['profile', 'GET /api/me'],
  ['devices', 'GET /api/auth/sessions'],
  ['messages', 'POST /api/me/messages'],
]) {
  test(`${name}: while it waits it shows that it does`, async () => {
    const app = await signedIn()
    app.server.held.add(call)
    const page = await app.open(name, { show: false })
    page.component.instance.onShow()
    assert.ok(bones(page) > 0)
    app.release()
    await page.settle()
    assert.equal(bones(page), 0)
  })

  test(`${name}: an error is shown with its facts, and 重试 mends it`, async () => {
    const app = await signedIn()
    app.server.wrong[call] = refusal(500, 50000, 'internal_error')
    const page = await app.open(name)
    has(page, '服务器内部错误', 'internal_error', 'HTTP 500', 'code 50000', '用请求编号')
    lacks(page, 'Internal server error')
    app.server.wrong = {}
    await page.tap('notice wx-button')
    lacks(page, 'internal_error')
    assert.equal(bones(page), 0)
  })
}

test('no page logs in by itself after signing out, however often it is shown', async () => {
  const app = await signedIn()
  const pages = []
  for (const name of NAMES) pages.push(await app.open(name))
  await pages[0].tap('[data-act=logout]')
  const before = [app.logins, count(app.server.calls, 'POST /api/auth/login')]
  for (const page of [...pages, ...pages]) await page.show()
  assert.deepEqual([app.logins, count(app.server.calls, 'POST /api/auth/login')], before)
})

test('pulling down asks again, and ends the animation', async () => {
  const app = await signedIn()
  const page = await app.open('devices')
  app.server.sessions = three().sessions
  page.component.instance.onPullDownRefresh()
  await page.settle()
  assert.equal(page.data.others.length, 2)
  assert.equal(app.asked[0].name, 'stopPullDownRefresh')
})

test('a restart of the app keeps who is signed in, and where', async () => {
  const app = await signedIn()
  const again = new App({ kept: app.kept, server: app.server })
  const page = await again.open('home')
  has(page, '小明', '退出登录')
  assert.equal(again.logins, 0)
})

test('a phone whose storage is full can be used nevertheless', async () => {
  const full = () => {
    throw new Error('setStorageSync:fail exceed storage max size')
  }
  const page = await new App({ wx: { setStorageSync: full } }).open('home')
  await page.tap('[data-act=login]')
  has(page, '小明')
  await page.tap('[data-act=logout]')
  has(page, '未登录')
})

// ---- the language ----

const choosing = async (page, item) => {
  page.app.item = item
  await page.tap('[data-act=language]')
}

test('the language that is chosen holds on every page at once, and after a restart', async () => {
  const app = await signedIn()
  const home = await app.open('home')
  const devices = await app.open('devices')
  await home.tap('[data-act=language]') // the first item
  assert.deepEqual(menus(app)[0].itemList, ['跟随手机', '简体中文', 'English'])
  await choosing(home, 2)
  has(home, 'Round trip', 'English')
  await devices.show()
  has(devices, 'Logged in')
  assert.doesNotMatch(words(home) + words(devices), CHINESE)
  assert.deepEqual([app.title, app.tabs[0]], ['My devices', 'Home'])

  const again = await new App({ kept: app.kept, server: app.server }).open('home')
  assert.doesNotMatch(words(again), CHINESE)
  await choosing(again, 0)
  has(again, '跟随手机')
  assert.deepEqual(again.app.tabs, ['首页', '设备', '诊断', '我的'])
})

test('no choice leaves the language as it is, and an error is not told in the former one', async () => {
  const app = new App()
  const page = await app.open('home')
  app.answer = false
  await choosing(page, 2)
  has(page, '往返耗时')
  app.answer = true
  app.server.wrong['GET /api/hello'] = refusal(500, 50000, 'internal_error')
  await page.tap('[data-act=hello]')
  has(page, '服务器内部错误')
  await choosing(page, 2)
  has(page, 'Internal server error')
  lacks(page, '服务器内部错误')
})

test('tabs that could not be named on a page without them are named on the next one', async () => {
  const named = []
  let tabs = false
  const setTabBarItem = ({ text, fail }) => (tabs ? named.push(text) : fail({ errMsg: 'setTabBarItem:fail not TabBar page' }))
  const app = await signedIn({ language: 'en', wx: { setTabBarItem } })
  await app.open('messages')
  tabs = true
  await app.open('home')
  await app.open('devices')
  assert.deepEqual(named, ['Home', 'Devices', 'Diagnosis', 'Me'])
})

test('a phone that does not tell its language is spoken to in Chinese', async () => {
  has(await new App({ wx: { getAppBaseInfo: undefined } }).open('home'), '往返耗时')
})

test('what cannot be undone is asked in red, the red of the theme', async () => {
  for (const theme of ['light', 'dark']) {
    const app = await signedIn()
    app.theme = theme
    const page = await app.open('profile')
    app.answer = false
    await page.tap('[data-act=erase]')
    assert.equal(dialogues(app)[0].confirmColor, palettes()[theme].danger)
  }
})

// ---- home ----

test('home: avatar and name stand at the top, and lead to the profile', async () => {
  const app = await signedIn()
  app.server.user.avatar_url = 'https://example.com/a.png'
  const page = await app.open('home')
  assert.equal(page.attributes('class', 'who-image').src, 'https://example.com/a.png')
  await page.tap('[data-act=who]')
  assert.equal(app.asked.at(-1).url, '/pages/profile/profile')
})

test('home: where the user has no nickname, it says so', async () => {
  const app = await signedIn()
  app.server.user.nickname = null
  has(await app.open('home'), '未设置昵称')
})


test('home: hello, its latency, and nobody signed in', async () => {
  const app = new App()
  const page = await app.open('home')
  has(page, '未登录', 'Hello from Aliyun Lighthouse!', ' ms', '登录')
  lacks(page, '退出登录')
  assert.deepEqual([app.server.calls, app.logins], [['GET /api/hello'], 0])
  await page.tap('[data-act=hello]')
  assert.equal(count(app.server.calls, 'GET /api/hello'), 2)
})

test('home: 登录 logs in once and says who it is; 退出登录 ends the session', async () => {
  const app = new App()
  const page = await app.open('home')
  await page.tap('[data-act=login]')
  has(page, '小明', USER_ID, '退出登录')
  assert.equal(app.logins, 1)
  await page.tap('[data-act=logout]')
  has(page, '未登录')
  lacks(page, '小明', USER_ID, '退出登录')
  assert.equal(app.server.calls.at(-1), 'POST /api/auth/logout')
})

test('home: signing out holds here even if the server cannot be told', async () => {
  const app = await signedIn()
  const page = await app.open('home')
  app.server.wrong['POST /api/auth/logout'] = refusal(500, 50000, 'internal_error')
  await page.tap('[data-act=logout]')
  has(page, '未登录', '服务器内部错误')
})

test('home: signing out shows at once, before the server has answered', async () => {
  const app = await signedIn()
  const page = await app.open('home')
  app.server.held.add('POST /api/auth/logout')
  await page.tap('[data-act=logout]')
  has(page, '未登录')
  lacks(page, '小明')
  app.release()
  await page.settle()
})

test('home: two taps on 登录 are one login', async () => {
  const app = new App()
  const page = await app.open('home')
  await Promise.all([page.tap('[data-act=login]'), page.tap('[data-act=login]')])
  assert.equal(app.logins, 1)
})

test('home: another address is asked at once, and kept; a wrong one is refused', async () => {
  const app = await signedIn()
  const page = await app.open('home')
  assert.equal(page.data.baseUrl, BASE)
  assert.equal(page.all('[data-act=address]').length, 0) // there is nothing to save
  await page.write('wx-input', 'api.example.com')
  await page.tap('[data-act=address]')
  has(page, '地址应形如', '小明')
  await page.write('wx-input', ' https://api.example.com ')
  lacks(page, '地址应形如')
  await page.tap('[data-act=address]')
  has(page, '已保存', '未登录') // there, nobody is signed in
  assert.equal(app.kept.get('demo:baseUrl'), 'https://api.example.com')
  await page.write('wx-input', BASE)
  await page.tap('[data-act=address]')
  has(page, '小明')
})

// ---- profile ----

test('profile: who I am, and a form that saves what is right', async () => {
  const app = await signedIn()
  const page = await app.open('profile')
  has(page, '小明', USER_ID, '2 / 32', '昵称')
  assert.equal(page.all('[data-act=save]').length, 0) // nothing has changed
  await page.write('[data-field=nickname]', '小明同学😀')
  has(page, '5 / 32')
  await page.tap('[data-act=save]')
  has(page, '已保存', '小明同学😀')
  assert.equal(count(app.server.calls, 'PUT /api/me'), 1)
  // with avatar_url, the server would delete the picture that was uploaded
  assert.deepEqual(app.server.bodies.at(-1), { nickname: '小明同学😀' })
  await page.write('[data-field=nickname]', '')
  lacks(page, '已保存')
  await page.tap('[data-act=save]')
  assert.deepEqual(app.server.bodies.at(-1), { nickname: null })
})

test('profile: two taps on 保存 save once', async () => {
  const app = await signedIn()
  const page = await app.open('profile')
  await page.write('[data-field=nickname]', '新名字')
  await Promise.all([page.tap('[data-act=save]'), page.tap('[data-act=save]')])
  assert.equal(count(app.server.calls, 'PUT /api/me'), 1)
})

for (const [field, wrong, said] of [
  ['nickname', '字'.repeat(33), '昵称最多 32 个字'],
  ['nickname', 'a\u0007b', '昵称最多 32 个字'],
]) {
  test(`profile: a wrong ${field} is told and not sent: ${JSON.stringify(wrong).slice(0, 30)}`, async () => {
    const app = await signedIn()
    const page = await app.open('profile')
    await page.write(`[data-field=${field}]`, wrong)
    has(page, said)
    await page.tap('[data-act=save]')
    assert.equal(count(app.server.calls, 'PUT /api/me'), 0)
  })
}

test('profile: what is being written outlasts a look at another page, and a failed save', async () => {
  const app = await signedIn()
  const page = await app.open('profile')
  await page.write('[data-field=nickname]', '新名字')
  await page.show()
  assert.equal(page.data.nickname, '新名字')
  const fields = [{ field: 'nickname', rule: 'max_length', limit: 3, msg: '' }]
  app.server.wrong['PUT /api/me'] = refusal(400, 40000, 'invalid_request', fields)
  await page.tap('[data-act=save]')
  has(page, 'nickname 太长，最多 3 个字符。')
  lacks(page, '已保存')
  assert.equal(page.data.nickname, '新名字')
})

test('profile: a nickname that WeChat refuses on the phone is emptied and not saved', async () => {
  const app = await signedIn()
  const page = await app.open('profile')
  const review = detail => page.tap('[data-field=nickname]', 'nicknamereview', detail)
  await page.write('[data-field=nickname]', '好名字')
  for (const detail of [{ pass: true, timeout: false }, { pass: false, timeout: true }]) {
    await review(detail)
    assert.equal(page.data.nickname, '好名字')
  }
  await review({ pass: false, timeout: false })
  has(page, '微信没有通过这个昵称')
  assert.equal(page.data.nickname, '')
  await page.write('[data-field=nickname]', '别的名字')
  lacks(page, '微信没有通过这个昵称')
  await page.tap('[data-act=save]')
  assert.deepEqual(app.server.bodies.at(-1), { nickname: '别的名字' })
})

test('profile: a nickname that the server refuses is told, and stays in the field', async () => {
  const app = await signedIn()
  const page = await app.open('profile')
  app.server.wrong['PUT /api/me'] = refusal(400, 40004, 'content_risky')
  await page.write('[data-field=nickname]', '坏名字')
  await page.tap('[data-act=save]')
  has(page, '微信判定该内容有风险', 'content_risky')
  assert.equal(page.data.nickname, '坏名字')
})

const TEMPORARY = { avatarUrl: 'http://tmp/1a2b.jpg', errMsg: 'chooseAvatar:ok' }
const choose = (page, detail = TEMPORARY) => page.tap('[data-act=avatar]', 'chooseavatar', detail)
const avatarButton = page => page.attributes('data-act', 'avatar')
const pictures = page => page.all('wx-image').length

test('profile: a picture that is chosen is uploaded at once, and the answer of the server is shown', async () => {
  const app = await signedIn()
  const page = await app.open('profile')
  has(page, '选择头像')
  assert.deepEqual([pictures(page), page.all('[data-act=removeAvatar]').length], [0, 0])
  await choose(page)
  assert.equal(app.server.calls.at(-1), 'POST /api/me/avatar')
  assert.deepEqual(app.server.bodies.at(-1), { file: TEMPORARY.avatarUrl })
  has(page, '更换头像', '移除头像')
  assert.equal(page.attributes('class', 'who-image').src, `${BASE}/avatars/1-1a2b.jpg`)
})

test('profile: the temporary path of a picture is kept nowhere', async () => {
  const app = await signedIn()
  const page = await app.open('profile')
  await choose(page)
  for (const held of [page.data, [...app.kept]]) assert.doesNotMatch(JSON.stringify(held), /tmp/)
})

test('profile: while a picture is under way, its progress is shown and no other is chosen', async () => {
  const app = await signedIn()
  const page = await app.open('profile')
  assert.equal(avatarButton(page).openType, 'chooseAvatar')
  app.server.held.add('POST /api/me/avatar')
  await choose(page)
  assert.equal(avatarButton(page).openType, '')
  app.progress(42)
  has(page, '正在上传…', '正在发送图片', '42%')
  app.progress(100)
  has(page, '服务器正在处理', '100%')
  app.release()
  await page.settle()
  assert.equal(avatarButton(page).openType, 'chooseAvatar')
  lacks(page, '正在上传…', '100%')
})

test('profile: a picture that comes while the page loads anew is not lost, nor what is being written', async () => {
  const app = await signedIn()
  const page = await app.open('profile')
  await page.write('[data-field=nickname]', '新名字')
  app.server.held.add('GET /api/me')
  await page.show() // coming back from choosing shows the page again
  await choose(page)
  assert.equal(count(app.server.calls, 'POST /api/me/avatar'), 0)
  app.release()
  await page.settle()
  assert.equal(pictures(page), 1)
  assert.deepEqual([page.data.nickname, page.data.dirty], ['新名字', true])
})

test('profile: 移除头像 removes it after a confirmation, and the first letter of the nickname stands there again', async () => {
  const app = await signedIn()
  const page = await app.open('profile')
  await choose(page)
  app.answer = false
  await page.tap('[data-act=removeAvatar]')
  assert.equal(dialogues(app)[0].title, '确定移除头像？')
  assert.equal(count(app.server.calls, 'DELETE /api/me/avatar'), 0)
  app.answer = true
  await page.tap('[data-act=removeAvatar]')
  assert.equal(count(app.server.calls, 'DELETE /api/me/avatar'), 1)
  assert.equal(pictures(page), 0)
  assert.equal(page.all('[class~=who--who-avatar]')[0].textContent, '小')
  has(page, '选择头像')
})

test('profile: a picture that cannot be shown gives way to the letter, until there is another', async () => {
  const app = await signedIn()
  app.server.user.avatar_url = 'https://example.com/gone.png'
  const page = await app.open('profile')
  await page.tap('[class~=who--who-image]', 'error', { errMsg: 'GET 404' })
  assert.equal(pictures(page), 0)
  assert.equal(page.all('[class~=who--who-avatar]')[0].textContent, '小')
  await choose(page)
  assert.equal(pictures(page), 1)
})

for (const [name, wrong, ...said] of [
  ['refuses', refusal(400, 40005, 'picture_invalid'), 'picture_invalid', 'HTTP 400', '请上传一张图片', '以图片内容为准'],
  ['finds too large', refusal(413, 41300, 'payload_too_large'), 'payload_too_large', '2 MiB'],
]) {
  test(`profile: a picture that the server ${name} is told with what to do, and the old one stays`, async () => {
    const app = await signedIn()
    app.server.user.avatar_url = 'https://example.com/a.png'
    const page = await app.open('profile')
    app.server.wrong['POST /api/me/avatar'] = wrong
    await choose(page)
    has(page, ...said)
    assert.equal(page.attributes('class', 'who-image').src, 'https://example.com/a.png')
  })
}

test('profile: a domain that is not on the list for uploads is told, with the command that explains it', async () => {
  const uploadFile = ({ fail }) => setImmediate(fail, { errMsg: 'uploadFile:fail createUploadTask:fail url not in domain list' })
  const app = await signedIn({ wx: { uploadFile } })
  await choose(await app.open('profile'))
  const [entry] = app.module('services/journal').all()
  assert.deepEqual([entry.error, entry.doing], ['domain_not_listed', '上传头像'])
  assert.match(entry.command, /--explain 'uploadFile:fail url not in domain list/)
  assert.match(entry.advice, /uploadFile/)
})

test('profile: a choice that was cancelled is no error, one that gave no picture is', async () => {
  const app = await signedIn()
  const page = await app.open('profile')
  const before = app.server.calls.length
  await choose(page, { errMsg: 'chooseAvatar:fail cancel' })
  assert.equal(page.data.error, null)
  await choose(page, { errMsg: 'chooseAvatar:fail' })
  has(page, 'picture_missing', '没有可上传的图片')
  assert.equal(app.server.calls.length, before)
})

const CODE = { code: 'c1', encryptedData: 'c2VjcmV0', iv: 'aXY=', errMsg: 'getPhoneNumber:ok' }
const tapPhone = (page, detail) => page.tap('[data-act=phone]', 'getphonenumber', detail)
const phoneButton = page => page.attributes('data-act', 'phone')

test('profile: the button of WeChat binds the phone number, which is shown masked', async () => {
  const app = await signedIn()
  const page = await app.open('profile')
  has(page, '手机号', '未绑定', '绑定手机号')
  assert.equal(page.all('[data-act=removePhone]').length, 0)
  await tapPhone(page, CODE)
  has(page, '已绑定', '138******00', '更换手机号')
  lacks(page, '未绑定')
  assert.equal(app.server.calls.at(-1), 'POST /api/me/phone')
  assert.deepEqual(app.server.bodies.at(-1), { code: 'c1' })
})

test('profile: the phone number is removed after a confirmation alone', async () => {
  const app = await signedIn()
  app.server.user.phone = '138******00'
  const page = await app.open('profile')
  app.answer = false
  await page.tap('[data-act=removePhone]')
  assert.equal(dialogues(app)[0].title, '确定解绑手机号？')
  assert.equal(count(app.server.calls, 'DELETE /api/me/phone'), 0)
  app.answer = true
  await page.tap('[data-act=removePhone]')
  assert.equal(count(app.server.calls, 'DELETE /api/me/phone'), 1)
  has(page, '未绑定', '绑定手机号')
  lacks(page, '138******00')
})

test('profile: what is being written outlasts the binding of a phone number', async () => {
  const app = await signedIn()
  const page = await app.open('profile')
  await page.write('[data-field=nickname]', '新名字')
  await tapPhone(page, CODE)
  assert.deepEqual([page.data.nickname, page.data.dirty], ['新名字', true])
  has(page, '138******00')
})

test('profile: a code that comes while the page is loading is not lost', async () => {
  const app = await signedIn()
  const page = await app.open('profile')
  app.server.held.add('GET /api/me')
  await page.show()
  await tapPhone(page, CODE)
  assert.equal(count(app.server.calls, 'POST /api/me/phone'), 0)
  app.release()
  await page.settle()
  has(page, '138******00')
})

test('profile: while a number is being bound, the button asks for no other code', async () => {
  const app = await signedIn()
  const page = await app.open('profile')
  assert.equal(phoneButton(page).openType, 'getPhoneNumber')
  app.server.held.add('POST /api/me/phone')
  await tapPhone(page, CODE)
  assert.equal(phoneButton(page).openType, '')
  app.release()
  await page.settle()
  assert.equal(phoneButton(page).openType, 'getPhoneNumber')
})

for (const [detail, ...said] of [
  [{ errMsg: 'getPhoneNumber:fail user deny' }, 'phone_refused', '你没有授权手机号'],
  [{ errMsg: 'getPhoneNumber:fail', errno: 1400001 }, 'errno 1400001', '额度已用完', '付费管理'],
  [{ errMsg: 'getPhoneNumber:fail', errno: 112 }, 'errno 112', '用户隐私保护指引', '声明收集手机号'],
  [{ errMsg: 'getPhoneNumber:fail no permission' }, 'phone_unavailable', '已认证的非个人小程序'],
]) {
  test(`profile: without a code, ${JSON.stringify(detail)} is told in words, and nothing is sent`, async () => {
    const app = await signedIn()
    const page = await app.open('profile')
    const before = app.server.calls.length
    await tapPhone(page, detail)
    has(page, ...said, '未绑定')
    assert.equal(app.server.calls.length, before)
  })
}

test("profile: WeChat's own words about the quota are off, for ours are shown", async () => {
  const page = await (await signedIn()).open('profile')
  assert.equal(phoneButton(page).phoneNumberNoQuotaToast, false)
})

test('profile: a number of the sandbox is on offer in development alone', async () => {
  const app = await signedIn()
  const page = await app.open('profile')
  await page.tap('[data-act=sandboxPhone]')
  has(page, '138******00')
  assert.match(app.server.bodies.at(-1).code, /^[\w-]+$/)
  const there = await signedIn({ kept: new Map([['demo:baseUrl', 'https://api.example.com']]) })
  assert.equal((await there.open('profile')).all('[data-act=sandboxPhone]').length, 0)
})

test('profile: a phone code that the server refuses is told, and the number stays', async () => {
  const app = await signedIn()
  app.server.user.phone = '139******11'
  const page = await app.open('profile')
  app.server.wrong['POST /api/me/phone'] = refusal(400, 40003, 'phone_code_invalid')
  await tapPhone(page, CODE)
  has(page, '手机号凭证无效', 'phone_code_invalid', '139******11')
})

test('profile: the account is erased after a confirmation alone', async () => {
  const app = await signedIn()
  const page = await app.open('profile')
  app.answer = false
  await page.tap('[data-act=erase]')
  assert.equal(dialogues(app).length, 1)
  assert.equal(dialogues(app)[0].title, '确定注销账号？')
  assert.equal(count(app.server.calls, 'DELETE /api/me'), 0)
  app.answer = true
  await page.tap('[data-act=erase]')
  assert.equal(count(app.server.calls, 'DELETE /api/me'), 1)
  has(page, '登录后可查看')
  assert.equal(app.logins, 1)
})

test('profile: an erasure that failed leaves the user signed in', async () => {
  const app = await signedIn()
  const page = await app.open('profile')
  app.server.wrong['DELETE /api/me'] = refusal(500, 50000, 'internal_error')
  await page.tap('[data-act=erase]')
  has(page, '服务器内部错误', '小明')
})

// ---- devices ----

test('devices: this one stands apart, and cannot be signed out', async () => {
  const page = await (await signedIn({ server: three() })).open('devices')
  assert.deepEqual(page.data.here.map(each => each.id), ['s1'])
  assert.deepEqual(page.data.others.map(each => each.id), ['s2', 's3'])
  assert.equal(page.all('[data-act=end]').length, 2)
  has(page, '微信开发者工具', '本机', '203.0.113.7', '退出其他所有设备')
})

test('devices: a tap opens a menu, and what is chosen there ends that one', async () => {
  const app = await signedIn({ server: three() })
  const page = await app.open('devices')
  app.answer = false
  await page.tap('[data-id=s3]')
  const [menu] = menus(app)
  assert.deepEqual([menu.itemList, menu.alertText], [['退出登录'], '让“微信开发者工具”退出登录？'])
  assert.ok(!app.server.calls.includes('DELETE /api/auth/sessions/s3'))
  app.answer = true
  await page.tap('[data-id=s3]')
  assert.ok(app.server.calls.includes('DELETE /api/auth/sessions/s3'))
  assert.deepEqual(page.data.others.map(each => each.id), ['s2'])
})

test('devices: while one is being ended, no other one can be', async () => {
  const app = await signedIn({ server: three() })
  const page = await app.open('devices')
  app.server.held.add('DELETE /api/auth/sessions/s3')
  await page.tap('[data-id=s3]')
  has(page, '退出中…')
  await page.tap('[data-id=s2]')
  assert.equal(menus(app).length, 1)
  app.release()
  await page.settle()
})

test('devices: all others end after a confirmation alone', async () => {
  const app = await signedIn({ server: three() })
  const page = await app.open('devices')
  app.answer = false
  await page.tap('[data-act=others]')
  assert.equal(count(app.server.calls, 'DELETE /api/auth/sessions'), 0)
  app.answer = true
  await page.tap('[data-act=others]')
  assert.equal(count(app.server.calls, 'DELETE /api/auth/sessions'), 1)
  assert.deepEqual([page.data.here.length, page.data.others.length], [1, 0])
  has(page, '没有其他设备登录')
})

test('devices: alone, it says so', async () => {
  const page = await (await signedIn()).open('devices')
  has(page, '没有其他设备登录', '你在别处登录后')
  assert.equal(page.all('[data-act=others]').length, 0)
})

test('devices: what cannot be ended is told, and the list stays', async () => {
  const app = await signedIn({ server: three() })
  const page = await app.open('devices')
  app.server.wrong['DELETE /api/auth/sessions/s2'] = refusal(404, 40400, 'not_found')
  await page.tap('[data-id=s2]')
  has(page, '资源不存在')
  assert.equal(page.data.others.length, 2)
  assert.equal(page.data.ending, '')
})

test('devices: a device is named by its user agent, in the time of the phone', () => {
  const { device, moment } = new App().module('shared/format')
  const named = {
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) MicroMessenger/8.0.50': 'iPhone',
    'Mozilla/5.0 (Linux; Android 15) MicroMessenger/8.0.49': 'Android',
    'Mozilla/5.0 (iPhone) wechatdevtools/1.06': '微信开发者工具',
    'python-requests/2.32': '未知设备',
    '': '未知设备',
  }
  for (const [userAgent, name] of Object.entries(named)) assert.equal(device(userAgent), name)
  assert.equal(device(null), '未知设备')
  assert.match(moment('2026-08-01T12:00:00Z'), /^2026-08-0[12] \d\d:00$/)
  assert.equal(moment(null), '')
})

// ---- encrypted data ----

const DETAIL = { encryptedData: 'c2VjcmV0', iv: 'aXY=' }

test('encrypted: the sandbox encrypts, the server decrypts', async () => {
  const app = await signedIn()
  const page = await app.open('encrypted')
  has(page, '还没有解密结果', '如何解密')
  await page.tap('[data-act=sandbox]')
  has(page, 'phoneNumber', '13800138000', 'watermark.appid')
  lacks(page, '还没有解密结果')
  assert.deepEqual(app.server.calls.slice(-2), ['POST /sandbox/encrypt', 'POST /api/me/decrypt'])
  assert.deepEqual(app.server.bodies.at(-1), DETAIL)
  assert.equal(app.server.bodies.at(-2).openid, 'developer')
})

test('encrypted: what the button of WeChat gives is decrypted', async () => {
  const app = await signedIn()
  const page = await app.open('encrypted')
  await page.tap('[data-act=phone]', 'getphonenumber', { ...DETAIL, errMsg: 'getPhoneNumber:ok' })
  has(page, '13800138000')
  assert.deepEqual(app.server.bodies.at(-1), DETAIL)
})

test('encrypted: what wx.getUserProfile gives is decrypted, signature and all', async () => {
  const signed = { ...DETAIL, rawData: '{}', signature: 'ab' }
  const app = await signedIn({ wx: { getUserProfile: ({ success }) => success({ ...signed, userInfo: {} }) } })
  const page = await app.open('encrypted')
  await page.tap('[data-act=userInfo]')
  has(page, '13800138000')
  assert.deepEqual(app.server.bodies.at(-1), signed)
})

test('encrypted: a permission that was not given is told, and nothing is sent', async () => {
  const app = await signedIn({ wx: { getUserProfile: ({ fail }) => fail({ errMsg: 'getUserProfile:fail' }) } })
  const page = await app.open('encrypted')
  const before = app.server.calls.length
  await page.tap('[data-act=phone]', 'getphonenumber', { errMsg: 'getPhoneNumber:fail no permission' })
  has(page, '没有可解密的数据', 'no_encrypted_data')
  await page.tap('[data-act=userInfo]')
  has(page, '没有可解密的数据')
  assert.equal(app.server.calls.length, before)
})

test('encrypted: without a sandbox, as in production, it says so', async () => {
  const app = await signedIn()
  app.server.wrong['POST /sandbox/encrypt'] = refusal(404, 40400, 'not_found')
  const page = await app.open('encrypted')
  await page.tap('[data-act=sandbox]')
  has(page, '资源不存在', 'not_found')
})

// ---- subscribe messages ----

const PRODUCTION = 'https://api.example.com'
const inProduction = async () => signedIn({ kept: new Map([['demo:baseUrl', PRODUCTION]]) })

for (const name of ['messages', 'encrypted']) {
  test(`${name}: home leads there`, async () => {
    const app = new App()
    await (await app.open('home')).tap(`[data-act=${name}]`)
    assert.deepEqual(app.asked.map(each => [each.name, each.url]), [['navigateTo', `/pages/${name}/${name}`]])
  })
}

test('messages: nothing is permitted yet, a tap asks, and the ledger counts', async () => {
  const app = await signedIn()
  const page = await app.open('messages')
  has(page, '还没有同意过', '在上方请求一次后')
  await page.tap('[data-act=ask]')
  assert.deepEqual(app.dialogs, [['sandbox-template']])
  has(page, '你已同意', 'sandbox-template', '1 条')
  lacks(page, '还没有同意过')
  await page.tap('[data-act=ask]')
  has(page, '2 条')
})

test('messages: the dialog opens in the call stack of the tap', async () => {
  const app = await signedIn()
  const page = await app.open('messages')
  page.component.instance.onAsk()
  assert.equal(app.dialogs.length, 1)
  await page.settle()
})

for (const [answer, said] of [['reject', '你选择了不接收'], ['ban', '微信已封禁这个模板'], ['filter', '同名的模板']]) {
  test(`messages: ${answer} is told in words, and nothing may be sent`, async () => {
    const app = await signedIn()
    app.dialog = { 'sandbox-template': answer }
    const page = await app.open('messages')
    await page.tap('[data-act=ask]')
    has(page, said, '0 条')
    assert.equal(page.data.error, null)
  })
}

for (const [failure, ...said] of [
  [{ errCode: 20004, errMsg: 'The main switch is switched off' }, 'messages_off', 'errno 20004', '你已关闭本小程序的订阅消息'],
  [{ errCode: 20001, errMsg: 'No template data return' }, 'template_invalid', '消息模板不正确', '模板 ID 须来自'],
  [{ errCode: 10002, errMsg: 'Request list fail' }, 'network', '检查手机的网络'],
  [{ errMsg: 'requestSubscribeMessage:fail can only be invoked by user TAP gesture.' }, 'messages_unavailable', '只能在点击事件里'],
]) {
  test(`messages: a dialog that fails with ${failure.errMsg} is told with what to do`, async () => {
    const app = await signedIn()
    app.dialog = failure
    const page = await app.open('messages')
    const before = app.server.calls.length
    await page.tap('[data-act=ask]')
    has(page, ...said)
    assert.equal(app.server.calls.length, before)
    assert.equal(app.module('services/journal').all()[0].doing, '请求订阅消息')
  })
}

test('messages: accepted while the server is away, it says that it will be told later', async () => {
  const app = await signedIn()
  const page = await app.open('messages')
  app.server.wrong['POST /api/me/messages'] = refusal(500, 50000, 'internal_error')
  await page.tap('[data-act=ask]')
  has(page, '你已同意', '恢复后会自动上报')
  app.server.wrong = {}
  await page.show()
  has(page, '1 条')
})

test('messages: where WeChat shows no dialog for the template of the sandbox, it says so and accepts by itself', async () => {
  const app = await signedIn()
  const page = await app.open('messages')
  has(page, '微信不认识沙箱的模板', '在沙箱里同意')
  await page.tap('[data-act=accept]')
  await page.tap('[data-act=accept]')
  has(page, '2 条', '你已同意')
  assert.deepEqual(app.dialogs, [])
  const [{ id, results }] = app.server.bodies.filter(body => body && body.results && body.results['sandbox-template'])
  assert.match(id, /^[\w-]{8,64}$/)
  assert.deepEqual(results, { 'sandbox-template': 'accept' })
})

test('messages: 给自己发一条 sends what is permitted, and one less is left', async () => {
  const app = await signedIn()
  app.server.permissions = { 'sandbox-template': 1 }
  const page = await app.open('messages')
  await page.write('[data-field=text]', '奶茶好了')
  await page.tap('[data-act=send]')
  const body = app.server.bodies[app.server.calls.lastIndexOf('POST /sandbox/messages')]
  assert.deepEqual(body, { template_id: 'sandbox-template', data: { thing1: '奶茶好了' }, page: 'pages/messages/messages' })
  has(page, '已发送', '编号 17', '0 条')
})

test('messages: what is not permitted is not sent, and it says what to do first', async () => {
  const app = await signedIn()
  const page = await app.open('messages')
  await page.tap('[data-act=send]')
  has(page, 'message_not_permitted', '用户没有允许发送该模板的消息', '先请求同意')
  lacks(page, '已发送')
})

test('messages: a value that WeChat would refuse is told beside its field', async () => {
  const app = await signedIn()
  const page = await app.open('messages')
  const fields = [{ field: 'data.thing1', rule: 'max_length', limit: 20, msg: '' }]
  app.server.wrong['POST /sandbox/messages'] = refusal(400, 40006, 'message_invalid', fields)
  await page.tap('[data-act=send]')
  has(page, 'data.thing1 太长，最多 20 个字符。', 'message_invalid')
})

test('messages: in production the server sends, and no sandbox is on offer', async () => {
  const app = await inProduction()
  const page = await app.open('messages')
  has(page, '消息由服务器发送', 'send_message()', '弹窗只能由点击触发')
  for (const act of ['accept', 'send']) assert.equal(page.all(`[data-act=${act}]`).length, 0)
})

test('messages: the template is a setting that outlasts a restart; empty, it is that of the sandbox', async () => {
  const app = await signedIn()
  const page = await app.open('messages')
  await page.write('[data-field=template]', ' zun-LzcQyW ')
  app.dialog = { 'zun-LzcQyW': 'accept' }
  await page.tap('[data-act=ask]')
  assert.deepEqual(app.dialogs, [['zun-LzcQyW']])
  const again = await new App({ kept: app.kept, server: app.server }).open('messages')
  assert.equal(again.data.templateId, 'zun-LzcQyW')
  await again.write('[data-field=template]', '')
  await again.tap('[data-act=accept]')
  assert.deepEqual(Object.keys(app.server.permissions), ['zun-LzcQyW', 'sandbox-template'])
})

// ---- what went wrong ----

test('diagnosis: nothing has gone wrong yet', async () => {
  const page = await new App().open('diagnosis')
  has(page, '没有错误', '试一试', '路径写错')
  assert.equal(page.all('[data-act=clear]').length, 0)
})

test('diagnosis: where it runs, and all of it to be copied, without a word about the user', async () => {
  const app = await signedIn()
  const page = await app.open('diagnosis')
  has(page, BASE, '已登录', '8.0.50', '3.10.1', 'iOS 18.5')
  await page.tap('[data-id=path]')
  await page.tap('[data-act=copyAll]')
  const { data } = app.asked.find(({ name }) => name === 'setClipboardData')
  for (const text of [BASE, '8.0.50', 'not_found', 'HTTP 404', '5f0c9a7e41d2']) assert.ok(data.includes(text), data)
  for (const text of ['小明', USER_ID, ...app.server.tokens]) assert.ok(!data.includes(text), data)
})

test('diagnosis: an old phone that does not say what it is leaves gaps, and no error', async () => {
  const app = new App({ wx: { getAppBaseInfo: undefined, getDeviceInfo: undefined, getSystemInfoSync: () => ({}) } })
  has(await app.open('diagnosis'), BASE, '未知')
})

test('diagnosis: one error is opened at a time, the newest at first', async () => {
  const page = await new App().open('diagnosis')
  await page.tap('[data-id=token]')
  await page.tap('[data-id=domain]')
  has(page, 'domain_not_listed')
  lacks(page, 'token_invalid')
  const [newest, older] = page.data.entries.map(each => each.id)
  await page.tap(`[data-id="${older}"]`)
  has(page, 'token_invalid')
  lacks(page, 'domain_not_listed')
  await page.tap(`[data-id="${older}"]`)
  lacks(page, 'token_invalid', 'domain_not_listed')
  await page.tap(`[data-id="${newest}"]`)
  has(page, 'domain_not_listed')
})

const PROVOKED = {
  path: ['not_found', 'HTTP 404', 'code 40400', '资源不存在', '5f0c9a7e41d2'],
  body: ['invalid_request', 'HTTP 400', 'code 40000', '缺少 code。'],
  token: ['token_invalid', 'HTTP 401', 'code 40101', '登录状态无效'],
  domain: ['domain_not_listed', 'errno 600002', '合法域名列表'],
  timeout: ['timeout', 'errno 5', '请求超时'],
  refused: ['network', 'errno 600001', 'ERR_CONNECTION_REFUSED'],
}

for (const [id, texts] of Object.entries(PROVOKED)) {
  test(`diagnosis: ${id} is provoked once, told in one language, and touches nobody's session`, async () => {
    const app = await signedIn()
    const missing = [{ field: 'code', rule: 'required', msg: '' }]
    app.server.wrong['POST /api/auth/login'] = refusal(400, 40000, 'invalid_request', missing)
    const kept = JSON.stringify([...app.kept])
    const page = await app.open('diagnosis')
    const before = app.server.calls.length
    await page.tap(`[data-id=${id}]`)
    has(page, ...texts, '怎么办')
    const { ERRORS } = require('../../miniprogram/myapi/index')
    lacks(page, ERRORS[texts[0]].en)
    assert.ok(app.server.calls.length <= before + 1)
    assert.equal(JSON.stringify([...app.kept]), kept)
    assert.equal(app.logins, 1)
    app.language = 'en'
    await page.show()
    has(page, 'What to do', id === 'body' ? 'code is required.' : ERRORS[texts[0]].en)
    assert.doesNotMatch(page.text, CHINESE)
  })
}

test('diagnosis: errors of all pages are there, the newest first, twenty at most; 清空 clears them', async () => {
  const app = await signedIn()
  app.server.wrong['GET /api/me'] = refusal(500, 50000, 'internal_error')
  await app.open('profile')
  const page = await app.open('diagnosis')
  has(page, '加载页面', 'internal_error', '5f0c9a7e41d2b836')
  for (let i = 0; i < 21; i += 1) await page.tap('[data-id=path]')
  assert.equal(page.data.entries.length, 20)
  assert.ok(page.data.entries.every(entry => entry.error === 'not_found'))
  await page.tap('[data-act=clear]')
  has(page, '没有错误')
})

test('diagnosis: the command for the doctor can be copied', async () => {
  const app = new App()
  const page = await app.open('diagnosis')
  await page.tap('[data-id=domain]')
  await page.tap('[data-act=copy]')
  const copied = app.asked.find(({ name }) => name === 'setClipboardData')
  assert.equal(copied.data, "flask doctor --explain 'url not in domain list (errno 600002)'")
  assert.ok(app.asked.some(({ name }) => name === 'showToast'))
})

test('what no error of the client is, is a bug and not hidden', async () => {
  const app = await signedIn()
  const { run } = app.module('shared/page')
  const shown = []
  const page = { data: { busy: '' }, setData: patch => shown.push(patch) }
  await assert.rejects(run(page, 'load', async () => assert.fail('a bug')), /a bug/)
  assert.equal(shown.at(-1).busy, '')
})

test('an answer that comes after the user has left is not shown', async () => {
  const app = await signedIn()
  const page = await app.open('profile', { show: false })
  page.component.instance.onShow()
  await app.module('services/account').logout()
  await page.settle()
  has(page, '登录后可查看')
  lacks(page, '小明')
})

test('a login that ends after the server was changed belongs to the former one', async () => {
  const app = new App()
  const account = app.module('services/account')
  const login = account.login()
  account.connect('https://api.example.com')
  await login
  assert.equal(account.signedIn(), false)
})

test('an answer that comes after the server was changed is asked anew there', async () => {
  const app = await signedIn()
  const other = 'https://api.example.com'
  app.kept.set(`demo:signedIn:${other}`, true)
  const page = await app.open('profile', { show: false })
  page.component.instance.onShow()
  app.module('services/account').connect(other)
  app.server.user = { ...app.server.user, nickname: '那边的人' }
  await page.settle()
  has(page, '那边的人')
  lacks(page, '小明')
})

test('the stage is strict: what is not there cannot be tapped', async () => {
  const page = await new App().open('home')
  await assert.rejects(page.tap('[data-act=logout]'), /0 of/)
})

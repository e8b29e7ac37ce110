/**
 * Makes docs/miniprogram/*.png, a picture of each page of the demo in light and dark, and the
 * icons of its tabs. Needs Chromium, pngquant and a Chinese font: on Debian the packages chromium,
 * pngquant and fonts-noto-cjk.
 *
 *     npm run pictures                  CHROMIUM=/path/to/chromium names another one
 *     npm run pictures -- home devices  some of them
 *     npm run pictures -- --wide        1280 px wide, into build/wide, to be looked at
 *
 * A page is rendered as in the tests, with its data of a server that is made up there. What
 * WeChat draws itself, the bars and the looks of <button>, is drawn here after it.
 */

'use strict'

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { pathToFileURL } = require('node:url')

process.env.TZ = 'Asia/Shanghai'
const { App, DEMO, Server, refusal, session } = require('../tests/miniprogram/stage')

const CHROMIUM = process.env.CHROMIUM || 'chromium'
const PICTURES = path.join(__dirname, '..', 'docs', 'miniprogram')
const ICON = 81 // px, as WeChat asks for
/** For both themes, so each needs 3 : 1 against a light bar and a dark one. */
const ICON_COLOURS = { '': '#7f7f7f', '-on': '#12924c' }

const read = file => fs.readFileSync(path.join(DEMO, file), 'utf8')
const app = JSON.parse(read('app.json'))
const themes = JSON.parse(read('theme.json'))

// ---- what is shown ----

const CHOSEN = { avatarUrl: 'http://tmp/1a2b.jpg' }

/** One and the same person on all pictures, with an avatar and two other devices. */
function server() {
  const made = new Server()
  made.user = { ...made.user, avatar_url: 'https://api.example.com/avatars/1.jpg' }
  made.sessions = [
    session('s1', { current: true, user_agent: 'iPhone MicroMessenger/8.0.50' }),
    session('s2', {
      user_agent: 'wechatdevtools/1.06',
      ip: '198.51.100.24',
      last_seen_at: '2026-08-19T13:05:00Z',
      created_at: '2026-08-12T02:40:00Z',
    }),
    session('s3', {
      user_agent: 'Android 15; MicroMessenger/8.0.49',
      ip: '198.51.100.180',
      last_seen_at: null,
      created_at: '2026-08-17T23:31:00Z',
    }),
  ]
  return made
}

/** @param {object} [options] of App */
const start = options => new App({ server: server(), ...options })

/** @param {object} [options] of App */
const signedIn = options => start(options).signIn()

/** The states of the demo that are worth a picture. @type {Record<string, () => Promise<any>>} */
const STATES = {
  async 'signed-out'() {
    return (await start()).open('home')
  },
  async home() {
    return (await signedIn()).open('home')
  },
  async 'home-english'() {
    return (await signedIn({ language: 'en' })).open('home')
  },
  async gate() {
    return start().open('devices')
  },
  async profile() {
    const page = await (await signedIn()).open('profile')
    await page.tap('[data-act=sandboxPhone]')
    return page
  },
  async avatar() {
    const app = await signedIn()
    const page = await app.open('profile')
    app.server.held.add('POST /api/me/avatar')
    await page.tap('[data-act=avatar]', 'chooseavatar', CHOSEN)
    app.progress(62)
    return page
  },
  phone: () => STATES.profile(),
  async erase() {
    const page = await STATES.profile()
    page.app.answer = null
    await page.tap('[data-act=erase]')
    return page
  },
  async devices() {
    return (await signedIn()).open('devices')
  },
  async 'devices-menu'() {
    const page = await STATES.devices()
    page.app.answer = null
    await page.tap('[data-id=s3]')
    return page
  },
  async 'devices-alone'() {
    const app = await signedIn()
    app.server.sessions.splice(1)
    return app.open('devices')
  },
  async 'devices-loading'() {
    const app = await signedIn()
    app.server.held.add('GET /api/auth/sessions')
    return app.open('devices')
  },
  async 'devices-failed'() {
    const app = await signedIn()
    app.server.wrong['GET /api/auth/sessions'] = refusal(500, 50000, 'internal_error')
    return app.open('devices')
  },
  async encrypted() {
    const page = await (await signedIn()).open('encrypted')
    await page.tap('[data-act=sandbox]')
    return page
  },
  async 'messages-empty'() {
    return (await signedIn()).open('messages')
  },
  async messages() {
    const page = await STATES['messages-empty']()
    await page.tap('[data-act=ask]')
    await page.tap('[data-act=ask]')
    await page.tap('[data-act=send]')
    return page
  },
  async diagnosis() {
    const page = await STATES['diagnosis-empty']()
    await page.tap('[data-id=token]')
    await page.tap('[data-id=domain]')
    return page
  },
  async 'diagnosis-empty'() {
    return (await signedIn()).open('diagnosis')
  },
}

/** What differs each time must not, or each run would make another picture. */
function atRest(page) {
  const { hello, entries = [] } = page.data
  if (hello) page.component.setData({ 'hello.latency': '18 ms' })
  if (entries.length) page.component.setData({ entries: entries.map(each => ({ ...each, at: '16:30:05' })) })
  return page
}

/** Where a state is not named after its page. */
const PAGE_OF = { 'signed-out': 'home', gate: 'devices', avatar: 'profile', phone: 'profile', erase: 'profile' }
const pageOf = state => PAGE_OF[state] || state.split('-')[0]
/** Those that show the end of a page that is longer than the screen. */
const SCROLLED = ['phone', 'erase']

// ---- from the rendered page to a web page ----

/** wxss as CSS for a screen of 375 px, for one theme. */
function css(wxss, theme) {
  const dark = theme === 'dark' ? 'all' : 'not all'
  return wxss
    .replace(/(-?[\d.]+)rpx/g, (_, number) => `${number / 2}px`)
    .replace(/\(prefers-color-scheme: dark\)/g, dark)
}

/** The styles of the app, of a page and of all components; their classes are all different. */
function styles(name, theme) {
  const components = fs.readdirSync(path.join(DEMO, 'components'))
  const ofComponents = components.map(each =>
    read(`components/${each}/${each}.wxss`).replace(/:host/g, each)
  )
  return css([read('app.wxss'), read(`pages/${name}/${name}.wxss`), ...ofComponents].join('\n'), theme)
}

const escape = text =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')

/** Stands for whatever picture the server has: hills and a sun. */
const PICTURE = `data:image/svg+xml,${encodeURIComponent(`
  <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">
    <rect width="64" height="64" fill="#9fd3e8"/><circle cx="44" cy="21" r="8" fill="#ffd166"/>
    <path d="M0 44 20 26 40 46 50 38 64 50V64H0z" fill="#3c8d6e"/>
    <path d="M0 54Q32 42 64 56V64H0z" fill="#2b6b53"/></svg>`)}`

/** What `toJSON` of the simulation gives, as HTML. */
function html(node) {
  if (typeof node === 'string') return escape(node)
  const attributes = {}
  node.attrs.forEach(({ name, value }) => (attributes[name] = value))
  const tag = node.tagName === 'main' ? 'page' : node.tagName
  const looks = ['class', 'style'].map(name => ` ${name}="${escape(attributes[name] || '')}"`).join('')
  if (tag === 'wx-image') return `<img${looks} src="${PICTURE}" alt="">`
  const inside = tag === 'wx-input' ? field(attributes) : node.children.map(html).join('')
  return `<${tag}${looks}>${inside}</${tag}>`
}

function field({ value, placeholder, placeholderClass }) {
  if (value) return escape(value)
  return `<span class="${escape(placeholderClass || '')}">${escape(placeholder || '')}</span>`
}

/** How WeChat draws its own elements, as far as the demo uses them. */
const BUILT_IN = `
  wx-view { display: block }
  wx-button {
    position: relative; display: block; box-sizing: border-box; margin: 0 auto; padding: 0 14px;
    border-radius: 5px; overflow: hidden; background: #f8f8f8; color: #000;
    font-size: 18px; line-height: 2.55555556; text-align: center;
  }
  wx-button::after {
    content: ""; position: absolute; top: 0; left: 0; box-sizing: border-box;
    width: 200%; height: 200%; border: 1px solid rgba(0, 0, 0, 0.2); border-radius: 10px;
    transform: scale(0.5); transform-origin: 0 0;
  }
  wx-input {
    display: flex; align-items: center; overflow: hidden; white-space: nowrap;
  }`

/** What WeChat draws over the page, if something was asked for that is not answered yet. */
function overlay({ asked, answer }) {
  const { name, ...shown } = asked.filter(each => each.confirmText || each.itemList).pop() || {}
  if (answer !== null || !name) return ''
  const of = (text, colour) => `<div style="color:${colour || 'inherit'}">${escape(text)}</div>`
  if (name === 'showModal') {
    return `<div class="ph-mask ph-middle"><div class="ph-dialog">
      <b>${escape(shown.title)}</b><p>${escape(shown.content)}</p>
      <div class="ph-answers">${of(shown.cancelText)}${of(shown.confirmText, shown.confirmColor)}</div></div></div>`
  }
  return `<div class="ph-mask ph-bottom"><div class="ph-sheet">
    ${shown.alertText ? `<small>${escape(shown.alertText)}</small>` : ''}
    ${shown.itemList.map(each => of(each, shown.itemColor)).join('')}
    <i></i>${of('取消')}</div></div>`
}

function frame(name, page, theme, scrolled) {
  const colours = themes[theme]
  const of = value => (value[0] === '@' ? colours[value.slice(1)] : value)
  const bar = of(app.window.navigationBarBackgroundColor)
  const ink = of(app.window.navigationBarTextStyle) === 'black' ? '#111' : '#eee'
  const line = of(app.tabBar.borderStyle) === 'black' ? 'rgba(0,0,0,.12)' : 'rgba(255,255,255,.12)'
  const isTab = app.tabBar.list.some(({ pagePath }) => pagePath === `pages/${name}/${name}`)
  const tabs = app.tabBar.list.map(({ pagePath, text, iconPath, selectedIconPath }, index) => {
    const on = pagePath === `pages/${name}/${name}`
    const icon = pathToFileURL(path.join(DEMO, on ? selectedIconPath : iconPath))
    const colour = of(on ? app.tabBar.selectedColor : app.tabBar.color)
    return `<div style="color:${colour}"><img src="${icon}" alt="">${page.app.tabs[index] || text}</div>`
  })
  return `<!doctype html><html lang="zh-CN"><meta charset="utf-8"><style>
  ${BUILT_IN}
  ${styles(name, theme)}
  .bone { animation: none } /* at any moment it would be another picture */
  html, body { margin: 0; height: 100%; overflow: hidden }
  body { display: flex; flex-direction: column; background: ${of(app.window.backgroundColor)};
    font-family: "Noto Sans CJK SC", "WenQuanYi Zen Hei", sans-serif }
  page { flex: 1; display: flex; flex-direction: column; min-height: 0; overflow: hidden;
    justify-content: ${scrolled ? 'flex-end' : 'flex-start'};
    font-family: "Noto Sans CJK SC", "WenQuanYi Zen Hei", sans-serif }
  page > * { width: 100%; flex: none }
  .ph-top { flex: none; background: ${bar}; color: ${ink}; position: relative; height: 88px; z-index: 1 }
  .ph-clock { position: absolute; left: 32px; top: 13px; font-size: 15px; font-weight: 600 }
  .ph-back { position: absolute; left: 20px; top: 60px; width: 11px; height: 11px;
    border: solid ${ink}; border-width: 0 0 2px 2px; transform: rotate(45deg) }
  .ph-title { position: absolute; left: 0; right: 0; top: 44px; line-height: 44px;
    text-align: center; font-size: 17px; font-weight: 600 }
  .ph-pill { position: absolute; right: 8px; top: 50px; box-sizing: border-box; width: 87px;
    height: 32px; border: 0.5px solid ${line}; border-radius: 16px; display: flex;
    align-items: center; justify-content: space-between; padding: 0 }
  .ph-dots { width: 5px; height: 5px; margin: 0 14px; border-radius: 50%; background: ${ink};
    box-shadow: -7px 0 0 -1px ${ink}, 7px 0 0 -1px ${ink} }
  .ph-ring { box-sizing: border-box; width: 17px; height: 17px; margin: 0 10px; border-radius: 50%;
    border: 2px solid ${ink}; background: radial-gradient(${ink} 3px, transparent 3.5px) }
  .ph-tabs { flex: none; display: flex; background: ${of(app.tabBar.backgroundColor)};
    border-top: 0.5px solid ${line}; padding: 6px 0 22px; z-index: 1 }
  .ph-tabs div { flex: 1; text-align: center; font-size: 10px; line-height: 14px }
  .ph-tabs img { display: block; width: 27px; height: 27px; margin: 0 auto 1px }
  .ph-mask { position: fixed; inset: 0; z-index: 2; display: flex; justify-content: center;
    background: rgba(0, 0, 0, 0.6); color: ${ink}; font-size: 17px; line-height: 1.4; text-align: center }
  .ph-middle { align-items: center }
  .ph-bottom { align-items: flex-end }
  .ph-dialog { width: 320px; border-radius: 12px; background: ${theme === 'light' ? '#fff' : '#2c2c2c'} }
  .ph-dialog b { display: block; padding: 32px 24px 0; font-weight: 600 }
  .ph-dialog p { margin: 16px 24px 32px; opacity: 0.65 }
  .ph-answers { display: flex; border-top: 0.5px solid ${line}; font-weight: 600; line-height: 56px }
  .ph-answers div { flex: 1 }
  .ph-answers div + div { border-left: 0.5px solid ${line} }
  .ph-sheet { width: 100%; border-radius: 12px 12px 0 0; overflow: hidden; padding-bottom: 22px;
    background: ${theme === 'light' ? '#fff' : '#2c2c2c'} }
  .ph-sheet small { display: block; padding: 22px 24px; font-size: 14px; opacity: 0.65 }
  .ph-sheet div { line-height: 56px; border-top: 0.5px solid ${line} }
  .ph-sheet i { display: block; height: 8px; background: ${of(app.window.backgroundColor)} }
  </style><body>
  <div class="ph-top"><span class="ph-clock">16:30</span><span class="ph-title">${page.app.title}</span>
    ${isTab ? '' : '<span class="ph-back"></span>'}
    <span class="ph-pill"><span class="ph-dots"></span><span class="ph-ring"></span></span></div>
  ${html(page.tree)}
  ${isTab ? `<div class="ph-tabs">${tabs.join('')}</div>` : ''}${overlay(page.app)}</body></html>`
}

// ---- from a web page to a picture ----

function shoot(content, file, { width, height, scale, transparent = false }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'myapi-picture-'))
  try {
    const source = path.join(folder, 'page.html')
    fs.writeFileSync(source, content)
    const flags = [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      ...['--hide-scrollbars', '--allow-file-access-from-files'],
      `--user-data-dir=${path.join(folder, 'profile')}`,
      `--force-device-scale-factor=${scale}`,
      `--window-size=${width},${height}`,
      `--screenshot=${file}`,
      ...(transparent ? ['--default-background-color=00000000'] : []),
      String(pathToFileURL(source)),
    ]
    execFileSync(CHROMIUM, flags, { stdio: 'pipe', timeout: 60000 })
    execFileSync('pngquant', ['--force', '--skip-if-larger', '--strip', '--output', file, '--', file])
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

function drawIcons() {
  const sources = path.join(__dirname, 'icons')
  for (const source of fs.readdirSync(sources)) {
    const svg = fs.readFileSync(path.join(sources, source), 'utf8')
    for (const [suffix, colour] of Object.entries(ICON_COLOURS)) {
      const style = `margin:0;color:${colour}`
      const content = `<body style="${style}">${svg.replace('<svg', `<svg width="${ICON}" height="${ICON}" style="display:block"`)}`
      const file = path.join(DEMO, 'icons', `${path.basename(source, '.svg')}${suffix}.png`)
      shoot(content, file, { width: ICON, height: ICON, scale: 1, transparent: true })
    }
  }
}

/** A phone, or WeChat on a computer. */
const SCREENS = {
  phone: { folder: PICTURES, width: 375, height: 812, scale: 2 },
  wide: { folder: path.join(__dirname, '..', 'build', 'wide'), width: 1280, height: 900, scale: 1 },
}

async function drawPages(wanted, { folder, ...size }) {
  fs.mkdirSync(folder, { recursive: true })
  for (const [state, make] of Object.entries(STATES)) {
    if (wanted.length && !wanted.includes(state)) continue
    for (const theme of ['light', 'dark']) {
      // WeChat tells the theme, and the colours of its dialogs are asked for by it
      App.theme = theme
      const page = atRest(await make())
      const file = path.join(folder, `${state}-${theme}.png`)
      shoot(frame(pageOf(state), page, theme, SCROLLED.includes(state)), file, size)
      console.log(path.relative(process.cwd(), file), fs.statSync(file).size)
    }
  }
}

const wanted = process.argv.slice(2).filter(each => each !== '--wide')
const screen = process.argv.includes('--wide') ? SCREENS.wide : SCREENS.phone
if (!wanted.length || wanted.includes('icons')) drawIcons()
drawPages(wanted.filter(each => each !== 'icons'), screen)

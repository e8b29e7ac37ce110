/**
 * What all pages do alike: ask when shown, show that something is under way, show what went
 * wrong, stay quiet while the user is signed out, and speak one language.
 */

const { ApiError } = require('../myapi/index')
const account = require('../services/account')
const journal = require('../services/journal')
const { language, texts } = require('../services/language')

/** @typedef {{ data: any, setData: (patch: object) => void, onRetry: () => Promise<void> }} Page */

/**
 * @typedef {object} Plan
 * @property {'home' | 'profile' | 'devices' | 'encrypted' | 'messages' | 'diagnosis'} section of
 * the texts, in wxml as `t`
 * @property {object} [data] at first, and again while nobody is signed in
 * @property {boolean} [needsLogin]
 * @property {(page: Page) => Promise<object>} load asks what is to be shown
 * @property {{ [name: string]: (this: Page, event: any) => any }} [actions]
 */

/** What is being done on a page. @type {WeakMap<Page, Promise<boolean>>} */
const underWay = new WeakMap()

/** @param {Plan} plan */
function definePage(plan) {
  const { section, data = {}, actions = {} } = plan
  Component({
    data: {
      ...spoken(section),
      signedIn: false,
      loaded: false,
      busy: '', // what is being done, a name of strings.doing
      error: null,
      ...data,
    },
    methods: {
      onShow() {
        return refresh(this, plan)
      },
      async onPullDownRefresh() {
        await refresh(this, plan)
        wx.stopPullDownRefresh()
      },
      onRetry() {
        return refresh(this, plan)
      },
      async onLogin() {
        if (await run(this, 'login', () => account.login())) await refresh(this, plan)
      },
      ...actions,
    },
  })
}

/** @param {Plan['section']} section */
const spoken = section => ({
  language: language(),
  common: texts().common,
  t: texts()[section],
})

/** In which language the tabs are; app.json has them in Chinese. */
let tabs = 'zh'

/**
 * Put the page and what WeChat draws around it into the language of now.
 * @param {Page} page
 * @param {Plan['section']} section
 */
function speak(page, section) {
  const now = spoken(section)
  // what went wrong was told in the former language
  if (page.data.language !== now.language) page.setData({ ...now, error: null })
  wx.setNavigationBarTitle({ title: now.t.title })
  if (tabs === now.language) return
  tabs = now.language
  const fail = () => (tabs = '') // this page has no tabs: the next one may
  texts().tabs.forEach((text, index) => wx.setTabBarItem({ index, text, fail }))
}

/**
 * @param {Page} page
 * @param {Plan} plan
 * @returns {Promise<void>}
 */
async function refresh(page, plan) {
  const { section, data = {}, needsLogin = false, load } = plan
  speak(page, section)
  const signedIn = account.signedIn()
  page.setData({ signedIn })
  if (needsLogin && !signedIn) return page.setData({ ...data, loaded: false, error: null })
  const era = account.era()
  await run(page, 'load', async () => ({ ...(await load(page)), loaded: true }))
  // what came is of another server or user
  if (era !== account.era() && !page.data.busy) await refresh(page, plan)
}

/**
 * Do one thing at a time on a page, and note how it fails.
 * @param {Page} page
 * @param {string} doing a name of strings.doing
 * @param {() => Promise<any>} call gives what the page is to show then
 * @returns {Promise<boolean>} whether it succeeded
 */
function run(page, doing, call) {
  if (page.data.busy) return Promise.resolve(false)
  const done = perform(page, doing, call)
  underWay.set(page, done)
  return done
}

/**
 * The same, after what is being done: for what must not be lost, such as a code that costs money.
 * @param {Page} page
 * @param {string} doing
 * @param {() => Promise<any>} call
 * @returns {Promise<boolean>}
 */
async function runNext(page, doing, call) {
  while (page.data.busy) await underWay.get(page)
  return run(page, doing, call)
}

/**
 * @param {Page} page
 * @param {string} doing
 * @param {() => Promise<any>} call
 * @returns {Promise<boolean>}
 */
async function perform(page, doing, call) {
  page.setData({ busy: doing, error: null })
  try {
    const shown = await call()
    page.setData({ ...shown, busy: '', signedIn: account.signedIn() })
    return true
  } catch (error) {
    page.setData({ busy: '', signedIn: account.signedIn() })
    if (!(error instanceof ApiError)) throw error
    page.setData({ error: journal.note(doing, error) })
    return false
  }
}

/** As app.wxss has it; what WeChat draws does not know our variables. */
const DANGER = { light: '#b3261e', dark: '#ff8f85' }

function dangerColour() {
  const { theme = 'light' } = wx.getAppBaseInfo ? wx.getAppBaseInfo() : {}
  return DANGER[theme]
}

/**
 * Ask before something that cannot be undone.
 * @param {{ title: string, content: string, yes: string }} question
 * @returns {Promise<boolean>}
 */
function confirm({ title, content, yes }) {
  return new Promise(resolve => {
    wx.showModal({
      title,
      content,
      confirmText: yes,
      confirmColor: dangerColour(),
      cancelText: texts().common.cancel,
      success: ({ confirm }) => resolve(confirm),
      fail: () => resolve(false),
    })
  })
}

/**
 * Let the user choose from the menu that WeChat draws at the bottom.
 * @param {string[]} items
 * @param {{ title?: string, dangerous?: boolean }} [options]
 * @returns {Promise<number>} which one, from 0; -1: none
 */
function choose(items, { title, dangerous = false } = {}) {
  return new Promise(resolve => {
    wx.showActionSheet({
      itemList: items,
      ...(title ? { alertText: title } : {}),
      ...(dangerous ? { itemColor: dangerColour() } : {}),
      success: ({ tapIndex }) => resolve(tapIndex),
      fail: () => resolve(-1),
    })
  })
}

module.exports = { DANGER, choose, confirm, definePage, run, runNext }

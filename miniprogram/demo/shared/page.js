/**
 * What all pages do alike: ask when shown, show that something is under way, show what went
 * wrong, and stay quiet while the user is signed out.
 */

const { ApiError } = require('../myapi/index')
const account = require('../services/account')
const journal = require('../services/journal')
const { common } = require('../strings')

/** @typedef {{ data: any, setData: (patch: object) => void, onRetry: () => Promise<void> }} Page */

/**
 * @typedef {object} Plan
 * @property {object} texts of strings.js, in wxml as `t`
 * @property {object} [data] at first, and again while nobody is signed in
 * @property {boolean} [needsLogin]
 * @property {(page: Page) => Promise<object>} load asks what is to be shown
 * @property {{ [name: string]: (this: Page, event: any) => any }} [actions]
 */

/** What is being done on a page. @type {WeakMap<Page, Promise<boolean>>} */
const underWay = new WeakMap()

/** @param {Plan} plan */
function definePage(plan) {
  const { texts, data = {}, actions = {} } = plan
  Component({
    data: {
      common,
      t: texts,
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

/**
 * @param {Page} page
 * @param {Plan} plan
 * @returns {Promise<void>}
 */
async function refresh(page, plan) {
  const { data = {}, needsLogin = false, load } = plan
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

/**
 * @param {{ title: string, content: string, yes: string }} question
 * @returns {Promise<boolean>}
 */
function confirm({ title, content, yes }) {
  return new Promise(resolve => {
    wx.showModal({
      title,
      content,
      confirmText: yes,
      cancelText: common.cancel,
      success: ({ confirm }) => resolve(confirm),
      fail: () => resolve(false),
    })
  })
}

module.exports = { confirm, definePage, run, runNext }

/**
 * What the client takes of the phone: some functions of `wx`, the clock, and whether the app is
 * in front. uni-app and Taro have the same functions under their own names.
 */

/**
 * @typedef {Pick<WechatMiniprogram.Wx,
 *   'request' | 'login' | 'getStorageSync' | 'setStorageSync' | 'removeStorageSync'>
 *   & Partial<Pick<WechatMiniprogram.Wx, 'uploadFile' | 'downloadFile' | 'getFileSystemManager'
 *   | 'requestSubscribeMessage' | 'onAppShow' | 'onAppHide' | 'onNetworkStatusChange'>>} Platform
 */

/**
 * Time and chance; tests bring their own.
 * @typedef {{ now: () => number, random: () => number,
 *   setTimeout: (action: () => void, ms: number) => any,
 *   clearTimeout: (timer: any) => void }} Timers
 */

/** @type {Timers} */
const TIMERS = {
  now: Date.now,
  random: Math.random,
  setTimeout: (action, ms) => setTimeout(action, ms),
  clearTimeout: timer => clearTimeout(timer),
}

/** How long a call may wait for an app that is away, in ms; later nobody expects it any more. */
const LONG = 5 * 60 * 1000

/** @typedef {ReturnType<typeof createForeground>} Foreground */

/**
 * Whether the app is in front; a phone that cannot tell counts as always in front.
 * @param {Platform} platform
 * @param {Timers} timers
 */
function createForeground(platform, timers) {
  let isAway = false
  let hiddenAt = 0
  /** The last long absence that is over. */
  let from = 0
  let to = 0
  /** @type {(() => void)[]} */
  const waiting = []
  if (platform.onAppShow && platform.onAppHide) {
    platform.onAppHide(() => {
      if (!isAway) hiddenAt = timers.now()
      isAway = true
    })
    platform.onAppShow(() => {
      if (isAway && timers.now() - hiddenAt > LONG) {
        from = hiddenAt
        to = timers.now()
      }
      isAway = false
      waiting.splice(0).forEach(each => each())
    })
  }

  return {
    /** @returns {Promise<void>} over as soon as the app is in front */
    back: () => new Promise(resolve => (isAway ? waiting.push(resolve) : resolve())),

    /**
     * Whether the app was away for long, at a stretch, after that time. While it is away, a phone
     * may stop all timers, so this is asked when something is to be sent.
     * @param {number} since ms
     */
    wasAwayLong: since =>
      to - Math.max(since, from) > LONG ||
      (isAway && timers.now() - Math.max(since, hiddenAt) > LONG),
  }
}

/**
 * Tell of what may end a failure: the app is in front again, or the network is back.
 * @param {Platform} platform
 * @param {() => void} action
 */
function onReturn(platform, action) {
  if (platform.onAppShow) platform.onAppShow(action)
  if (platform.onNetworkStatusChange) {
    platform.onNetworkStatusChange(({ isConnected }) => {
      if (isConnected) action()
    })
  }
}

module.exports = { TIMERS, createForeground, onReturn }

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

/** Whether the app is in front; a phone that cannot tell counts as always in front. */
class Foreground {
  /**
   * @param {Platform} platform
   * @param {Timers} timers
   */
  constructor(platform, timers) {
    /** The last long absence; the one that still lasts has no end. */
    this._from = 0
    this._to = 0
    this._hiddenAt = 0
    this._timers = timers
    /** Whether the app is away. */
    this._away = false
    /** @type {(() => void)[]} */
    this._waiting = []
    if (!platform.onAppShow || !platform.onAppHide) return
    platform.onAppHide(() => {
      if (!this._away) this._hiddenAt = timers.now()
      this._away = true
    })
    platform.onAppShow(() => {
      if (this._away && timers.now() - this._hiddenAt > LONG) {
        this._from = this._hiddenAt
        this._to = timers.now()
      }
      this._away = false
      this._waiting.splice(0).forEach(each => each())
    })
  }

  /** @returns {Promise<void>} over as soon as the app is in front */
  back() {
    return new Promise(resolve => (this._away ? this._waiting.push(resolve) : resolve()))
  }

  /**
   * Whether the app was away for long, at a stretch, after that time. While it is away, a phone
   * may stop all timers, so this is asked when something is to be sent.
   * @param {number} since ms
   */
  wasAwayLong(since) {
    const isLong = (/** @type {number} */ from, /** @type {number} */ to) =>
      to - Math.max(since, from) > LONG
    return isLong(this._from, this._to) || (this._away && isLong(this._hiddenAt, this._timers.now()))
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

module.exports = { Foreground, TIMERS, onReturn }

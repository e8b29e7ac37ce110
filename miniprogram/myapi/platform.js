/**
 * What the client takes of the phone: some functions of `wx`, the clock, and whether the app is
 * in front. uni-app and Taro have the same functions under their own names.
 */

/**
 * @typedef {Pick<WechatMiniprogram.Wx,
 *   'request' | 'login' | 'getStorageSync' | 'setStorageSync' | 'removeStorageSync'>
 *   & Partial<Pick<WechatMiniprogram.Wx, 'uploadFile' | 'requestSubscribeMessage'
 *   | 'onAppShow' | 'onAppHide' | 'onNetworkStatusChange'>>} Platform
 */

/**
 * Time and chance; tests bring their own.
 * @typedef {{ now: () => number, random: () => number,
 *   setTimeout: (action: () => void, ms: number) => any,
 *   clearTimeout: (timer: any) => void }} Timers
 */

/** @type {Timers} */
const TIMERS = {
  now: () => Date.now(),
  random: () => Math.random(),
  setTimeout: (action, ms) => setTimeout(action, ms),
  clearTimeout: timer => clearTimeout(timer),
}

/** Whether the app is in front; a phone that cannot tell counts as always in front. */
class Foreground {
  /** @param {Platform} platform */
  constructor(platform) {
    this.shown = true
    /** @type {(() => void)[]} */
    this._waiting = []
    if (!platform.onAppShow || !platform.onAppHide) return
    platform.onAppHide(() => {
      this.shown = false
    })
    platform.onAppShow(() => {
      this.shown = true
      this._waiting.splice(0).forEach(each => each())
    })
  }

  /** @returns {Promise<void>} over as soon as the app is in front */
  back() {
    return this.shown ? Promise.resolve() : new Promise(resolve => this._waiting.push(resolve))
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

/**
 * The token and the id of its user, kept over restarts of the app.
 *
 * A phone whose storage is full or broken loses this and nothing else: the client goes on with
 * what it has in memory.
 */

const { isObject } = require('./errors')

/** @typedef {{ token: string, user: string }} Kept */

class Storage {
  /**
   * @param {import('./platform').Platform} platform
   * @param {string} baseUrl is part of the key, so that test and production never mix
   */
  constructor(platform, baseUrl) {
    this._platform = platform
    this._key = `myapi:${baseUrl}`
  }

  /** @returns {Kept} */
  load() {
    try {
      const kept = this._platform.getStorageSync(this._key)
      if (isObject(kept) && typeof kept.token === 'string' && typeof kept.user === 'string') {
        return { token: kept.token, user: kept.user }
      }
    } catch (_) {
      // as if nothing were kept
    }
    return { token: '', user: '' }
  }

  /** @param {Kept} kept */
  save(kept) {
    try {
      this._platform.setStorageSync(this._key, kept)
    } catch (_) {
      this.clear() // an older token must not come back
    }
  }

  clear() {
    try {
      this._platform.removeStorageSync(this._key)
    } catch (_) {
      this._blank()
    }
  }

  _blank() {
    try {
      this._platform.setStorageSync(this._key, '')
    } catch (_) {
      // what stays there is refused by the server once its session has ended
    }
  }
}

module.exports = { Storage }

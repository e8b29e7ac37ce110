/**
 * What is kept over restarts of the app: the token with the id of its user, and the reports that
 * the server does not know yet.
 *
 * A phone whose storage is full or broken loses this and nothing else: the client goes on with
 * what it has in memory.
 */

const { isObject } = require('./errors')

/** @typedef {{ token: string, user: string }} Kept */
/** @typedef {import('./reports').Report} Report */

class Storage {
  /**
   * @param {import('./platform').Platform} platform
   * @param {string} baseUrl is part of the key, so that test and production never mix
   */
  constructor(platform, baseUrl) {
    this._platform = platform
    this._key = `myapi:${baseUrl}`
    this._reportsKey = `myapi:${baseUrl}:reports`
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

  /** @returns {Report[]} */
  loadReports() {
    try {
      const kept = this._platform.getStorageSync(this._reportsKey)
      return Array.isArray(kept) ? kept.filter(isReport) : []
    } catch (_) {
      return []
    }
  }

  /** @param {Report[]} reports */
  saveReports(reports) {
    try {
      if (reports.length) this._platform.setStorageSync(this._reportsKey, reports)
      else this._platform.removeStorageSync(this._reportsKey)
    } catch (_) {
      // what stays there goes again after a restart; by its id the server counts it once
    }
  }
}

/**
 * @param {any} report
 * @returns {report is Report}
 */
function isReport(report) {
  if (!isObject(report) || typeof report.id !== 'string') return false
  return typeof report.user === 'string' && isObject(report.results)
}

module.exports = { Storage }

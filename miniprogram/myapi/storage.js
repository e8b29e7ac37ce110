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
    this._reportsKey = `${this._key}:reports`
  }

  /** @returns {Kept} */
  load() {
    const { token, user } = this._read(this._key)
    const isKept = typeof token === 'string' && typeof user === 'string'
    return isKept ? { token, user } : { token: '', user: '' }
  }

  /** @param {Kept} kept */
  save(kept) {
    // what cannot be replaced is removed: an older token must not come back
    if (!this._write(this._key, kept)) this.clear()
  }

  clear() {
    // what stays there nevertheless is refused by the server once its session has ended
    if (!this._write(this._key)) this._write(this._key, '')
  }

  /** @returns {Report[]} */
  loadReports() {
    const kept = this._read(this._reportsKey)
    return Array.isArray(kept) ? kept.filter(isReport) : []
  }

  /** @param {Report[]} reports */
  saveReports(reports) {
    // what stays there goes again after a restart; by its id the server counts it once
    this._write(this._reportsKey, reports.length ? reports : undefined)
  }

  /**
   * @param {string} key
   * @returns {any} at least an object
   */
  _read(key) {
    try {
      return this._platform.getStorageSync(key) || {}
    } catch (_) {
      return {}
    }
  }

  /**
   * @param {string} key
   * @param {any} [value] nothing is kept without
   * @returns {boolean} whether it could be done
   */
  _write(key, value) {
    try {
      if (value === undefined) this._platform.removeStorageSync(key)
      else this._platform.setStorageSync(key, value)
      return true
    } catch (_) {
      return false
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

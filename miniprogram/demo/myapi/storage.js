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

/** @typedef {ReturnType<typeof createStorage>} Storage */

/**
 * @param {import('./platform').Platform} platform
 * @param {string} baseUrl is part of the key, so that test and production never mix
 */
function createStorage(platform, baseUrl) {
  const key = `myapi:${baseUrl}`
  const reportsKey = `${key}:reports`

  /**
   * @param {string} from
   * @returns {any} at least an object
   */
  function read(from) {
    try {
      return platform.getStorageSync(from) || {}
    } catch (_) {
      return {}
    }
  }

  /**
   * @param {string} to
   * @param {any} [value] nothing is kept without
   * @returns {boolean} whether it could be done
   */
  function write(to, value) {
    try {
      if (value === undefined) platform.removeStorageSync(to)
      else platform.setStorageSync(to, value)
      return true
    } catch (_) {
      return false
    }
  }

  /** What stays there nevertheless is refused by the server once its session has ended. */
  const clear = () => write(key) || write(key, '')

  return {
    clear,

    /** @returns {Kept} */
    load() {
      const { token, user } = read(key)
      const isKept = typeof token === 'string' && typeof user === 'string'
      return isKept ? { token, user } : { token: '', user: '' }
    },

    /** What cannot be replaced is removed: an older token must not come back. @param {Kept} kept */
    save: kept => write(key, kept) || clear(),

    /** @returns {Report[]} */
    loadReports() {
      const kept = read(reportsKey)
      return Array.isArray(kept) ? kept.filter(isReport) : []
    },

    /**
     * What stays there goes again after a restart; by its id the server counts it once.
     * @param {Report[]} reports
     */
    saveReports: reports => write(reportsKey, reports.length ? reports : undefined),
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

module.exports = { createStorage }

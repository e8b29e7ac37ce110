/** WeChat's dialog in which the user permits subscribe messages, as a promise. */

const { ApiError, ofDialog } = require('./errors')

/** @typedef {{ [templateId: string]: string }} Results what the user answered, by template */

const MOST = 3 // templates that one dialog asks for

/**
 * Open the dialog. It opens only in the call stack of a tap, so nothing may be waited for
 * before; and it stays open as long as the user likes.
 * @param {import('./platform').Platform} platform
 * @param {string[]} templateIds one to three
 * @returns {Promise<Results>} such as `accept`, `reject`, `ban` or `filter` for each
 */
function askUser(platform, templateIds) {
  if (!areTemplateIds(templateIds)) return Promise.reject(new ApiError('template_invalid'))
  return new Promise((resolve, reject) => {
    const fail = (/** @type {any} */ failure) => reject(ofDialog(failure))
    if (!platform.requestSubscribeMessage) return fail({}) // an old WeChat
    const success = (/** @type {any} */ told) => resolve(resultsOf(templateIds, told))
    try {
      platform.requestSubscribeMessage({ tmplIds: templateIds, success, fail })
    } catch (_) {
      fail({})
    }
  })
}

/**
 * @param {any} ids
 * @returns {boolean}
 */
function areTemplateIds(ids) {
  if (!Array.isArray(ids) || !ids.length || ids.length > MOST) return false
  return ids.every(id => typeof id === 'string' && id)
}

/**
 * What stands beside the answers, such as errMsg, is left out.
 * @param {string[]} templateIds
 * @param {any} told
 * @returns {Results}
 */
function resultsOf(templateIds, told) {
  /** @type {Results} */
  const results = {}
  templateIds.forEach(id => {
    if (told && typeof told[id] === 'string') results[id] = told[id]
  })
  return results
}

/**
 * Read which templates the user permits: `accept`, or a later kind of it such as `acceptWithAudio`.
 * @param {Results} results
 * @returns {string[]}
 */
function acceptedOf(results) {
  return Object.keys(results).filter(id => results[id].startsWith('accept'))
}

module.exports = { acceptedOf, askUser }

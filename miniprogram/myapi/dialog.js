/** WeChat's dialog in which the user permits subscribe messages, as a promise. */

const { ApiError, ofDialog } = require('./errors')

/** @typedef {{ [templateId: string]: string }} Results what the user answered, by template */

const MOST = 3 // templates that one dialog asks for

/**
 * Open the dialog. It opens only in the call stack of a tap, so nothing may be waited for
 * before; and it stays open as long as the user likes.
 * @param {any} platform without `requestSubscribeMessage` (an old WeChat) it fails
 * @param {string[]} templateIds one to three
 * @returns {Promise<Results>} such as `accept`, `reject`, `ban` or `filter` for each
 */
function askUser(platform, templateIds) {
  return new Promise((resolve, reject) => {
    const areIds = Array.isArray(templateIds) && templateIds.every(id => id && typeof id === 'string')
    if (!areIds || !templateIds.length || templateIds.length > MOST) {
      throw new ApiError('template_invalid')
    }
    const fail = (/** @type {any} */ failure) => reject(ofDialog(failure))
    const success = (/** @type {any} */ told) => {
      /** @type {Results} */
      const results = {}
      // what stands beside the answers, such as errMsg, is left out
      templateIds.forEach(id => {
        if (told && typeof told[id] === 'string') results[id] = told[id]
      })
      resolve(results)
    }
    try {
      platform.requestSubscribeMessage({ tmplIds: templateIds, success, fail })
    } catch (_) {
      fail({})
    }
  })
}

module.exports = { askUser }

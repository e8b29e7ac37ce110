/** How times and devices are written. */

const { texts } = require('../services/language')

/** @param {number} number */
const two = number => `0${number}`.slice(-2)

/** @param {Date} date */
function clock(date) {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
}

/**
 * @param {string | null | undefined} text such as 2026-08-01T12:00:00Z
 * @returns {string} in the time of the phone, such as 2026-08-01 20:00
 */
function moment(text) {
  if (!text) return ''
  const date = new Date(text)
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-')
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`
}

/** Where two fit, the first counts. @type {[RegExp, string][]} */
const DEVICES = [
  [/ipad/i, 'iPad'],
  [/iphone/i, 'iPhone'],
  [/android/i, 'Android'],
  [/windows/i, 'Windows'],
  [/macintosh|mac os/i, 'Mac'],
  [/harmony/i, 'HarmonyOS'],
]

/** @param {string | null} userAgent */
function device(userAgent) {
  const agent = userAgent || ''
  const { tool, wechat, unknown } = texts().devices
  if (/wechatdevtools/i.test(agent)) return tool
  const found = DEVICES.find(([pattern]) => pattern.test(agent))
  if (found) return found[1]
  return /micromessenger/i.test(agent) ? wechat : unknown
}

module.exports = { clock, moment, device }

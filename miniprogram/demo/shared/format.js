/** How times and devices are written. */

const { devices: t } = require('../strings')

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

/** @type {[RegExp, string][]} */
const DEVICES = [
  [/wechatdevtools/i, t.tool],
  [/ipad/i, 'iPad'],
  [/iphone/i, 'iPhone'],
  [/android/i, 'Android'],
  [/windows/i, 'Windows'],
  [/macintosh|mac os/i, 'Mac'],
  [/harmony/i, 'HarmonyOS'],
  [/micromessenger/i, t.wechat],
]

/** @param {string | null} userAgent */
function device(userAgent) {
  const found = DEVICES.find(([pattern]) => pattern.test(userAgent || ''))
  return found ? found[1] : t.unknown
}

module.exports = { clock, moment, device }

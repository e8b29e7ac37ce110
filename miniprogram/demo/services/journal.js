/** The last errors of all pages, as the page 出错了 shows them. */

const { doing, advice, adviceOfErrno } = require('../strings')
const { clock } = require('../shared/format')

const KEPT = 20

/**
 * @typedef {object} Entry
 * @property {number} id
 * @property {string} at
 * @property {string} doing what the user was about to do
 * @property {string} error
 * @property {string} zh
 * @property {string} en
 * @property {string[]} facts status, code and errno
 * @property {string} line all of it in one
 * @property {string} requestId
 * @property {string} symptom
 * @property {string} command finds the cause on the server
 * @property {string} advice
 */

/** @type {Entry[]} */
let entries = []
let count = 0

/**
 * @param {string} what a name of strings.doing
 * @param {import('../myapi/errors').ApiError} error
 * @returns {Entry}
 */
function note(what, error) {
  const { symptom } = error
  const facts = factsOf(error)
  const entry = {
    id: (count += 1),
    at: clock(new Date()),
    doing: /** @type {any} */ (doing)[what],
    error: error.error,
    zh: error.zh,
    en: error.en,
    facts,
    line: [error.error, ...facts].join(' · '),
    requestId: error.requestId,
    symptom: symptom ? symptom.zh : '',
    command: symptom ? `flask doctor --explain '${symptom.en}'` : '',
    advice: adviceOfErrno[error.errno] || advice[error.error] || '',
  }
  entries = [entry, ...entries].slice(0, KEPT)
  return entry
}

/** @param {import('../myapi/errors').ApiError} error */
function factsOf({ status, code, errno }) {
  const facts = [`code ${code}`]
  if (status) facts.unshift(`HTTP ${status}`)
  if (errno) facts.unshift(`errno ${errno}`)
  return facts
}

const all = () => entries

function clear() {
  entries = []
}

module.exports = { note, all, clear }

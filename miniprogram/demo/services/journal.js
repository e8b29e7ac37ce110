/** The last errors of all pages, as the page 诊断 shows them. */

const { language, texts } = require('./language')
const { clock } = require('../shared/format')

const KEPT = 20

/**
 * @typedef {object} Entry
 * @property {number} id
 * @property {string} at
 * @property {string} doing what the user was about to do
 * @property {string} error
 * @property {string} text
 * @property {string[]} facts status, code and errno
 * @property {string} line all of it in one
 * @property {string} requestId
 * @property {string} symptom
 * @property {string} command finds the cause on the server
 * @property {string} advice
 */

/** @typedef {{ id: number, at: string, what: string, error: import('../myapi/errors').ApiError }} Noted */

/** @type {Noted[]} */
let noted = []
let count = 0

/**
 * @param {string} what a name of strings.doing
 * @param {import('../myapi/errors').ApiError} error
 * @returns {Entry}
 */
function note(what, error) {
  const entry = { id: (count += 1), at: clock(new Date()), what, error }
  noted = [entry, ...noted].slice(0, KEPT)
  return told(entry)
}

/**
 * In the language of now, which may be another one than when it happened.
 * @param {Noted} entry
 * @returns {Entry}
 */
function told({ id, at, what, error }) {
  const { doing, advice, adviceOfErrno } = texts()
  const { symptom } = error
  const facts = factsOf(error)
  return {
    id,
    at,
    doing: doing[what],
    error: error.error,
    text: error[language()],
    facts,
    line: [error.error, ...facts].join(' · '),
    requestId: error.requestId,
    symptom: symptom ? symptom[language()] : '',
    command: symptom ? `flask doctor --explain '${symptom.en}'` : '',
    advice: adviceOfErrno[error.errno] || advice[error.error] || '',
  }
}

/** @param {import('../myapi/errors').ApiError} error */
function factsOf({ status, code, errno }) {
  const facts = [`code ${code}`]
  if (status) facts.unshift(`HTTP ${status}`)
  if (errno) facts.unshift(`errno ${errno}`)
  return facts
}

const all = () => noted.map(told)

function clear() {
  noted = []
}

module.exports = { note, all, clear }

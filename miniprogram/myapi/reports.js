/**
 * What the user answered in WeChat's dialog of subscribe messages, kept until the server knows it.
 *
 * WeChat gives a permission once: a report that is lost is a message that can never be sent. So
 * it is stored before it is sent, and goes again under the same id until the server has counted
 * it. It belongs to the user who was signed in, and is sent for nobody else.
 */

const { ApiError } = require('./errors')

/** @typedef {{ [templateId: string]: number }} Left how many messages may still be sent */

/**
 * @typedef {object} Report
 * @property {string} id by which the server counts it once
 * @property {string} user whose it is; empty until the first login tells
 * @property {import('./dialog').Results} results
 */

/** @typedef {{ resolve: (left: Left | null) => void, reject: (error: ApiError) => void }} Waiting */

const MOST = 50 // reports on the phone; of more, the oldest are given up
/** These say that the report itself is wrong. Whatever else happens may be over tomorrow. */
const REFUSED = [400, 413, 415, 422]

/**
 * @param {{ storage: import('./storage').Storage, session: import('./session').Session,
 *   random: () => number,
 *   send: (report: Report, mayLogIn: boolean) => Promise<Left> }} around
 */
function createReports({ storage, session, random, send }) {
  /** @type {Report[]} the earliest first */
  let kept = storage.loadReports()
  /** The calls that want to know what becomes of their reports. @type {Map<string, Waiting>} */
  const waiting = new Map()
  /** Whether a call of the app waits. */
  let mayLogIn = false
  /** @type {Promise<ApiError | null> | null} */
  let running = null

  /** @returns {string} an id that no other report has: 24 letters and digits */
  function newId() {
    const part = () => Math.floor((1 + random()) * 2 ** 31).toString(36)
    return part() + part() + part() + part()
  }

  /**
   * Keep what the user answered, and send it after all that was kept before.
   * @param {import('./dialog').Results} results
   * @param {{ epoch: number, user: string }} asked the generation and the user of the dialog
   * @returns {Promise<Left | null>} null: the server does not know it yet
   */
  async function add(results, asked) {
    const isOver = asked.epoch !== session.epoch // the user left while the dialog was open
    const { user } = isOver ? asked : session
    if (isOver && !user) throw new ApiError('signed_out')
    const id = newId()
    keep([...kept, { id, user, results }])
    /** @type {Promise<Left | null> | null} */
    const told = isOver
      ? null
      : new Promise((resolve, reject) => waiting.set(id, { resolve, reject }))
    sendAll(!isOver)
    return told
  }

  /**
   * Send what is kept for the user, one after the other, for a later answer may take back an
   * earlier one.
   * @param {boolean} [isAsked] a call of the app waits for it. Nothing else logs in: after an
   *   erasure whose answer was lost, that would make the account again.
   * @returns {Promise<ApiError | null>} why some have to stay
   */
  async function sendAll(isAsked) {
    if (!running && !(kept.length && (isAsked || session.token))) return null
    mayLogIn = mayLogIn || Boolean(isAsked)
    running = running || run()
    return running
  }

  /** A generation has ended: what is kept stays, unless nobody knows whose it is. */
  function left() {
    const unknown = kept.filter(report => !report.user)
    if (unknown.length) keep(kept.filter(report => report.user))
    unknown.forEach(({ id }) => settle(id, call => call.reject(new ApiError('signed_out'))))
    settleAll()
  }

  /** @param {string} user is erased */
  function forget(user) {
    keep(kept.filter(report => report.user !== user))
  }

  /** @returns {Promise<ApiError | null>} */
  async function run() {
    let failure
    let epoch
    do {
      epoch = session.epoch
      failure = await sendMine().then(() => null, error => error)
      // another user came meanwhile, who may have some too
    } while (epoch !== session.epoch && (session.token || mayLogIn))
    running = null
    settleAll()
    return failure
  }

  /** @returns {Promise<void>} fails with what holds up all of them */
  async function sendMine() {
    while (mayLogIn || (session.user && session.token)) {
      const { user } = session
      if (user) {
        if (kept.some(report => !report.user)) {
          keep(kept.map(report => ({ ...report, user: report.user || user })))
        }
        const report = kept.find(each => each.user === user)
        if (!report) return
        await sendOne(report)
      } else {
        await session.signIn()
      }
    }
  }

  /** @param {Report} report */
  async function sendOne(report) {
    const { token } = session
    const mightLogIn = mayLogIn
    /** @type {(call: Waiting) => void} */
    let tell
    try {
      const counted = await send(report, mayLogIn)
      tell = call => call.resolve(counted)
    } catch (failure) {
      const error = /** @type {ApiError} */ (failure)
      const isNewToken = session.token && session.token !== token
      // it is the next again
      if (error.status === 401 && !mightLogIn && (mayLogIn || isNewToken)) return
      if (error.error === 'bad_answer' || !REFUSED.includes(error.status)) throw error
      tell = call => call.reject(error)
    }
    keep(kept.filter(({ id }) => id !== report.id))
    settle(report.id, tell)
  }

  /** @param {Report[]} reports */
  function keep(reports) {
    kept = reports.slice(-MOST)
    storage.saveReports(kept)
  }

  /**
   * @param {string} id
   * @param {(call: Waiting) => void} tell
   */
  function settle(id, tell) {
    const call = waiting.get(id)
    waiting.delete(id)
    if (call) tell(call)
  }

  /** What is not sent by now is sent some other time, and nothing waits for it any more. */
  function settleAll() {
    mayLogIn = false
    waiting.forEach((_, id) => settle(id, call => call.resolve(null)))
  }

  return { newId, add, sendAll, left, forget }
}

module.exports = { createReports }

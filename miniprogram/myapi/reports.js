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

class Reports {
  /**
   * @param {{ storage: import('./storage').Storage, session: import('./session').Session,
   *   random: () => number,
   *   send: (report: Report, mayLogIn: boolean) => Promise<Left> }} around
   */
  constructor({ storage, session, random, send }) {
    this._storage = storage
    this._session = session
    this._random = random
    this._send = send
    /** @type {Report[]} the earliest first */
    this._kept = storage.loadReports()
    /** The calls that want to know what becomes of their reports. @type {Map<string, Waiting>} */
    this._waiting = new Map()
    this._mayLogIn = false
    /** @type {Promise<ApiError | null> | null} */
    this._running = null
  }

  /** @returns {string} an id that no other report has: 24 letters and digits */
  newId() {
    const part = () => Math.floor((1 + this._random()) * 2 ** 31).toString(36)
    return part() + part() + part() + part()
  }

  /**
   * Keep what the user answered, and send it after all that was kept before.
   * @param {import('./dialog').Results} results
   * @param {{ epoch: number, user: string }} asked the generation and the user of the dialog
   * @returns {Promise<Left | null>} null: the server does not know it yet
   */
  async add(results, asked) {
    const isOver = asked.epoch !== this._session.epoch // the user left while the dialog was open
    const { user } = isOver ? asked : this._session
    if (isOver && !user) throw new ApiError('signed_out')
    const id = this.newId()
    this._keep([...this._kept, { id, user, results }])
    if (isOver) {
      this.sendAll()
      return null
    }
    /** @type {Promise<Left | null>} */
    const told = new Promise((resolve, reject) => this._waiting.set(id, { resolve, reject }))
    this.sendAll(true)
    return told
  }

  /**
   * Send what is kept for the user, one after the other, for a later answer may take back an
   * earlier one.
   * @param {boolean} [mayLogIn] a call of the app waits for it. Nothing else logs in: after an
   *   erasure whose answer was lost, that would make the account again.
   * @returns {Promise<ApiError | null>} why some have to stay
   */
  async sendAll(mayLogIn) {
    const mayBegin = this._kept.length && (mayLogIn || this._session.token)
    if (!this._running && !mayBegin) return null
    if (mayLogIn) this._mayLogIn = true
    if (!this._running) this._running = this._run()
    return this._running
  }

  /** A generation has ended: what is kept stays, unless nobody knows whose it is. */
  left() {
    const unknown = this._kept.filter(report => !report.user)
    if (unknown.length) this._keep(this._kept.filter(report => report.user))
    unknown.forEach(({ id }) => this._settle(id, call => call.reject(new ApiError('signed_out'))))
    this._settleAll()
  }

  /** @param {string} user is erased */
  forget(user) {
    this._keep(this._kept.filter(report => report.user !== user))
  }

  /** @returns {Promise<ApiError | null>} */
  async _run() {
    const { _session: session } = this
    let failure
    let epoch
    do {
      epoch = session.epoch
      failure = await this._sendMine().then(() => null, error => error)
      // another user came meanwhile, who may have some too
    } while (epoch !== session.epoch && (session.token || this._mayLogIn))
    this._running = null
    this._settleAll()
    return failure
  }

  /** @returns {Promise<void>} fails with what holds up all of them */
  async _sendMine() {
    const { _session: session } = this
    while (this._mayLogIn || (session.user && session.token)) {
      const { user } = session
      if (user) {
        if (this._kept.some(report => !report.user)) {
          this._keep(this._kept.map(report => ({ ...report, user: report.user || user })))
        }
        const report = this._kept.find(each => each.user === user)
        if (!report) return
        await this._sendOne(report)
      } else {
        await session.signIn()
      }
    }
  }

  /** @param {Report} report */
  async _sendOne(report) {
    const { _session: session, _mayLogIn: mayLogIn } = this
    const { token } = session
    /** @type {(call: Waiting) => void} */
    let tell
    try {
      const left = await this._send(report, mayLogIn)
      tell = call => call.resolve(left)
    } catch (failure) {
      const error = /** @type {ApiError} */ (failure)
      const isNewToken = session.token && session.token !== token
      // it is the next again
      if (error.status === 401 && !mayLogIn && (this._mayLogIn || isNewToken)) return
      if (error.error === 'bad_answer' || !REFUSED.includes(error.status)) throw error
      tell = call => call.reject(error)
    }
    this._keep(this._kept.filter(({ id }) => id !== report.id))
    this._settle(report.id, tell)
  }

  /** @param {Report[]} reports */
  _keep(reports) {
    this._kept = reports.slice(-MOST)
    this._storage.saveReports(this._kept)
  }

  /**
   * @param {string} id
   * @param {(call: Waiting) => void} tell
   */
  _settle(id, tell) {
    const call = this._waiting.get(id)
    this._waiting.delete(id)
    if (call) tell(call)
  }

  /** What is not sent by now is sent some other time, and nothing waits for it any more. */
  _settleAll() {
    this._mayLogIn = false
    this._waiting.forEach((_, id) => this._settle(id, call => call.resolve(null)))
  }
}

module.exports = { Reports }

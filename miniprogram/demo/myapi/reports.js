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
const ID_LENGTH = 24
const ID_CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

class Reports {
  /**
   * @param {{ storage: import('./storage').Storage, session: import('./session').Session,
   *   random: () => number,
   *   send: (report: Report, how: { mayLogIn: boolean }) => Promise<Left> }} around
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

  /** @returns {string} an id that no other report has */
  newId() {
    const character = () => ID_CHARACTERS[Math.floor(this._random() * ID_CHARACTERS.length)]
    return Array.from({ length: ID_LENGTH }, character).join('')
  }

  /**
   * Keep what the user answered, and send it after all that was kept before.
   * @param {import('./dialog').Results} results
   * @param {{ epoch: number, user: string }} asked the generation and the user of the dialog
   * @returns {Promise<Left | null>} null: the server does not know it yet
   */
  add(results, asked) {
    const { epoch, user } = this._session
    const isOver = asked.epoch !== epoch // the user left while the dialog was open
    if (isOver && !asked.user) return Promise.reject(new ApiError('signed_out'))
    const report = { id: this.newId(), user: isOver ? asked.user : user, results }
    this._keep([...this._kept, report])
    /** @type {Promise<Left | null>} */
    const told = new Promise((resolve, reject) => {
      if (isOver) resolve(null)
      else this._waiting.set(report.id, { resolve, reject })
    })
    this.sendAll({ mayLogIn: !isOver })
    return told
  }

  /**
   * Send what is kept for the user, one after the other, for a later answer may take back an
   * earlier one.
   * @param {{ mayLogIn?: boolean }} [how] mayLogIn: a call of the app waits for it. Nothing else
   *   logs in: after an erasure whose answer was lost, that would make the account again.
   * @returns {Promise<ApiError | null>} why some have to stay
   */
  sendAll({ mayLogIn = false } = {}) {
    if (!this._running && (!this._kept.length || !(mayLogIn || this._session.token))) {
      return Promise.resolve(null)
    }
    if (mayLogIn) this._mayLogIn = true
    if (!this._running) this._running = this._run()
    return this._running
  }

  /** A generation has ended: what is kept stays, unless nobody knows whose it is. */
  left() {
    const unknown = this._kept.filter(report => !report.user)
    if (unknown.length) this._keep(this._kept.filter(report => report.user))
    unknown.forEach(({ id }) => this._settle(id).reject(new ApiError('signed_out')))
    this._mayLogIn = false
    this._settleAll()
  }

  /** @param {string} user is erased */
  forget(user) {
    this._keep(this._kept.filter(report => report.user !== user))
  }

  /** @returns {Promise<ApiError | null>} */
  async _run() {
    let failure
    let epoch
    do {
      epoch = this._session.epoch
      failure = await this._sendMine().then(() => null, error => error)
      // another user came meanwhile, who may have some too
    } while (epoch !== this._session.epoch && (this._session.token || this._mayLogIn))
    this._running = null
    this._mayLogIn = false
    this._settleAll()
    return failure
  }

  /** @returns {Promise<void>} fails with what holds up all of them */
  async _sendMine() {
    for (;;) {
      const { user, token } = this._session
      if (!this._mayLogIn && !(user && token)) return
      if (user) {
        const report = this._next(user)
        if (!report) return
        await this._sendOne(report)
      } else {
        await this._session.signIn()
      }
    }
  }

  /**
   * @param {string} user is also the one whose reports those of an unknown user are
   * @returns {Report | undefined}
   */
  _next(user) {
    if (this._kept.some(report => !report.user)) {
      this._keep(this._kept.map(report => ({ ...report, user: report.user || user })))
    }
    return this._kept.find(report => report.user === user)
  }

  /** @param {Report} report */
  async _sendOne(report) {
    const mayLogIn = this._mayLogIn
    const { token } = this._session
    try {
      const left = await this._send(report, { mayLogIn })
      this._drop(report)
      this._settle(report.id).resolve(left)
    } catch (failure) {
      const error = /** @type {ApiError} */ (failure)
      if (error.status === 401 && !mayLogIn && this._mayMend(token)) return // it is the next again
      if (!isRefusal(error)) throw error
      this._drop(report)
      this._settle(report.id).reject(error)
    }
  }

  /**
   * @param {string} token that the server refused
   * @returns {boolean} whether there is another one by now, or may be
   */
  _mayMend(token) {
    return this._mayLogIn || (this._session.token !== '' && this._session.token !== token)
  }

  /** @param {Report} report */
  _drop({ id }) {
    this._keep(this._kept.filter(report => report.id !== id))
  }

  /** @param {Report[]} reports */
  _keep(reports) {
    this._kept = reports.slice(-MOST)
    this._storage.saveReports(this._kept)
  }

  /**
   * @param {string} id
   * @returns {Waiting} the call that waits for it, or one in its place that nobody made
   */
  _settle(id) {
    const waiting = this._waiting.get(id)
    this._waiting.delete(id)
    return waiting || { resolve: () => {}, reject: () => {} }
  }

  /** What is not sent by now is sent some other time. */
  _settleAll() {
    this._waiting.forEach((_, id) => this._settle(id).resolve(null))
  }
}

/** @param {ApiError} error */
function isRefusal({ error, status }) {
  return error !== 'bad_answer' && REFUSED.indexOf(status) >= 0
}

module.exports = { Reports }

/**
 * Who is signed in: the token, and the one login that may be under way.
 *
 * A generation (`epoch`) lasts until the user leaves or becomes another one. What was begun in
 * an older generation neither gets the token of a newer one nor changes anything in it.
 */

const { ApiError, isObject } = require('./errors')
const { PATIENCE, nextTry } = require('./retry')

/**
 * @typedef {object} User
 * @property {string} id
 * @property {string | null} nickname
 * @property {string | null} avatar_url
 * @property {string | null} phone masked, such as 138******00
 * @property {string} created_at such as 2026-08-01T12:00:00Z
 */

/**
 * What a session needs of the rest of the client.
 * @typedef {object} Around
 * @property {import('./storage').Storage} storage
 * @property {import('./platform').Timers} timers
 * @property {import('./platform').Foreground} foreground
 * @property {number} share see retry.js
 * @property {() => Promise<string | ApiError>} code asks wx.login
 * @property {(code: string, unwanted: () => boolean) => Promise<any>} exchange
 *   gives what the server answers, or fails; one that is unwanted by then is not sent
 * @property {(token: string) => Promise<unknown>} end ends a session that nobody wants; it never
 *   fails
 * @property {() => void} onToken there is a token, or there is none any more
 * @property {() => void} onLeft a generation has ended
 * @property {(error: ApiError) => void} onFailed nobody is signed in, and a login has failed
 */

const NEW_CODES = 1 // more, after the server refused one
const REFUSALS = 3 // of tokens in a row that were never accepted: logging in does not help

class Session {
  /** @param {Around} around */
  constructor(around) {
    const { token, user } = around.storage.load()
    this.epoch = 1
    this.token = token
    /** The id of who is signed in, also while the token is renewed; empty if it is not known. */
    this.user = user
    /** Counts the logins that have ended, well or not: it tells before from after. */
    this.logins = 0
    this._around = around
    /** @type {import('./storage').Kept | null} comes back if the erasure under way fails */
    this._kept = null
    /** @type {ApiError | null} why the last login failed */
    this._failure = null
    this._lastSuccess = 0
    this._refusals = 0
    /** @type {Attempt | null} */
    this._attempt = null
    /** Over when no exchange is under way. */
    this._idle = Promise.resolve()
    /** Over when no logout and no erasure is under way. */
    this._leaving = Promise.resolve()
  }

  /**
   * Log in, or join the login that is under way.
   * @returns {Promise<User>}
   */
  signIn() {
    if (!this._attempt) {
      const attempt = new Attempt()
      this._attempt = attempt
      this._idle = this._idle
        .then(() => attempt.unless(this._leaving))
        .then(() => this._run(attempt))
    }
    return this._attempt.result
  }

  /**
   * End the generation at once; no login before `done` is over.
   * @param {(token: string) => Promise<null>} leave tells the server
   * @param {{ orStay: boolean }} how orStay: go on as before if the server could not be told,
   *   and tell it after the exchange under way, which would make an erased account again
   * @returns {Promise<null>} what `leave` gives
   */
  leave(leave, { orStay }) {
    const { token, user, _leaving: before } = this
    const kept = orStay && token ? { token, user } : null
    this.user = ''
    this._kept = kept
    this.drop()
    this._forget()
    // without a token, whoever leaves waits for the erasure under way: it has the token
    const ready = orStay ? this._idle : before
    const done = orStay || !token ? ready.then(() => leave(token)) : leave(token)
    const over = done.then(
      () => {},
      () => {
        if (!kept) return undefined
        if (this._kept === kept && !this._attempt && !this.token) return this._keep(kept)
        return this._around.end(token) // the user left, or logs in anew: nobody needs this one
      }
    )
    this._leaving = before.then(() => over).then(() => {})
    return over.then(() => done)
  }

  /** End the generation: nothing that was begun in it logs in or is sent any more. */
  drop() {
    this.epoch += 1
    this._refusals = 0
    if (this._attempt) this._attempt.cancel()
    this._attempt = null
    this._around.onLeft()
  }

  /**
   * Note that the server took a token.
   * @param {string} token
   */
  accepted(token) {
    if (token === this.token) this._refusals = 0
  }

  /**
   * Note that the server refused a token. A late refusal, when another token has come, is no
   * news.
   * @param {string} token
   * @param {ApiError} error
   */
  refused(token, error) {
    if (token !== this.token) return
    this._forget()
    this._refusals += 1
    if (this._refusals < REFUSALS) return
    this._refusals = 0
    this._failed(error)
  }

  /**
   * Tell why the present state can be no help to a request that was sent at that time: a login
   * has failed since then.
   * @param {number} logins
   * @returns {ApiError | null}
   */
  failureSince(logins) {
    return this.token || this._attempt || this.logins === logins ? null : this._failure
  }

  /**
   * Whether a login has succeeded since that time.
   * @param {number} logins
   * @returns {boolean}
   */
  renewedSince(logins) {
    return this._lastSuccess > logins
  }

  /**
   * @param {Attempt} attempt
   * @returns {Promise<void>} over when its last exchange is; it never fails
   */
  async _run(attempt) {
    const { timers, share, foreground, end } = this._around
    let begun = timers.now()
    let newCodes = 0
    for (let tries = 0; !attempt.cancelled; tries += 1) {
      const outcome = await this._exchange(attempt)
      const failed = outcome instanceof ApiError
      if (attempt.cancelled) {
        // the user left meanwhile: the session that was opened nevertheless is closed again
        if (!failed) end(outcome.token)
        return
      }
      if (!failed) return this._succeed(attempt, outcome)
      if (outcome.error === 'login_code_invalid' && newCodes < NEW_CODES) {
        newCodes += 1
        continue
      }
      const ms = nextTry(outcome, tries, share, begun + PATIENCE - timers.now())
      if (ms < 0) {
        this._attempt = null
        this._failed(outcome)
        return attempt.reject(outcome)
      }
      if (outcome.error === 'interrupted') {
        await attempt.unless(foreground.back())
        begun = timers.now() // nobody has waited meanwhile
      }
      await attempt.unless(new Promise(resolve => timers.setTimeout(() => resolve(ms), ms)))
    }
  }

  /**
   * Ask for a code and exchange it, once. The code is never used a second time.
   * @param {Attempt} attempt
   * @returns {Promise<{ token: string, user: User } | ApiError>}
   */
  async _exchange(attempt) {
    const code = await attempt.unless(this._around.code())
    if (typeof code !== 'string') return code || new ApiError('signed_out')
    return this._around.exchange(code, () => attempt.cancelled).then(
      data => (isLogin(data) ? data : new ApiError('bad_answer')),
      error => error
    )
  }

  /**
   * @param {Attempt} attempt
   * @param {{ token: string, user: User }} login
   */
  _succeed(attempt, { token, user }) {
    this._attempt = null
    this._failure = null
    this.logins += 1
    this._lastSuccess = this.logins
    const former = this.token
    if (this.user && this.user !== user.id) this.drop()
    this._keep({ token, user: user.id })
    attempt.resolve(user)
    // left alive, it would be one more device of the user, and push another one out
    if (former && former !== token) this._around.end(former)
  }

  /** @param {ApiError} error */
  _failed(error) {
    this.logins += 1
    this._failure = error
    if (!this.token) this._around.onFailed(error)
  }

  /** @param {import('./storage').Kept} kept */
  _keep(kept) {
    this.token = kept.token
    this.user = kept.user
    this._around.storage.save(kept)
    this._around.onToken()
  }

  _forget() {
    this.token = ''
    this._around.storage.clear()
    this._around.onToken()
  }
}

/** One login, from the first wx.login to its end; cancelled when the user leaves meanwhile. */
class Attempt {
  constructor() {
    this.cancelled = false
    /** @type {(user: User) => void} */
    this.resolve = () => {}
    /** @type {(error: ApiError) => void} */
    this.reject = () => {}
    /** @type {Promise<User>} */
    this.result = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }))
    // a request that needs the login is told by another way
    this._over = this.result.then(() => {}, () => {})
  }

  cancel() {
    this.cancelled = true
    this.reject(new ApiError('signed_out'))
  }

  /**
   * Wait for something, but no longer than until the cancellation.
   * @template T
   * @param {Promise<T>} something
   * @returns {Promise<T | void>}
   */
  unless(something) {
    return Promise.race([something, this._over])
  }
}

/** What may stand in a header: a token of anything else could never be sent. */
const TOKEN = /^[\x21-\x7e]{1,4096}$/

/**
 * @param {any} data
 * @returns {data is { token: string, user: User }}
 */
function isLogin(data) {
  if (!isObject(data) || !isObject(data.user)) return false
  const { token, user } = data
  return typeof user.id === 'string' && user.id !== '' && typeof token === 'string' && TOKEN.test(token)
}

module.exports = { Session }

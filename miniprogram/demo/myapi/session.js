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

/** @typedef {ReturnType<typeof createSession>} Session */

/** @param {Around} around */
function createSession({
  storage, timers, foreground, share, code, exchange, end, onToken, onLeft, onFailed,
}) {
  let { token, user } = storage.load()
  let epoch = 1
  /** Counts the logins that have ended, well or not: it tells before from after. */
  let logins = 0
  let lastSuccess = 0
  /** @type {ApiError | null} why the last login failed */
  let lastFailure = null
  let refusals = 0
  /** @type {Attempt | null} */
  let attempt = null
  /** @type {import('./storage').Kept | null} comes back if the erasure under way fails */
  let kept = null
  /** Over when no exchange is under way. */
  let idle = Promise.resolve()
  /** Over when no logout and no erasure is under way. */
  let leaving = Promise.resolve()

  /**
   * Log in, or join the login that is under way.
   * @returns {Promise<User>}
   */
  function signIn() {
    if (!attempt) {
      const mine = createAttempt()
      attempt = mine
      idle = idle.then(() => mine.unless(leaving)).then(() => run(mine))
    }
    return attempt.result
  }

  /**
   * End the generation at once; no login before `done` is over.
   * @param {(token: string) => Promise<null>} tell tells the server
   * @param {boolean} [orStay] go on as before if the server could not be told, and tell it after
   *   the exchange under way, which would make an erased account again
   * @returns {Promise<null>} what `tell` gives
   */
  function leave(tell, orStay) {
    const before = leaving
    const former = token
    const mine = orStay && token ? { token, user } : null
    user = ''
    kept = mine
    drop()
    forget()
    // without a token, whoever leaves waits for the erasure under way: it has the token
    const ready = orStay ? idle : before
    const done = orStay || !former ? ready.then(() => tell(former)) : tell(former)
    const over = done.then(
      () => {},
      () => {
        if (!mine) return undefined
        if (kept === mine && !attempt && !token) return keep(mine)
        return end(former) // the user left, or logs in anew: nobody needs this one
      }
    )
    leaving = before.then(() => over).then(() => {})
    return over.then(() => done)
  }

  /** End the generation: nothing that was begun in it logs in or is sent any more. */
  function drop() {
    epoch += 1
    refusals = 0
    if (attempt) attempt.cancel()
    attempt = null
    onLeft()
  }

  /**
   * Note that the server refused a token. A late refusal, when another token has come, is no
   * news.
   * @param {string} refusedToken
   * @param {ApiError} error
   */
  function refused(refusedToken, error) {
    if (refusedToken !== token) return
    forget()
    refusals += 1
    if (refusals < REFUSALS) return
    refusals = 0
    failed(error)
  }

  /**
   * @param {Attempt} mine
   * @returns {Promise<void>} over when its last exchange is; it never fails
   */
  async function run(mine) {
    let begun = timers.now()
    let newCodes = 0
    for (let tries = 0; !mine.cancelled; tries += 1) {
      const outcome = await exchangeOne(mine)
      const isError = outcome instanceof ApiError
      if (mine.cancelled) {
        // the user left meanwhile: the session that was opened nevertheless is closed again
        if (!isError) end(outcome.token)
        return
      }
      if (!isError) return succeed(mine, outcome)
      if (outcome.error === 'login_code_invalid' && newCodes < NEW_CODES) {
        newCodes += 1
        continue
      }
      const ms = nextTry(outcome, tries, share, begun + PATIENCE - timers.now())
      if (ms < 0) {
        attempt = null
        failed(outcome)
        return mine.reject(outcome)
      }
      if (outcome.error === 'interrupted') {
        await mine.unless(foreground.back())
        begun = timers.now() // nobody has waited meanwhile
      }
      await mine.unless(new Promise(resolve => timers.setTimeout(() => resolve(ms), ms)))
    }
  }

  /**
   * Ask for a code and exchange it, once. The code is never used a second time.
   * @param {Attempt} mine
   * @returns {Promise<{ token: string, user: User } | ApiError>}
   */
  async function exchangeOne(mine) {
    const fresh = await mine.unless(code())
    if (typeof fresh !== 'string') return fresh || new ApiError('signed_out')
    return exchange(fresh, () => mine.cancelled).then(
      data => (isLogin(data) ? data : new ApiError('bad_answer')),
      error => error
    )
  }

  /**
   * @param {Attempt} mine
   * @param {{ token: string, user: User }} login
   */
  function succeed(mine, login) {
    const former = token
    const { id } = login.user
    attempt = null
    lastFailure = null
    logins += 1
    lastSuccess = logins
    if (user && user !== id) drop()
    keep({ token: login.token, user: id })
    mine.resolve(login.user)
    // left alive, it would be one more device of the user, and push another one out
    if (former && former !== token) end(former)
  }

  /** @param {ApiError} error */
  function failed(error) {
    logins += 1
    lastFailure = error
    if (!token) onFailed(error)
  }

  /** @param {import('./storage').Kept} mine */
  function keep(mine) {
    token = mine.token
    user = mine.user
    storage.save(mine)
    onToken()
  }

  function forget() {
    token = ''
    storage.clear()
    onToken()
  }

  return {
    get epoch() {
      return epoch
    },

    get token() {
      return token
    },

    /** The id of who is signed in, also while the token is renewed; empty if it is not known. */
    get user() {
      return user
    },

    get logins() {
      return logins
    },

    signIn,
    leave,
    drop,
    refused,

    /** Note that the server took a token. @param {string} taken */
    accepted: taken => {
      if (taken === token) refusals = 0
    },

    /**
     * Tell why the present state can be no help to a request that was sent at that time: a login
     * has failed since then.
     * @param {number} then
     */
    failureSince: then => (token || attempt || logins === then ? null : lastFailure),

    /** Whether a login has succeeded since that time. @param {number} then */
    renewedSince: then => lastSuccess > then,
  }
}

/** @typedef {ReturnType<typeof createAttempt>} Attempt */

/** One login, from the first wx.login to its end; cancelled when the user leaves meanwhile. */
function createAttempt() {
  /** @type {(user: User) => void} */
  let resolve = () => {}
  /** @type {(error: ApiError) => void} */
  let reject = () => {}
  /** @type {Promise<User>} */
  const result = new Promise((...both) => ([resolve, reject] = both))
  // a request that needs the login is told by another way
  const over = result.then(() => {}, () => {})
  const attempt = {
    cancelled: false,
    result,
    resolve,
    reject,

    cancel() {
      attempt.cancelled = true
      reject(new ApiError('signed_out'))
    },

    /**
     * Wait for something, but no longer than until the cancellation.
     * @template T
     * @param {Promise<T>} something
     * @returns {Promise<T | void>}
     */
    unless: something => Promise.race([something, over]),
  }
  return attempt
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

module.exports = { createSession }

/**
 * When what has failed goes again: how long to wait, and when to give up.
 */

const RETRIES = 4 // so that a server which restarts within a few seconds is not noticed
const PATIENCE = 30000 // ms after the first sending, when nothing is sent again
const FIRST_PAUSE = 500 // ms; each one after it is twice as long
const PASSING_STATUSES = [429, 502, 503, 504]
const PASSING_ERRORS = ['network', 'timeout', 'too_many_tasks']

/**
 * The phones that a server lost at the same time must not all come back at the same time, so each
 * has a `share` of its own from 0 to 1. It is one and the same for all requests of a phone: so
 * they come back in their order.
 * @param {import('./errors').ApiError} error
 * @param {number} tries how often it has been tried again already
 * @param {number} share
 * @param {number} left ms in which it still makes sense
 * @returns {number} ms to wait, -1: it does not go again
 */
function nextTry(error, tries, share, left) {
  const ms = error.retryAfter
    ? error.retryAfter * 1000 * (1 + share / 4)
    : FIRST_PAUSE * Math.pow(2, tries) * (1 - share / 2)
  const isPassing = PASSING_ERRORS.includes(error.error) || PASSING_STATUSES.includes(error.status)
  const mayPass = error.error === 'interrupted' || (isPassing && ms <= left)
  return mayPass && tries < RETRIES ? ms : -1
}

module.exports = { PATIENCE, nextTry }

/**
 * Which request goes next: no more than `width` at once, the earliest first of those that may.
 *
 * A request that comes back to be sent again keeps its number, and so its place before those
 * that were made after it.
 */

/** @typedef {{ order: number, lane: string }} Entry */

/** The lane of logins and logouts: it has the way before all others. */
const CONTROL = 'control'
/** The lane of requests that carry the token. */
const SESSION = 'session'
/** The lane of requests that anyone may make. */
const OPEN = 'open'

/**
 * @template {Entry} T
 * @param {number} width
 * @param {(entry: T) => boolean} mayGo what may become true later: `fill` has to be called then
 * @param {(entry: T) => Promise<void>} start is over when its promise is, which never fails
 */
function createQueue(width, mayGo, start) {
  let free = width
  /** @type {T[]} the next one first */
  let waiting = []

  function fill() {
    while (free) {
      const at = waiting.findIndex(mayGo)
      if (at < 0) return
      const [entry] = waiting.splice(at, 1)
      free -= 1
      start(entry).then(() => {
        free += 1
        fill()
      })
    }
  }

  return {
    fill,

    /** @param {T} entry */
    add(entry) {
      let at = waiting.length // nearly all belong there
      while (at && isBefore(entry, waiting[at - 1])) at -= 1
      waiting.splice(at, 0, entry)
      if (mayGo(entry)) fill()
    },

    /** @param {(entry: T) => boolean} isOne */
    has: isOne => waiting.some(isOne),

    /**
     * Take out those that are not to be sent any more.
     * @param {(entry: T) => boolean} isOne
     * @returns {T[]} the earliest first
     */
    take(isOne) {
      const taken = waiting.filter(isOne)
      waiting = waiting.filter(entry => !isOne(entry))
      return taken
    },
  }
}

/**
 * @param {Entry} one
 * @param {Entry} other
 */
function isBefore(one, other) {
  const isControl = one.lane === CONTROL
  return isControl === (other.lane === CONTROL) ? one.order < other.order : isControl
}

module.exports = { createQueue, CONTROL, SESSION, OPEN }

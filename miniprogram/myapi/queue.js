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

/** @template {Entry} T */
class Queue {
  /**
   * @param {number} width
   * @param {(entry: T) => boolean} mayGo what may become true later: `fill` has to be called then
   * @param {(entry: T) => Promise<void>} start is over when its promise is, which never fails
   */
  constructor(width, mayGo, start) {
    this._free = width
    this._mayGo = mayGo
    this._start = start
    /** @type {T[]} the next one first */
    this._waiting = []
  }

  /** @param {T} entry */
  add(entry) {
    const { _waiting: waiting } = this
    let at = waiting.length // nearly all belong there
    while (at && isBefore(entry, waiting[at - 1])) at -= 1
    waiting.splice(at, 0, entry)
    if (this._mayGo(entry)) this.fill()
  }

  /** @param {(entry: T) => boolean} isOne */
  some(isOne) {
    return this._waiting.some(isOne)
  }

  /**
   * Take out those that are not to be sent any more.
   * @param {(entry: T) => boolean} isOne
   * @returns {T[]} the earliest first
   */
  take(isOne) {
    const taken = this._waiting.filter(isOne)
    this._waiting = this._waiting.filter(entry => !isOne(entry))
    return taken
  }

  fill() {
    while (this._free) {
      const at = this._waiting.findIndex(this._mayGo)
      if (at < 0) return
      const [entry] = this._waiting.splice(at, 1)
      this._free -= 1
      this._start(entry).then(() => {
        this._free += 1
        this.fill()
      })
    }
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

module.exports = { Queue, CONTROL, SESSION, OPEN }

/**
 * Which request goes next: no more than `width` at once, the earliest first.
 *
 * A request that comes back to be sent again keeps its number, and so its place before those
 * that were made after it.
 */

/** @typedef {{ order: number, lane: string }} Entry */

/** The lane of logins and logouts: it has the way before all others. */
const CONTROL = 'control'
/** The lane of requests that carry the token. It is shut while there is none. */
const SESSION = 'session'
/** The lane of requests that anyone may make. */
const OPEN = 'open'

/** @template {Entry} T */
class Queue {
  /**
   * @param {number} width
   * @param {(entry: T) => Promise<void>} start is over when its promise is, which never fails
   */
  constructor(width, start) {
    this._width = width
    this._start = start
    this._running = 0
    this._shut = true // the lane SESSION
    /** @type {{ [lane: string]: Heap<T> }} */
    this._lanes = { [CONTROL]: new Heap(), [SESSION]: new Heap(), [OPEN]: new Heap() }
  }

  /** @param {T} entry */
  add(entry) {
    this._lanes[entry.lane].push(entry)
    this._fill()
  }

  /** Let requests with a token go, or hold them; the others go on.
   * @param {boolean} open
   */
  admit(open) {
    this._shut = !open
    this._fill()
  }

  /** How many wait with a token, or for one. */
  get held() {
    return this._lanes[SESSION].entries.length
  }

  /**
   * Empty the lane of requests with a token.
   * @returns {T[]} what was in it, the earliest first
   */
  clear() {
    const entries = this._lanes[SESSION].entries
    this._lanes[SESSION] = new Heap()
    return entries.sort((a, b) => a.order - b.order)
  }

  /** Take out one that is not to be sent any more. @param {T} entry */
  remove(entry) {
    this._lanes[entry.lane].remove(entry)
  }

  _fill() {
    while (this._running < this._width) {
      const entry = this._next()
      if (!entry) return
      this._running += 1
      this._start(entry).then(() => {
        this._running -= 1
        this._fill()
      })
    }
  }

  /** @returns {T | undefined} */
  _next() {
    const { [CONTROL]: control, [SESSION]: session, [OPEN]: open } = this._lanes
    if (control.first) return control.pop()
    if (!session.first || this._shut) return open.pop()
    return open.first && open.first.order < session.first.order ? open.pop() : session.pop()
  }
}

/**
 * The usual binary heap, so that a long queue costs no more per request than a short one.
 * @template {Entry} T
 */
class Heap {
  constructor() {
    /** @type {T[]} */
    this.entries = []
  }

  /** @returns {T | undefined} */
  get first() {
    return this.entries[0]
  }

  /** @param {T} entry */
  push(entry) {
    const { entries } = this
    let at = entries.length
    while (at > 0) {
      const above = (at - 1) >> 1
      if (entries[above].order <= entry.order) break
      entries[at] = entries[above]
      at = above
    }
    entries[at] = entry
  }

  /** @returns {T | undefined} */
  pop() {
    const { entries } = this
    const first = entries[0]
    const last = entries.pop()
    if (last && entries.length) this._sink(last)
    return first
  }

  /** @param {T} entry */
  remove(entry) {
    const rest = this.entries.filter(each => each !== entry)
    if (rest.length === this.entries.length) return
    this.entries = rest.sort((a, b) => a.order - b.order) // what is sorted is a heap
  }

  /** @param {T} entry */
  _sink(entry) {
    const { entries } = this
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below + 1 < entries.length && entries[below + 1].order < entries[below].order) below += 1
      if (below >= entries.length || entries[below].order >= entry.order) break
      entries[at] = entries[below]
      at = below
    }
    entries[at] = entry
  }
}

module.exports = { Queue, CONTROL, SESSION, OPEN }

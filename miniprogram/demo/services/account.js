/**
 * The one client of the app, and who is signed in with it.
 *
 * The client logs in by itself as soon as a request needs it. The demo wants to show both
 * states, so it remembers whether the user wants to be signed in, and its pages ask for nothing
 * that needs a login while the user does not.
 */

const { createClient } = require('../myapi/index')
const settings = require('./settings')

/** @typedef {import('../myapi/session').User} User */

/** @type {import('../myapi/index').Client | null} */
let client = null
/** Counts the changes of server and user, by which an old answer is told from a new one. */
let era = 0

/** @returns {import('../myapi/index').Client} */
function api() {
  if (!client) client = createClient({ baseUrl: settings.baseUrl() })
  return client
}

/**
 * Use another server.
 * @param {string} url
 * @returns {boolean} false: this is no address, and nothing has changed
 */
function connect(url) {
  let next
  try {
    next = createClient({ baseUrl: url })
  } catch (_) {
    return false
  }
  settings.keepBaseUrl(url)
  client = next
  era += 1
  return true
}

/** @param {boolean} yes */
function become(yes) {
  settings.keepSignedIn(yes)
  era += 1
}

/** @returns {Promise<User>} */
async function login() {
  const mine = api()
  const user = await mine.login()
  if (mine === client) become(true) // the server may have been changed meanwhile
  return user
}

/** The user leaves at once, whatever the server answers. @returns {Promise<null>} */
function logout() {
  const leaving = api().logout()
  become(false)
  return leaving
}

/** @returns {Promise<void>} */
async function erase() {
  const mine = api()
  await mine.me() // to an erasure, a session that has ended unnoticed looks like one that is done
  await mine.erase()
  if (mine === client) become(false)
}

module.exports = {
  api,
  connect,
  login,
  logout,
  erase,
  signedIn: settings.signedIn,
  inDevelopment: settings.inDevelopment,
  era: () => era,
}

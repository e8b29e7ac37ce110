/** Subscribe messages: what the user permits, and a message to oneself in development. */

const account = require('./account')
const settings = require('./settings')

/** @typedef {import('../myapi/client').Left} Left */
/** @typedef {import('../myapi/client').Notified} Notified */

/** @typedef {{ id: string, state: string, left: number }} Sent */

/**
 * It must be called in the handler of a tap.
 * @returns {Promise<Notified>}
 */
const ask = () => account.api().askToNotify([settings.templateId()])

/**
 * Report that the user accepts, where WeChat can show no dialog. A server with WeChat behind it
 * believes WeChat and not the phone; the sandbox has nobody else to ask.
 * @returns {Promise<any>}
 */
function acceptInSandbox() {
  const id = `demo-${Date.now()}-${Math.random().toString(36).slice(2)}`
  const results = { [settings.templateId()]: 'accept' }
  return account.api().post('/api/me/messages', { id, results }, { idempotent: true })
}

/** @returns {Promise<Left>} */
const permissions = () => account.api().permissions()

/**
 * Only the sandbox of a server in development offers this; a phone cannot send otherwise.
 * @param {string} text
 * @returns {Promise<Sent>}
 */
function sendToSelf(text) {
  const message = { template_id: settings.templateId(), data: { thing1: text } }
  return account.api().post('/sandbox/messages', { ...message, page: 'pages/messages/messages' })
}

module.exports = { ask, acceptInSandbox, permissions, sendToSelf }

/**
 * 500 requests at once with a dead token, by this client and by a simple wrapper. As a program
 * it prints the figures: node tests/miniprogram/storm.js URL
 */

'use strict'

const { createClient } = require('../../miniprogram/myapi/index')
const { Phone } = require('./phone')
const { simple } = require('./simple')

const COUNT = 500

/** Give a phone a token whose session has ended. */
async function phoneWithDeadToken(baseUrl, person, settings = {}) {
  const phone = new Phone({ person, ...settings })
  const api = createClient({ baseUrl, platform: phone.wx })
  await api.login()
  const kept = phone.kept.get(`myapi:${baseUrl}`)
  await api.logout()
  phone.kept.set(`myapi:${baseUrl}`, kept)
  phone.sent = []
  phone.logins = 0
  phone.most = 0
  return phone
}

/** Start `count` calls at once; give what became of them. */
async function storm(call, count = COUNT) {
  const settled = await Promise.allSettled(Array.from({ length: count }, (_, i) => call(i)))
  const failed = settled.filter(each => each.status === 'rejected')
  return { asked: count, answered: count - failed.length, failed: failed.length, settled }
}

async function figures(baseUrl) {
  const told = {}
  for (const name of ['myapi', 'simple']) {
    const phone = await phoneWithDeadToken(baseUrl, `storm-${name}`)
    const begun = Date.now()
    const api = createClient({ baseUrl, platform: phone.wx })
    const call = simple(phone.wx, baseUrl)
    const { asked, answered, failed } = await storm(name === 'myapi' ? () => api.me() : () => call('GET', '/api/me'))
    const exchanges = phone.exchanges.length
    const opened = phone.exchanges.filter(call => call.status === 200).length
    const ms = Date.now() - begun
    told[name] = { asked, answered, failed, logins: phone.logins, exchanges, opened, requests: phone.sent.length, most: phone.most, ms }
    phone.close()
  }
  return told
}

module.exports = { COUNT, figures, phoneWithDeadToken, storm }

if (require.main === module) {
  figures(process.argv[2]).then(told => console.log(JSON.stringify(told)))
}

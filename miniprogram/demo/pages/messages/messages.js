/** 订阅消息: what the user permits, how much of it is left, and a message to oneself. */

const account = require('../../services/account')
const { texts } = require('../../services/language')
const messages = require('../../services/messages')
const settings = require('../../services/settings')
const { definePage, run } = require('../../shared/page')

/** @param {import('../../services/messages').Left} left */
function ledgerOf(left) {
  const ids = Object.keys(left).sort()
  return { ledger: ids.map(id => ({ id, left: left[id] })) }
}

const askLedger = async () => ledgerOf(await messages.permissions())

/** @param {import('../../services/messages').Notified} notified */
function shownOf({ accepted, results, left }) {
  const [answer = ''] = Object.keys(results).map(id => results[id])
  const yes = left ? texts().messages.accepted : texts().messages.acceptedLater
  return {
    permitted: accepted.length > 0,
    answer: accepted.length ? yes : texts().messages.answers[answer] || texts().messages.noAnswer,
    ...(left ? ledgerOf(left) : {}),
  }
}

definePage({
  section: 'messages',
  needsLogin: true,
  data: {
    templateId: '',
    sandbox: false,
    ledger: [],
    answer: '', // to the dialog
    permitted: false,
    text: texts().messages.sample,
    sent: null,
  },
  async load(page) {
    page.setData({ templateId: settings.templateId(), sandbox: account.inDevelopment() })
    return askLedger()
  },
  actions: {
    onTemplate(event) {
      const templateId = event.detail.value.trim()
      settings.keepTemplateId(templateId)
      this.setData({ templateId })
    },

    /** Nothing is waited for before: WeChat opens its dialog only while the tap is handled. */
    onAsk() {
      if (this.data.busy) return undefined
      this.setData({ answer: '', sent: null })
      return run(this, 'askToNotify', async () => shownOf(await messages.ask()))
    },

    onAccept() {
      return run(this, 'acceptInSandbox', async () => {
        await messages.acceptInSandbox()
        return { answer: texts().messages.accepted, permitted: true, ...(await askLedger()) }
      })
    },

    onText(event) {
      this.setData({ text: event.detail.value })
    },

    onSend() {
      if (this.data.busy) return undefined
      this.setData({ answer: '', sent: null })
      return run(this, 'sendToSelf', async () => {
        const { id, state } = await messages.sendToSelf(this.data.text)
        return { sent: { id, state: texts().messages.states[state] || state }, ...(await askLedger()) }
      })
    },
  },
})

/** 诊断: what went wrong last, why, and what to do; with cases that make things go wrong. */

const account = require('../../services/account')
const journal = require('../../services/journal')
const { texts } = require('../../services/language')
const { provoke } = require('../../services/provoke')
const settings = require('../../services/settings')
const { definePage, run } = require('../../shared/page')

/** @returns {{ name: string, value: string }[]} */
function about() {
  const t = texts().diagnosis
  const { version, SDKVersion } = wx.getAppBaseInfo ? wx.getAppBaseInfo() : wx.getSystemInfoSync()
  const { system } = wx.getDeviceInfo ? wx.getDeviceInfo() : wx.getSystemInfoSync()
  return [
    { name: t.server, value: settings.baseUrl() },
    { name: t.account, value: account.signedIn() ? t.signedIn : texts().common.signedOut },
    { name: t.wechat, value: version || t.unknown },
    { name: t.library, value: SDKVersion || t.unknown },
    { name: t.system, value: system || t.unknown },
  ]
}

/** The newest one is opened, so that what to do is seen at once. */
function list() {
  const entries = journal.all()
  return { about: about(), entries, opened: entries.length ? entries[0].id : 0 }
}

/** @param {string} data */
function copy(data) {
  wx.setClipboardData({ data, success: () => wx.showToast({ title: texts().common.copied }) })
}

definePage({
  section: 'diagnosis',
  data: { about: [], entries: [], opened: 0 },
  load: async () => list(),
  actions: {
    async onProvoke(event) {
      const { id } = event.currentTarget.dataset
      await run(this, id, () => provoke(id))
      this.setData(list())
    },

    onEntry(event) {
      const { id } = event.currentTarget.dataset
      this.setData({ opened: this.data.opened === id ? 0 : id })
    },

    onClear() {
      journal.clear()
      this.setData(list())
    },

    onCopy(event) {
      copy(event.currentTarget.dataset.text)
    },

    /** For a colleague or an issue: nothing in it may tell who the user is. */
    onCopyAll() {
      const facts = about().map(({ name, value }) => `${name}: ${value}`)
      const errors = journal
        .all()
        .map(({ at, doing, line, requestId }) => [at, doing, line, requestId].filter(Boolean).join(' · '))
      copy([...facts, ...errors].join('\n'))
    },
  },
})

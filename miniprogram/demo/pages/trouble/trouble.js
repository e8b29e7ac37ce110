/** 出错了: what went wrong last, why, and what to do; with buttons that make things go wrong. */

const journal = require('../../services/journal')
const { provoke } = require('../../services/provoke')
const { definePage, run } = require('../../shared/page')
const { common, trouble: texts } = require('../../strings')

const list = async () => ({ entries: journal.all() })

definePage({
  texts,
  data: { entries: [] },
  load: list,
  actions: {
    async onProvoke(event) {
      const { id } = event.currentTarget.dataset
      await run(this, id, () => provoke(id))
      this.setData(await list())
    },

    async onClear() {
      journal.clear()
      this.setData(await list())
    },

    onCopy(event) {
      const data = event.currentTarget.dataset.text
      wx.setClipboardData({ data, success: () => wx.showToast({ title: common.copied }) })
    },
  },
})

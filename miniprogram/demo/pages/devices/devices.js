/** 我的设备: where the user is signed in, and signing out there. */

const account = require('../../services/account')
const { device, moment } = require('../../shared/format')
const { confirm, definePage, run } = require('../../shared/page')
const { devices: texts } = require('../../strings')

/** @param {import('../../myapi/client').SessionRow} row */
function shownOf(row) {
  return {
    id: row.id,
    current: row.current,
    name: device(row.user_agent),
    ip: row.ip,
    seen: row.last_seen_at ? `${texts.seen} ${moment(row.last_seen_at)}` : texts.never,
    opened: `${texts.opened} ${moment(row.created_at)}`,
  }
}

/** @returns {Promise<object>} */
async function list() {
  const rows = await account.api().sessions()
  const current = rows.filter(row => row.current)
  const others = rows.filter(row => !row.current)
  return { devices: [...current, ...others].map(shownOf), others: others.length, ending: '' }
}

definePage({
  texts,
  needsLogin: true,
  data: { devices: [], others: 0, ending: '' },
  load: list,
  actions: {
    async onEnd(event) {
      const { id } = event.currentTarget.dataset
      if (this.data.busy) return
      this.setData({ ending: id })
      await run(this, 'end', async () => {
        await account.api().delete(`/api/auth/sessions/${id}`)
        return list()
      })
      this.setData({ ending: '' })
    },

    async onEndOthers() {
      const { othersTitle: title, othersText: content, othersYes: yes } = texts
      if (!(await confirm({ title, content, yes }))) return
      await run(this, 'others', async () => {
        await account.api().delete('/api/auth/sessions')
        return list()
      })
    },
  },
})

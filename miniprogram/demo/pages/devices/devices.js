/** 我的设备: where the user is signed in, and signing out there. */

const account = require('../../services/account')
const { texts } = require('../../services/language')
const { device, moment } = require('../../shared/format')
const { choose, confirm, definePage, run } = require('../../shared/page')

/** @param {import('../../myapi/client').SessionRow} row */
function shownOf(row) {
  const { seen, never, opened } = texts().devices
  return {
    id: row.id,
    name: device(row.user_agent),
    ip: row.ip,
    seen: row.last_seen_at ? `${seen} ${moment(row.last_seen_at)}` : never,
    opened: `${opened} ${moment(row.created_at)}`,
  }
}

/** @returns {Promise<object>} */
async function list() {
  const rows = await account.api().sessions()
  return {
    here: rows.filter(row => row.current).map(shownOf),
    others: rows.filter(row => !row.current).map(shownOf),
    ending: '',
  }
}

definePage({
  section: 'devices',
  needsLogin: true,
  data: { here: [], others: [], ending: '' },
  load: list,
  actions: {
    async onDevice(event) {
      const { id, name } = event.currentTarget.dataset
      const { end, endQuestion } = texts().devices
      if (this.data.busy) return
      if ((await choose([end], { title: endQuestion.join(name), dangerous: true })) < 0) return
      if (this.data.busy) return
      this.setData({ ending: id })
      await run(this, 'end', async () => {
        await account.api().delete(`/api/auth/sessions/${id}`)
        return list()
      })
      this.setData({ ending: '' })
    },

    async onEndOthers() {
      const { othersTitle: title, othersText: content, othersYes: yes } = texts().devices
      if (!(await confirm({ title, content, yes }))) return
      await run(this, 'others', async () => {
        await account.api().delete('/api/auth/sessions')
        return list()
      })
    },
  },
})

/** Stands in the place of a page that needs a login. It logs in only when it is tapped. */

const { common } = require('../../strings')

Component({
  options: { styleIsolation: 'apply-shared' },
  properties: {
    busy: { type: Boolean, value: false },
  },
  data: { common },
  methods: {
    onLogin() {
      this.triggerEvent('login')
    },
  },
})

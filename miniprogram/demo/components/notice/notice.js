/** What went wrong on this page: the sentence, the facts, and another try. */

const { common } = require('../../strings')

Component({
  options: { styleIsolation: 'apply-shared' },
  properties: {
    /** An entry of services/journal.js. */
    entry: { type: Object, value: null },
    /** Whether another try makes sense here. */
    again: { type: Boolean, value: false },
  },
  data: { common },
  methods: {
    onRetry() {
      this.triggerEvent('retry')
    },
  },
})

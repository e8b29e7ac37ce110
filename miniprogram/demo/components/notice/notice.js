/** What went wrong on this page: the sentence, what to do, the facts, and another try. */

Component({
  options: { styleIsolation: 'apply-shared' },
  properties: {
    /** `common` of the texts. */
    texts: { type: Object, value: {} },
    /** An entry of services/journal.js. */
    entry: { type: Object, value: null },
    /** Whether another try makes sense here. */
    again: { type: Boolean, value: false },
    /** Whether there is nothing else on the page. */
    alone: { type: Boolean, value: false },
  },
  methods: {
    onRetry() {
      this.triggerEvent('retry')
    },
  },
})

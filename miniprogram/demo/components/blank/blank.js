/** Says that there is nothing to show, and why. */

Component({
  options: { styleIsolation: 'apply-shared' },
  properties: {
    /** What is drawn: `lock`, `good`, `none` or `wrong`. */
    mark: { type: String, value: 'none' },
    title: { type: String, value: '' },
    text: { type: String, value: '' },
  },
})

/** A cell with a name and its value. */

Component({
  options: { styleIsolation: 'apply-shared' },
  properties: {
    name: { type: String, value: '' },
    value: { type: String, value: '' },
    /** Set in a font of even width, as ids are. */
    code: { type: Boolean, value: false },
  },
})

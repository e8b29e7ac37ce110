/** A name and its value in one line. */

Component({
  options: { styleIsolation: 'apply-shared' },
  properties: {
    name: { type: String, value: '' },
    value: { type: String, value: '' },
    /** Set in a font of even width, as ids are. */
    code: { type: Boolean, value: false },
  },
})

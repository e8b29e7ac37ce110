/** Stands in the place of a page that needs a login. It logs in only when it is tapped. */

Component({
  options: { styleIsolation: 'apply-shared' },
  properties: {
    /** `common` of the texts. */
    texts: { type: Object, value: {} },
    busy: { type: Boolean, value: false },
  },
  methods: {
    onLogin() {
      this.triggerEvent('login')
    },
  },
})

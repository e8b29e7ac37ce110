/** Avatar and name; without a picture, the first letter of the name. */

Component({
  options: { styleIsolation: 'apply-shared' },
  properties: {
    /** One of the server, or null while nobody is signed in. */
    user: { type: Object, value: null },
    name: { type: String, value: '' },
    /** Under the name, an id and a sentence. */
    code: { type: String, value: '' },
    text: { type: String, value: '' },
    /** Whether it is still being asked for. */
    loading: { type: Boolean, value: false },
    /** Whether a tap leads somewhere. */
    leads: { type: Boolean, value: false },
  },
  data: { initial: '', broken: false },
  observers: {
    'user, name'(user, name) {
      this.setData({ initial: user ? Array.from(name)[0] || '' : '', broken: false })
    },
  },
  methods: {
    onBroken() {
      this.setData({ broken: true })
    },
  },
})

/**
 * Puts the client into the demo again, after a change of it: `npm run copy`.
 *
 * A mini program can require nothing outside its own root. The root cannot be above demo/ if
 * that is to open as it is, and a link does not outlast a checkout on Windows; so the demo has
 * a copy, as every app has. tests/miniprogram/demo.test.js tells when it is not the same.
 */

'use strict'

const fs = require('node:fs')
const path = require('node:path')

const copy = path.join(__dirname, 'demo', 'myapi')
fs.rmSync(copy, { recursive: true, force: true })
fs.cpSync(path.join(__dirname, 'myapi'), copy, { recursive: true })

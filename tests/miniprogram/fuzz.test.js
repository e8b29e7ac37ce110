/** Seeded runs; more of them: MYAPI_FUZZ_RUNS=20000, or node tests/miniprogram/fuzz.js 20000 */

'use strict'

const assert = require('node:assert/strict')
const { test } = require('node:test')

const { runs } = require('./fuzz')

test('against a server that may do anything, every promise of the client is kept', async () => {
  const count = Number(process.env.MYAPI_FUZZ_RUNS || 3000)
  const sum = await runs(count)
  console.log(`figures ${JSON.stringify(sum)}`)
  assert.equal(sum.runs, count)
})

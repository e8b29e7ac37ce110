/** Print what the client knows, for tests/test_miniprogram.py to compare with the server. */

'use strict'

const calls = require('../../miniprogram/myapi/calls')
const { ERRNOS, ERRORS, INSIDE, SYMPTOMS, ofFailure } = require('../../miniprogram/myapi/errors')

const told = failure => {
  const { error, symptom } = ofFailure(failure)
  return { error, symptom }
}

console.log(
  JSON.stringify({
    calls,
    errors: ERRORS,
    symptoms: SYMPTOMS,
    errnos: Object.fromEntries(Object.keys(ERRNOS).map(errno => [errno, told({ errno: Number(errno) })])),
    inside: Object.fromEntries(
      Object.keys(INSIDE).map(n => [n, told({ errno: 600001, errMsg: `errcode:${n}` })])
    ),
  })
)

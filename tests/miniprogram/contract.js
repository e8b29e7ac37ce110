/** Print what the client knows, for tests/test_miniprogram.py to compare with the server. */

'use strict'

const calls = require('../../miniprogram/myapi/calls')
const { DID_YOU_MEAN, FORMATS, RULES, TYPES, WORDS } = require('../../miniprogram/myapi/fields')
const { ERRNOS, ERRORS, INSIDE, SYMPTOMS, ofFailure } = require('../../miniprogram/myapi/errors')

const told = failure => {
  const { error, symptom } = ofFailure(failure)
  return { error, symptom }
}

/** Errors to classify, as [errno or null, errMsg] each. */
const wordings = JSON.parse(process.env.MYAPI_TEST_WORDINGS || '[]')
const nameOf = symptom => Object.keys(SYMPTOMS).find(name => SYMPTOMS[name] === symptom)

console.log(
  JSON.stringify({
    calls,
    wordings: wordings.map(([errno, errMsg]) => nameOf(ofFailure({ errno, errMsg }).symptom)),
    errors: ERRORS,
    fields: { rules: RULES, did_you_mean: DID_YOU_MEAN, types: TYPES, formats: FORMATS, ...WORDS },
    symptoms: SYMPTOMS,
    errnos: Object.fromEntries(Object.keys(ERRNOS).map(errno => [errno, told({ errno: Number(errno) })])),
    inside: Object.fromEntries(
      Object.keys(INSIDE).map(n => [n, told({ errno: 600001, errMsg: `errcode:${n}` })])
    ),
  })
)

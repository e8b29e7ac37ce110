/** Print what the client knows, for tests/test_miniprogram.py to compare with the server. */

'use strict'

const calls = require('../../miniprogram/myapi/calls')
const { DID_YOU_MEAN, FORMATS, RULES, TYPES, WORDS } = require('../../miniprogram/myapi/fields')
const {
  BUTTON_ERRNOS,
  DIALOG_CODES,
  ERRNOS,
  ERRORS,
  INSIDE,
  SYMPTOMS,
  ofDialog,
  ofFailure,
  ofPhoneButton,
} = require('../../miniprogram/myapi/errors')

/** Whether each call needs a token, and the fields that the client sends and reads. */
const FIELDS = {
  LOGIN: { auth: false, takes: ['code'], gives: ['token', 'user'] },
  LOGOUT: { auth: true, takes: [], gives: [] },
  SESSIONS: { auth: true, takes: [], gives: ['sessions'] },
  ME: { auth: true, takes: [], gives: ['id', 'nickname', 'avatar_url', 'phone', 'created_at'] },
  ERASE: { auth: true, takes: [], gives: [] },
  PHONE: { auth: true, takes: ['code'], gives: ['id', 'phone'] },
  REMOVE_PHONE: { auth: true, takes: [], gives: ['id', 'phone'] },
  AVATAR: { auth: true, takes: ['file'], gives: ['id', 'avatar_url'] },
  REMOVE_AVATAR: { auth: true, takes: [], gives: ['id', 'avatar_url'] },
  MESSAGES: { auth: true, takes: ['id', 'results'], gives: ['permissions'] },
  DECRYPT: { auth: true, takes: ['encryptedData', 'iv', 'rawData', 'signature'], gives: [] },
}

const told = ({ error, symptom }) => ({ error, symptom })
const toldOfEach = (table, read) =>
  Object.fromEntries(Object.keys(table).map(number => [number, told(read(Number(number)))]))

/** Errors to classify, as [errno or null, errMsg] each. */
const wordings = JSON.parse(process.env.MYAPI_TEST_WORDINGS || '[]')
const nameOf = symptom => Object.keys(SYMPTOMS).find(name => SYMPTOMS[name] === symptom)

console.log(
  JSON.stringify({
    calls: Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, { ...call, ...FIELDS[name] }])),
    wordings: wordings.map(([errno, errMsg]) => nameOf(ofFailure({ errno, errMsg }).symptom)),
    errors: ERRORS,
    fields: { rules: RULES, did_you_mean: DID_YOU_MEAN, types: TYPES, formats: FORMATS, ...WORDS },
    symptoms: SYMPTOMS,
    errnos: toldOfEach(ERRNOS, errno => ofFailure({ errno })),
    button_errnos: toldOfEach(BUTTON_ERRNOS, errno => ofPhoneButton({ errno })),
    dialog_codes: toldOfEach(DIALOG_CODES, errCode => ofDialog({ errCode })),
    inside: toldOfEach(INSIDE, number => ofFailure({ errno: 600001, errMsg: `errcode:${number}` })),
  })
)

/** Print what the client knows, for tests/test_miniprogram.py to compare with the server. */

'use strict'

const calls = require('../../miniprogram/myapi/calls')
const { DID_YOU_MEAN, RULES, TYPES } = require('../../miniprogram/myapi/fields')
const { CAUSES } = require('../../miniprogram/myapi/causes')
const {
  ApiError,
  DIALOG,
  ERRORS,
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
const toldOfEach = (numbers, read) =>
  Object.fromEntries(numbers.map(number => [number, told(read(number))]))

/** Errors to classify, as [errno or null, errMsg] each. */
const wordings = JSON.parse(process.env.MYAPI_TEST_WORDINGS || '[]')
const nameOf = symptom => Object.keys(CAUSES).find(name => CAUSES[name].symptom === symptom)

const BUTTON = [103, 104, 112, 1400001]
const numbers = [].concat(...Object.values(CAUSES).map(cause => cause.numbers))
const errnos = numbers.filter(number => number > 0 && !BUTTON.includes(number))
const inside = numbers.filter(number => number < 0)
const codes = [20005].concat(...DIALOG.map(([, of]) => of))
/** Of an answer, such as `wechat_timeout 504`. */
const answered = Object.keys(ERRORS).filter(error => ERRORS[error].status)
const failed = [404, 413, 500, 502, 503, 504].map(status => [`bad_answer ${status}`, new ApiError('bad_answer', { status })])

console.log(
  JSON.stringify({
    calls: Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, { ...call, ...FIELDS[name] }])),
    wordings: wordings.map(([errno, errMsg]) => nameOf(ofFailure({ errno, errMsg }).symptom)),
    errors: ERRORS,
    fields: { rules: RULES, did_you_mean: DID_YOU_MEAN, types: TYPES },
    symptoms: Object.fromEntries(Object.keys(CAUSES).map(name => [name, CAUSES[name].symptom])),
    answers: Object.fromEntries([
      ...answered.map(error => [error, new ApiError(error).symptom]),
      ...failed.map(([name, error]) => [name, error.symptom]),
    ]),
    errnos: toldOfEach(errnos, errno => ofFailure({ errno })),
    button_errnos: toldOfEach(BUTTON, errno => ofPhoneButton({ errno })),
    dialog_codes: toldOfEach(codes, errCode => ofDialog({ errCode })),
    inside: toldOfEach(inside, number => ofFailure({ errno: 600001, errMsg: `errcode:${number}` })),
  })
)

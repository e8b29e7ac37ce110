/** What a profile may be. The server decides in the end; this only spares a round trip. */

const NICKNAME_LENGTH = 32
const CONTROL_CHARACTERS = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/

/** @param {string} text */
const lengthOf = text => Array.from(text).length // an emoji counts as one, as on the server

/** @param {string} nickname */
const isNickname = nickname =>
  lengthOf(nickname) <= NICKNAME_LENGTH && !CONTROL_CHARACTERS.test(nickname)

module.exports = { NICKNAME_LENGTH, isNickname, lengthOf }

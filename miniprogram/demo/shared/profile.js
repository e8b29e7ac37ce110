/** What a profile may be. The server decides in the end; this only spares a round trip. */

const NICKNAME_LENGTH = 32
const AVATAR_LENGTH = 512
const CONTROL_CHARACTERS = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/
const HTTPS_URL = /^https:\/\/[A-Za-z0-9._-]+(:\d{1,5})?([/?#][!-~]*)?$/

/** @param {string} text */
const lengthOf = text => Array.from(text).length // an emoji counts as one, as on the server

/** @param {string} nickname */
const isNickname = nickname =>
  lengthOf(nickname) <= NICKNAME_LENGTH && !CONTROL_CHARACTERS.test(nickname)

/** @param {string} avatar empty: none */
const isAvatar = avatar =>
  avatar === '' || (avatar.length <= AVATAR_LENGTH && HTTPS_URL.test(avatar))

module.exports = { NICKNAME_LENGTH, isAvatar, isNickname, lengthOf }

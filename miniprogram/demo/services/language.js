/** The language of all pages: the phone's, unless another one is chosen on the first page. */

const settings = require('./settings')
const zh = require('../strings/zh')
const en = require('../strings/en')

/** @typedef {'zh' | 'en'} Language */
/** @typedef {typeof zh} Texts */

/** @type {{ [language in Language]: Texts }} */
const TEXTS = { zh, en }

/** What can be chosen; empty follows the phone. */
const CHOICES = ['', 'zh', 'en']

/** @returns {string} one of CHOICES */
function choice() {
  const kept = settings.language()
  return CHOICES.includes(kept) ? kept : ''
}

/** @returns {Language} */
function language() {
  const chosen = choice() || phone()
  return !chosen || chosen.startsWith('zh') ? 'zh' : 'en'
}

/** An old phone does not say. */
function phone() {
  return wx.getAppBaseInfo ? wx.getAppBaseInfo().language : ''
}

/** @returns {Texts} */
const texts = () => TEXTS[language()]

module.exports = { CHOICES, choice, choose: settings.keepLanguage, language, texts }

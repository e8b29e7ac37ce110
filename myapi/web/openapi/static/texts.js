// Elements and their texts. Data becomes text nodes, never markup. A text is written again when the language changes.

import { zh } from './description.js'

export function el(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props)
  node.append(...children.flat().filter((child) => child != null && child !== false))
  return node
}

export const store = (key, value) => { try { localStorage[`docs.${key}`] = value } catch { /* private mode */ } }
export const stored = (key) => { try { return localStorage[`docs.${key}`] } catch { return undefined } }

let chinese = (stored('lang') ?? navigator.language).startsWith('zh')
const writers = []

export const isChinese = () => chinese
export const say = (write) => { writers.push(write); write() }
export const tr = (english) => (chinese && Object.hasOwn(zh, english) ? zh[english] : english)

/** A text in which `…` is code. */
export function t(english) {
  const node = el('span')
  say(() => node.replaceChildren(...tr(english).split(/`([^`]+)`/)
    .map((part, i) => (i % 2 ? el('code', {}, part) : part))))
  return node
}

export const label = (node, english) => { say(() => { node.ariaLabel = node.title = tr(english) }); return node }
export const note = (english) => english && el('p', { className: 'note' }, t(english))

export function languageSwitch() {
  const button = el('button', { type: 'button', className: 'quiet' })
  say(() => { document.documentElement.lang = chinese ? 'zh-CN' : 'en'; button.textContent = chinese ? 'English' : '中文' })
  button.onclick = () => {
    chinese = !chinese
    store('lang', chinese ? 'zh' : 'en')
    writers.forEach((write) => write())
  }
  return button
}

export function copyButton(text) {
  const button = el('button', { type: 'button', className: 'quiet' }, t('Copy'))
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(text())
    } catch { // not a secure context: another machine of the network, say
      const area = document.body.appendChild(el('textarea', { value: text() }))
      area.select()
      document.execCommand('copy')
      area.remove()
    }
    button.classList.add('done')
    setTimeout(() => button.classList.remove('done'), 1200)
  }
  return button
}

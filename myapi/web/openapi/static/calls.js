// Calls of the API, and the session that they are made in.

import { API } from './description.js'
import { isChinese } from './texts.js'

const WAIT = 60_000 // ms
const READABLE = /^(text\/|application\/([\w.-]+\+)?(json|xml))/

// The token stays over a reload, for this tab alone: closing the tab or logging out forgets it.
const keep = (value) => { try { value ? sessionStorage.setItem('docs.token', value) : sessionStorage.removeItem('docs.token') } catch { /* private mode */ } }
const kept = () => { try { return sessionStorage.getItem('docs.token') } catch { return null } }

let token = kept()
const listeners = []

export const tokenNow = () => token
export const onSession = (tell) => listeners.push(tell) // told the user, or nothing

export function signedIn(value) {
  token = value?.token ?? null
  keep(token)
  listeners.forEach((tell) => tell(value?.user))
}

/** Take up the session from before the reload. */
export async function resume() {
  if (!token) return
  signedIn({ token, user: {} })
  const result = await call('get', '/api/me')
  if (result.status === 200 && token === result.token) signedIn({ token, user: result.json.data })
  else learn('me.show', result)
}

export async function call(method, path, body) {
  const sent = token
  const headers = { 'Accept-Language': isChinese() ? 'zh' : 'en' }
  if (sent) headers.Authorization = `Bearer ${sent}`
  if (typeof body === 'string') headers['Content-Type'] = 'application/json' // the browser says it of a form
  const started = performance.now()
  const response = await fetch(API + path, {
    method: method.toUpperCase(), headers, body, credentials: 'omit', signal: AbortSignal.timeout(WAIT),
  })
  const bytes = new Uint8Array(await response.arrayBuffer())
  const ms = Math.round(performance.now() - started)
  const type = response.headers.get('Content-Type') ?? ''
  const result = { token: sent, status: response.status, id: response.headers.get('X-Request-Id'), ms, type, size: bytes.length }
  if (type.startsWith('image/')) return { ...result, picture: dataUrl(type, bytes) }
  if (!READABLE.test(type)) return result
  const text = new TextDecoder().decode(bytes)
  try { return { ...result, text, json: JSON.parse(text) } } catch { return { ...result, text } }
}

// The page's policy lets a picture come from data: alone.
function dataUrl(type, bytes) {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return `data:${type};base64,${btoa(binary)}`
}

/** Begin or end the session after a response. */
export function learn(operationId, { token: sent, status, json }) {
  if (operationId === 'auth.login' && status === 200) signedIn(json.data)
  const ended = ['auth.logout', 'me.erase'].includes(operationId) && status === 200
  if ((ended || status === 401) && token && sent === token) signedIn(null)
}

// The code that makes a call, with the values of its form.

import { API } from './description.js'
import { isChinese, tr } from './texts.js'

export const CLIENTS = ['api', 'wx', 'uni', 'curl']
export const PLACEHOLDER = 'TOKEN' // an environment variable of the shell

// What miniprogram/myapi does under a name of its own. `{}`: with the values of the form.
const NAMED = {
  'post /api/auth/login': 'login()',
  'post /api/auth/logout': 'logout()',
  'get /api/auth/sessions': 'sessions()',
  'get /api/me': 'me()',
  'delete /api/me': 'erase()',
  'post /api/me/phone': 'phone({})',
  'delete /api/me/phone': 'removePhone()',
  'post /api/me/avatar': 'uploadAvatar(filePath)',
  'delete /api/me/avatar': 'removeAvatar()',
  'post /api/me/decrypt': 'decrypt({})',
}

/** What a route answers with: `json`, `picture` or `text`. */
export function answerOf({ responses }) {
  const types = Object.keys(responses['200'].content)
  return types.includes('application/json') ? 'json' : types.every((type) => type.startsWith('image/')) ? 'picture' : 'text'
}

const nameOf = ({ method, path }) => NAMED[`${method} ${path}`] // no name of Object has a space

/** The clients that can make this call, each with the name of what makes it. */
export function clientsFor(operation, field) {
  if (operation.method === 'patch') return new Map([['curl', 'curl']]) // wx.request has no PATCH
  const call = field ? 'uploadFile' : answerOf(operation) === 'picture' ? 'downloadFile' : 'request'
  const ours = field ? operation.method === 'post' : answerOf(operation) !== 'text'
  const names = [ours && ['api', 'api'], ['wx', `wx.${call}`], ['uni', `uni.${call}`], ['curl', 'curl']]
  return new Map(names.filter(Boolean))
}

/**
 * Write the code of a call.
 * `path` is filled in; `body` is the text of the form; `field` names a file to upload, `file` the chosen one.
 * `token` is written only where it is given; else a variable stands in its place.
 */
export function snippet(client, operation, { path, body, field, file, token }) {
  if (client === 'api') return ours(operation, path, body, field)
  if (client === 'curl') return curl(operation, path, body, field, file, token)
  return requestOf(client, operation, path, body, field, token)
}

function ours(operation, path, body, field) {
  const named = nameOf(operation)
  const isPicture = answerOf(operation) === 'picture'
  const data = body === undefined ? 'undefined' : literal(parsed(body))
  const more = [field && field !== 'file' && `name: ${literal(field)}`, !operation.security && 'auth: false'].filter(Boolean)
  const given = [literal(path)]
  if (field) given.push('filePath')
  else if (!isPicture && (body !== undefined || more.length)) given.push(data)
  if (more.length) given.push(`{\n    ${more.join(',\n    ')},\n  }`) // the column is narrow
  const method = field ? 'upload' : isPicture ? 'download' : operation.method
  const call = named?.replace('{}', () => data) ?? `${method}(${given.join(', ')})`
  return [
    named === 'login()' && `// ${tr('calls wx.login and keeps the token')}`,
    field && `// filePath: ${tr('such as e.detail.avatarUrl of chooseAvatar')}`,
    'try {',
    `  console.log(await api.${call})`,
    '} catch (error) {',
    `  console.error(error.error, error.${isChinese() ? 'zh' : 'en'})`,
    '}',
  ].filter(Boolean).join('\n')
}

function requestOf(client, operation, path, body, field, token) {
  const answer = answerOf(operation)
  const schema = operation.responses['200'].content['application/json']?.schema
  const data = schema?.properties?.data ? 'data.data' : 'data'
  const [name] = clientsFor(operation, field).get(client).split('(')
  const header = operation.security && `  header: { Authorization: ${token ? literal(`Bearer ${token}`) : '`Bearer ${token}`'} },`
  const success = field
    ? [
      `    const data = JSON.parse(res.data) // ${tr('a string, unlike in wx.request')}`,
      `    if (res.statusCode === 200) console.log(${data})`,
      '    else console.error(data.error, data.msg)',
    ]
    : answer === 'picture'
      ? ['    if (res.statusCode === 200) console.log(res.tempFilePath)', '    else console.error(res.statusCode)']
      : [`    if (res.statusCode === 200) console.log(res.${data})`, '    else console.error(res.data.error, res.data.msg)']
  return [
    `${name}({`,
    `  url: ${literal(API + path)},`,
    !field && operation.method !== 'get' && `  method: '${operation.method.toUpperCase()}',`,
    field && `  filePath, // ${tr('such as e.detail.avatarUrl of chooseAvatar')}`,
    field && `  name: ${literal(field)},`,
    header,
    body !== undefined && `  data: ${literal(parsed(body))},`,
    '  success(res) {',
    ...success,
    '  },',
    `  fail: console.error, // ${tr('no answer came')}`,
    '})',
  ].filter(Boolean).join('\n')
}

function curl(operation, path, body, field, file, token) {
  const method = operation.method === 'get' ? '' : `-X ${operation.method.toUpperCase()} `
  return [
    `curl ${method}${quoted(API + path)}`,
    operation.security && `-H ${token ? quoted(`Authorization: Bearer ${token}`) : `"Authorization: Bearer $${PLACEHOLDER}"`}`,
    body !== undefined && "-H 'Content-Type: application/json'",
    body !== undefined && `--data-raw ${quoted(compact(body))}`,
    field && `-F ${quoted(`${field}=@${fileName(file ?? 'avatar.png')}`)}`,
    answerOf(operation) === 'picture' && '-o picture',
  ].filter(Boolean).join(' \\\n  ')
}

// ---- values ----

const parsed = (body) => { try { return JSON.parse(body) } catch { return body } } // what is no JSON is sent as it is
const compact = (body) => { try { return JSON.stringify(JSON.parse(body)) } catch { return body } }
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'` // for a POSIX shell
const fileName = (name) => (/[",;\\]/.test(name) ? `"${name.replace(/["\\]/g, '\\$&')}"` : name) // as curl -F reads it

/** Write a value as a JavaScript literal. */
export function literal(value, indent = '  ') {
  const quote = (text) => `'${JSON.stringify(text).slice(1, -1).replace(/\\"/g, '"').replace(/'/g, "\\'")}'`
  if (typeof value === 'string') return quote(value)
  if (value === null || typeof value !== 'object') return String(value)
  const nameOfKey = (key) => { // a plain __proto__ would set the prototype
    if (key === '__proto__') return "['__proto__']"
    return /^[A-Za-z_$][\w$]*$/.test(key) ? key : quote(key)
  }
  const list = Array.isArray(value)
  const items = list
    ? value.map((item) => literal(item, `${indent}  `))
    : Object.entries(value).map(([key, item]) => `${nameOfKey(key)}: ${literal(item, `${indent}  `)}`)
  const [open, close] = list ? '[]' : '{}'
  if (!items.length) return open + close
  const line = list ? `[${items.join(', ')}]` : `{ ${items.join(', ')} }`
  if (line.length < 50 && !line.includes('\n')) return line
  return `${open}\n${items.map((item) => `${indent}  ${item},\n`).join('')}${indent}${close}`
}

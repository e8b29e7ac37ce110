/**
 * A phone for tests: `wx` as an app sees it, with real HTTP beneath it.
 *
 * What it does as phones do: `success` for every status; ten requests at once, the rest wait;
 * lower-case names of headers; JSON parsed and anything else left as text, but all of it text and
 * without headers after an upload, and a file after a download; a list of domains for each of them; errno, with errMsg in
 * Chinese; what runs 5 s after the app went to the background is cut off; its network stack
 * can send a request a second time by itself.
 */

'use strict'

const fs = require('node:fs')
const http = require('node:http')
const https = require('node:https')
const os = require('node:os')
const path = require('node:path')

const AT_ONCE = 10
const CUT_OFF = 5000 // ms in the background
const LOGIN = '/api/auth/login'

/** What the network stack says of the causes that Node names. */
const CAUSES = {
  ECONNREFUSED: [-102, 'net::ERR_CONNECTION_REFUSED'],
  ECONNRESET: [-101, 'net::ERR_CONNECTION_RESET'],
  EPIPE: [-101, 'net::ERR_CONNECTION_RESET'],
  ENOTFOUND: [-105, 'net::ERR_NAME_NOT_RESOLVED'],
  EAI_AGAIN: [-105, 'net::ERR_NAME_NOT_RESOLVED'],
  DEPTH_ZERO_SELF_SIGNED_CERT: [-202, 'net::ERR_CERT_AUTHORITY_INVALID'],
  SELF_SIGNED_CERT_IN_CHAIN: [-202, 'net::ERR_CERT_AUTHORITY_INVALID'],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [-202, 'net::ERR_CERT_AUTHORITY_INVALID'],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: [-202, 'net::ERR_CERT_AUTHORITY_INVALID'],
  ERR_TLS_CERT_ALTNAME_INVALID: [-200, 'net::ERR_CERT_COMMON_NAME_INVALID'],
  CERT_HAS_EXPIRED: [-201, 'net::ERR_CERT_DATE_INVALID'],
}

class Phone {
  /**
   * `person` is the user of the sandbox. `options` are for Node's request, such as `ca`.
   * `domains`, `uploadDomains` and `downloadDomains` are the lists of the console: hosts beginning with https;
   * without them, any URL is taken, as with urlCheck off. `cutOff` shortens the 5 s.
   */
  constructor({ person, options = {}, domains = null, uploadDomains = domains, downloadDomains = domains, cutOff = CUT_OFF }) {
    Object.assign(this, { person, options, cutOff })
    this.domains = { request: domains, uploadFile: uploadDomains, downloadFile: downloadDomains }
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'myapi-phone-'))
    this.kept = new Map()
    this.sent = [] // what was given to wx.request, wx.uploadFile and wx.downloadFile
    this.logins = 0
    this.most = 0 // wanted at once
    /** Told of each answer before the app; gives ms to hold it back. */
    this.hold = () => 0
    /** Whether the network stack sends this one a second time. */
    this.resends = () => false
    this._running = new Set()
    this._waiting = []
    this._shown = []
    this._hidden = []
    this._agents = {
      'http:': new http.Agent({ keepAlive: true, maxSockets: AT_ONCE }),
      'https:': new https.Agent({ keepAlive: true, maxSockets: AT_ONCE, ...options }),
    }
    this.wx = {
      request: options => this._request('request', options),
      uploadFile: options => this._transfer('uploadFile', { ...options, method: 'POST' }),
      downloadFile: options => this._transfer('downloadFile', { ...options, method: 'GET' }),
      getFileSystemManager: () => ({
        readFile: ({ filePath, encoding, success, fail }) =>
          fs.readFile(filePath, encoding, (error, data) => (error ? fail({ errMsg: 'readFile:fail' }) : success({ data }))),
      }),
      login: ({ success }) => {
        const code = `${this.person}.${Date.now()}x${(this.logins += 1)}`
        setTimeout(success, 5, { code, errMsg: 'login:ok' })
      },
      requestSubscribeMessage: ({ tmplIds, success }) => {
        const answers = Object.fromEntries(tmplIds.map(id => [id, 'accept']))
        setTimeout(success, 5, { errMsg: 'requestSubscribeMessage:ok', ...answers })
      },
      getStorageSync: key => (this.kept.has(key) ? JSON.parse(this.kept.get(key)) : ''),
      setStorageSync: (key, value) => this.kept.set(key, JSON.stringify(value)),
      removeStorageSync: key => this.kept.delete(key),
      onAppShow: listener => this._shown.push(listener),
      onAppHide: listener => this._hidden.push(listener),
    }
  }

  get exchanges() {
    return this.sent.filter(call => call.path === LOGIN)
  }

  hide() {
    this._hidden.forEach(each => each())
    this._cutting = setTimeout(() => {
      for (const call of [...this._running]) this._fail(call, 600003, 'interrupted 请求被中断')
    }, this.cutOff)
  }

  show() {
    clearTimeout(this._cutting)
    this._shown.forEach(each => each())
  }

  close() {
    Object.values(this._agents).forEach(agent => agent.destroy())
    fs.rmSync(this.folder, { recursive: true, force: true })
  }

  _transfer(by, options) {
    const listeners = []
    const onProgressUpdate = listener => listeners.push(listener)
    const onProgress = progress => listeners.forEach(listener => listener({ progress }))
    const task = this._request(by, options, onProgress)
    return { ...task, onProgressUpdate }
  }

  _request(by, options, onProgress) {
    const url = new URL(options.url)
    const call = { by, options, onProgress, url, method: options.method, path: url.pathname, data: options.data }
    this.sent.push(call)
    this.most = Math.max(this.most, this._running.size + this._waiting.length + 1)
    const listed = this.domains[by]
    if (listed && !(url.protocol === 'https:' && listed.includes(url.host))) {
      this._running.add(call)
      setTimeout(() => this._fail(call, 600002, `url 不在以下 ${by} 合法域名列表中`), 1)
    } else if (by === 'uploadFile' && !fs.existsSync(options.filePath)) {
      this._running.add(call)
      setTimeout(() => this._fail(call, undefined, 'createUploadTask:fail file not found'), 1)
    } else if (this._running.size < AT_ONCE) this._start(call)
    else this._waiting.push(call)
    return { abort: () => this._fail(call, 0, 'abort') }
  }

  _start(call) {
    this._running.add(call)
    call.timer = setTimeout(() => this._fail(call, 5, '请求超时'), call.options.timeout || 60000)
    const answered = this.resends(call) ? () => this._send(call, all => this._answer(call, all)) : null
    this._send(call, answered || (all => this._answer(call, all)))
  }

  _send(call, then) {
    const { method, header, data } = call.options
    const [type, body] = call.by === 'uploadFile' ? form(call.options) : ['application/json', json(method, data)]
    if (method === 'GET') for (const [k, v] of Object.entries(data || {})) call.url.searchParams.set(k, v)
    const { request } = call.url.protocol === 'https:' ? https : http
    const headers = {
      'content-type': type, // unless told otherwise
      'accept-language': 'zh-CN',
      ...lower(header),
      'content-length': Buffer.byteLength(body),
    }
    const agent = this._agents[call.url.protocol]
    call.real = request(call.url, { ...this.options, agent, method, headers }, response => {
      const parts = []
      response.on('data', part => parts.push(part))
      response.on('error', error => this._broken(call, error))
      response.on('end', () => then([response, Buffer.concat(parts)]))
    })
    call.real.on('error', error => {
      // a kept connection that the server has closed meanwhile: every network stack tries another
      if (call.real.reusedSocket && error.code === 'ECONNRESET' && !call.again) {
        call.again = true
        return this._running.has(call) && this._send(call, then)
      }
      return this._broken(call, error)
    })
    if (call.onProgress) call.real.on('finish', () => call.onProgress(100))
    call.real.end(body)
  }

  /** What the app gets of the bytes of an answer. */
  _told({ by }, headers, bytes) {
    const data = bytes.toString()
    if (by === 'request') return { data: parsed(data), header: headers } // lower-case, as many phones give them
    if (by === 'uploadFile') return { data }
    const tempFilePath = path.join(this.folder, `tmp_${fs.readdirSync(this.folder).length}`)
    fs.writeFileSync(tempFilePath, bytes)
    return { tempFilePath }
  }

  _answer(call, [response, bytes]) {
    const { statusCode, headers } = response
    const result = { statusCode, ...this._told(call, headers, bytes), errMsg: `${call.by}:ok` }
    setTimeout(() => {
      if (!this._end(call)) return
      call.status = response.statusCode
      call.sentByThen = this.sent.length
      call.options.success(result)
    }, this.hold(call, result))
  }

  _broken(call, error) {
    const [number, name] = CAUSES[error.code] || [-2, 'net::ERR_FAILED']
    this._fail(call, 600001, `网络错误 errcode:${number} cronet_error_code:${number} error_msg:${name}`)
  }

  _fail(call, errno, errMsg) {
    if (!this._end(call)) return
    if (call.real) call.real.destroy()
    call.errno = errno
    call.options.fail({ errno, errMsg: `${call.by}:fail ${errMsg}` })
  }

  _end(call) {
    if (!this._running.delete(call)) return false
    clearTimeout(call.timer)
    const next = this._waiting.shift()
    if (next) this._start(next)
    return true
  }
}

const lower = header =>
  Object.fromEntries(Object.entries(header || {}).map(([name, value]) => [name.toLowerCase(), value]))

const json = (method, data) => (method === 'GET' || data === undefined ? '' : JSON.stringify(data))

/** What wx.uploadFile makes of a file: the type with its boundary, and the body. */
function form({ name, filePath, formData }) {
  const boundary = `----phone${Math.random().toString(36).slice(2)}`
  const fields = Object.entries(formData || {}).map(
    ([field, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${field}"\r\n\r\n${value}\r\n`
  )
  const disposition = `form-data; name="${name}"; filename="${filePath.split('/').pop()}"`
  const head = `--${boundary}\r\nContent-Disposition: ${disposition}\r\nContent-Type: image/jpeg\r\n\r\n`
  const body = Buffer.concat([Buffer.from(fields.join('') + head), fs.readFileSync(filePath), Buffer.from(`\r\n--${boundary}--\r\n`)])
  return [`multipart/form-data; boundary=${boundary}`, body]
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

module.exports = { Phone, LOGIN }

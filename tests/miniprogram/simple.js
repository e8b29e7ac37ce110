/** What many apps have: each request that meets a 401 logs in by itself. For comparison. */

'use strict'

function simple(wx, baseUrl) {
  let { token } = wx.getStorageSync(`myapi:${baseUrl}`)

  const send = (method, path, data) =>
    new Promise((success, fail) => {
      const header = token ? { Authorization: `Bearer ${token}` } : {}
      wx.request({ url: baseUrl + path, method, data, header, success, fail })
    })

  async function login() {
    const { code } = await new Promise((success, fail) => wx.login({ success, fail }))
    const answer = await send('POST', '/api/auth/login', { code })
    if (answer.statusCode === 200) token = answer.data.data.token
  }

  return async function call(method, path, data) {
    let answer = await send(method, path, data)
    if (answer.statusCode === 401) {
      await login()
      answer = await send(method, path, data)
    }
    if (answer.statusCode !== 200) throw new Error(String(answer.statusCode))
    return answer.data.data
  }
}

module.exports = { simple }

/**
 * The demo against the real service in development, as `make run` starts it, with its sandbox.
 * tests/test_miniprogram_demo.py starts it.
 */

'use strict'

const assert = require('node:assert/strict')
const path = require('node:path')
const { test } = require('node:test')

const { Phone } = require('./phone')
const { App } = require('./stage')

const URL = process.env.MYAPI_TEST_URL
const PICTURE = path.join(__dirname, '../../docs/miniprogram/home-light.png')
const skip = URL ? false : 'tests/test_miniprogram_demo.py runs this one'

/** A phone on which the developer tool logs in; two of them are two devices of one user. */
function device() {
  const phone = new Phone({ person: 'developer' })
  const app = new App({ phone, kept: new Map([['demo:baseUrl', URL]]) })
  return { phone, app }
}

/** What a URL gives: status and type. A body that nobody reads would keep the connection open. */
async function opened(url) {
  const answer = await fetch(url)
  await answer.arrayBuffer()
  return [answer.status, answer.headers.get('content-type')]
}

const has = (page, ...texts) => texts.forEach(text => assert.ok(page.text.includes(text), `${text} in ${page.text}`))

test('every page does with the real service what it says', { skip, timeout: 60000 }, async () => {
  const other = device()
  await (await other.app.open('home')).tap('[data-act=login]')
  const { phone, app } = device()
  try {
    const home = await app.open('home')
    has(home, 'Hello from Aliyun Lighthouse!', '未登录')
    await home.tap('[data-act=login]')
    has(home, home.data.user.id, '退出登录')

    const profile = await app.open('profile')
    await profile.write('[data-field=nickname]', '小明😀')
    await profile.tap('[data-act=save]')
    has(profile, '已保存', '小明😀')

    await profile.tap('[data-act=avatar]', 'chooseavatar', { avatarUrl: PICTURE })
    has(profile, '更换头像', '小明😀')
    const shown = profile.attributes('class', 'who-image').src
    assert.ok(shown.startsWith(`${URL}/avatars/`), shown)
    assert.deepEqual(await opened(shown), [200, 'image/jpeg'])
    await profile.tap('[data-act=avatar]', 'chooseavatar', { avatarUrl: __filename })
    has(profile, 'picture_invalid')
    assert.equal(profile.attributes('class', 'who-image').src, shown)
    await profile.tap('[data-act=removeAvatar]')
    has(profile, '选择头像')
    assert.equal((await opened(shown))[0], 404)

    await profile.tap('[data-act=sandboxPhone]')
    has(profile, '138******00', '小明😀')
    await profile.tap('[data-act=removePhone]')
    has(profile, '未绑定')

    const encrypted = await app.open('encrypted')
    await encrypted.tap('[data-act=sandbox]')
    has(encrypted, '13800138000', 'watermark.appid')

    const messages = await app.open('messages')
    has(messages, '还没有同意过')
    await messages.tap('[data-act=send]')
    has(messages, 'message_not_permitted')
    await messages.tap('[data-act=ask]')
    await messages.tap('[data-act=accept]')
    has(messages, 'sandbox-template', '2 条')
    await messages.write('[data-field=text]', '这条消息的内容实在太长了，微信最多只收二十个字')
    await messages.tap('[data-act=send]')
    has(messages, 'message_invalid', 'data.thing1')
    await messages.write('[data-field=text]', '你的奶茶做好了')
    await messages.tap('[data-act=send]')
    has(messages, '已发送', '1 条')

    const devices = await app.open('devices')
    assert.equal(devices.data.others.length, 1)
    await devices.tap('[data-act=end]')
    has(devices, '没有其他设备登录')

    const diagnosis = await app.open('diagnosis')
    for (const id of ['path', 'body', 'token', 'refused']) await diagnosis.tap(`[data-id=${id}]`)
    const errors = diagnosis.data.entries.map(entry => entry.error)
    const provoked = ['network', 'token_invalid', 'invalid_request', 'not_found']
    assert.deepEqual(errors, [...provoked, 'message_invalid', 'message_not_permitted', 'picture_invalid'])
    assert.ok(diagnosis.data.entries[3].requestId)
    await devices.show()
    assert.equal(devices.data.others.length, 0) // the forged token opened no session

    await profile.tap('[data-act=erase]')
    has(profile, '登录后可查看')
    await home.show()
    has(home, '未登录')
    await home.tap('[data-act=login]')
    has(home, '未设置昵称') // another account
    await home.tap('[data-act=logout]')
    has(home, '未登录')
  } finally {
    phone.close()
    other.phone.close()
  }
})

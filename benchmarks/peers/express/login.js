// Log in: exchange a code of wx.login for a session and its token.
import { randomBytes } from 'node:crypto';

import jwt from 'jsonwebtoken';

import { ApiError } from './errors.js';
import { LIFE } from './settings.js';
import { iso, profile } from './shapes.js';

const CODE = /^[ -~]*[!-~][ -~]*$/;

export function login(settings, store, wechat) {
  return async (req, res) => {
    const code = req.body?.code;
    if (typeof code !== 'string' || code.length > 256 || !CODE.test(code)) {
      throw new ApiError('invalid_request');
    }
    const found = await wechat.codeToSession(code);
    const now = Date.now();
    const opened = await store.logIn({
      publicId: randomBytes(12).toString('hex'),
      appid: settings.appid,
      openid: found.openid,
      sessionKey: found.session_key,
      ip: req.ip,
      userAgent: (req.headers['user-agent'] ?? '').slice(0, 255),
      now,
    });
    if (opened.banned_at !== null) throw new ApiError('user_banned');
    const expires = now + LIFE;
    const token = jwt.sign({ sid: opened.session, exp: Math.floor(expires / 1000) }, settings.secret);
    res.json({
      code: 0,
      msg: 'ok',
      data: { token, expires_at: iso(expires), user: profile(opened) },
    });
  };
}

// The WeChat client, with keep-alive connections.
import { Agent, request } from 'undici';

import { ApiError } from './errors.js';

const CODE_ERRORS = new Set([40029, 40163, 41008]);

export class WeChat {
  constructor(settings) {
    this.settings = settings;
    const ms = settings.wechatTimeout;
    this.agent = new Agent({ connectTimeout: ms, headersTimeout: ms, bodyTimeout: ms });
  }

  async codeToSession(code) {
    const { appid, wechatSecret, wechatUrl } = this.settings;
    const query = { appid, secret: wechatSecret, js_code: code, grant_type: 'authorization_code' };
    const reply = await this.get(`${wechatUrl}/sns/jscode2session`, query);
    if (CODE_ERRORS.has(reply.errcode)) throw new ApiError('login_code_invalid');
    if (reply.errcode || typeof reply.openid !== 'string') throw new ApiError('wechat_unavailable');
    return reply;
  }

  async get(url, query) {
    try {
      const { body } = await request(url, { query, dispatcher: this.agent });
      return await body.json();
    } catch (error) {
      const slow = /TIMEOUT/.test(error.code ?? '');
      throw new ApiError(slow ? 'wechat_timeout' : 'wechat_unavailable');
    }
  }
}

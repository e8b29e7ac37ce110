// Settings, read once from the environment. The numbers are myapi's defaults.
import { createSecretKey } from 'node:crypto';

const env = process.env;

export const settings = Object.freeze({
  socket: env.PEER_SOCKET,
  workers: Number(env.PEER_WORKERS ?? 2),
  // The only line in which the two Express peers differ. jsonwebtoken tries to parse a string, which
  // tutorials use, as a PEM key on every call before it uses it as a secret.
  secret: env.PEER_TUNED ? createSecretKey(Buffer.from(env.PEER_SECRET)) : env.PEER_SECRET,
  database: env.PEER_DATABASE, // a file, or mysql://…
  appid: env.PEER_WECHAT_APPID,
  wechatSecret: env.PEER_WECHAT_SECRET,
  wechatUrl: env.PEER_WECHAT_URL,
  wechatTimeout: 3_000, // ms
  loginsPerMinute: Number(env.PEER_LOGINS_PER_MINUTE ?? 600), // per address and process
  failedLoginsPerMinute: Number(env.PEER_FAILED_LOGINS_PER_MINUTE ?? 60),
  maxBody: '64kb',
});

const DAY = 86_400_000; // ms
export const IDLE = 7 * DAY;
export const LIFE = 30 * DAY;
export const TOUCH_EVERY = 3_600_000; // ms

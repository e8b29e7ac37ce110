// Everything from the environment, once. Days and counts are those that myapi has by default.
import { createSecretKey } from 'node:crypto';

const given = process.env;

export const settings = Object.freeze({
  socket: given.PEER_SOCKET,
  workers: Number(given.PEER_WORKERS ?? 2),
  // The one line in which the two peers differ. Given a string, as tutorials do, jsonwebtoken tries
  // at every call to read it as a private or public key (PEM) before it takes it for a secret.
  secret: given.PEER_TUNED ? createSecretKey(Buffer.from(given.PEER_SECRET)) : given.PEER_SECRET,
  database: given.PEER_DATABASE, // a file, or mysql://…
  appid: given.PEER_WECHAT_APPID,
  wechatSecret: given.PEER_WECHAT_SECRET,
  wechatUrl: given.PEER_WECHAT_URL,
  wechatTimeout: 3_000, // ms
  loginsPerMinute: Number(given.PEER_LOGINS_PER_MINUTE ?? 600), // of one address, in each process
  failedLoginsPerMinute: Number(given.PEER_FAILED_LOGINS_PER_MINUTE ?? 60),
  maxBody: '64kb',
});

const DAY = 86_400_000; // ms
export const IDLE = 7 * DAY;
export const LIFE = 30 * DAY;
export const TOUCH_EVERY = 3_600_000; // ms

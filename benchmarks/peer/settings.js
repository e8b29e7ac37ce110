// Everything from the environment, once. Days and counts are those that myapi has by default.
const given = process.env;

export const settings = Object.freeze({
  socket: given.PEER_SOCKET,
  workers: Number(given.PEER_WORKERS ?? 2),
  secret: given.PEER_SECRET,
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

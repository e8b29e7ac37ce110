// better-sqlite3: prepared statements, run synchronously in the main thread.
import Database from 'better-sqlite3';

import { FIND, OPEN, TOUCH } from './store.js';

const UPSERT = `
  INSERT INTO users (public_id, appid, openid, session_key, created_at) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (appid, openid) DO UPDATE SET session_key = excluded.session_key
  RETURNING id, public_id AS user, nickname, avatar_url, phone, created_at AS user_created_at, banned_at`;

export function open(file) {
  const db = new Database(file, { timeout: 2000 }); // ms to wait for another process's write
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('foreign_keys = ON');
  const [find, touch, upsert, begin] = [FIND, TOUCH, UPSERT, OPEN].map((sql) => db.prepare(sql));
  const logIn = db.transaction((login) => {
    const user = upsert.get(
      login.publicId, login.appid, login.openid, login.sessionKey, login.now,
    );
    if (user.banned_at !== null) return user;
    const made = begin.run(user.id, login.ip, login.userAgent, login.now);
    return { ...user, session: Number(made.lastInsertRowid) };
  });
  return {
    session: (id) => find.get(id),
    touch: (id, now) => touch.run(now, id),
    logIn: (login) => logIn.immediate(login), // takes the write lock first, so that no upgrade can fail
  };
}

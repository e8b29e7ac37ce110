// The SQL for both databases. Times are milliseconds since 1970.
export async function openStore(database) {
  const kind = database.startsWith('mysql:') ? './store-mysql.js' : './store-sqlite.js';
  const { open } = await import(kind);
  return open(database);
}

export const FIND = `
  SELECT s.id AS session, s.created_at AS session_created_at, s.last_seen_at, s.ended_at,
    u.public_id AS user, u.nickname, u.avatar_url, u.phone, u.created_at AS user_created_at, u.banned_at
  FROM sessions s JOIN users u ON u.id = s.user_id
  WHERE s.id = ?`;

export const TOUCH = 'UPDATE sessions SET last_seen_at = ? WHERE id = ?';

export const OPEN = `
  INSERT INTO sessions (user_id, ip, user_agent, created_at) VALUES (?, ?, ?, ?)`;

export const USER = `
  SELECT id, public_id AS user, nickname, avatar_url, phone, created_at AS user_created_at, banned_at
  FROM users WHERE appid = ? AND openid = ?`;

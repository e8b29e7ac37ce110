// mysql2: a pool of connections with prepared statements.
import mysql from 'mysql2/promise';

import { FIND, OPEN, TOUCH, USER } from './store.js';

const UPSERT = `
  INSERT INTO users (public_id, appid, openid, session_key, created_at) VALUES (?, ?, ?, ?, ?)
  ON DUPLICATE KEY UPDATE session_key = VALUES(session_key)`;
const CONNECTIONS = 20; // per process, as in a worker of myapi

export function open(uri) {
  const pool = mysql.createPool({ uri, connectionLimit: CONNECTIONS });
  return {
    async session(id) {
      const [rows] = await pool.execute(FIND, [id]);
      return rows[0];
    },
    touch: (id, now) => pool.execute(TOUCH, [now, id]),
    logIn: (login) => logIn(pool, login),
  };
}

async function logIn(pool, login) {
  const connection = await pool.getConnection();
  try {
    await connection.beginTransaction();
    const { publicId, appid, openid, sessionKey, ip, userAgent, now } = login;
    await connection.execute(UPSERT, [publicId, appid, openid, sessionKey, now]);
    const [[user]] = await connection.execute(USER, [appid, openid]);
    let session;
    if (user.banned_at === null) {
      const [made] = await connection.execute(OPEN, [user.id, ip, userAgent, now]);
      session = made.insertId;
    }
    await connection.commit();
    return { ...user, session };
  } catch (error) {
    await connection.rollback().catch(() => {});
    throw error;
  } finally {
    connection.release();
  }
}

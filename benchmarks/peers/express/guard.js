// Authentication: check the signature, then one query, as in myapi.
import jwt from 'jsonwebtoken';

import { ApiError } from './errors.js';
import { IDLE, LIFE, TOUCH_EVERY } from './settings.js';

export function guard(settings, store) {
  return async (req, res, next) => {
    const [scheme, token] = (req.headers.authorization ?? '').split(' ');
    if (scheme.toLowerCase() !== 'bearer' || !token) throw new ApiError('token_missing');
    const row = await store.session(read(token, settings.secret));
    const now = Date.now();
    if (!row) throw new ApiError('session_ended');
    if (row.banned_at !== null) throw new ApiError('user_banned');
    if (!isLive(row, now)) throw new ApiError('session_ended');
    if (row.last_seen_at === null || row.last_seen_at <= now - TOUCH_EVERY) {
      await store.touch(row.session, now);
    }
    req.caller = row;
    next();
  };
}

function read(token, secret) {
  try {
    return jwt.verify(token, secret, { algorithms: ['HS256'] }).sid;
  } catch {
    throw new ApiError('token_invalid');
  }
}

function isLive(row, now) {
  const lastUse = row.last_seen_at ?? row.session_created_at;
  return row.ended_at === null && row.session_created_at > now - LIFE && lastUse > now - IDLE;
}

// The app of a common tutorial, done well: routes, authentication, rate limits, errors, request log.
import { randomBytes } from 'node:crypto';

import express from 'express';
import { rateLimit } from 'express-rate-limit';
import pino from 'pino';

import { ApiError, answerError } from './errors.js';
import { guard } from './guard.js';
import { login } from './login.js';
import { openStore } from './store.js';
import { iso, profile } from './shapes.js';
import { WeChat } from './wechat.js';

const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime });
const ID = /^[A-Za-z0-9-]{1,64}$/;

export async function createApp(settings) {
  const store = await openStore(settings.database);
  const wechat = new WeChat(settings);
  const app = express();
  app.set('trust proxy', 1);
  app.set('etag', false); // responses are not cacheable
  app.disable('x-powered-by');

  app.use(observe);
  app.get('/api/hello', (req, res) => {
    res.json({ code: 0, msg: 'Hello from Aliyun Lighthouse!', time: iso(Date.now()) });
  });
  app.get('/api/me', guard(settings, store), (req, res) => {
    res.json({ code: 0, msg: 'ok', data: profile(req.caller) });
  });
  app.post(
    '/api/auth/login',
    limit(settings.loginsPerMinute),
    limit(settings.failedLoginsPerMinute, { skipSuccessfulRequests: true }),
    express.json({ limit: settings.maxBody }),
    login(settings, store, wechat),
  );
  app.use(() => {
    throw new ApiError('not_found');
  });
  app.use((error, req, res, next) => answerError(error, req, res, log));
  return app;
}

function observe(req, res, next) {
  const started = performance.now();
  const given = req.headers['x-request-id'];
  req.id = given && ID.test(given) ? given : randomBytes(8).toString('hex');
  res.set({
    'X-Request-Id': req.id,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  res.on('finish', () => {
    log.info({
      event: 'request',
      request_id: req.id,
      method: req.method,
      route: req.route?.path ?? '-',
      status: res.statusCode,
      error: res.locals.error ?? null,
      ms: Math.round((performance.now() - started) * 100) / 100,
      user: req.caller?.user ?? null,
      session: req.caller?.session ?? null,
      ip: req.ip,
    });
  });
  next();
}

function limit(perMinute, options = {}) {
  return rateLimit({
    windowMs: 60_000,
    limit: perMinute,
    standardHeaders: false,
    legacyHeaders: false,
    handler: (req, res, next) => {
      const seconds = Math.ceil((req.rateLimit.resetTime - Date.now()) / 1000);
      res.set('Retry-After', String(Math.max(1, seconds)));
      next(new ApiError('rate_limited'));
    },
    ...options,
  });
}

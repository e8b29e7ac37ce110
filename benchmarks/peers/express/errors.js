// Errors in the shape of myapi's: HTTP status, stable integer, message, request id.
const KINDS = {
  invalid_request: [400, 40000, 'The request is not as described.'],
  login_code_invalid: [400, 40001, 'The login code is wrong, used or too old: get a fresh one.'],
  token_missing: [401, 40100, 'Log in first: there is no bearer token.'],
  token_invalid: [401, 40101, 'The token is not valid.'],
  session_ended: [401, 40102, 'The session has ended: log in again.'],
  user_banned: [403, 40300, 'This account is banned.'],
  not_found: [404, 40400, 'Not found.'],
  payload_too_large: [413, 41300, 'The body is too large.'],
  rate_limited: [429, 42900, 'Too many requests: wait a little.'],
  internal_error: [500, 50000, 'Internal server error.'],
  wechat_unavailable: [502, 50200, 'WeChat gave no usable answer: try again.'],
  service_unavailable: [503, 50300, 'The service is unavailable: try again.'],
  wechat_timeout: [504, 50400, 'WeChat did not answer in time: try again.'],
};
const BY_STATUS = { 400: 'invalid_request', 404: 'not_found', 413: 'payload_too_large' };
const UNAVAILABLE = new Set(['SQLITE_BUSY', 'ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'PROTOCOL_CONNECTION_LOST']);

export class ApiError extends Error {
  constructor(name) {
    super(name);
    this.name = name;
  }
}

export function answerError(error, req, res, log) {
  const name = nameOf(error);
  const [status, code, msg] = KINDS[name];
  if (name === 'internal_error') log.error({ event: name, request_id: req.id, err: error });
  res.locals.error = name;
  if (status === 401) res.set('WWW-Authenticate', challenge(name));
  if (status === 503) res.set('Retry-After', '2');
  res.status(status).json({ code, error: name, msg, request_id: req.id });
}

function nameOf(error) {
  if (error instanceof ApiError) return error.name;
  if (UNAVAILABLE.has(error.code)) return 'service_unavailable';
  return BY_STATUS[error.status] ?? 'internal_error';
}

function challenge(name) {
  if (name === 'token_missing') return 'Bearer realm="peer"';
  return `Bearer realm="peer", error="invalid_token", error_description="${name}"`;
}

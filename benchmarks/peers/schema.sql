-- benchmarks/fill.py replaces @ID@ with the primary key type of SQLite or MySQL.
CREATE TABLE users (
  id @ID@,
  public_id VARCHAR(24) NOT NULL UNIQUE,
  appid VARCHAR(32) NOT NULL,
  openid VARCHAR(128) NOT NULL,
  session_key VARCHAR(255),
  nickname VARCHAR(32),
  avatar_url VARCHAR(512),
  phone VARCHAR(32),
  created_at BIGINT NOT NULL,
  banned_at BIGINT,
  UNIQUE (appid, openid)
);
CREATE TABLE sessions (
  id @ID@,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  ip VARCHAR(45) NOT NULL,
  user_agent VARCHAR(255) NOT NULL,
  created_at BIGINT NOT NULL,
  last_seen_at BIGINT,
  ended_at BIGINT
);
CREATE INDEX sessions_user_id ON sessions (user_id);

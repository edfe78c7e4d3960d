-- Tokens of other systems (their digests alone), and the answers that a repeated request gets again.
CREATE TABLE api_tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  digest BLOB NOT NULL UNIQUE,
  name TEXT NOT NULL CHECK (name <> ''),
  scopes TEXT NOT NULL,
  office TEXT NOT NULL,
  per_minute INTEGER NOT NULL CHECK (per_minute > 0),
  made_at INTEGER NOT NULL,
  made_by TEXT NOT NULL,
  revoked_at INTEGER,
  used_at INTEGER
) STRICT;

CREATE TABLE api_answers (
  token INTEGER NOT NULL REFERENCES api_tokens,
  key TEXT NOT NULL,
  request BLOB NOT NULL,
  at INTEGER NOT NULL,
  status INTEGER,
  body TEXT,
  PRIMARY KEY (token, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX answers_by_age ON api_answers (at);

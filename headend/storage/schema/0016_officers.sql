-- The utility's officers, their sessions and one-time links, and who did what.

-- Names are compared as people write them. `password` is an argon2 text, NULL until a link was used.
CREATE TABLE officers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE CHECK (name <> ''),
  full_name TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'approver', 'administrator')),
  office TEXT NOT NULL,
  password TEXT,
  password_at INTEGER,
  made_at INTEGER NOT NULL,
  made_by TEXT NOT NULL,
  disabled_at INTEGER,
  last_login INTEGER
) STRICT;

-- A link sets a password once. Of the link, as of a session, only a digest is kept.
CREATE TABLE officer_links (
  digest BLOB PRIMARY KEY,
  officer INTEGER NOT NULL REFERENCES officers,
  made_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER
) STRICT, WITHOUT ROWID;

-- Who is logged in: `face` is console or portal, `subject` an officer's name or a consumer number.
CREATE TABLE web_sessions (
  digest BLOB PRIMARY KEY,
  face TEXT NOT NULL,
  subject TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  idle_until INTEGER NOT NULL,
  ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_of_subject ON web_sessions (face, subject);

-- Each row holds the digest of the one before: a row that is changed or taken out breaks the chain.
CREATE TABLE audit (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  by TEXT NOT NULL,
  via TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  office TEXT NOT NULL,
  detail TEXT NOT NULL,
  previous BLOB NOT NULL,
  digest BLOB NOT NULL
) STRICT;

CREATE INDEX audit_by ON audit (by, number);
CREATE INDEX audit_subject ON audit (subject, number);

CREATE TRIGGER audit_is_immutable BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'the audit is append-only'); END;

CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
BEGIN SELECT raise(ABORT, 'the audit is append-only'); END;

-- How often somebody tried at the portal's door, so that a restart or another process begins nothing anew.

-- `level` as it was at `at`; it falls evenly, and nothing is left of it at `empty_at`.
CREATE TABLE portal_tries (
  what TEXT NOT NULL,
  key TEXT NOT NULL,
  level REAL NOT NULL,
  at INTEGER NOT NULL,
  empty_at INTEGER NOT NULL,
  PRIMARY KEY (what, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX portal_tries_by_end ON portal_tries (empty_at);

-- Which consumer numbers, real or not, an address asked for within a day.
CREATE TABLE portal_callers (
  address TEXT NOT NULL,
  consumer_no TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (address, consumer_no)
) STRICT, WITHOUT ROWID;

CREATE INDEX portal_callers_by_age ON portal_callers (at);

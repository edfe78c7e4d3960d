-- What happened, in the order of commit, for the console and other systems; and what processes ask of each other.

CREATE TABLE events (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  meter TEXT,
  consumer_no TEXT,
  payload TEXT NOT NULL
) STRICT;

CREATE TABLE cursors (
  name TEXT PRIMARY KEY,
  number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE slots (
  schedule TEXT NOT NULL,
  slot INTEGER NOT NULL,
  PRIMARY KEY (schedule, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE read_requests (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  meter INTEGER NOT NULL REFERENCES meters,
  profile TEXT,
  since INTEGER,
  until INTEGER,
  requested_at INTEGER NOT NULL,
  taken INTEGER NOT NULL DEFAULT 0 CHECK (taken IN (0, 1)),
  done INTEGER NOT NULL DEFAULT 0 CHECK (done IN (0, 1)),
  body TEXT,
  error TEXT,
  exit_code INTEGER
) STRICT;

CREATE INDEX waiting_reads ON read_requests (id) WHERE done = 0;

-- Complete data: what meters logged, what is missing of their profiles, what must be doubted, what they capture.

-- An event of a meter's log, from its start to its end. Of an end without a start only the end is known.
CREATE TABLE meter_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  meter INTEGER NOT NULL REFERENCES meters,
  code INTEGER NOT NULL,
  log TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'major', 'critical')),
  office TEXT NOT NULL,
  started_at INTEGER,
  ended_at INTEGER,
  seen_at INTEGER NOT NULL,
  CHECK (started_at IS NOT NULL OR ended_at IS NOT NULL)
) STRICT;

CREATE UNIQUE INDEX meter_events_once ON meter_events (meter, code, started_at) WHERE started_at IS NOT NULL;
CREATE UNIQUE INDEX meter_event_ends_once ON meter_events (meter, code, ended_at) WHERE started_at IS NULL;

-- Captures that are missing between rows that are there, by hundredths of a second as profile rows are.
CREATE TABLE gaps (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  meter INTEGER NOT NULL REFERENCES meters,
  profile TEXT NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL,
  found_at INTEGER NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'filled', 'absent', 'lost')),
  closed_at INTEGER,
  UNIQUE (meter, profile, since)
) STRICT;

CREATE INDEX open_gaps ON gaps (meter) WHERE state = 'open';

-- How far a profile was looked through for gaps: older ones are in the table above.
CREATE TABLE gap_marks (
  meter INTEGER NOT NULL REFERENCES meters,
  profile TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (meter, profile)
) STRICT, WITHOUT ROWID;

-- Rows that came late or whose time is to be doubted; they stand in their tables like all others.
CREATE TABLE row_flags (
  meter INTEGER NOT NULL REFERENCES meters,
  profile TEXT NOT NULL,
  time INTEGER NOT NULL,
  flag TEXT NOT NULL CHECK (flag IN ('late', 'future', 'clock')),
  visit INTEGER NOT NULL REFERENCES visits,
  PRIMARY KEY (meter, profile, time, flag)
) STRICT, WITHOUT ROWID;

-- What meters capture in which order and scale; equal lists are kept once.
CREATE TABLE captures (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  digest BLOB NOT NULL UNIQUE,
  body TEXT NOT NULL
) STRICT;

CREATE TABLE meter_captures (
  meter INTEGER NOT NULL REFERENCES meters,
  profile TEXT NOT NULL,
  firmware TEXT NOT NULL,
  capture INTEGER NOT NULL REFERENCES captures,
  PRIMARY KEY (meter, profile)
) STRICT, WITHOUT ROWID;

-- When a meter's clock was last set by us.
CREATE TABLE clock_sets (
  meter INTEGER PRIMARY KEY REFERENCES meters,
  at INTEGER NOT NULL,
  before_s REAL NOT NULL,
  after_s REAL NOT NULL
) STRICT;

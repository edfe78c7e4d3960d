-- The fleet: inventory, what is known of each meter, visits, and readings.
-- Times are microseconds since 1970 UTC, capture times of profile rows hundredths of a second (what a DLMS clock resolves).

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value ANY
) STRICT, WITHOUT ROWID;

CREATE TABLE meters (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  serial TEXT NOT NULL UNIQUE,
  logical_device_name TEXT NOT NULL UNIQUE,
  system_title BLOB CHECK (length(system_title) = 8),
  model TEXT NOT NULL,
  address TEXT NOT NULL,
  server_sap INTEGER NOT NULL CHECK (server_sap BETWEEN 0 AND 65535),
  lane TEXT NOT NULL,
  office TEXT NOT NULL,
  consumer_no TEXT UNIQUE,
  "group" TEXT NOT NULL,
  time_zone TEXT NOT NULL
) STRICT;

CREATE TABLE visits (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  meter INTEGER NOT NULL REFERENCES meters,
  started INTEGER NOT NULL,
  finished INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  error TEXT
) STRICT;

CREATE INDEX visits_of_meter ON visits (meter, finished);

-- One row a meter: the newest of everything that a decision or a schedule asks for.
CREATE TABLE meter_state (
  meter INTEGER PRIMARY KEY REFERENCES meters,
  last_outcome TEXT,
  last_done INTEGER,
  reading_at INTEGER,
  relay_connected INTEGER CHECK (relay_connected IN (0, 1)),
  control_state INTEGER,
  control_mode INTEGER,
  relay_at INTEGER,
  clock_deviation REAL,
  clock_inverted INTEGER CHECK (clock_inverted IN (0, 1)),
  clock_raw BLOB,
  clock_at INTEGER,
  balance INTEGER,
  balance_at INTEGER
) STRICT;

CREATE TABLE registers (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  obis TEXT NOT NULL,
  unit TEXT NOT NULL,
  UNIQUE (name, obis, unit)
) STRICT;

-- Sparse registers, one value a row; `at` is the register's own time, else the time of reception. A number is
-- value x 10^exponent; without an exponent the value is text.
CREATE TABLE register_values (
  meter INTEGER NOT NULL REFERENCES meters,
  register INTEGER NOT NULL REFERENCES registers,
  at INTEGER NOT NULL,
  value ANY NOT NULL,
  exponent INTEGER,
  visit INTEGER NOT NULL REFERENCES visits,
  PRIMARY KEY (meter, register, at)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER register_values_are_immutable BEFORE UPDATE ON register_values
BEGIN SELECT raise(ABORT, 'readings are immutable'); END;

CREATE TABLE latest (
  meter INTEGER NOT NULL REFERENCES meters,
  register INTEGER NOT NULL REFERENCES registers,
  value ANY NOT NULL,
  exponent INTEGER,
  received INTEGER NOT NULL,
  meter_time INTEGER,
  PRIMARY KEY (meter, register)
) STRICT, WITHOUT ROWID;

-- One shape: the columns of a profile as a meter captures them. Each has a wide table of its own, made on demand.
CREATE TABLE shapes (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  profile TEXT NOT NULL,
  rows_table TEXT NOT NULL UNIQUE,
  columns TEXT NOT NULL
) STRICT;

CREATE INDEX shapes_of_profile ON shapes (profile);

-- A value that came for a key which already holds another: kept beside, never over it.
CREATE TABLE conflicts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  meter INTEGER NOT NULL REFERENCES meters,
  object TEXT NOT NULL,
  at INTEGER NOT NULL,
  kept TEXT NOT NULL,
  came TEXT NOT NULL,
  visit INTEGER NOT NULL REFERENCES visits,
  UNIQUE (meter, object, at, came)
) STRICT;

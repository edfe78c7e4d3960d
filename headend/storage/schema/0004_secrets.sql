-- Keys (only ever wrapped under a key that is not in this database) and invocation counters.

CREATE TABLE keys (
  meter INTEGER NOT NULL REFERENCES meters,
  role TEXT NOT NULL,
  client_title BLOB NOT NULL CHECK (length(client_title) = 8),
  encryption BLOB,
  authentication BLOB,
  secret BLOB,
  master BLOB,
  imported_at INTEGER NOT NULL,
  PRIMARY KEY (meter, role)
) STRICT, WITHOUT ROWID;

-- `next` was never given out; `received` is the largest value that came with a verified tag.
CREATE TABLE counters (
  meter INTEGER NOT NULL REFERENCES meters,
  role TEXT NOT NULL,
  next INTEGER NOT NULL DEFAULT 0 CHECK (next BETWEEN 0 AND 4294967296),
  received INTEGER NOT NULL DEFAULT -1 CHECK (received BETWEEN -1 AND 4294967295),
  PRIMARY KEY (meter, role)
) STRICT, WITHOUT ROWID;

-- The last line: whatever a program does, a counter never goes back.
CREATE TRIGGER counters_only_rise BEFORE UPDATE OF next ON counters WHEN NEW.next < OLD.next
BEGIN SELECT raise(ABORT, 'an invocation counter never goes back'); END;

CREATE TRIGGER counters_are_kept BEFORE DELETE ON counters
BEGIN SELECT raise(ABORT, 'an invocation counter is never forgotten'); END;

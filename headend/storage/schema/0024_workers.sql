-- Processes that visit meters. What a process writes, it writes under its token, and only while that has not ended.
CREATE TABLE workers (
  token INTEGER PRIMARY KEY AUTOINCREMENT,
  worker INTEGER NOT NULL,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  why TEXT,
  CHECK ((ended_at IS NULL) = (why IS NULL))
) STRICT;

CREATE INDEX live_workers ON workers (worker) WHERE ended_at IS NULL;

-- Who visits which shard of the fleet, one process at a time; a shard that nobody has is not here.
CREATE TABLE leases (
  shard TEXT PRIMARY KEY,
  token INTEGER NOT NULL REFERENCES workers,
  since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Under which token a command or top-up was sent, a read taken, a block of counters given out; none for a command by
-- hand, which holds the daemon's lock.
ALTER TABLE commands ADD COLUMN sender INTEGER;
ALTER TABLE topups ADD COLUMN sender INTEGER;
ALTER TABLE read_requests ADD COLUMN taken_by INTEGER;
ALTER TABLE counters ADD COLUMN token INTEGER;

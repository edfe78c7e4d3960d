-- Collection as people steer it, and what of it outlives a restart.

-- When the tasks of a schedule were last done at a meter: a round goes on from here after a restart.
CREATE TABLE served (
  meter INTEGER NOT NULL REFERENCES meters,
  schedule TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (meter, schedule)
) STRICT, WITHOUT ROWID;

CREATE TABLE suspended_schedules (
  schedule TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One slot of a schedule over (a shard of) the fleet; `left_over` meters are not handed out yet.
CREATE TABLE rounds (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  schedule TEXT NOT NULL,
  slot INTEGER NOT NULL,
  shard TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'cancelled', 'done', 'superseded')),
  size INTEGER NOT NULL,
  left_over INTEGER NOT NULL,
  done INTEGER NOT NULL,
  given_up INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  changed_by TEXT NOT NULL,
  UNIQUE (schedule, slot, shard)
) STRICT;

CREATE INDEX open_rounds ON rounds (id) WHERE state IN ('running', 'paused');

-- What is not tried again by itself, with its first cause; one line a meter.
CREATE TABLE given_up (
  meter INTEGER PRIMARY KEY REFERENCES meters,
  tasks TEXT NOT NULL,
  outcome TEXT NOT NULL,
  first_cause TEXT NOT NULL,
  failures INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  at INTEGER NOT NULL,
  requeued INTEGER NOT NULL DEFAULT 0 CHECK (requeued IN (0, 1))
) STRICT;

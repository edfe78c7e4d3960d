-- Who has a work item in hand, and what people did with it until it was closed.

ALTER TABLE work_items ADD COLUMN owner TEXT;

CREATE TABLE work_steps (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  item INTEGER NOT NULL REFERENCES work_items,
  at INTEGER NOT NULL,
  by TEXT NOT NULL,
  did TEXT NOT NULL CHECK (did IN ('opened', 'took', 'handed_over', 'gave_back', 'noted')),
  owner TEXT,
  note TEXT NOT NULL
) STRICT;

CREATE INDEX steps_of_work ON work_steps (item, id);

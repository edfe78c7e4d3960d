-- Work that comes from no command: a clock that is too far off, a tamper. Such an item is open once a meter and kind.

CREATE TABLE work_items_2 (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  office TEXT NOT NULL,
  meter INTEGER NOT NULL REFERENCES meters,
  consumer_no TEXT,
  command INTEGER REFERENCES commands,
  opened_at INTEGER NOT NULL,
  tried TEXT NOT NULL,
  closed_at INTEGER,
  closed_by TEXT,
  note TEXT,
  UNIQUE (command, kind),
  CHECK ((closed_at IS NULL) = (closed_by IS NULL))
) STRICT;

INSERT INTO work_items_2 (id, kind, office, meter, consumer_no, command, opened_at, tried, closed_at, closed_by, note)
  SELECT id, kind, office, meter, consumer_no, command, opened_at, tried, closed_at, closed_by, note FROM work_items;

DROP TABLE work_items;
ALTER TABLE work_items_2 RENAME TO work_items;

CREATE INDEX open_work ON work_items (office, id) WHERE closed_at IS NULL;
CREATE UNIQUE INDEX open_work_of_meter ON work_items (meter, kind) WHERE closed_at IS NULL AND command IS NULL;

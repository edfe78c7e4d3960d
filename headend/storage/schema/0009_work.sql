-- What a person has to do: supply that stays off, an outcome that nobody knows. One item a command and kind.

CREATE TABLE work_items (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  office TEXT NOT NULL,
  meter INTEGER NOT NULL REFERENCES meters,
  consumer_no TEXT,
  command INTEGER NOT NULL REFERENCES commands,
  opened_at INTEGER NOT NULL,
  tried TEXT NOT NULL,
  closed_at INTEGER,
  closed_by TEXT,
  note TEXT,
  UNIQUE (command, kind),
  CHECK ((closed_at IS NULL) = (closed_by IS NULL))
) STRICT;

CREATE INDEX open_work ON work_items (office, id) WHERE closed_at IS NULL;

-- How long supply took to return is asked for often, over a few days of many years.
CREATE INDEX confirmed_reconnects ON commands (changed_at) WHERE target = 'connected' AND state = 'confirmed';

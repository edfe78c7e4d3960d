-- The journal of relay commands. Which state follows which is not written here: headend/commands/transitions.py says it.

CREATE TABLE commands (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  meter INTEGER NOT NULL REFERENCES meters,
  target TEXT NOT NULL CHECK (target IN ('disconnected', 'connected')),
  cause TEXT NOT NULL,
  origin TEXT NOT NULL,
  reason TEXT NOT NULL,
  requested_by TEXT NOT NULL,
  requested_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  state TEXT NOT NULL,
  changed_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  balance INTEGER,
  balance_at INTEGER,
  emergency INTEGER NOT NULL CHECK (emergency IN (0, 1)),
  superseded_by INTEGER REFERENCES commands,
  evidence TEXT,
  released_by TEXT,
  segment TEXT NOT NULL,
  counted_at INTEGER,
  UNIQUE (meter, cause)
) STRICT;

-- At most one command of a meter is open and not replaced by a later one, over all processes.
CREATE UNIQUE INDEX one_open_command ON commands (meter)
WHERE state IN ('requested', 'sending', 'unknown', 'quarantined') AND superseded_by IS NULL;

CREATE INDEX open_commands ON commands (state, meter)
WHERE state IN ('requested', 'sending', 'unknown', 'quarantined');

CREATE INDEX commands_of_meter ON commands (meter, id);

-- What counts towards the caps: disconnects by the time at which they took their place under them.
CREATE INDEX counted_disconnects ON commands (counted_at, segment)
WHERE target = 'disconnected' AND counted_at IS NOT NULL;

CREATE TABLE command_steps (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  command INTEGER NOT NULL REFERENCES commands,
  at INTEGER NOT NULL,
  before TEXT,
  after TEXT NOT NULL,
  note TEXT NOT NULL
) STRICT;

CREATE INDEX steps_of_command ON command_steps (command, id);

CREATE TRIGGER command_steps_are_immutable BEFORE UPDATE ON command_steps
BEGIN SELECT raise(ABORT, 'the steps of a command are immutable'); END;

CREATE TRIGGER command_steps_are_kept BEFORE DELETE ON command_steps
BEGIN SELECT raise(ABORT, 'the steps of a command are kept'); END;

CREATE TRIGGER commands_are_kept BEFORE DELETE ON commands
BEGIN SELECT raise(ABORT, 'commands are kept'); END;

CREATE TABLE office_modes (
  office TEXT PRIMARY KEY,
  mode TEXT NOT NULL CHECK (mode IN ('notify', 'propose', 'automatic')),
  changed_at INTEGER NOT NULL,
  changed_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE switches (
  name TEXT PRIMARY KEY CHECK (name IN ('armed', 'kill_switch')),
  value INTEGER NOT NULL CHECK (value IN (0, 1)),
  changed_at INTEGER NOT NULL,
  changed_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Relay controls that another system asked for by a CIM message: taken once by sender and message id, and answered when
-- every relay was read back.

CREATE TABLE cim_messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL,
  message_id TEXT NOT NULL,
  digest BLOB NOT NULL,
  correlation_id TEXT NOT NULL,
  reply_address TEXT,
  asked_by TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  replied_at INTEGER,
  tries INTEGER NOT NULL DEFAULT 0,
  next_try INTEGER,
  reply_error TEXT,
  UNIQUE (source, message_id)
) STRICT;

CREATE INDEX unanswered_cim_messages ON cim_messages (next_try) WHERE replied_at IS NULL;

-- `command` is what the journal holds for a control, NULL where a rule refused it: then `refused` and `code` say which.
CREATE TABLE cim_controls (
  message INTEGER NOT NULL REFERENCES cim_messages,
  number INTEGER NOT NULL,
  meter TEXT NOT NULL,
  switch TEXT NOT NULL CHECK (switch IN ('connect', 'disconnect')),
  mrid TEXT NOT NULL,
  reason TEXT NOT NULL,
  command INTEGER REFERENCES commands,
  code TEXT,
  refused TEXT,
  PRIMARY KEY (message, number),
  CHECK ((command IS NULL) = (refused IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TRIGGER cim_controls_are_kept BEFORE DELETE ON cim_controls
BEGIN SELECT raise(ABORT, 'controls are kept'); END;

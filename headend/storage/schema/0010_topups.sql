-- Recharges of accounts that the meter keeps: each is written to the meter once. `before` is what the meter showed in the
-- association that writes; `marker` the time that is written beside the balance, by which a lost answer is told.

CREATE TABLE topups (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES accounts,
  meter INTEGER NOT NULL REFERENCES meters,
  entry INTEGER NOT NULL UNIQUE REFERENCES ledger,
  amount INTEGER NOT NULL CHECK (amount > 0),
  marker INTEGER NOT NULL,
  requested_at INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('requested', 'sending', 'unknown', 'quarantined', 'confirmed', 'rejected')),
  changed_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  before TEXT,
  note TEXT NOT NULL DEFAULT '',
  UNIQUE (meter, marker)
) STRICT;

CREATE INDEX open_topups ON topups (meter, id) WHERE state IN ('requested', 'sending', 'unknown', 'quarantined');

CREATE TRIGGER topups_end_once BEFORE UPDATE ON topups WHEN OLD.state IN ('confirmed', 'rejected')
BEGIN SELECT raise(ABORT, 'a top-up ends once'); END;

CREATE TRIGGER topups_are_kept BEFORE DELETE ON topups
BEGIN SELECT raise(ABORT, 'top-ups are kept'); END;

-- Money moved by people. A correction or a reversal is booked only when a second person has approved it.

CREATE TABLE corrections (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES accounts,
  kind TEXT NOT NULL CHECK (kind IN ('correction', 'reversal')),
  amount INTEGER NOT NULL CHECK (amount <> 0),
  reverses INTEGER REFERENCES ledger,
  reason TEXT NOT NULL CHECK (reason <> ''),
  proposed_by TEXT NOT NULL,
  proposed_at INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected')),
  decided_by TEXT,
  decided_at INTEGER,
  entry INTEGER REFERENCES ledger,
  CHECK ((kind = 'reversal') = (reverses IS NOT NULL)),
  CHECK ((state = 'approved') = (entry IS NOT NULL)),
  CHECK ((state = 'proposed') = (decided_by IS NULL))
) STRICT;

CREATE INDEX open_corrections ON corrections (id) WHERE state = 'proposed';

-- An entry is reversed once, whoever asks for it.
CREATE UNIQUE INDEX reversed_once ON corrections (reverses) WHERE reverses IS NOT NULL AND state <> 'rejected';

CREATE TRIGGER corrections_are_decided_once BEFORE UPDATE ON corrections WHEN OLD.state <> 'proposed'
BEGIN SELECT raise(ABORT, 'a correction is decided once'); END;

CREATE TRIGGER corrections_are_kept BEFORE DELETE ON corrections
BEGIN SELECT raise(ABORT, 'corrections are kept'); END;

-- Arrears that are paid off in fixed parts: they leave the ledger when the plan is made, and each part is booked when
-- its day has passed.
CREATE TABLE instalment_plans (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES accounts,
  total INTEGER NOT NULL CHECK (total > 0),
  made_by TEXT NOT NULL,
  made_at INTEGER NOT NULL,
  reason TEXT NOT NULL CHECK (reason <> ''),
  entry INTEGER NOT NULL REFERENCES ledger
) STRICT;

CREATE INDEX plans_of_account ON instalment_plans (account);

CREATE TABLE instalments (
  plan INTEGER NOT NULL REFERENCES instalment_plans,
  number INTEGER NOT NULL,
  due_on TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount > 0),
  account INTEGER NOT NULL REFERENCES accounts,
  entry INTEGER REFERENCES ledger,
  PRIMARY KEY (plan, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX waiting_instalments ON instalments (account, due_on) WHERE entry IS NULL;

CREATE TRIGGER instalments_are_fixed BEFORE UPDATE ON instalments
WHEN OLD.entry IS NOT NULL OR NEW.due_on <> OLD.due_on OR NEW.amount <> OLD.amount OR NEW.account <> OLD.account
BEGIN SELECT raise(ABORT, 'an instalment is fixed'); END;

CREATE TRIGGER instalments_are_kept BEFORE DELETE ON instalments
BEGIN SELECT raise(ABORT, 'instalments are kept'); END;

-- Consumers and their money. Amounts are integer paise, positive in the consumer's favour.

CREATE TABLE accounts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  consumer_no TEXT NOT NULL UNIQUE CHECK (length(consumer_no) = 11 AND consumer_no NOT GLOB '*[^0-9]*'),
  name TEXT NOT NULL,
  language TEXT NOT NULL CHECK (language IN ('hi', 'en')),
  mobile TEXT,
  category TEXT NOT NULL,
  office TEXT NOT NULL,
  tariff TEXT NOT NULL,
  protected TEXT,
  balance_source TEXT NOT NULL CHECK (balance_source IN ('ledger', 'meter')),
  reconciled INTEGER NOT NULL CHECK (reconciled IN (0, 1)),
  converted_at INTEGER,
  negative_since INTEGER
) STRICT;

CREATE TABLE ledger (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES accounts,
  kind TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (abs(amount) <= 1000000000000),
  reference TEXT NOT NULL,
  at INTEGER NOT NULL,
  booked_at INTEGER NOT NULL,
  note TEXT NOT NULL,
  balance INTEGER NOT NULL,
  UNIQUE (account, kind, reference)
) STRICT;

CREATE INDEX ledger_of_account ON ledger (account, id);

-- A payment is booked once in the whole house, whoever it is said to be for.
CREATE UNIQUE INDEX payment_once ON ledger (reference) WHERE kind = 'recharge';

CREATE TRIGGER ledger_is_append_only BEFORE UPDATE ON ledger
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;

CREATE TRIGGER ledger_keeps_everything BEFORE DELETE ON ledger
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;

-- The running balance is stored with each entry and must continue the one before: a second, independent sum.
CREATE TRIGGER ledger_runs_on BEFORE INSERT ON ledger
WHEN NEW.balance <> NEW.amount + coalesce(
  (SELECT balance FROM ledger WHERE account = NEW.account ORDER BY id DESC LIMIT 1), 0)
BEGIN SELECT raise(ABORT, 'the running balance does not continue the ledger'); END;

CREATE TABLE energy_marks (
  meter INTEGER PRIMARY KEY REFERENCES meters,
  energy_wh INTEGER NOT NULL,
  at INTEGER NOT NULL,
  remainder INTEGER NOT NULL,
  duty_remainder INTEGER NOT NULL,
  slab_period TEXT NOT NULL,
  slab_wh INTEGER NOT NULL
) STRICT;

CREATE TABLE notices (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES accounts,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  at INTEGER NOT NULL,
  texts TEXT NOT NULL,
  delivered_at INTEGER,
  UNIQUE (account, key)
) STRICT;

CREATE INDEX notices_of_account ON notices (account, at);

-- Why something was done or left undone. A verdict that repeats is counted in `times`, except one that moves a relay.
CREATE TABLE decisions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES accounts,
  at INTEGER NOT NULL,
  verdict TEXT NOT NULL,
  reason TEXT NOT NULL,
  facts TEXT NOT NULL,
  would TEXT,
  command INTEGER REFERENCES commands,
  last_at INTEGER NOT NULL,
  times INTEGER NOT NULL
) STRICT;

CREATE INDEX decisions_of_account ON decisions (account, id);

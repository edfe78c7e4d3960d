-- Notices on their way to consumers, and how consumers can be reached.

-- One row a notice, channel and language, written in the notice's own transaction. `address` is set where a message goes
-- elsewhere than to the consumer's present one. `next_try`: the next attempt while queued, the next look for a receipt
-- while sent, NULL when nothing is left to do. `attempts` counts since the last send, `sends` what a provider took.
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  notice INTEGER NOT NULL REFERENCES notices,
  account INTEGER NOT NULL REFERENCES accounts,
  channel TEXT NOT NULL,
  language TEXT NOT NULL,
  address TEXT,
  state TEXT NOT NULL CHECK (state IN ('queued', 'sent', 'delivered', 'failed', 'suppressed')),
  attempts INTEGER NOT NULL DEFAULT 0,
  sends INTEGER NOT NULL DEFAULT 0,
  next_try INTEGER,
  sent_at INTEGER,
  sent_to TEXT,
  provider_id TEXT,
  error TEXT,
  changed_at INTEGER NOT NULL,
  UNIQUE (notice, channel, language)
) STRICT;

CREATE INDEX deliveries_due ON deliveries (channel, state, next_try) WHERE next_try IS NOT NULL;
CREATE INDEX deliveries_of_account ON deliveries (account, id);

-- Every send that a provider took, so that a receipt is known however late it comes.
CREATE TABLE delivery_sends (
  channel TEXT NOT NULL,
  provider_id TEXT NOT NULL,
  delivery INTEGER NOT NULL REFERENCES deliveries,
  at INTEGER NOT NULL,
  PRIMARY KEY (channel, provider_id)
) STRICT, WITHOUT ROWID;

-- Attempts a day (UTC, days since 1970), which a contract with a provider may bound.
CREATE TABLE channel_days (
  channel TEXT NOT NULL,
  day INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  PRIMARY KEY (channel, day)
) STRICT, WITHOUT ROWID;

-- What the portal shows as online messages; the words are the notice's.
CREATE TABLE inbox (
  notice INTEGER PRIMARY KEY REFERENCES notices,
  account INTEGER NOT NULL REFERENCES accounts,
  at INTEGER NOT NULL,
  read_at INTEGER
) STRICT;

CREATE INDEX inbox_of_account ON inbox (account, notice);

-- `undelivered` counts text messages in a row that never reached the number; `listed_at`: since when the office is asked
-- to find a working one.
CREATE TABLE contacts (
  account INTEGER PRIMARY KEY REFERENCES accounts,
  email TEXT,
  undelivered INTEGER NOT NULL DEFAULT 0,
  listed_at INTEGER
) STRICT;

CREATE INDEX contacts_listed ON contacts (listed_at) WHERE listed_at IS NOT NULL;

CREATE TRIGGER a_new_number_starts_anew AFTER UPDATE OF mobile ON accounts WHEN NEW.mobile IS NOT OLD.mobile
BEGIN UPDATE contacts SET undelivered = 0, listed_at = NULL WHERE account = NEW.id; END;

-- A change of number that waits for, or had, its one-time password; of the password only a salted digest is kept.
CREATE TABLE number_changes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES accounts,
  before TEXT,
  after TEXT NOT NULL,
  salt BLOB NOT NULL,
  digest BLOB NOT NULL,
  tries_left INTEGER NOT NULL CHECK (tries_left >= 0),
  requested_at INTEGER NOT NULL,
  requested_by TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'confirmed', 'replaced', 'refused')),
  closed_at INTEGER,
  closed_by TEXT
) STRICT;

CREATE UNIQUE INDEX one_open_number_change ON number_changes (account) WHERE state = 'open';
CREATE INDEX number_changes_by_number ON number_changes (after, requested_at);

-- What an account uses a day (UTC, days since 1970), in paise: how long its credit will last.
CREATE TABLE usage_days (
  account INTEGER NOT NULL REFERENCES accounts,
  day INTEGER NOT NULL,
  paise INTEGER NOT NULL,
  PRIMARY KEY (account, day)
) STRICT, WITHOUT ROWID;

INSERT INTO usage_days (account, day, paise)
SELECT account, at / 86400000000, -sum(amount) FROM ledger WHERE kind IN ('energy', 'fixed', 'duty') GROUP BY 1, 2;

CREATE TRIGGER usage_is_counted AFTER INSERT ON ledger WHEN NEW.kind IN ('energy', 'fixed', 'duty')
BEGIN INSERT INTO usage_days (account, day, paise) VALUES (NEW.account, NEW.at / 86400000000, -NEW.amount)
ON CONFLICT (account, day) DO UPDATE SET paise = paise + excluded.paise; END;

-- The consumers' portal: one-time passwords, passwords, online payments, complaints.

-- A code is asked for by a consumer number as it was typed: one that nobody has leaves the same row, so that nothing
-- tells the two apart. Only a salted digest is kept.
CREATE TABLE portal_codes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  consumer_no TEXT NOT NULL,
  account INTEGER REFERENCES accounts,
  salt BLOB NOT NULL,
  digest BLOB NOT NULL,
  tries_left INTEGER NOT NULL,
  asked_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'used', 'replaced', 'refused'))
) STRICT;

CREATE INDEX portal_codes_of_number ON portal_codes (consumer_no, asked_at);
CREATE INDEX portal_codes_by_age ON portal_codes (asked_at);

-- Who has registered; `password` is an argon2 text, NULL while one-time passwords are enough.
CREATE TABLE portal_consumers (
  account INTEGER PRIMARY KEY REFERENCES accounts,
  registered_at INTEGER NOT NULL,
  password TEXT,
  password_at INTEGER
) STRICT;

CREATE TABLE online_payments (
  id TEXT PRIMARY KEY,
  account INTEGER NOT NULL REFERENCES accounts,
  amount INTEGER NOT NULL CHECK (amount > 0),
  gateway TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('started', 'paid', 'failed', 'disputed')),
  started_at INTEGER NOT NULL,
  settled_at INTEGER,
  reference TEXT,
  reason TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX online_payments_of_account ON online_payments (account, started_at);

-- Every word of a gateway about a payment of ours, also one that changed nothing.
CREATE TABLE payment_words (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  payment TEXT NOT NULL REFERENCES online_payments,
  at INTEGER NOT NULL,
  paid INTEGER NOT NULL CHECK (paid IN (0, 1)),
  amount INTEGER NOT NULL,
  reference TEXT NOT NULL,
  reason TEXT NOT NULL,
  state TEXT NOT NULL
) STRICT;

CREATE TABLE complaints (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES accounts,
  office TEXT NOT NULL,
  at INTEGER NOT NULL,
  subject TEXT NOT NULL,
  text TEXT NOT NULL,
  closed_at INTEGER,
  closed_by TEXT,
  answer TEXT,
  CHECK ((closed_at IS NULL) = (closed_by IS NULL))
) STRICT;

CREATE INDEX complaints_of_account ON complaints (account, id);
CREATE INDEX open_complaints ON complaints (office, id) WHERE closed_at IS NULL;

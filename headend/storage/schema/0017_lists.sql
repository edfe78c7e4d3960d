-- What the console's and the API's lists of a large fleet stand on.

-- The balance of each account's ledger, so that a list of accounts asks no ledger.
CREATE TABLE balances (
  account INTEGER PRIMARY KEY REFERENCES accounts,
  paise INTEGER NOT NULL
) STRICT;

INSERT INTO balances (account, paise)
SELECT account, balance FROM ledger WHERE id IN (SELECT max(id) FROM ledger GROUP BY account);

CREATE TRIGGER balances_follow AFTER INSERT ON ledger
BEGIN INSERT INTO balances (account, paise) VALUES (NEW.account, NEW.balance)
ON CONFLICT (account) DO UPDATE SET paise = excluded.paise; END;

CREATE INDEX balances_by_amount ON balances (paise);
CREATE INDEX meters_by_office ON meters (office, serial);
CREATE INDEX accounts_by_office ON accounts (office, consumer_no);
CREATE INDEX accounts_by_mobile ON accounts (mobile) WHERE mobile IS NOT NULL;
CREATE INDEX accounts_by_name ON accounts (name COLLATE NOCASE);
CREATE INDEX accounts_below_zero ON accounts (negative_since) WHERE negative_since IS NOT NULL;
CREATE INDEX events_of_meter ON events (meter, number) WHERE meter IS NOT NULL;
CREATE INDEX commands_by_change ON commands (changed_at);
CREATE INDEX meters_failing ON meter_state (meter) WHERE last_outcome <> 'done';
CREATE INDEX meters_dark ON meter_state (meter) WHERE relay_connected = 0;

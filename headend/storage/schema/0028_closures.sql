-- Hours and days without cuts, and protected consumers, as officers add them to what policy file and imports say.

-- Either a `day` (2026-11-24) or hours (`starts`, `ends` as 18:00; `weekdays` as digits, Monday is 0).
CREATE TABLE closures (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  office TEXT NOT NULL,
  day TEXT,
  starts TEXT,
  ends TEXT,
  weekdays TEXT,
  reason TEXT NOT NULL CHECK (reason <> ''),
  added_by TEXT NOT NULL,
  added_at INTEGER NOT NULL,
  lift_asked_by TEXT,
  lift_asked_at INTEGER,
  lifted_by TEXT,
  lifted_at INTEGER,
  CHECK ((day IS NULL) <> (starts IS NULL)),
  CHECK ((starts IS NULL) = (ends IS NULL) AND (starts IS NULL) = (weekdays IS NULL)),
  CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
) STRICT;

CREATE INDEX closures_in_force ON closures (id) WHERE lifted_at IS NULL;

CREATE TABLE protections (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES accounts,
  reason TEXT NOT NULL CHECK (reason <> ''),
  added_by TEXT NOT NULL,
  added_at INTEGER NOT NULL,
  lift_asked_by TEXT,
  lift_asked_at INTEGER,
  lifted_by TEXT,
  lifted_at INTEGER,
  CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
) STRICT;

CREATE UNIQUE INDEX protections_in_force ON protections (account) WHERE lifted_at IS NULL;

-- Whoever writes accounts, an import too, lifts no protection that an officer gave.
CREATE TRIGGER protections_stay AFTER UPDATE OF protected ON accounts
WHEN NEW.protected IS NULL
  AND EXISTS (SELECT 1 FROM protections p WHERE p.account = NEW.id AND p.lifted_at IS NULL)
BEGIN UPDATE accounts SET protected = (SELECT p.reason FROM protections p WHERE p.account = NEW.id
AND p.lifted_at IS NULL) WHERE id = NEW.id; END;

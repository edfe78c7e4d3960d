-- The rules that were in force, word for word, and the mode `automatic` as one person asks for it and another confirms.

CREATE TABLE policies (
  digest TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  body TEXT NOT NULL,
  first_used INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE mode_proposals (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  office TEXT NOT NULL,
  mode TEXT NOT NULL CHECK (mode IN ('notify', 'propose', 'automatic')),
  proposed_by TEXT NOT NULL,
  proposed_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  decided_by TEXT,
  decided_at INTEGER,
  CHECK ((decided_by IS NULL) = (decided_at IS NULL))
) STRICT;

-- The list of cuts that an officer saw, bound to its content: approved once, as it was shown, before it expires.
CREATE TABLE proposal_lists (
  digest TEXT PRIMARY KEY,
  office TEXT NOT NULL,
  commands TEXT NOT NULL,
  shown_to TEXT NOT NULL,
  shown_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  approved_by TEXT,
  approved_at INTEGER,
  CHECK ((approved_by IS NULL) = (approved_at IS NULL))
) STRICT, WITHOUT ROWID;

-- The first of two approvals of a list of cuts that is longer than one person may approve.
CREATE TABLE list_approvals (
  digest TEXT PRIMARY KEY REFERENCES proposal_lists,
  by TEXT NOT NULL,
  struck TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

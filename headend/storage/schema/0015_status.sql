-- How each process of the daemon stands, told every few seconds: one row a process, written over. What is read of a
-- daemon by screens and scrapes stands here, so that they need nothing but the database.
CREATE TABLE process_status (
  worker INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT;

-- What went over the line in a visit that an officer asked to see, sealed under the key that wraps the meters' keys.

-- Read requests whose visit is to be recorded; the answer's trace takes the order's place.
CREATE TABLE trace_orders (
  request INTEGER PRIMARY KEY REFERENCES read_requests,
  asked_by TEXT NOT NULL,
  asked_at INTEGER NOT NULL
) STRICT;

CREATE TABLE visit_traces (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  meter INTEGER NOT NULL REFERENCES meters,
  request INTEGER NOT NULL,
  asked_by TEXT NOT NULL,
  at INTEGER NOT NULL,
  octets INTEGER NOT NULL,
  cut INTEGER NOT NULL CHECK (cut IN (0, 1)),
  sealed BLOB NOT NULL
) STRICT;

CREATE INDEX traces_of_meter ON visit_traces (meter, id);
CREATE INDEX traces_by_age ON visit_traces (at);

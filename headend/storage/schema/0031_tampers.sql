-- The events of meters that the console lists, and the tampers that its first page counts.
CREATE INDEX meter_events_by_seen ON meter_events (seen_at);
CREATE INDEX tampers_by_seen ON meter_events (seen_at) WHERE kind = 'tamper';

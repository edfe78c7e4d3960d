-- What lists of a hundred thousand meters and consumers are sorted and filtered by, and what the first page counts.
CREATE INDEX accounts_by_negative ON accounts (negative_since, consumer_no);
CREATE INDEX accounts_without_mobile ON accounts (office) WHERE mobile IS NULL;
CREATE INDEX accounts_protected ON accounts (consumer_no) WHERE protected IS NOT NULL;
CREATE INDEX meters_off_time ON meter_state (meter) WHERE abs(clock_deviation) > 60;
CREATE INDEX meters_by_visit ON meter_state (last_done);
CREATE INDEX deliveries_failed ON deliveries (changed_at) WHERE state = 'failed';
CREATE INDEX ledger_by_kind ON ledger (kind, id);
CREATE INDEX accounts_negative_of_office ON accounts (office) WHERE negative_since IS NOT NULL;
CREATE INDEX accounts_of_office_by_name ON accounts (office, name COLLATE NOCASE, consumer_no);
CREATE INDEX accounts_of_office_by_negative ON accounts (office, negative_since, consumer_no);

-- What a consumer may draw by contract, in W; NULL where it is not known. Tariffs may charge by it.

ALTER TABLE accounts ADD COLUMN sanctioned_load INTEGER CHECK (sanctioned_load > 0);

-- Each visit asks for what people have open at its meter: by the meter, not through all that is open in the house.
CREATE INDEX open_work_at_meter ON work_items (meter) WHERE closed_at IS NULL;

-- What the embedded store's statements call and PostgreSQL lacks.
CREATE FUNCTION max(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS 'SELECT CASE WHEN $1 IS NULL OR $2 IS NULL THEN NULL ELSE greatest($1, $2) END';

CREATE FUNCTION min(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS 'SELECT CASE WHEN $1 IS NULL OR $2 IS NULL THEN NULL ELSE least($1, $2) END';

CREATE FUNCTION counted(double precision, boolean) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS 'SELECT $1 + coalesce($2::int, 0)';

CREATE AGGREGATE total(boolean) (sfunc = counted, stype = double precision, initcond = '0');

CREATE FUNCTION added(bigint, boolean) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS 'SELECT CASE WHEN $2 IS NULL THEN $1 ELSE coalesce($1, 0) + $2::int END';

CREATE AGGREGATE sum(boolean) (sfunc = added, stype = bigint);

CREATE FUNCTION larger(boolean, boolean) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS 'SELECT coalesce($1, false) OR $2';

CREATE AGGREGATE max(boolean) (sfunc = larger, stype = boolean);

CREATE FUNCTION hex(bytea) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT upper(encode($1, ''hex''))';

-- How far each table has counted; the server keeps no such record of numbers that were given by hand.
CREATE VIEW sqlite_sequence AS SELECT NULL::text AS name, NULL::bigint AS seq WHERE false;

CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);

CREATE TABLE migrations (
  name TEXT PRIMARY KEY,
  applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

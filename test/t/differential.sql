-- What differential.pl works with. It runs as a superuser in a fresh database, with search_path pg_catalog.

CREATE SCHEMA public_extensions;
CREATE EXTENSION hstore SCHEMA public_extensions;
CREATE EXTENSION citext SCHEMA public_extensions;
CREATE EXTENSION txsync;

-- ---- What is expected, and what came

CREATE SCHEMA diff;
-- `kept` are the columns that an update does not assign: only they may stay outside of data, in unchangedKeys.
CREATE UNLOGGED TABLE diff.expected (n bigint GENERATED ALWAYS AS IDENTITY, entity text, id text, data jsonb, kept text[] DEFAULT '{}', versions jsonb);
CREATE UNLOGGED TABLE diff.lines (n bigint GENERATED ALWAYS AS IDENTITY, line text CHECK (line !~ '[\n\r]'));

-- One row for each change that is not as expected: data is compared as jsonb's text, so that a numeric's scale counts.
CREATE VIEW diff.differences AS
WITH streamed AS (
	SELECT line ->> 'entityType' AS entity, line ->> 'entityId' AS id, line -> 'data' AS data,
		jsonb_build_object('rowVersion', line -> 'rowVersion', 'last', line -> 'version') AS versions,
		coalesce(line -> 'unchangedKeys', '[]') AS unchanged,
		row_number() OVER (PARTITION BY line ->> 'entityType', line ->> 'entityId' ORDER BY n) AS nth
	FROM (SELECT n, line::jsonb FROM diff.lines OFFSET 0) parsed
), expected AS (
	SELECT entity, id, coalesce(data, 'null') AS data, kept, versions, row_number() OVER (PARTITION BY entity, id ORDER BY n) AS nth
	FROM diff.expected
), compared AS (
	SELECT entity, id, nth, e.data AS expected, s.data AS streamed, s.unchanged,
		e.versions AS expected_versions, s.versions AS streamed_versions,
		CASE WHEN jsonb_array_length(s.unchanged) = 0 THEN s.data::text
			ELSE (s.data || (SELECT jsonb_object_agg(key, e.data -> key) FROM jsonb_array_elements_text(s.unchanged) key WHERE key = ANY (e.kept)))::text
		END AS whole
	FROM expected e FULL JOIN streamed s USING (entity, id, nth)
)
SELECT entity, id, nth, k.key, expected -> k.key AS expected, streamed -> k.key AS streamed, unchanged
FROM compared, LATERAL (
	SELECT key FROM jsonb_object_keys(CASE WHEN jsonb_typeof(expected) = 'object' THEN expected ELSE '{"": 0}' END
		|| CASE WHEN jsonb_typeof(streamed) = 'object' THEN streamed ELSE '{"": 0}' END) key
	WHERE (expected -> key)::text IS DISTINCT FROM (streamed -> key)::text OR key = ''
) k
WHERE whole IS DISTINCT FROM expected::text
UNION ALL SELECT entity, id, nth, 'the versions', expected_versions, streamed_versions, NULL
FROM compared WHERE NOT streamed_versions @> expected_versions;

-- ---- What must not lead anybody astray: a reader's search_path begins with this schema

CREATE ROLE "odd ""é"" role";
CREATE SCHEMA "odd ""é"" schema";
CREATE SCHEMA hostile;
CREATE TABLE hostile.pg_class (oid oid, relname name);
CREATE TABLE hostile.pg_type (oid oid, typname name);
CREATE TABLE hostile.pg_enum (oid oid, enumlabel name);
CREATE TABLE hostile."Odd ""é"" table" ();
CREATE TYPE hostile.text AS ENUM ('hostile');
CREATE TYPE hostile.int4 AS (hostile int);
CREATE TYPE hostile.jsonb AS (hostile int);
CREATE DOMAIN hostile."odd é" AS int;
CREATE COLLATION hostile."C" (locale = 'POSIX');
CREATE COLLATION hostile."odd é" (locale = 'C');
CREATE TEXT SEARCH CONFIGURATION hostile.english (COPY = pg_catalog.simple);
CREATE TEXT SEARCH DICTIONARY hostile.simple (TEMPLATE = pg_catalog.simple);

CREATE FUNCTION hostile.raise(name pg_catalog.text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'user code ran: %', name; END $$;
CREATE FUNCTION hostile.to_jsonb(anyelement) RETURNS pg_catalog.jsonb LANGUAGE sql AS $$ SELECT 'null'::pg_catalog.jsonb WHERE hostile.raise('to_jsonb') $$;
CREATE FUNCTION hostile.to_json(anyelement) RETURNS json LANGUAGE sql AS $$ SELECT 'null'::json WHERE hostile.raise('to_json') $$;
CREATE FUNCTION hostile.lower(pg_catalog.text) RETURNS pg_catalog.text LANGUAGE sql AS $$ SELECT '' WHERE hostile.raise('lower') $$;
CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT NULL::timestamptz WHERE hostile.raise('now') $$;
CREATE FUNCTION hostile.format_type(oid, integer) RETURNS pg_catalog.text LANGUAGE sql AS $$ SELECT '' WHERE hostile.raise('format_type') $$;
CREATE FUNCTION hostile.quote_ident(pg_catalog.text) RETURNS pg_catalog.text LANGUAGE sql AS $$ SELECT '' WHERE hostile.raise('quote_ident') $$;
CREATE FUNCTION hostile."odd é"(hostile.text, integer[]) RETURNS bool LANGUAGE sql AS $$ SELECT hostile.raise('odd') $$;
CREATE FUNCTION hostile.equal(integer, integer) RETURNS bool LANGUAGE sql AS $$ SELECT hostile.raise('=') $$;
CREATE FUNCTION hostile.equal(oid, oid) RETURNS bool LANGUAGE sql AS $$ SELECT hostile.raise('=') $$;
CREATE FUNCTION hostile.equal(name, name) RETURNS bool LANGUAGE sql AS $$ SELECT hostile.raise('=') $$;
CREATE FUNCTION hostile.equal(hostile.text, bigint) RETURNS bool LANGUAGE sql AS $$ SELECT hostile.raise('<<<') $$;
CREATE OPERATOR hostile.= (FUNCTION = hostile.equal, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR hostile.= (FUNCTION = hostile.equal, LEFTARG = oid, RIGHTARG = oid);
CREATE OPERATOR hostile.= (FUNCTION = hostile.equal, LEFTARG = name, RIGHTARG = name);
CREATE OPERATOR hostile.<<< (FUNCTION = hostile.equal, LEFTARG = hostile.text, RIGHTARG = bigint);

-- ---- Values that only the catalogs have

CREATE SCHEMA catalogs;
CREATE TABLE catalogs.analyzed (a int DEFAULT 1, b text DEFAULT lower('é'), c date DEFAULT now());
INSERT INTO catalogs.analyzed SELECT i / 100, 'é' || i / 100, date '2000-01-01' + i / 50 FROM generate_series(1, 500) i;
CREATE STATISTICS catalogs.a_b_c (ndistinct, dependencies, mcv) ON a, b, c FROM catalogs.analyzed;
ANALYZE catalogs.analyzed;

-- ---- The reader

CREATE ROLE reader SUPERUSER REPLICATION LOGIN;
SELECT pg_create_logical_replication_slot('differential', 'txsync');

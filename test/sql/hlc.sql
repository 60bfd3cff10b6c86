-- Transaction ids of hybrid logical clocks: the type hlc, and the functions on ids. (Shared clock, crash, standby: test/t/clock.pl.)
SET search_path = public, txsync;

-- text: zeros in front of the wall time are not kept
SELECT t, t::hlc FROM unnest('{1795251600000.0000.laptop, 0.0000.n, 0001.0001.n, 281474976710655.9223372036854775807.a.b.c, 1.10000.żółw}'::text[]) t;
SELECT 'x'::hlc;
SELECT '1.1.n'::hlc;
SELECT '281474976710656.0000.n'::hlc;
SELECT '1.9223372036854775808.n'::hlc;
SELECT ('1.0000.' || repeat('n', 121))::hlc = ('1.0000.' || repeat('n', 121))::hlc AS longest;
SELECT ('1.0000.' || repeat('ż', 61))::hlc;
DO $$ BEGIN PERFORM ''::hlc; EXCEPTION WHEN SQLSTATE 'TX007' THEN RAISE NOTICE '%', SQLERRM; END $$;

-- order: wall time, logical, the node's bytes; never the text's, never a collation's
CREATE TABLE ids (n int, id hlc);
INSERT INTO ids VALUES (1, '999.9999.b'), (2, '1000.0000.Z'), (3, '1000.0000.a'), (4, '1000.0000.aa'), (5, '1000.0000.ä'), (6, '1000.9999.a'), (7, '1000.10000.a'), (8, '1001.0000.a');
INSERT INTO ids SELECT 8 + n, (1001 + n * 7 % 1000 || '.' || lpad((n % 3)::text, 4, '0') || '.' || chr(65 + n % 50))::hlc FROM generate_series(1, 2000) n;
SELECT n, id FROM ids WHERE n <= 8 ORDER BY id;
SELECT count(*) FILTER (WHERE (a.id < b.id) <> (ra < rb)), count(*) FILTER (WHERE (a.id <= b.id) <> (ra <= rb)), count(*) FILTER (WHERE (a.id > b.id) <> (ra > rb)),
       count(*) FILTER (WHERE (a.id >= b.id) <> (ra >= rb)), count(*) FILTER (WHERE (a.id = b.id) <> (ra = rb)), count(*) FILTER (WHERE (a.id <> b.id) <> (ra <> rb)),
       count(*) FILTER (WHERE hlc_cmp(a.id, b.id) <> sign(ra - rb)), count(*) FILTER (WHERE compare_transaction_ids(a.id::text, '0' || b.id::text) <> sign(ra - rb)), count(*)
FROM (SELECT *, rank() OVER (ORDER BY p.wall_ms, p.logical, p.node COLLATE "C") AS ra FROM ids, parse_transaction_id(id::text) p WHERE n < 100) a,
     (SELECT *, rank() OVER (ORDER BY p.wall_ms, p.logical, p.node COLLATE "C") AS rb FROM ids, parse_transaction_id(id::text) p WHERE n < 100) b;

-- indexes and joins
CREATE INDEX ids_id ON ids (id);
CREATE INDEX ids_hash ON ids USING hash (id);
ANALYZE ids;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT n FROM ids WHERE id > '1000.9999.a' ORDER BY id LIMIT 3;
SELECT n FROM ids WHERE id >= '1000.9999.a' ORDER BY id LIMIT 2;
SELECT n, id FROM ids WHERE id = '0999.9999.b';
DROP INDEX ids_id;
EXPLAIN (COSTS OFF) SELECT n FROM ids WHERE id = '999.9999.b';
SELECT n, id FROM ids WHERE id = '0999.9999.b';
RESET enable_seqscan;
RESET enable_bitmapscan;
SET enable_nestloop = off;
SET enable_mergejoin = off;
SELECT count(*) FROM ids a JOIN ids b USING (id);
SET enable_hashjoin = off;
SET enable_mergejoin = on;
SELECT count(*) FROM ids a JOIN ids b USING (id);
RESET ALL;
SET search_path = public, txsync;
SELECT count(DISTINCT id) = (SELECT count(*) FROM (SELECT id::text FROM ids GROUP BY 1) t) AS same FROM ids;
CREATE TABLE parts (id hlc PRIMARY KEY) PARTITION BY HASH (id);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT DISTINCT id FROM ids;
SELECT count(*) > 500 FROM parts_0 UNION ALL SELECT count(*) > 500 FROM parts_1;
INSERT INTO parts VALUES ('00999.9999.b');

-- the binary protocol has the text
SELECT convert_from(hlc_send('01.0000.żółw'), 'UTF8');
\set file `mktemp`
COPY (SELECT id FROM ids ORDER BY n LIMIT 5) TO :'file' (FORMAT binary);
CREATE TABLE copied (id hlc);
COPY copied FROM :'file' (FORMAT binary);
SELECT * FROM copied;
\set rm `rm :file`

-- parts
SET timezone = 'UTC';
SELECT * FROM parse_transaction_id('1795251600123.0042.my.node');
SELECT * FROM parse_transaction_id('0281474976710655.9223372036854775807.n');
SELECT * FROM parse_transaction_id('0.0000.n');
SELECT * FROM parse_transaction_id(NULL);
SELECT parse_transaction_id('mine');
SELECT compare_transaction_ids('1.0000.a', 'x');
SELECT compare_transaction_ids('x', '1.0000.a');
SELECT compare_transaction_ids('1.0000.a', NULL);

-- new ones
SELECT count(DISTINCT id), bool_and(id::hlc > before) AS rise, bool_and(node ~ '^[0-9a-z-]{1,40}$') AS node, bool_and(wall_time BETWEEN statement_timestamp() - interval '1 ms' AND clock_timestamp() + interval '30 s') AS now
FROM (SELECT id, lag(id::hlc) OVER (ORDER BY n) AS before, p.* FROM (SELECT n, create_transaction_id() AS id FROM generate_series(1, 3000) n) g, parse_transaction_id(id) p) t;
SELECT count(DISTINCT id), bool_and(id LIKE '%._) żółw') AS node FROM (SELECT create_transaction_id('._) żółw') AS id FROM generate_series(1, 1000) n) g;
SELECT length(create_transaction_id(repeat('n', 64)));
SELECT create_transaction_id('');
SELECT create_transaction_id(repeat('ż', 33));
SELECT pg_typeof(hlc_now()), hlc_now() < hlc_now() AS rises, hlc_now() < create_transaction_id()::hlc AS and_on;

-- times from elsewhere
SELECT pg_typeof(hlc_observe('1.0000.n')), hlc_observe(NULL);
CREATE FUNCTION ahead(ms int, logical text DEFAULT '0000') RETURNS text LANGUAGE sql RETURN (extract(epoch FROM clock_timestamp()) * 1000)::bigint + ms || '.' || logical || '.elsewhere';
SELECT ahead(50000) AS ahead \gset
SELECT hlc_observe(:'ahead') > :'ahead' AS above, create_transaction_id()::hlc > :'ahead' AS and_on;
SELECT ahead(50000, '9999') AS ahead \gset
SELECT hlc_observe(:'ahead') > :'ahead' AS above;
SELECT ahead(50000, '123456789') AS ahead \gset
SELECT hlc_observe(:'ahead') > :'ahead' AS above;
CREATE FUNCTION too_far(id text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d jsonb; h text; BEGIN
    RETURN hlc_observe(id);
EXCEPTION WHEN SQLSTATE 'TX010' THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', d || jsonb_build_object('transactionId', d ->> 'transactionId' = id, 'aheadMs', (d -> 'aheadMs')::bigint BETWEEN 60000 AND 71000), SQLERRM, h);
END $$;
SELECT regexp_replace(too_far(ahead(70000)), '\d{10,}', 'ID');
SELECT too_far('281474976710655.0000.n');
SELECT hlc_observe('soon');
SET txsync.max_clock_skew = '2min';
SELECT hlc_observe(ahead(110000)) IS NOT NULL AS observed;
SET txsync.max_clock_skew = 0;
SELECT hlc_observe(ahead(-1000)) IS NOT NULL AS observed;
SELECT regexp_replace(too_far(ahead(70000)), '\d{10,}', 'ID');
RESET txsync.max_clock_skew;

-- for everybody, and where nothing may be written
CREATE ROLE anybody;
SET ROLE anybody;
SET txsync.max_clock_skew = 0;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;
SELECT create_transaction_id()::hlc < hlc_now() AS rises, hlc_observe('1.0000.n') < hlc_now() AS observed;
SELECT pg_current_xact_id_if_assigned();
ROLLBACK;
SELECT * FROM txsync.clock;
RESET ROLE;
DROP ROLE anybody;

-- the mark is ahead of what was given, and not a transaction's
SELECT last_value >= (SELECT wall_ms FROM parse_transaction_id(create_transaction_id())) AS ahead FROM txsync.clock;
BEGIN;
SELECT create_transaction_id() AS id \gset
ROLLBACK;
SELECT create_transaction_id()::hlc > :'id' AS above;

-- the extension made anew, seen by a session that goes on
CREATE DATABASE regress_hlc;
\set home :DBNAME
\c regress_hlc
CREATE EXTENSION txsync;
SELECT txsync.create_transaction_id() AS id \gset
DROP EXTENSION txsync;
CREATE EXTENSION txsync;
SELECT last_value FROM txsync.clock;
SELECT txsync.compare_transaction_ids(txsync.create_transaction_id(), :'id');
SELECT last_value >= split_part(:'id', '.', 1)::bigint AS ahead FROM txsync.clock;
BEGIN;
DROP EXTENSION txsync;
CREATE EXTENSION txsync;
SELECT txsync.compare_transaction_ids(txsync.create_transaction_id(), :'id');
ROLLBACK;
SELECT txsync.compare_transaction_ids(txsync.create_transaction_id(), :'id');
DROP SEQUENCE txsync.clock;
ALTER EXTENSION txsync DROP SEQUENCE txsync.clock;
DROP SEQUENCE txsync.clock;
SELECT txsync.create_transaction_id();
\c :home
DROP DATABASE regress_hlc;
DROP TABLE ids, parts, copied;
DROP FUNCTION ahead, too_far;

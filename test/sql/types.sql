-- data is what to_jsonb gives for the row, whatever the settings of whoever decodes.
SET client_min_messages = warning;
CREATE TYPE mood AS ENUM ('so so', 'a "quoted" one');
CREATE TYPE pair AS (a int, b text);
CREATE TYPE nest AS (p pair, ps pair[], "odd ""name" date);
CREATE DOMAIN short AS varchar(10);
CREATE DOMAIN shorter AS short;
CREATE DOMAIN pairs AS pair[];
CREATE TABLE types (
    id int PRIMARY KEY, b bool, i2 int2, i8 int8, f4 float4, f8 float8, n numeric, n2 numeric(12, 2), t text, v varchar(20), c char(5), c1 "char", nm name,
    u uuid, d date, ts timestamp, tz timestamptz, ti time, tt timetz, iv interval, by bytea, j json, jb jsonb, e mood, p pair, ns nest, dom shorter,
    ia int[], ta text[], ja jsonb[], da date[], pa pairs, r int4range, mr int4multirange, tr tstzrange, ip inet, mac macaddr, bits varbit, x xml, pt point,
    o oid, rc regclass, m money, l pg_lsn, tsv tsvector, iv2 int2vector, ov oidvector);
SELECT entity_type FROM txsync.track('types', tx => false);
INSERT INTO types (id) VALUES (1);
INSERT INTO types VALUES (2, true, -32768, 9223372036854775807, 1.5e-10, 1e300, 12345678901234567890.000100, -0.05, E'tab\t"q" \\ é 😀 \x01', 'v', 'c', 'c', 'nm',
    'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2026-11-21', '2026-11-21 09:00:00.1', '2026-11-21 09:00:00.123456+02', '23:59:59.999999', '12:00+02',
    '1 year 2 mons -3 days 04:05:06.7', '\x00ff', E'{"a" :\n [1,  2], "a": 1e2}', '{"b": {"c": [1.50, null, true, "x", {}]}, "d": []}', 'so so', (1, 'x,"y"'),
    ((2, NULL), ARRAY[(3, 'z')::pair, NULL], '2000-02-29'), 'short', '{{1,2},{3,NULL}}', '{"a b",NULL,"\"q\""}', ARRAY['{"k": [1]}', 'null']::jsonb[],
    '{infinity,2026-01-01}', ARRAY[(5, 'd')::pair], '[1,5)', '{[1,3),[5,8)}', '[2026-01-01 00:00+00,)', '10.0.0.1/8', '08:00:2b:01:02:03', '1010',
    '<a>1</a>', '(1.5,2)', 42, 'pg_class', 12.34, '16/B374D848', 'fat:2 cat:1A', '1 2 3', '4 5');
INSERT INTO types (id, f4, f8, n, d, ts, tz, ia, ta, r, iv, n2) VALUES
    (3, 'NaN', 'Infinity', 'NaN', 'infinity', '-infinity', 'infinity', '{}', '{}', 'empty', '-1 day', 0),
    (4, '-Infinity', '-0', 'Infinity', '4713-01-01 BC', '0044-03-15 12:00:00 BC', '12345-01-01 00:00+00', '[0:1]={7,8}', '{NULL}', '(,)', '0', 9999999999.99),
    (5, 0.1, 0.1, 1e-20, '0001-01-01', '1999-12-31 23:59:59.999999', '1999-12-31 23:59:59+00', NULL, NULL, NULL, NULL, 10000),
    (6, 1e10, 123456789012345680, 1e30, '9999-12-31', '2000-01-01', '2000-01-01 00:00:00.5+00', '{1}', '{""}', '[1,2]', '00:00:00.000001', 0.5),
    (7, 16777216, -1.7976931348623157e308, -99999999.00000001, '1600-02-29', '1582-10-15', '0001-01-01 BC', NULL, NULL, NULL, NULL, -1);

-- what a reader with odd settings gets, against to_jsonb under the settings of docs/format.md
SET TimeZone = 'Asia/Kathmandu';
SET DateStyle = 'German';
SET IntervalStyle = 'iso_8601';
SET extra_float_digits = -10;
SET bytea_output = 'escape';
SET lc_monetary = 'C';
SET search_path = public, pg_temp;
CREATE TEMP TABLE streamed AS SELECT (data ->> 'id')::int AS id, data FROM changes();
SHOW TimeZone;
SHOW DateStyle;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET IntervalStyle = 'postgres';
SET extra_float_digits = 1;
SET bytea_output = 'hex';
SELECT count(*) FROM streamed;
SELECT whole.id, k.key, k.value AS expected, s.data -> k.key AS streamed
FROM types whole LEFT JOIN streamed s USING (id), LATERAL jsonb_each(to_jsonb(whole)) k
WHERE s.data -> k.key IS DISTINCT FROM k.value;
SELECT whole.id, k.key FROM types whole JOIN streamed s USING (id), LATERAL jsonb_each(s.data) k WHERE NOT to_jsonb(whole) ? k.key;
RESET ALL;

-- a cast to json that a user made is not run by the decoder
CREATE FUNCTION mood_json(mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'user code ran'; END $$;
CREATE CAST (mood AS json) WITH FUNCTION mood_json(mood);
CREATE DOMAIN happy AS mood;
CREATE TYPE moods AS (e mood, es mood[], d happy);
CREATE TABLE feelings (id int PRIMARY KEY, e mood, es mood[], d happy, m moods, ms moods[]);
SELECT entity_type FROM txsync.track('feelings', tx => false);
INSERT INTO feelings SELECT 1, e, ARRAY[e], e, m, ARRAY[m] FROM (SELECT e, ROW(e, ARRAY[e], e)::moods AS m FROM (VALUES (mood 'so so')) v(e)) v;
SELECT data FROM changes();
DROP TABLE feelings;
DROP TYPE moods;
DROP DOMAIN happy;
DROP TABLE types;
DROP CAST (mood AS json);
DROP FUNCTION mood_json(mood);
DROP TYPE mood, nest;
DROP DOMAIN shorter, short, pairs;
DROP TYPE pair;

-- json that to_jsonb refuses stays valid JSON; what stands within strings is not touched
CREATE TABLE refused (id int PRIMARY KEY, j json);
SELECT entity_type FROM txsync.track('refused', tx => false);
INSERT INTO refused VALUES (1, '"\u0000"'), (2, '["\ud83d", "\udc18\ud83d"]'), (3, '1e1000000'), (4, E'{\n"a\\n\\u000a" :\r\n\t1}');
SELECT substring(line::json::text FROM '"data":.*')
FROM pg_logical_slot_get_changes('regress', NULL, NULL) WITH ORDINALITY s(lsn, xid, line, n) ORDER BY n;
DROP TABLE refused;

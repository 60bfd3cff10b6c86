-- What ops expect and give, beyond what ops.sql has: ties of clocks, bookkeeping, missing privileges, forms of statements.
SET client_min_messages = warning;
TRUNCATE txsync.mutation, txsync.tombstone;
CREATE TABLE items (id text PRIMARY KEY, title text, rank int, code text, list text[], meta jsonb, updated_at timestamptz, c1 int, c2 int, c3 int, c4 int, c5 int, c6 int, c7 int, c8 int, c9 int, c10 int);
CREATE FUNCTION op(id text, action text, entity text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('transactionId', id, 'sourceId', 'tab-1', 'entityType', 'items', 'entityId', entity, 'action', action) || more
$$;
CREATE FUNCTION setting(id text, entity text, field text, value jsonb, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT op(id, 'update', entity, jsonb_build_object('changedField', field, 'value', value) || more)
$$;
CREATE FUNCTION statuses(results jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', r ->> 'status', r ->> 'code', r ->> 'sqlstate'), ', ' ORDER BY n) FROM jsonb_array_elements(results) WITH ORDINALITY AS x(r, n)
$$;
CREATE FUNCTION applied(VARIADIC ops jsonb[]) RETURNS text LANGUAGE sql AS $$ SELECT statuses(txsync.apply_ops(to_jsonb(ops))) $$;

-- Only what has versions can be decided by them.
SELECT txsync.track('items', strategies => '{"updated_at": "lww"}');
SELECT txsync.track('items', strategies => '{"id": "lww"}');
SELECT txsync.track('items', strategies => '{"code": "lww"}', bookkeeping => '{code}');
SELECT entity_type FROM txsync.track('items', strategies => '{"code": "lww"}');

-- Last write wins where times are equal: within one clock that is far ahead, and where nodes have raised the field's stamp
SELECT applied(op('1000.0000.n', 'create', 'i', '{"data": {}}'), setting('99000000000000.0001.n', 'i', 'code', '1'), setting('99000000000000.0002.n', 'i', 'code', '2'), setting('99000000000000.0003.n', 'i', 'code', '3'), setting('99000000000000.0004.a', 'i', 'code', '4'));
SELECT applied(op('1000.0000.o', 'create', 'j', '{"data": {}}'), setting('5000.0001.a', 'j', 'code', '1'), setting('5000.0001.b', 'j', 'code', '2'), setting('5000.0001.c', 'j', 'code', '3'), setting('5000.0002.a', 'j', 'code', '4'),
    setting('5000.0001.d', 'j', 'code', '"old"'));
SELECT id, code FROM items ORDER BY id;

-- It decides whatever is expected, the version of the row included.
SELECT applied(setting('6000.0000.a', 'j', 'code', '5', '{"expectedVersion": 1, "expectedTransactionId": "x"}'), setting('5500.0000.a', 'j', 'code', '"old"', '{"expectedVersion": 1, "expectedTransactionId": "x"}'));

-- What has no versions cannot be expected to have one, and is undone without
SELECT applied(setting('b1', 'i', 'updated_at', '"2024-01-01"', '{"expectedTransactionId": null}'), setting('b2', 'i', 'updated_at', '"2024-01-01"'), op('b3', 'delete', 'i', '{"expectedTransactionId": "x", "expectedField": "updated_at"}'),
    op('b4', 'delete', 'i', '{"expectedTransactionId": "1000.0000.n", "expectedField": "nowhere"}'), op('b5', 'delete', 'i', '{"expectedTransactionId": "x", "expectedField": "id"}'),
    op('b6', 'delete', 'i', '{"expectedTransactionId": "x", "expectedField": "title"}'));
SELECT r -> 'inverse' AS inverse FROM jsonb_array_elements(txsync.apply_ops(jsonb_build_array(setting('b7', 'i', 'updated_at', 'null'), setting('b8', 'i', 'title', '"t"')))) r;

-- Who may not read tx and versions is told none, and may write
CREATE ROLE regress_values;
GRANT SELECT (id, title, rank), INSERT (id, title, rank), UPDATE (title, rank), DELETE ON items TO regress_values;
SET ROLE regress_values;
SELECT r ->> 'status' AS status, r -> 'entity' AS entity, r -> 'versions' AS versions, coalesce(r ->> 'code', r ->> 'sqlstate') AS code FROM jsonb_array_elements(txsync.apply_ops(jsonb_build_array(
    op('r1', 'create', 'r', '{"data": {"title": "r"}}'), setting('r2', 'r', 'title', '"s"', '{"expectedTransactionId": "r1"}'),
    setting('r3', 'r', 'title', '"t"', '{"expectedTransactionId": "r1"}'), setting('r2', 'r', 'title', '"s"', '{"expectedTransactionId": "r1"}'), setting('r4', 'nowhere', 'title', '"t"'), op('r5', 'delete', 'r'), setting('r6', 'r', 'title', '"t"')))) r;
SELECT txsync.mutate(op('r7', 'create', 'r', '{"data": {"title": "r"}}'));
RESET ROLE;

-- A client that thinks of ever new forms of creates does not fill the session's memory
SELECT string_agg(DISTINCT r ->> 'status', ',') AS status FROM (SELECT jsonb_agg(op('p' || i, 'create', 'p' || i, jsonb_build_object('data', (SELECT jsonb_object_agg('c' || c, i) FROM generate_series(1, 10) c WHERE i >> (c - 1) & 1 = 1))) ORDER BY i) AS ops
FROM generate_series(1, 999) i) o, LATERAL jsonb_array_elements(txsync.apply_ops(o.ops)) r;
SELECT count(*) < 400 AS few FROM pg_backend_memory_contexts WHERE name = 'CachedPlanSource';
SELECT sum(num_nonnulls(c1, c2, c3, c4, c5, c6, c7, c8, c9, c10)) AS given FROM items WHERE id ~ '^p';

-- The id among the data, as its type reads it
CREATE TABLE counted (id int PRIMARY KEY, name text);
CREATE TABLE dated (a timestamptz, b uuid, name text, PRIMARY KEY (a, b));
CREATE TABLE named (id text PRIMARY KEY, name text);
SELECT (txsync.track(t)).entity_type FROM unnest('{counted,dated,named}'::regclass[]) t;
SELECT id, data, statuses(txsync.apply_ops(jsonb_build_array(op('s' || n, 'create', id, jsonb_build_object('entityType', type, 'data', data))))) FROM (VALUES
    (1, 'counted', '1', '{"id": 1}'::jsonb), (2, 'counted', '2', '{"id": 2.0}'), (3, 'counted', '03', '{"id": "3"}'), (4, 'counted', '4', '{"id": 5}'), (5, 'counted', '5', '{"id": 5.5}'), (6, 'counted', '6', '{"id": null}'),
    (7, 'counted', '6', '{"id": [6]}'), (8, 'counted', '6', '{"id": "six"}'), (9, 'named', 'null', '{"id": null}'), (10, 'named', 'null', '{"id": "null"}'), (11, 'named', 'true', '{"id": true}'),
    (12, 'dated', '["2024-03-04 05:06:07+00", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]', '{"a": "2024-03-04T06:06:07+01:00", "b": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}'),
    (13, 'dated', '["2024-03-04 05:06:07+00", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12"]', '{"a": "2024-03-04T06:06:07+02:00"}')) v (n, type, id, data) ORDER BY n;

-- Partitioned tables, over which a row may move; identity columns; arrays of an enum
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE moved (id text NOT NULL, region text, moods mood[]) PARTITION BY LIST (region);
CREATE TABLE moved_a PARTITION OF moved FOR VALUES IN ('a');
CREATE TABLE moved_b PARTITION OF moved FOR VALUES IN ('b');
ALTER TABLE moved_a REPLICA IDENTITY FULL;
ALTER TABLE moved_b REPLICA IDENTITY FULL;
ALTER TABLE moved REPLICA IDENTITY FULL;
SELECT entity_type FROM txsync.track('moved', id_column => 'id');
SELECT statuses(txsync.apply_ops(jsonb_agg(o || '{"entityType": "moved"}' ORDER BY n))) FROM unnest(ARRAY[
    op('v1', 'create', 'm', '{"data": {"region": "a", "moods": ["sad"]}}'), setting('v2', 'm', 'region', '"b"', '{"expectedTransactionId": "v1"}'), setting('v3', 'm', 'moods', '{"item": "glad", "place": "before", "anchor": "sad"}', '{"operation": "listInsert"}'),
    setting('v4', 'm', 'moods', '{"item": "angry"}', '{"operation": "listInsert"}'), setting('v5', 'm', 'region', '"c"'), setting('v8', 'm', 'region', '"a"', '{"expectedTransactionId": "v1"}'),
    setting('v9', 'm', 'moods', '["glad", "glad"]'), setting('v10', 'm', 'moods', '{"item": "glad"}', '{"operation": "listRemove"}'), op('v11', 'delete', 'm', '{"expectedTransactionId": "v10"}'), op('v12', 'create', 'm', '{"data": {"region": "b", "moods": null}}')]) WITH ORDINALITY x(o, n);
SELECT tableoid::regclass AS part, id, region, moods FROM moved;
CREATE TABLE numbered (id text PRIMARY KEY, n int GENERATED BY DEFAULT AS IDENTITY, s int GENERATED ALWAYS AS IDENTITY);
SELECT entity_type FROM txsync.track('numbered');
SELECT statuses(txsync.apply_ops(jsonb_agg(o || '{"entityType": "numbered"}' ORDER BY n))) FROM unnest(ARRAY[
    op('w1', 'create', 'a', '{"data": {}}'), op('w2', 'create', 'b', '{"data": {"n": 9}}'), op('w3', 'create', 'c', '{"data": {"s": 9}}'), setting('w4', 'a', 's', '7'), setting('w5', 'a', 'n', '7')]) WITH ORDINALITY x(o, n);
SELECT id, n FROM numbered ORDER BY id;
-- Ids that the server gives
CREATE TABLE served (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text);
CREATE TABLE offered (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, title text);
SELECT entity_type FROM unnest('{served,offered}'::regclass[]) t, txsync.track(t);
SELECT r ->> 'status' AS status, r ->> 'sqlstate' AS sqlstate, r ->> 'member' AS member, r ->> 'message' AS message FROM jsonb_array_elements(txsync.apply_ops(jsonb_build_array(
    op('x1', 'create', '1', '{"data": {"title": "one"}, "entityType": "served"}'), op('x2', 'create', '1', '{"data": {"title": "one"}, "entityType": "offered"}') - 'entityId',
    op('x3', 'create', '1', '{"data": {"title": "one"}, "entityType": "offered"}')))) r;
DROP TABLE served, offered;
DROP TABLE counted, dated, named, moved, numbered;
DROP TYPE mood;

-- What is told reads as in the stream, whatever the session's settings, and a cast of users is never called: the text stands there.
CREATE TYPE feeling AS ENUM ('good');
CREATE FUNCTION feeling_json(feeling) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'called by %', current_user; END $$;
CREATE CAST (feeling AS json) WITH FUNCTION feeling_json(feeling);
ALTER FUNCTION feeling_json OWNER TO regress_values;
CREATE TABLE odd (id text PRIMARY KEY, at timestamptz, took interval, bytes bytea, ratio float8, feels feeling, many feeling[]);
SELECT entity_type FROM txsync.track('odd');
SET TimeZone = 'Asia/Kathmandu';
SET DateStyle = 'SQL, DMY';
SET IntervalStyle = 'sql_standard';
SET bytea_output = 'escape';
SET extra_float_digits = -10;
CREATE TEMP TABLE results AS SELECT o ->> 'action' AS action, txsync.apply_ops(jsonb_build_array(o || '{"entityType": "odd"}')) -> 0 AS r FROM unnest(ARRAY[
    op('y1', 'create', 'a', '{"data": {"at": "2026-11-22T09:00:00Z", "took": "P1DT2H", "bytes": "\\x00ff", "ratio": 0.1234567890123456, "feels": "good", "many": ["good"]}}'),
    setting('y2', 'a', 'at', '"2026-11-23T09:00:00Z"'), setting('y3', 'a', 'took', '"2 days"'), setting('y4', 'a', 'bytes', '"\\x01"'), setting('y5', 'a', 'ratio', '0.25'),
    setting('y6', 'a', 'feels', 'null'), setting('y7', 'a', 'many', 'null'), setting('y2', 'a', 'at', '"2026-11-23T09:00:00Z"'), op('y8', 'delete', 'a', '{}')]) o;
SELECT action, r ->> 'status' AS status, r ->> 'message' AS message, r -> 'entity' AS entity, r -> 'inverse' -> 'value' AS value, r -> 'inverse' -> 'data' AS data FROM results;
SELECT data FROM changes() WHERE entity = 'odd' AND action <> 'delete' LIMIT 1;
RESET TimeZone;
RESET DateStyle;
RESET IntervalStyle;
RESET bytea_output;
RESET extra_float_digits;
DROP TABLE odd, results;
DROP TYPE feeling CASCADE;

-- An error that is not the op's: the call fails, and nothing of it is applied.
INSERT INTO items (id, rank) VALUES ('x', 0);
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fails' USING ERRCODE = new.title; END $$;
CREATE TRIGGER fail BEFORE UPDATE OF title ON items FOR EACH ROW EXECUTE FUNCTION fail();
CREATE FUNCTION failed(code text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN applied(setting('f1', 'x', 'rank', '1'), setting('f2', 'x', 'title', to_jsonb(code)), setting('f3', 'x', 'rank', '2'));
EXCEPTION WHEN OTHERS THEN
    RETURN 'the call fails: ' || SQLSTATE;
END $$;
\set SHOW_CONTEXT never
SELECT code, failed(code) FROM unnest('{23000,25P02,40P01,53200,57P05,58030,XX001}'::text[]) code;
SELECT rank FROM items WHERE id = 'x';
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN new; END $$;
CREATE TRIGGER wait BEFORE UPDATE OF meta ON items FOR EACH ROW EXECUTE FUNCTION wait();
SET statement_timeout = '500ms';
SELECT applied(setting('f4', 'x', 'rank', '3'), setting('f6', 'x', 'meta', '1'), setting('f5', 'x', 'rank', '4'));
RESET statement_timeout;
SELECT rank, (SELECT count(*) FROM txsync.mutation WHERE transaction_id ~ '^f') AS claimed FROM items WHERE id = 'x';
DROP FUNCTION fail, wait CASCADE;
DROP FUNCTION failed;

DROP TABLE items;
DROP ROLE regress_values;
DROP FUNCTION op, setting, statuses, applied;
SELECT count(*) > 0 AS told FROM changes();

-- mutate() and apply_ops(): writes as clients queue them, applied as the caller.
SET client_min_messages = warning;
-- Other tests have used short ids as well.
TRUNCATE txsync.mutation, txsync.tombstone;
CREATE TYPE point3 AS (x int, y int, z int);
CREATE DOMAIN short AS text CHECK (length(VALUE) <= 5);
CREATE TABLE docs (
    id text PRIMARY KEY, title text, rank int CHECK (rank < 100), score numeric, done boolean, tags text[], meta jsonb, raw json, code short,
    place point3, at timestamptz, len int GENERATED ALWAYS AS (length(title)) STORED, secret text, org_id text, parent text REFERENCES docs DEFERRABLE INITIALLY DEFERRED,
    updated_at timestamptz
);
SELECT entity_type FROM txsync.track('docs', hidden => '{secret}', strategies => '{"code": "lww"}');

-- An op with less to write; results without what differs from run to run.
CREATE FUNCTION op(id text, action text, entity text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('transactionId', id, 'sourceId', 'tab-1', 'entityType', 'docs', 'entityId', entity, 'action', action) || more
$$;
CREATE FUNCTION setting(id text, entity text, field text, value jsonb, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT op(id, 'update', entity, jsonb_build_object('changedField', field, 'value', value) || more)
$$;
CREATE FUNCTION told(results jsonb) RETURNS SETOF jsonb LANGUAGE sql AS $$
    SELECT jsonb_strip_nulls(r) FROM jsonb_array_elements(results) WITH ORDINALITY AS x(r, n) ORDER BY n
$$;
CREATE FUNCTION statuses(results jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', r ->> 'status', r ->> 'code', r ->> 'sqlstate'), ', ' ORDER BY n) FROM jsonb_array_elements(results) WITH ORDINALITY AS x(r, n)
$$;
CREATE FUNCTION applied(VARIADIC ops jsonb[]) RETURNS text LANGUAGE sql AS $$ SELECT statuses(txsync.apply_ops(to_jsonb(ops))) $$;

-- mutate: create, update, delete
SELECT jsonb_pretty(jsonb_strip_nulls(txsync.mutate(op('t1', 'create', 'a', '{"data": {"title": "one", "rank": 1, "org_id": "acme"}}'))));
SELECT jsonb_strip_nulls(txsync.mutate(setting('t2', 'a', 'title', '"two"', '{"expectedTransactionId": "t1"}')));
SELECT jsonb_strip_nulls(txsync.mutate(setting('t2', 'a', 'title', '"two"', '{"expectedTransactionId": "t1"}')));
SELECT id, title, rank, tx ->> 'transactionId' AS tx, tx ->> 'changedField' AS field FROM docs;
CREATE FUNCTION failure(op jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
    RETURN txsync.mutate(op);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, NULLIF(detail, ''));
END $$;
SELECT failure(setting('t3', 'a', 'title', '"three"', '{"expectedTransactionId": "t1"}'));
SELECT failure(setting('t3', 'a', 'title', '"three"', '{"expectedTransactionId": null}'));
SELECT failure(setting('t3', 'a', 'title', '"three"', '{"expectedTransactionId": "t1", "replaces": ["t2"]}')) ~ '"title": "three"';
SELECT failure(setting('t4', 'a', 'title', '"four"', '{"expectedVersion": 2}'));
SELECT failure(setting('t4', 'a', 'title', '"four"', '{"expectedVersion": 3}')) ~ '"title": "four"';
SELECT failure(setting('t4', 'a', 'title', '"other"'));
SELECT failure(op('t5', 'create', 'a', '{"data": {}}'));
SELECT failure(setting('t5', 'nowhere', 'title', '"x"'));
SELECT failure(setting('t5', 'a', 'titel', '"x"'));
SELECT failure(op('t5', 'update', 'a', '{"changedField": "title", "entityType": "dogs", "value": 1}'));
SELECT failure(setting('t5', 'a', field, '"x"')) FROM unnest('{id,tx,tx_versions,secret,len}'::text[]) AS field;
SELECT failure('{}'), failure('[]'), failure(NULL);
SELECT failure(op('t5', 'create', 'b', '{"data": {"id": "c"}}'));
SELECT failure(setting('t5', 'a', 'title', '"x"', '{"data": {"title": "y"}}')), failure(op('t5', 'create', 'b', '{"data": {}}') - 'entityId');
-- A field that is set to the value that it has moves: the client goes on from there.
SELECT applied(op('same1', 'create', 'same', '{"data": {"title": "one"}}'), setting('same2', 'same', 'title', '"one"', '{"expectedTransactionId": "same1"}'), setting('same3', 'same', 'title', '"one"', '{"expectedTransactionId": "same2"}'), setting('same4', 'same', 'title', '"two"', '{"expectedTransactionId": "same1"}'), op('same5', 'delete', 'same', '{"expectedTransactionId": "same3"}'));
SELECT failure(op('t5', 'delete', 'a', '{"expectedTransactionId": "t1"}'));
SELECT jsonb_strip_nulls(txsync.mutate(op('t5', 'delete', 'a', '{"expectedTransactionId": "t4"}')));
SELECT failure(setting('t6', 'a', 'title', '"late"'));
SELECT failure(op('t6', 'delete', 'a'));
SELECT failure(op('t7', 'create', 'a', '{"data": {"id": "a", "title": "again"}}')) ~ 'again';

-- Values
SELECT applied(
    op('v1', 'create', 'v', '{"data": {}}'),
    setting('v2', 'v', 'rank', '7'), setting('v3', 'v', 'score', '12.50'), setting('v4', 'v', 'done', 'true'), setting('v5', 'v', 'tags', '["a", "b"]'),
    setting('v6', 'v', 'meta', '{"k": [1, null, "x"]}'), setting('v7', 'v', 'raw', '{"k": [1, null, "x"]}'), setting('v8', 'v', 'place', '{"x": 1, "z": 3}'),
    setting('v9', 'v', 'at', '"2026-11-21T09:00:00Z"'), setting('v10', 'v', 'title', '{"any": "json"}'), setting('v11', 'v', 'rank', '"8"'));
SET timezone = 'UTC';
SELECT rank, score, done, tags, meta, raw, place, at, title FROM docs WHERE id = 'v';
SELECT applied(
    setting('v12', 'v', 'meta', '"text"'), setting('v13', 'v', 'raw', '1.5'), setting('v14', 'v', 'title', '1.50'), setting('v15', 'v', 'done', '"f"'),
    setting('v16', 'v', 'tags', '"{c,d}"'), setting('v17', 'v', 'rank', 'null'), setting('v18', 'v', 'score', '"NaN"'));
SELECT rank, score, done, tags, meta, raw, title FROM docs WHERE id = 'v';
SELECT * FROM told(txsync.apply_ops(jsonb_build_array(
    setting('w1', 'v', 'rank', '"many"'), setting('w2', 'v', 'rank', '1e10'), setting('w3', 'v', 'rank', '100'), setting('w4', 'v', 'tags', '{"a": 1}'),
    setting('w5', 'v', 'code', '"1.0000.a"'), setting('w6', 'v', 'place', '{"x": "y"}'), setting('w7', 'v', 'parent', '"nobody"'),
    op('w8', 'create', 'v', '{"data": {"title": "twice"}}'), op('w9', 'create', 'w', '{"data": {"parent": "v", "place": {"x": 1}}}'))));
SELECT id, parent, place FROM docs WHERE id = 'w';

-- Operations
SELECT applied(
    op('o1', 'create', 'o', '{"data": {"rank": 1, "tags": ["b"], "meta": ["b"]}}'),
    setting('o2', 'o', 'rank', '5', '{"operation": "increment"}'), setting('o3', 'o', 'score', '0.5', '{"operation": "increment"}'), setting('o4', 'o', 'rank', '-2', '{"operation": "increment"}'),
    op('o5', 'update', 'o', '{"changedField": "updated_at", "operation": "setNow"}'));
SELECT rank, score, updated_at > now() - interval '1 hour' AS now FROM docs WHERE id = 'o';
SELECT applied(
    setting('l1', 'o', f, '{"item": "c"}', '{"operation": "listInsert"}'),
    setting('l2', 'o', f, '{"item": "a", "place": "prepend"}', '{"operation": "listInsert"}'),
    setting('l3', 'o', f, '{"item": "b2", "place": "after", "anchor": "b"}', '{"operation": "listInsert"}'),
    setting('l4', 'o', f, '{"item": "b1", "place": "before", "anchor": "b"}', '{"operation": "listInsert"}'),
    setting('l5', 'o', f, '{"item": "z", "place": "before", "anchor": "gone"}', '{"operation": "listInsert"}'),
    setting('l6', 'o', f, '{"item": "y", "place": "after", "anchor": "gone"}', '{"operation": "listInsert"}'),
    setting('l7', 'o', f, '{"item": "a"}', '{"operation": "listInsert"}'),
    setting('l8', 'o', f, '{"item": "c"}', '{"operation": "listRemove"}'),
    setting('l9', 'o', f, '{"item": "none"}', '{"operation": "listRemove"}'))
FROM (VALUES ('tags')) AS v(f);
SELECT applied(
    setting('m1', 'o', f, '{"item": "c"}', '{"operation": "listInsert"}'),
    setting('m2', 'o', f, '{"item": "a", "place": "prepend"}', '{"operation": "listInsert"}'),
    setting('m3', 'o', f, '{"item": "b2", "place": "after", "anchor": "b"}', '{"operation": "listInsert"}'),
    setting('m4', 'o', f, '{"item": "b1", "place": "before", "anchor": "b"}', '{"operation": "listInsert"}'),
    setting('m5', 'o', f, '{"item": "z", "place": "before", "anchor": "gone"}', '{"operation": "listInsert"}'),
    setting('m6', 'o', f, '{"item": "y", "place": "after", "anchor": "gone"}', '{"operation": "listInsert"}'),
    setting('m7', 'o', f, '{"item": "a"}', '{"operation": "listInsert"}'),
    setting('m8', 'o', f, '{"item": "c"}', '{"operation": "listRemove"}'),
    setting('m9', 'o', f, '{"item": "none"}', '{"operation": "listRemove"}'))
FROM (VALUES ('meta')) AS v(f);
SELECT tags, meta FROM docs WHERE id = 'o';
SELECT applied(
    setting('n1', 'w', 'tags', '{"item": "first"}', '{"operation": "listInsert"}'), setting('n2', 'w', 'meta', '{"item": {"k": 1}}', '{"operation": "listInsert"}'),
    setting('n3', 'w', 'raw', '{"item": 1}', '{"operation": "listInsert"}'), setting('n4', 'a', 'raw', '{"item": 1}', '{"operation": "listRemove"}'));
SELECT tags, meta, raw FROM docs WHERE id IN ('a', 'w') ORDER BY id;
SELECT * FROM told(txsync.apply_ops(jsonb_build_array(
    setting('x1', 'o', 'title', '1', '{"operation": "increment"}'), setting('x2', 'o', 'rank', '1.5', '{"operation": "increment"}'), setting('x3', 'o', 'rank', '1000000', '{"operation": "increment"}'),
    setting('x4', 'o', 'rank', '{"item": 1}', '{"operation": "listInsert"}'), setting('x5', 'v', 'meta', '{"item": 1}', '{"operation": "listInsert"}'), setting('x6', 'o', 'rank', '"1"', '{"operation": "increment"}'))));

-- The inverse of each op, applied in the other direction, gives what was there.
SELECT applied(op('u0', 'create', 'd', '{"data": {"title": "d", "rank": 1, "tags": ["a"], "meta": {"k": 1}}}'));
CREATE TABLE before_undo AS SELECT id, title, rank, score, tags, meta FROM docs WHERE id IN ('o', 'v', 'd');
CREATE TABLE results AS SELECT n, r FROM jsonb_array_elements(txsync.apply_ops(jsonb_build_array(
    setting('u1', 'o', 'title', '"new"'), setting('u2', 'o', 'rank', '3', '{"operation": "increment"}'), setting('u3', 'o', 'tags', '{"item": "a"}', '{"operation": "listRemove"}'),
    setting('u4', 'o', 'meta', '[]'), setting('u5', 'v', 'title', 'null'), op('u6', 'create', 'u', '{"data": {}}'), op('u7', 'delete', 'd')))) WITH ORDINALITY AS x(r, n);
SELECT r ->> 'status' AS status, r -> 'inverse' #- '{data}' AS inverse FROM results ORDER BY n;
SELECT statuses(txsync.apply_ops((SELECT jsonb_agg(r -> 'inverse' || jsonb_build_object('transactionId', 'undo' || n, 'sourceId', 'tab-1') ORDER BY n DESC) FROM results)));
CREATE VIEW after_undo AS SELECT id, title, rank, score, tags, meta FROM docs WHERE id IN ('o', 'u', 'v', 'd');
SELECT count(*) = 0 AS undone FROM ((TABLE after_undo EXCEPT TABLE before_undo) UNION ALL (TABLE before_undo EXCEPT TABLE after_undo)) d;
DROP VIEW after_undo;

-- Ops with one transactionId are one mutation: all of them or none
SELECT applied(setting('g1', 'o', 'title', '"g"'), setting('g1', 'o', 'rank', '9'), op('g1', 'create', 'g', '{"data": {"title": "in g1"}}'), setting('g2', 'g', 'title', '"h"'));
SELECT entity_id, d.tx ->> 'transactionId' AS tx, d.tx ->> 'changedField' AS field, txsync.field_versions('docs', d.id) #>> '{fields,title}' AS title, txsync.field_versions('docs', d.id) #>> '{fields,rank}' AS rank
FROM docs d LEFT JOIN txsync.mutation m ON m.transaction_id = d.tx ->> 'transactionId' WHERE d.id IN ('g', 'o') ORDER BY d.id;
SELECT applied(setting('g1', 'o', 'title', '"g"'), setting('g1', 'o', 'rank', '9'), op('g1', 'create', 'g', '{"data": {"title": "in g1"}}'));
SELECT applied(setting('g1', 'o', 'title', '"g"'), setting('g1', 'o', 'rank', '10'));
SELECT applied(setting('g3', 'o', 'title', '"lost"'), setting('g3', 'o', 'rank', '500'), setting('g4', 'o', 'title', '"kept"'));
SELECT applied(setting('g5', 'o', 'title', '"lost"'), setting('g5', 'o', 'rank', '1', '{"expectedTransactionId": "x"}'), setting('g6', 'o', 'rank', '2'));
SELECT applied(setting('g7', 'o', 'title', '"lost"'), setting('g7', 'o', 'rank', '1', '{"sourceId": "tab-2"}'), setting('g8', 'o', 'rank', '3'), '{"transactionId": "g8"}', '{}');
SELECT title, rank FROM docs WHERE id = 'o';
SELECT transaction_id FROM txsync.mutation WHERE transaction_id ~ '^g' ORDER BY 1;

-- What fails in the midst of others takes nothing with it
SELECT statuses(txsync.apply_ops(jsonb_agg(setting('many' || i, 'o', 'rank', to_jsonb(CASE i % 4 WHEN 0 THEN 1000 ELSE i END)) ORDER BY i))) FROM generate_series(1, 12) i;
SELECT rank, tx ->> 'transactionId' AS tx FROM docs WHERE id = 'o';

-- Conflicts tell what is there
SELECT r #- '{entity,updated_at}' FROM told(txsync.apply_ops(jsonb_build_array(
    setting('c1', 'o', 'title', '"mine"', '{"expectedTransactionId": "g2"}'), setting('c2', 'o', 'title', '"mine"', '{"expectedVersion": 1}'), op('c3', 'delete', 'o', '{"expectedTransactionId": "g4"}'),
    setting('c4', 'nowhere', 'title', '"x"')))) AS r;

-- Last write wins
SELECT applied(op('4000.0000.a', 'create', 't', '{"data": {}}'), setting('5000.0001.a', 't', 'code', '"a"'), setting('5000.0000.z', 't', 'code', '"old"'), setting('5000.0001.b', 't', 'code', '"b"'), setting('5000.0001.a', 't', 'code', '"a"'),
    setting('5000.0001.a0', 't', 'code', '"late"'), setting('no-time', 't', 'code', '"x"'), setting('6000.0000.a', 't', 'code', '"long-long"'), setting('6000.0000.a', 't', 'code', '"c"'));
SELECT code FROM docs WHERE id = 't';
SELECT jsonb_strip_nulls(txsync.mutate(setting('5999.0000.z', 't', 'code', '"d"'))) -> 'superseded' AS superseded;
SELECT applied(setting('7000.0000.a', 't', 'code', '"e"'), setting('7000.0000.a', 't', 'code', '"f"'));

-- All or nothing
SELECT statuses(txsync.apply_ops(jsonb_build_array(setting('a1', 'o', 'rank', '20'), setting('a2', 'o', 'rank', '200'), setting('a3', 'o', 'rank', '21')), '{"atomic": true}'));
SELECT statuses(txsync.apply_ops(jsonb_build_array(setting('a1', 'o', 'rank', '20'), '{"transactionId": "a2"}'::jsonb, setting('a3', 'o', 'rank', '21')), '{"atomic": true}'));
SELECT rank FROM docs WHERE id = 'o';
SELECT statuses(txsync.apply_ops(jsonb_build_array(setting('a1', 'o', 'rank', '20'), setting('a3', 'o', 'rank', '21')), '{"atomic": true}'));
SELECT statuses(txsync.apply_ops('[]', '{"atomic": true}')), txsync.apply_ops('[]');

-- What the call refuses
SELECT txsync.apply_ops('{}');
SELECT txsync.apply_ops('1');
SELECT txsync.apply_ops('[1]');
SELECT txsync.apply_ops(NULL);
SELECT txsync.apply_ops('[]', '{"speed": "high"}');
SELECT txsync.apply_ops('[]', '{"atomic": 1}');
SELECT txsync.apply_ops('[]', '[]');
SELECT txsync.apply_ops((SELECT jsonb_agg('{}'::jsonb) FROM generate_series(1, 1001)));
CREATE FUNCTION give_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'retry' USING ERRCODE = '40001'; END $$;
CREATE TRIGGER give_up BEFORE UPDATE ON docs FOR EACH ROW WHEN (new.title = 'serialize') EXECUTE FUNCTION give_up();
\set SHOW_CONTEXT never
SELECT applied(setting('s1', 'o', 'rank', '30'), setting('s2', 'o', 'title', '"serialize"'));
SELECT rank FROM docs WHERE id = 'o';

-- Deferred constraints are looked at op by op, and stay deferred for the application.
BEGIN;
INSERT INTO docs (id, parent) VALUES ('child', 'to come');
SELECT applied(setting('d1', 'o', 'rank', '31'));
INSERT INTO docs (id) VALUES ('to come');
SELECT applied(setting('d1', 'o', 'rank', '31'), setting('d2', 'o', 'parent', '"nobody"'), setting('d3', 'o', 'parent', '"o"'));
UPDATE docs SET parent = 'later' WHERE id = 'child';
INSERT INTO docs (id) VALUES ('later');
COMMIT;
SELECT id, parent FROM docs WHERE parent IS NOT NULL ORDER BY id;

-- As the caller
CREATE ROLE regress_ops;
GRANT SELECT (id, title, rank, tx, tx_versions), INSERT (id, title), UPDATE (title, rank) ON docs TO regress_ops;
SET ROLE regress_ops;
SELECT * FROM told(txsync.apply_ops(jsonb_build_array(setting('r1', 'o', 'title', '"by another"'), setting('r2', 'o', 'score', '1'), op('r3', 'delete', 'o'), op('r4', 'create', 'r', '{"data": {"title": "r"}}'),
    op('r5', 'create', 's', '{"data": {"score": 1}}'))));
SELECT applied(setting('g4', 'o', 'title', '"kept"'));
RESET ROLE;
REVOKE SELECT (title) ON docs FROM regress_ops;
SET ROLE regress_ops;
SELECT * FROM told(txsync.apply_ops(jsonb_build_array(setting('r6', 'o', 'rank', '32'), setting('r7', 'o', 'title', '"unread"'))));
RESET ROLE;
GRANT SELECT, INSERT, UPDATE, DELETE ON docs TO regress_ops;
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON docs FOR SELECT TO regress_ops USING (rank < 50);
CREATE POLICY add ON docs FOR INSERT TO regress_ops WITH CHECK (rank < 60);
CREATE POLICY change ON docs FOR UPDATE TO regress_ops USING (true) WITH CHECK (rank < 40);
SET ROLE regress_ops;
SELECT r - 'versions' FROM told(txsync.apply_ops(jsonb_build_array(op('p1', 'create', 'p', '{"data": {"rank": 55}}'), op('p2', 'create', 'q', '{"data": {"rank": 70}}'), setting('p3', 'p', 'rank', '1'), setting('p4', 'o', 'rank', '45'),
    op('p5', 'delete', 'o')))) AS r;
RESET ROLE;
ALTER TABLE docs DISABLE ROW LEVEL SECURITY;

-- A trigger that keeps a row as it is; composite ids; a table that changes meanwhile
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER keep BEFORE UPDATE ON docs FOR EACH ROW WHEN (new.title = 'keep') EXECUTE FUNCTION keep();
SELECT * FROM told(txsync.apply_ops(jsonb_build_array(setting('k1', 'o', 'title', '"keep"'))));
CREATE TABLE "odd ""names""#@!%" (a int, "b b" text, "c#@!%" text[], PRIMARY KEY (a, "b b"));
SELECT entity_type FROM txsync.track('"odd ""names""#@!%"', entity_type => 'odd');
SELECT jsonb_strip_nulls(txsync.mutate(op('odd1', 'create', '["1", "x y"]', '{"entityType": "odd", "data": {"a": 1, "b b": "x y", "c#@!%": ["#"]}}')));
SELECT jsonb_strip_nulls(txsync.mutate(setting('odd2', '["1", "x y"]', 'c#@!%', '{"item": "@", "place": "before", "anchor": "#"}', '{"entityType": "odd", "operation": "listInsert"}'))) -> 'data' AS data;
SELECT failure(op('odd3', 'create', id, '{"entityType": "odd", "data": {}}')) FROM unnest('{"[\"1\"]","[\"1\", 2]","{}",x}'::text[]) AS id;
ALTER TABLE "odd ""names""#@!%" RENAME COLUMN "c#@!%" TO list;
SELECT jsonb_strip_nulls(txsync.mutate(setting('odd4', '["1", "x y"]', 'list', '{"item": "!"}', '{"entityType": "odd", "operation": "listInsert"}'))) -> 'data' AS data;
ALTER TABLE "odd ""names""#@!%" ALTER COLUMN list TYPE jsonb USING to_jsonb(list);
SELECT jsonb_strip_nulls(txsync.mutate(setting('odd5', '["1", "x y"]', 'list', '{"item": 5}', '{"entityType": "odd", "operation": "listInsert"}'))) -> 'data' AS data;

-- Squashing a queue
SELECT op FROM jsonb_array_elements(txsync.squash_ops(jsonb_build_array(
    setting('q1', 'o', 'title', '"a"', '{"expectedTransactionId": "g4"}'), setting('q2', 'o', 'rank', '1.5', '{"operation": "increment"}'), setting('q3', 'o', 'title', '"b"', '{"expectedTransactionId": "q1"}'),
    setting('q4', 'o', 'rank', '2', '{"operation": "increment"}'), op('q5', 'create', 'z', '{"data": {"title": "z", "rank": 1}}'), setting('q6', 'z', 'title', '"y"'), setting('q7', 'z', 'meta', '{"k": 1}'),
    op('q8', 'create', 'gone', '{"data": {}}'), op('q9', 'delete', 'gone'), setting('q10', 'u', 'title', '"sent"', '{"sent": true, "expectedTransactionId": "x"}'), setting('q11', 'u', 'title', '"not"', '{"expectedTransactionId": "q10"}')))) op;
SELECT txsync.squash_ops('[]'), txsync.squash_ops('[{}]');
SELECT txsync.squash_ops('{}');
SELECT txsync.squash_ops('[1]');
SELECT txsync.squash_ops(NULL);

-- What is behind a deferred op may build upon it, and waits with it
CREATE FUNCTION busy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = 'lock_not_available'; END $$;
CREATE TRIGGER busy BEFORE INSERT OR UPDATE ON docs FOR EACH ROW WHEN (new.title = 'busy') EXECUTE FUNCTION busy();
SELECT applied(setting('e1', 'o', 'rank', '40'), setting('e2', 'o', 'title', '"busy"'), setting('e3', 'o', 'title', '"after"'), setting('e4', 'o', 'rank', '41'));
SELECT applied(setting('e4', 'o', 'rank', '41'), setting('e5', 'o', 'rank', '42'), setting('e5', 'o', 'title', '"busy"'), setting('e5', 'o', 'score', '1'), setting('e6', 'o', 'rank', '43'));
SELECT statuses(txsync.apply_ops(jsonb_build_array(setting('e7', 'o', 'rank', '44'), setting('e8', 'o', 'score', '1'), setting('e8', 'o', 'title', '"busy"'), setting('e9', 'o', 'rank', '45')), '{"atomic": true}'));
SELECT title, rank, score FROM docs WHERE id = 'o';
-- How far behind: by the organization that the row has, or is to have
CREATE FUNCTION in_acme() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.org_id := 'acme'; RETURN new; END $$;
CREATE TRIGGER in_acme BEFORE INSERT ON docs FOR EACH ROW WHEN (new.title = 'in acme') EXECUTE FUNCTION in_acme();
INSERT INTO docs (id, org_id, rank) VALUES ('acme', 'acme', 1), ('else', 'else', 1);
BEGIN;
CREATE TABLE activity_of_ops PARTITION OF txsync.activity FOR VALUES FROM (9000000000000000000) TO (9000000000000001000);
INSERT INTO txsync.activity (id, epoch, commit_lsn, change_lsn, k, xid, committed_at, org_id, action) SELECT 9000000000000000000 + i, 1, '0/0', '0/0', i, '3', now(), nullif(org, ''), 'update' FROM generate_series(1, 12) i, unnest('{acme}'::text[]) org;
SELECT statuses(txsync.apply_ops(jsonb_build_array(op || '{"streamOffset": 9000000000000000000}', setting('f0', 'acme', 'rank', '9')))) AS statuses FROM unnest(ARRAY[
    setting('f1', 'acme', 'rank', '2'), op('f2', 'create', 'f2', '{"data": {"org_id": "acme"}}'), op('f3', 'create', 'f3', '{"data": {"title": "in acme"}}'), op('f4', 'delete', 'acme'),
    setting('f5', 'else', 'rank', '2'), setting('f6', 'nowhere', 'rank', '2'), op('f7', 'create', 'f7', '{"data": {}}'), setting('f8', 'acme', 'rank', '500'), setting('f9', 'acme', 'org_id', '"else"')]) AS op;
INSERT INTO txsync.activity (id, epoch, commit_lsn, change_lsn, k, xid, committed_at, action) SELECT 9000000000000000100 + i, 1, '0/0', '0/0', i, '3', now(), 'update' FROM generate_series(1, 11) i;
SELECT statuses(txsync.apply_ops(jsonb_build_array(op || '{"streamOffset": 9000000000000000000}'))) AS statuses FROM unnest(ARRAY[
    setting('h1', 'nowhere', 'rank', '2'), op('h2', 'create', 'h2', '{"data": {}}'), op('h3', 'create', 'h3', '{"data": {"org_id": "else"}}')]) AS op;
REVOKE ALL ON docs FROM regress_ops;
SET LOCAL ROLE regress_ops;
SELECT applied(setting('h4', 'acme', 'rank', '2', '{"streamOffset": 9000000000000000000}'));
ROLLBACK;

-- Last write wins by whole ids, where times are the same: of clocks that are too far ahead, or as a write before has left it
SELECT applied(op('7999.0000.a', 'create', 'tie', '{"data": {}}'), setting('8000.0001.a', 'tie', 'code', '"1a"'), setting('8000.0001.b', 'tie', 'code', '"1b"'), setting('8000.0001.c', 'tie', 'code', '"1c"'),
    setting('8000.0002.a', 'tie', 'code', '"2a"'), setting('8000.0001.d', 'tie', 'code', '"1d"'));
SELECT applied(setting('99999999999990.0000.a', 'tie', 'code', '"far"'), setting('99999999999991.0000.a', 'tie', 'code', '"more"'), setting('99999999999991.0001.a', 'tie', 'code', '"most"'));
SELECT code FROM docs WHERE id = 'tie';

-- A duplicate is told as one, whatever has become of its table
CREATE TABLE notes (id text PRIMARY KEY, title text, body text);
SELECT entity_type FROM txsync.track('notes');
SELECT applied(op('i1', 'create', 'n', '{"entityType": "notes", "data": {"title": "n"}}'), setting('i2', 'n', 'title', '"m"', '{"entityType": "notes"}'));
ALTER TABLE notes RENAME COLUMN title TO name;
SELECT txsync.apply_ops(jsonb_build_array(setting('i2', 'n', 'title', '"m"', '{"entityType": "notes"}'), setting('i3', 'n', 'title', '"m"', '{"entityType": "notes"}'))) #- '{1,message}' #- '{0,versions,last}';
SELECT txsync.untrack('notes');
SELECT * FROM told(txsync.apply_ops(jsonb_build_array(setting('i2', 'n', 'title', '"m"', '{"entityType": "notes"}'))));
DROP TABLE notes;
SELECT applied(setting('i2', 'n', 'title', '"m"', '{"entityType": "notes"}'), setting('i3', 'n', 'title', '"m"', '{"entityType": "notes"}'));

-- The ops of a mutation may all expect what was there before it, or what the others make of it
SELECT applied(op('j0', 'create', 'j', '{"data": {"title": "j", "rank": 1}}'), setting('j1', 'j', 'title', '"k"'));
SELECT applied(setting('j2', 'j', 'title', '"l"', '{"expectedVersion": 2, "expectedTransactionId": "j1"}'), setting('j2', 'j', 'rank', '2', '{"expectedVersion": 2, "expectedTransactionId": null}'),
    setting('j2', 'j', 'title', '"m"', '{"expectedVersion": 4, "expectedTransactionId": "j2"}'), setting('j2', 'j', 'title', '"n"', '{"expectedTransactionId": "j1"}'), op('j2', 'delete', 'j', '{"expectedVersion": 2, "expectedTransactionId": "j1"}'),
    setting('j3', 'o', 'rank', '1', '{"expectedVersion": 1}'), setting('j3', 'o', 'title', '"x"'));
SELECT count(*) FROM docs WHERE id = 'j';

-- Others' errors of class TX, whose DETAIL is anything
CREATE FUNCTION own_error() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ours' USING ERRCODE = 'TX001', DETAIL = new.code; END $$;
ALTER TABLE docs ALTER COLUMN code TYPE text;
CREATE TRIGGER own_error BEFORE UPDATE ON docs FOR EACH ROW WHEN (new.code ~ '^E') EXECUTE FUNCTION own_error();
CREATE FUNCTION own_detail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ours' USING ERRCODE = 'TX014', DETAIL = substr(new.title, 2); END $$;
CREATE TRIGGER own_detail BEFORE UPDATE ON docs FOR EACH ROW WHEN (new.title ~ '^!') EXECUTE FUNCTION own_detail();
SELECT * FROM told(txsync.apply_ops(jsonb_build_array(setting('y1', 'o', 'title', '"!plain"'), setting('y2', 'o', 'title', '"![1, \"status\"]"'), setting('y3', 'o', 'title', to_jsonb('!{"status": "applied", "sqlstate": "00000", "message": 1, "code": "MINE"}'::text)),
    setting('y4', 'o', 'title', to_jsonb('!{"a": "\u0000"}'::text))))) AS r;
SELECT applied(setting('99999999999999.0000.y', 'o', 'code', '"E {"'), setting('y6', 'o', 'rank', '47'));

-- An entity that is not created as it was named
CREATE FUNCTION other_id() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.id := 'other'; RETURN new; END $$;
CREATE TRIGGER other_id BEFORE INSERT ON docs FOR EACH ROW WHEN (new.title = 'other') EXECUTE FUNCTION other_id();
SELECT * FROM told(txsync.apply_ops(jsonb_build_array(op('C1', 'create', 'C', '{"data": {"title": "other"}}'))));
ALTER TABLE docs DISABLE TRIGGER zz_txsync;
SELECT * FROM told(txsync.apply_ops(jsonb_build_array(op('C2', 'create', 'C', '{"data": {"title": "C"}}'))));
ALTER TABLE docs ENABLE ALWAYS TRIGGER zz_txsync;
SELECT applied(op('C3', 'create', 'C', '{"data": {"title": "C"}}'));

-- What was declared before goes on behind ops
CREATE FUNCTION logs() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM txsync.mutate(op('log of ' || new.id, 'create', 'log of ' || new.id, '{"data": {"title": "log"}}')); RETURN new; END $$;
CREATE TRIGGER logs BEFORE UPDATE ON docs FOR EACH ROW WHEN (new.title = 'logged') EXECUTE FUNCTION logs();
SELECT applied(setting('D1', 'o', 'title', '"logged"'), setting('D1', 'o', 'rank', '48'));
BEGIN;
SELECT txsync.begin_mutation('{"transactionId": "D2", "sourceId": "s", "changedField": "rank"}');
SELECT applied(setting('D3', 'C', 'rank', '49'), setting('D3', 'C', 'rank', '49'), setting('D4', 'C', 'rank', '500'));
UPDATE docs SET rank = 50 WHERE id = 'acme';
COMMIT;
SELECT id, tx ->> 'transactionId' AS tx, tx ->> 'changedField' AS field FROM docs WHERE id IN ('o', 'log of o', 'C', 'acme') ORDER BY id;

-- Deferred constraints hold at the end of a mutation; what was broken before is not the ops' fault
SELECT applied(op('F1', 'create', 'first', '{"data": {"parent": "second"}}'), op('F1', 'create', 'second', '{"data": {}}'), setting('F2', 'second', 'parent', '"third"'), setting('F3', 'second', 'rank', '1'));
BEGIN;
INSERT INTO docs (id, parent) VALUES ('early', 'late');
SELECT applied(setting('F4', 'o', 'rank', '51'), setting('F5', 'o', 'parent', '"late"'));
INSERT INTO docs (id) VALUES ('late');
COMMIT;
SELECT id, parent FROM docs WHERE parent IN ('second', 'late') ORDER BY id;

DROP TABLE docs, "odd ""names""#@!%", before_undo, results;
DROP ROLE regress_ops;
DROP TYPE point3;
DROP DOMAIN short;
DROP FUNCTION op, setting, told, statuses, applied, failure, give_up, keep, busy, in_acme, own_error, own_detail, other_id, logs;
SELECT count(*) > 0 AS told FROM changes();

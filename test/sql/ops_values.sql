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

DROP TABLE items;
DROP ROLE regress_values;
DROP FUNCTION op, setting, statuses, applied;
SELECT count(*) > 0 AS told FROM changes();

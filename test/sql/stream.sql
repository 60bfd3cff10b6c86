-- What the stream tells beside rows, and what a subscriber may ask for.
SET client_min_messages = warning;
CREATE TABLE pages (id int PRIMARY KEY, org_id text, name text, size int8, price numeric(10, 2), updated_at timestamptz);
CREATE TABLE notes (id int PRIMARY KEY, body text);
SELECT entity_type FROM txsync.track('pages');
SELECT entity_type FROM txsync.track('notes', entity_type => 'note');
-- what a reader with these options is told; the slot stays where it is
CREATE FUNCTION told(VARIADIC options text[]) RETURNS TABLE (action text, entity text, id text, org text, keys text, data jsonb, more jsonb) LANGUAGE sql AS $$
    SELECT d ->> 'action', d ->> 'entityType', d ->> 'entityId', d ->> 'organizationId', d ->> 'changedKeys', d -> 'data',
           d - '{activityId,position,committedAt,entityType,entityId,organizationId,action,changedKeys,tx,version,rowVersion,data}'::text[]
    FROM pg_logical_slot_peek_changes('regress', NULL, NULL, VARIADIC options) WITH ORDINALITY s(lsn, xid, line, n), LATERAL (SELECT line::jsonb AS d) j
    ORDER BY n
$$;
INSERT INTO pages VALUES (1, 'acme', 'one', 9007199254740993, 1.50), (2, 'other', 'two', 2, 2), (3, NULL, 'three', 3, 3);
INSERT INTO notes VALUES (1, 'first');
UPDATE pages SET org_id = 'other', name = 'one!' WHERE id = 1;
ALTER TABLE pages REPLICA IDENTITY FULL;
UPDATE pages SET name = 'two!', updated_at = '2026-01-01' WHERE id = 2;
DELETE FROM pages WHERE id = 2;
DELETE FROM notes;
TRUNCATE pages, notes;

SELECT action, entity, id, org FROM told('batch', 'off');
SELECT action, entity, id FROM told('entity-types', 'note, unknown');
SELECT action, entity, id, org FROM told('organizations', 'acme');
SELECT action, entity, id FROM told('tables', 'public.n*');
SELECT action, entity, id FROM told('exclude-tables', '"pages"');
SELECT action, entity, id FROM told('actions', 'delete, truncate');
SELECT action, id, keys, data FROM told('include-data', 'changed', 'entity-types', 'pages');
SELECT action, id, keys, data, more FROM told('include-data', 'none', 'entity-types', 'pages');
SELECT action, id, data, more FROM told('include-old', 'on', 'entity-types', 'pages');
SELECT action, id, data FROM told('big-numbers', 'string', 'entity-types', 'pages', 'actions', 'create');
SELECT count(*) FROM changes();

-- TRUNCATE of partitions: of the root one line; of a partition alone it is not known what is gone
CREATE TABLE tasks (id int, state text, PRIMARY KEY (id, state)) PARTITION BY LIST (state);
CREATE TABLE tasks_open PARTITION OF tasks FOR VALUES IN ('open');
CREATE TABLE tasks_done PARTITION OF tasks FOR VALUES IN ('done');
SELECT entity_type FROM txsync.track('tasks');
TRUNCATE tasks;
TRUNCATE tasks_open;
TRUNCATE notes, tasks, pages;
SELECT d ->> 'action' AS action, d ->> 'entityType' AS entity, split_part(d ->> 'position', '-', 3) AS k
FROM (SELECT data::jsonb AS d FROM pg_logical_slot_get_changes('regress', NULL, NULL)) s;

-- other logical messages, binary-safe, on request
SELECT pg_logical_emit_message(true, 'app.mail', 'line' || chr(10) || '"two" ñ') IS NOT NULL AS sent;
SELECT pg_logical_emit_message(false, 'app.ping', '\x00ff01'::bytea) IS NOT NULL AS sent;
SELECT pg_logical_emit_message(true, 'other', 'unseen') IS NOT NULL AS sent;
SELECT * FROM told('messages', 'app.*');
SELECT count(*) FROM changes();

-- annotations: on what follows in the transaction, until the rollback of their savepoint
BEGIN;
INSERT INTO notes VALUES (10);
SELECT txsync.annotate('{"by": "import", "n": [1, "ñ"]}');
INSERT INTO notes VALUES (11);
SAVEPOINT s;
SELECT txsync.annotate('{"by": "other"}');
INSERT INTO notes VALUES (12);
ROLLBACK TO s;
INSERT INTO notes VALUES (13);
SELECT txsync.annotate('{"by": "last"}');
INSERT INTO notes VALUES (14);
SELECT txsync.annotate('{}');
INSERT INTO notes VALUES (15);
COMMIT;
INSERT INTO notes VALUES (16);
SELECT id, more FROM changes();
SELECT txsync.annotate('[1]');
SELECT txsync.annotate('"text"');
SELECT txsync.annotate(NULL);
SELECT txsync.annotate(jsonb_build_object('long', repeat('x', 8200)));

-- a row that is too large goes without its data
INSERT INTO notes VALUES (20, repeat('"', 600)), (21, repeat('x', 600)), (22, repeat('x', 5000));
UPDATE notes SET body = body || 'y' WHERE id = 22;
SELECT action, id, length(data ->> 'body') AS length, more FROM told('max-record-bytes', '1kB', 'include-old', 'on');
SELECT action, id, length(data ->> 'body') AS length, more FROM changes();

-- in replica role tx is kept as it comes, but told only if this write brought it
ALTER TABLE notes REPLICA IDENTITY DEFAULT;
INSERT INTO notes VALUES (30, 'x', tx('1200.0000.a'));
SET session_replication_role = replica;
UPDATE notes SET body = 'leftover' WHERE id = 30;
UPDATE notes SET body = 'brought', tx = tx('1200.0001.a', 'body') WHERE id = 30;
RESET session_replication_role;
SELECT tx -> 'transactionId' AS kept FROM notes WHERE id = 30;
SELECT action, tx, field, data ->> 'body' AS body, more FROM changes();

-- origins
SELECT pg_replication_origin_create('regress_origin') IS NOT NULL AS made;
SELECT pg_replication_origin_session_setup('regress_origin');
INSERT INTO notes VALUES (40);
SELECT pg_replication_origin_session_reset();
INSERT INTO notes VALUES (41);
SELECT id, more FROM told('origin', 'none');
SELECT id, more FROM changes();
SELECT pg_replication_origin_drop('regress_origin');

-- a transaction in progress is told in blocks, at the same positions
BEGIN;
INSERT INTO notes VALUES (50, 'streamed');
SAVEPOINT s;
INSERT INTO notes SELECT g, repeat('x', 100) FROM generate_series(100, 1500) g;
ROLLBACK TO s;
INSERT INTO notes SELECT g, repeat('x', 100) FROM generate_series(2000, 3400) g;
COMMIT;
CREATE TEMP TABLE plain AS SELECT line FROM pg_logical_slot_peek_changes('regress', NULL, NULL) s(lsn, xid, line);
SET logical_decoding_work_mem = '64kB';
CREATE TEMP TABLE streamed AS
    SELECT n, line::jsonb AS d FROM pg_logical_slot_peek_changes('regress', NULL, NULL, 'streaming', 'on') WITH ORDINALITY s(lsn, xid, line, n);
RESET logical_decoding_work_mem;
SELECT d ->> 'control' AS control, count(*) > 0 AS seen, count(*) FILTER (WHERE d ? 'commitLsn') AS commits FROM streamed WHERE d ? 'control' GROUP BY d ->> 'control' ORDER BY (d ->> 'control') COLLATE "C";
WITH aborted AS (SELECT d -> 'subxid' AS xid FROM streamed WHERE d ->> 'control' = 'abort'),
     committed AS (SELECT d FROM streamed WHERE d ->> 'control' = 'commit'),
     patched AS (SELECT s.d - 'xid' || jsonb_build_object('position', (c.d ->> 'commitLsn') || substr(s.d ->> 'position', 4), 'committedAt', c.d -> 'committedAt') AS d
                 FROM streamed s, committed c WHERE NOT s.d ? 'control' AND s.d -> 'xid' NOT IN (SELECT xid FROM aborted))
SELECT (SELECT count(*) FROM plain) AS plain, (SELECT count(*) FROM patched) AS streamed,
       (SELECT count(*) FROM (SELECT line::jsonb FROM plain EXCEPT SELECT d FROM patched) x) AS missing;
SELECT count(*) FROM changes();

-- what is too large for a line is so in every mode, however long the lines are there
BEGIN;
INSERT INTO notes SELECT g, repeat('x', g), tx((g % 7) || '.0000.a') FROM generate_series(400, 1000) g;
COMMIT;
SET logical_decoding_work_mem = '64kB';
CREATE FUNCTION told_whole(VARIADIC options text[]) RETURNS TABLE (lines bigint, whole int4multirange, in_progress bool) LANGUAGE sql AS $$
    SELECT count(*), range_agg(int4range(id, id, '[]')) FILTER (WHERE NOT d ? 'truncated'), bool_or(d ? 'xid')
    FROM pg_logical_slot_peek_changes('regress', NULL, NULL, VARIADIC array['max-record-bytes', '1kB'] || options) s(lsn, xid, line), LATERAL (SELECT line::jsonb AS d) j, LATERAL (SELECT (d ->> 'entityId')::int AS id) i
    WHERE NOT d ? 'control'
$$;
SELECT * FROM told_whole('compact', 'off');
SELECT * FROM told_whole('compact', 'on');
SELECT * FROM told_whole('compact', 'off', 'streaming', 'on');
SELECT * FROM told_whole('compact', 'on', 'streaming', 'on');
RESET logical_decoding_work_mem;
SELECT count(*) FROM changes();

-- two-phase: told at PREPARE, decided later
SELECT slot_name FROM pg_create_logical_replication_slot('regress_2pc', 'txsync', false, true);
BEGIN;
INSERT INTO notes VALUES (60, 'prepared');
PREPARE TRANSACTION 'regress "1"';
BEGIN;
INSERT INTO notes VALUES (61, 'never');
PREPARE TRANSACTION 'regress 2';
CREATE FUNCTION controls() RETURNS SETOF jsonb LANGUAGE sql AS $$
    SELECT d - '{xid,position,commitLsn,committedAt,activityId,organizationId,changedKeys,tx,version,rowVersion}'::text[] || CASE WHEN d ? 'commitLsn' THEN '{"lsn": true}' ELSE '{}' END::jsonb
    FROM pg_logical_slot_get_changes('regress_2pc', NULL, NULL, 'two-phase', 'on') WITH ORDINALITY s(lsn, xid, line, n), LATERAL (SELECT line::jsonb AS d) j ORDER BY n
$$;
-- a session without it would pass over their PREPAREs, and they would be told to nobody
SELECT pg_logical_slot_get_changes('regress_2pc', NULL, NULL);
SELECT pg_logical_slot_peek_changes('regress_2pc', NULL, NULL, 'two-phase', 'off');
SELECT controls();
SELECT count(*) FROM changes();
COMMIT PREPARED 'regress "1"';
ROLLBACK PREPARED 'regress 2';
SELECT controls();
SELECT action, id, data ->> 'body' AS body FROM changes();
-- what tells nothing does not need it; a copy is a slot without it
SELECT slot_name FROM pg_replication_slot_advance('regress_2pc', pg_current_wal_lsn());
SELECT slot_name FROM pg_copy_logical_replication_slot('regress_2pc', 'regress_copy');
SELECT count(*) FROM pg_logical_slot_get_changes('regress_copy', NULL, NULL);
SELECT pg_drop_replication_slot(slot) FROM unnest('{regress_2pc,regress_copy}'::text[]) slot;
DROP TABLE pages, notes, tasks;
DROP FUNCTION told, told_whole, controls;

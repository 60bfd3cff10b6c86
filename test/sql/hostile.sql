-- What nobody should do, and what seldom happens: the stream goes on, and says nothing wrong.
SET client_min_messages = warning;
CREATE TABLE pages (id int PRIMARY KEY, org_id int[], name text, big text, tx jsonb);
SELECT entity_type FROM txsync.track('pages', org_column => 'org_id');
CREATE FUNCTION forge(message text) RETURNS void LANGUAGE sql AS
    $$ SELECT pg_logical_emit_message(true, 'txsync', decode(message, 'escape')) $$;
CREATE FUNCTION field(bytes text) RETURNS text LANGUAGE sql AS $$ SELECT length(decode(bytes, 'escape')) || ':' || bytes $$;

-- messages like ours, written by anybody
INSERT INTO pages VALUES (1, '{1}', 'one'), (2, '{2}', 'two'), (3, '{3}', 'three');
BEGIN;
SELECT forge('1M' || 'pages'::regclass::oid || ':' || field(field('\001\000\000\000\000\000\000\000')) || field('\001\000\000\000\377\377') || field('\377\376') || field(repeat('s', 65)) || field('\377') || '18446744073709551615:');
DELETE FROM pages WHERE id = 1;
COMMIT;
SELECT forge('1A' || field('null}' || chr(10) || '{"entityType":"secrets","action":"delete","x":1'));
BEGIN;
SELECT forge('1A' || field('{"a": 1}' || chr(10)));
SELECT forge('1A' || field('{"a": '));
SELECT forge('1A' || field('{"a": "' || repeat('x', 9000) || '"}'));
SELECT forge('1A' || field('[1]'));
SELECT forge('1A' || field('{"bytes": "\377"}'));
UPDATE pages SET name = 'still here' WHERE id = 2;
COMMIT;
SELECT forge('1D'), forge(''), forge('2D1:'), forge(repeat('1D1:', 100000));
SELECT action, id, org, tx, more FROM changes();

-- what is no hint takes no place from the sixteen that wait
ALTER TABLE pages DISABLE TRIGGER zz_txsync;
BEGIN;
SELECT forge('1D' || 'pages'::regclass::oid || ':' || field(field('\003\000\000\000\000\000\000\000')) || field('{3}') || '---0:');
SELECT count(forge('1D' || 'pages'::regclass::oid || ':' || field('another') || '----0:')) FROM generate_series(2, 16);
SELECT forge('1D' || repeat('x', 60000));
DELETE FROM pages WHERE id = 3;
COMMIT;
ALTER TABLE pages ENABLE ALWAYS TRIGGER zz_txsync;
SELECT action, id, org, tx, more FROM changes();

-- a rolled-back update of a partition makes no move of the delete behind it
CREATE TABLE tasks (id int, state text, org_id text, big text, PRIMARY KEY (id, state)) PARTITION BY LIST (state);
CREATE TABLE tasks_open PARTITION OF tasks FOR VALUES IN ('open');
CREATE TABLE tasks_done PARTITION OF tasks FOR VALUES IN ('done');
SELECT entity_type FROM txsync.track('tasks', id_column => 'id');
INSERT INTO tasks VALUES (1, 'open', 'acme', ''), (2, 'open', 'other', repeat('x', 3000));
BEGIN;
SAVEPOINT a;
UPDATE tasks SET big = 'x' WHERE id = 1;
ROLLBACK TO a;
DELETE FROM tasks WHERE id = 1;
INSERT INTO tasks VALUES (1, 'done', 'acme');
COMMIT;
SELECT action, id, data ->> 'state' AS state FROM changes();

-- a move of a large row, with its old values
ALTER TABLE tasks_open REPLICA IDENTITY FULL;
UPDATE tasks SET state = 'done' WHERE id = 2;
SELECT line::jsonb ->> 'action' AS action, line::jsonb -> 'truncated' AS truncated
FROM pg_logical_slot_peek_changes('regress', NULL, NULL, 'include-old', 'on', 'max-record-bytes', '1kB') s(lsn, xid, line);
SELECT count(*) FROM changes();

-- in replica role the tx that stays is nobody's, also when the key changes or the row moves
INSERT INTO pages VALUES (10, '{1}', 'ten', NULL, tx('1400.0000.a'));
UPDATE tasks SET tx = tx('1400.0001.a', 'state') WHERE id = 2;
SET session_replication_role = replica;
UPDATE pages SET id = 11 WHERE id = 10;
UPDATE tasks SET state = 'open' WHERE id = 2;
RESET session_replication_role;
SELECT action, entity, id, tx FROM changes();

-- values that are nested deeper than the reader's stack allows
CREATE TABLE deep (id int PRIMARY KEY, j jsonb, js jsonb[], path jsonpath);
SELECT entity_type FROM txsync.track('deep', tx => false);
SET max_stack_depth = '7000kB';
INSERT INTO deep (id, j) VALUES (1, (repeat('[', 20000) || '1' || repeat(']', 20000))::jsonb);
INSERT INTO deep (id, j) VALUES (2, (repeat('{"a": [2, ', 9000) || 'true' || repeat(']}', 9000))::jsonb);
INSERT INTO deep (id, js) SELECT 3, ARRAY[j, '1', NULL] FROM deep WHERE id = 1;
INSERT INTO deep (id, path) VALUES (4, ('$' || repeat(' ? (exists(@', 1500) || repeat('))', 1500))::jsonpath);
SET max_stack_depth = '200kB';
SELECT id, line LIKE '%"truncated":true%' AS truncated, position(replace(coalesce(j, js[1])::text, ' ', '') IN line) > 0 AS whole
FROM pg_logical_slot_peek_changes('regress', NULL, NULL) s(lsn, xid, line) LEFT JOIN deep ON line LIKE '%"entityId":"' || id || '"%' ORDER BY id;
RESET max_stack_depth;
SELECT count(*) FROM pg_logical_slot_get_changes('regress', NULL, NULL);
DROP TABLE deep;

-- a tx in the TOAST table, where the trigger does not run
ALTER TABLE pages ALTER tx SET STORAGE external;
ALTER TABLE pages REPLICA IDENTITY FULL;
SET session_replication_role = replica;
UPDATE pages SET tx = tx('1400.0002.a') || jsonb_build_object('more', repeat('x', 9000)) WHERE id = 11;
RESET session_replication_role;
ALTER TABLE pages DISABLE TRIGGER zz_txsync;
UPDATE pages SET name = 'elsewhere' WHERE id = 11;
SELECT action, id, tx, more FROM changes();

-- a hint for a row whose id an update left in the TOAST table, where it is gone by now
CREATE TABLE far (id text PRIMARY KEY, n int NOT NULL UNIQUE, org_id text) WITH (toast_tuple_target = 128);
ALTER TABLE far ALTER id SET STORAGE external;
SELECT entity_type FROM txsync.track('far', id_column => 'id', org_column => 'org_id');
INSERT INTO far VALUES (repeat('i', 2500), 1, 'acme');
ALTER TABLE far REPLICA IDENTITY USING INDEX far_n_key;
ALTER TABLE far DISABLE TRIGGER zz_txsync;
BEGIN;
SELECT forge('1O' || 'far'::regclass::oid || ':' || field('x') || '----0:');
UPDATE far SET org_id = 'other';
COMMIT;
DELETE FROM far;
VACUUM far;
SELECT action, length(id), org FROM changes();
DROP TABLE far;

-- a row filter that looks at a hidden value which was left in the TOAST table
CREATE TABLE secrets (id int PRIMARY KEY, secret text, n int);
ALTER TABLE secrets ALTER secret SET STORAGE external;
ALTER TABLE secrets REPLICA IDENTITY FULL;
SELECT entity_type FROM txsync.track('secrets', hidden => '{secret}');
CREATE PUBLICATION long_ones FOR TABLE secrets WHERE (length(secret) > 10);
INSERT INTO secrets VALUES (1, repeat('s', 9000), 1), (2, 'short', 1);
UPDATE secrets SET n = 2;
SELECT line::jsonb ->> 'action' AS action, line::jsonb ->> 'entityId' AS id, line::jsonb -> 'data' AS data
FROM pg_logical_slot_peek_changes('regress', NULL, NULL, 'publications', 'long_ones') s(lsn, xid, line);
SELECT count(*) FROM changes();
DROP PUBLICATION long_ones;
DROP TABLE pages, tasks, secrets;
DROP FUNCTION forge, field;

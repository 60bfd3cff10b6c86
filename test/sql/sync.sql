-- sync(): what others did meanwhile is pulled first. The changelog is written by hand: nothing captures.
SET client_min_messages = warning;
CREATE TABLE notes (id int PRIMARY KEY, title text, body text, likes int DEFAULT 0, seen text);
SELECT entity_type FROM txsync.track('notes', strategies => '{"seen": "lww"}');
DELETE FROM txsync.capture_state;
INSERT INTO txsync.capture_state (system_identifier, database, epoch, timeline, position)
SELECT system_identifier, database, 7, 1, '0/0' FROM txsync.capture_worker();
CREATE TABLE txsync_rows PARTITION OF txsync.activity FOR VALUES FROM (0) TO (10000000);
CREATE FUNCTION tell(id text, action text, keys text[] DEFAULT NULL, tx jsonb DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$
INSERT INTO txsync.activity (id, epoch, commit_lsn, change_lsn, k, xid, committed_at, entity_type, entity_id, action, changed_keys, tx, version)
SELECT s.last_id + 1, 7, '0/10', '0/8', 0, '700', now(), 'notes', tell.id, tell.action, keys, tell.tx, tell.tx ->> 'transactionId' FROM txsync.capture_state s;
UPDATE txsync.capture_state SET last_id = last_id + 1 RETURNING last_id
$$;
-- An op that sets a title, with other members instead.
CREATE FUNCTION op(id text, entity text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_object('transactionId', CASE WHEN id LIKE '%.%' THEN id ELSE 's-' || id END, 'sourceId', 't', 'entityType', 'notes', 'entityId', entity, 'action', 'update', 'changedField', 'title', 'value', 'by ' || op.id) || more
$$;
-- What becomes of ops, of a client that has seen nothing but the first n activities.
CREATE FUNCTION outcome(n int, ops jsonb[], options jsonb DEFAULT '{}') RETURNS TABLE (pulled jsonb, more boolean, id text, status text, field text, server text, code text) LANGUAGE sql AS $$
SELECT jsonb_path_query_array(s, '$.changes[*].activityId'), (s -> 'hasMore')::boolean, r ->> 'transactionId', r ->> 'status', r ->> 'field', r ->> 'serverTransactionId', coalesce(r ->> 'code', r ->> 'sqlstate')
FROM txsync.sync(n::text, to_jsonb(ops), options) s, jsonb_array_elements(s -> 'results') WITH ORDINALITY e(r, n) ORDER BY e.n
$$;
INSERT INTO notes SELECT g, 'title', 'body', 0, 'x' FROM generate_series(1, 9) g;
SELECT txsync.mutate(op('mine', '2')) -> 'data' ->> 'title' AS title;

SELECT tell('1', 'update', '{title}', '{"transactionId": "other", "sourceId": "o", "changedField": "title"}');
SELECT tell('2', 'update', '{title}', '{"transactionId": "s-mine", "sourceId": "t", "changedField": "title"}');
SELECT tell('3', 'update', NULL, NULL);
SELECT tell('4', 'update', NULL, '{"transactionId": "bare", "sourceId": "o", "changedField": "body"}');
SELECT tell('5', 'update', '{seen,likes}', NULL);
SELECT tell('6', 'create');
SELECT tell('70', 'delete');

-- of another field, of the same, of one that is not known; and one's own
SELECT * FROM outcome(0, ARRAY[op('a1', '1', '{"changedField": "body"}'), op('a2', '1'), op('a3', ' 1'), op('a4', '2', '{"replaces": ["s-mine"]}'), op('mine', '2'), op('a5', '2'), op('a6', '3', '{"changedField": "body"}'),
    op('a7', '4'), op('a8', '4', '{"changedField": "body"}'), op('a9', '6'), op('a10', '8')]);
-- what the changes left is as the ops that were applied have it
SELECT id, title, body FROM notes ORDER BY id;
-- a delete is of all fields; what adds and where the last write wins takes what is there; a create is for the table to judge
SELECT * FROM outcome(4, ARRAY[op('b1', '5', '{"action": "delete"}'), op('b2', '5', '{"changedField": "likes", "operation": "increment", "value": 1}'),
    op('b3', '5', '{"changedField": "likes", "operation": "increment", "value": 1, "expectedTransactionId": "x"}'),
    op('1795000000000.0001.t', '5', '{"changedField": "seen"}'), op('b4', '5', '{"changedField": "likes", "value": 5}'), op('b5', '70', '{"action": "create", "data": {"title": "again"}}')]);
-- what came before the cursor was seen
SELECT * FROM outcome(7, ARRAY[op('c1', '1'), op('c2', '3', '{"action": "delete"}')]);
-- of which field a change is not known, an op that expects a version is judged by the row's own
SELECT txsync.mutate(op('w8', '8', '{"changedField": "body"}')) -> 'data' ->> 'body' AS body;
UPDATE notes SET title = 'plain' WHERE id = 8;
BEGIN;
SELECT tell('8', 'update', NULL, NULL);
SELECT id, status, field, code FROM outcome(7, ARRAY[op('i1', '8', '{"changedField": "body", "expectedTransactionId": "s-w8"}'), op('i2', '8', '{"expectedTransactionId": "s-w8"}'), op('i3', '8', '{"changedField": "body"}')]);
ROLLBACK;
-- who expects what a change or another op has left there knows of it
BEGIN;
SELECT txsync.mutate(op('k1', '8')) -> 'data' ->> 'title' AS title;
SELECT tell('8', 'update', '{title}', '{"transactionId": "s-k1", "sourceId": "t", "changedField": "title"}');
SAVEPOINT s;
SELECT id, status, server, code FROM outcome(7, ARRAY[op('k2', '8', '{"expectedTransactionId": "s-k1"}'), op('k3', '8', '{"expectedTransactionId": "s-k2"}'), op('k4', '8', '{"action": "delete", "expectedTransactionId": "s-k3"}')]);
ROLLBACK TO s;
SELECT id, status, server, code FROM outcome(7, ARRAY[op('k1', '8'), op('k2', '8', '{"expectedTransactionId": "s-k1"}'), op('k3', '8', '{"expectedTransactionId": "s-k1"}'), op('k4', '8', '{"expectedTransactionId": null}')]);
ROLLBACK TO s;
-- not who has missed the last of them
SELECT txsync.mutate(op('o1', '8', '{"sourceId": "o"}')) -> 'data' ->> 'title' AS title;
SELECT tell('8', 'update', '{title}', '{"transactionId": "s-o1", "sourceId": "o", "changedField": "title"}');
SELECT id, status, server, code FROM outcome(7, ARRAY[op('k2', '8', '{"expectedTransactionId": "s-k1"}'), op('k3', '8', '{"expectedTransactionId": "s-k2"}'), op('k4', '8', '{"action": "delete", "expectedTransactionId": "s-k3"}')]);
ROLLBACK;
-- a mutation of several ops is applied as a whole, or not
SELECT * FROM outcome(0, ARRAY[op('d1', '9', '{"changedField": "body"}'), op('d1', '1'), op('d2', '9', '{"changedField": "body"}')]);
SELECT * FROM outcome(0, ARRAY[op('e1', '9'), op('e2', '1'), op('e3', '9')], '{"atomic": true}');
-- while there is more nothing is applied, nor refused
SELECT * FROM outcome(0, ARRAY[op('f1', '9'), op('f2', '1'), op('f3', '9', '{"action": "nothing"}')], '{"max": 2}');
SELECT tell('1', 'truncate');
SELECT * FROM outcome(7, ARRAY[op('g1', '9', '{"changedField": "likes"}')]);
-- a filter's changes only; malformed ops; nothing to do
CREATE TABLE others (id int PRIMARY KEY);
SELECT entity_type FROM txsync.track('others');
SELECT * FROM outcome(0, ARRAY[op('h1', '1'), op('h2', '1', '{"sourceId": null}'), op('h3', 'x'), op('h4', '1', '{"entityType": "nope"}')], '{"entityTypes": ["others"]}');
SELECT sync -> 'results' AS results FROM txsync.sync('start', '[]') sync;
\set VERBOSITY terse
SELECT txsync.sync('start', '{}');
SELECT txsync.sync('start', '[]', '[]');
SELECT txsync.sync('start', '[]', '{"max": 0}');
SELECT txsync.sync('start', '[]', '{"max": "1"}');
SELECT txsync.sync('start', '[]', '{"entityTypes": "notes"}');
SELECT txsync.sync('start', '[]', '{"organizations": [1]}');
SELECT txsync.sync('start', '[]', '{"latest": true}');
SELECT txsync.sync('nowhere', '[]');
SELECT txsync.sync(NULL, '[]');

DROP TABLE txsync_rows, notes, others;
DROP FUNCTION tell, op, outcome;
DELETE FROM txsync.capture_state;
SELECT slot_name FROM pg_replication_slot_advance('regress', pg_current_wal_lsn());

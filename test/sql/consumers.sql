-- Consumers. Nothing captures here: activities are written by hand.
SET timezone = 'UTC';
CREATE TABLE txsync.activity_0 PARTITION OF txsync.activity FOR VALUES FROM (0) TO (10000000);
DELETE FROM txsync.capture_state;
INSERT INTO txsync.capture_state (system_identifier, database, epoch) SELECT system_identifier, database, 1 FROM txsync.capture_worker();
CREATE FUNCTION happens(entity_type text, entity_id text, action text DEFAULT 'update', org text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    UPDATE txsync.capture_state SET last_id = last_id + 1;
    INSERT INTO txsync.activity (id, epoch, commit_lsn, change_lsn, k, xid, committed_at, entity_type, entity_id, org_id, action)
    SELECT last_id, 1, '0/1', '0/1', 0, '3', '2026-11-21', $1, $2, $4, $3 FROM txsync.capture_state
$$;
-- What consume() gives, without ids that differ from run to run: those are kept, the latest of each entity.
CREATE TABLE given (entity text PRIMARY KEY, delivery_id bigint);
GRANT ALL ON given TO PUBLIC;
CREATE FUNCTION give(consumer text, max int DEFAULT 100, lease interval DEFAULT '1 h', OUT activity bigint, OUT entity text, OUT attempts int, OUT action text, OUT data json) RETURNS SETOF record LANGUAGE sql AS $$
    WITH g AS MATERIALIZED (SELECT * FROM txsync.consume(consumer, max, lease)),
         k AS (INSERT INTO given SELECT coalesce(g.change ->> 'entityId', g.change ->> 'action'), g.delivery_id FROM g ON CONFLICT ON CONSTRAINT given_pkey DO UPDATE SET delivery_id = EXCLUDED.delivery_id)
    SELECT (g.change ->> 'activityId')::bigint, g.change ->> 'entityId', g.attempts, g.change ->> 'action', g.change -> 'data' FROM g
$$;
CREATE FUNCTION ids(VARIADIC entities text[]) RETURNS bigint[] LANGUAGE sql AS $$
    SELECT array_agg(g.delivery_id ORDER BY n) FROM unnest(entities) WITH ORDINALITY e(entity, n) JOIN given g USING (entity)
$$;
CREATE FUNCTION done(consumer text, VARIADIC entities text[]) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT status FROM txsync.ack(consumer, ids(VARIADIC entities))
$$;
CREATE VIEW state AS SELECT name, position, read_to, unread, in_flight, waiting, behind, dead, attempts FROM txsync.consumers;
GRANT SELECT ON state TO PUBLIC;
-- As if so much time had gone by.
CREATE FUNCTION later(t interval) RETURNS void LANGUAGE sql AS $$ UPDATE txsync.lease SET until = until - t; UPDATE txsync.delivery SET due = due - t $$;

CREATE TABLE orders (id int PRIMARY KEY, org_id text, item text, price int);
SELECT entity_type FROM txsync.track('orders');
INSERT INTO orders VALUES (1, 'a', 'one'), (2, 'a', 'two'), (3, 'b', 'three');

-- made
SELECT txsync.create_consumer('c', start => 'start');
SELECT txsync.create_consumer('c'), txsync.create_consumer('c', '{}'), txsync.create_consumer('c', '{"entityTypes": null}');
SELECT txsync.create_consumer('c', '{"entityTypes": ["orders"]}');
SELECT txsync.create_consumer('c', max_attempts => 3);
SELECT txsync.create_consumer('f', '{"entityTypes": ["orders", "x"], "organizations": ["b", "a", "b"]}', max_attempts => 3);
SELECT txsync.create_consumer('f', '{"organizations": ["a", "b"], "entityTypes": ["x", "orders"]}', max_attempts => 3);
SELECT txsync.create_consumer('f', '{"organizations": ["a"], "entityTypes": ["x", "orders"]}', max_attempts => 3);
SELECT name, filter, max_attempts, position, read_to, unread, oldest_unacknowledged, lag_ms, expired, holds_changelog FROM txsync.consumers ORDER BY name;
SELECT txsync.drop_consumer('f');
SELECT txsync.create_consumer('');
SELECT txsync.create_consumer(repeat('x', 129));
SELECT txsync.create_consumer(NULL);
SELECT txsync.create_consumer('x', NULL);
SELECT txsync.create_consumer('x', '[]');
SELECT txsync.create_consumer('x', '{"topics": []}');
SELECT txsync.create_consumer('x', '{"entityTypes": "orders"}');
SELECT txsync.create_consumer('x', '{"entityTypes": [1]}');
SELECT txsync.create_consumer('x', '{"organizations": {}}');
SELECT txsync.create_consumer('x', max_attempts => 0);
SELECT txsync.create_consumer('x', start => 'x');
SELECT txsync.create_consumer('x', start => '7');

-- given, each entity once, whoever asks
SELECT * FROM give('c');
SELECT happens('orders', '1', 'create', 'a'), happens('orders', '2', 'create', 'a'), happens('orders', '1', 'update', 'a'), happens('orders', '3', 'create', 'b'), happens('orders', '1', 'update', 'a');
SELECT * FROM give('c', 2);
SELECT * FROM state;
SELECT oldest_unacknowledged, lag_ms - extract(epoch FROM clock_timestamp() - '2026-11-21') * 1000 BETWEEN -10000 AND 1 AS lag, holds_changelog FROM txsync.consumers;
SELECT * FROM give('c');
SELECT * FROM give('c');
SELECT * FROM state;
SELECT * FROM done('c', '2', '1', '1');
SELECT * FROM state;
SELECT * FROM give('c', 1);
SELECT * FROM done('c', '3', '1');
SELECT * FROM give('c');
SELECT * FROM done('c', '1');
SELECT * FROM state;
SELECT status, count(*) FROM txsync.ack('c', ARRAY[0, -1, 5, 9223372036854775807, 5] || ids('1', '2')) GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM txsync.ack('c', '{}');
SELECT txsync.ack('c', NULL);
SELECT txsync.ack('c', '{1, NULL}');
SELECT txsync.ack(NULL, '{1}');
SELECT txsync.ack('x', '{1}');
SELECT txsync.consume('c', 0);
SELECT txsync.consume('c', 1001);
SELECT txsync.consume('c', NULL);
SELECT txsync.consume('c', lease => '0');
SELECT txsync.consume('c', lease => NULL);
SELECT txsync.consume('x');

-- a change as it is told
SELECT happens('orders', '3', 'update', 'b');
SELECT delivery_id > 0 AS id, attempts, pg_typeof(change), change::jsonb - 'versions' AS change FROM txsync.consume('c', 1);
SELECT status FROM txsync.ack('c', ARRAY(SELECT last_delivery FROM txsync.consumer));

-- a lease that runs out: given again, and the first may still say that it is done with before that
SELECT happens('orders', '1'), happens('orders', '1'), happens('orders', '2');
SELECT * FROM give('c');
SELECT later('2 h');
SELECT * FROM done('c', '1');
SELECT * FROM state;
CREATE TABLE old AS SELECT * FROM given;
SELECT * FROM give('c');
SELECT status FROM txsync.ack('c', ARRAY(SELECT delivery_id FROM old WHERE entity = '2'));
SELECT * FROM state;
SELECT status FROM txsync.nack('c', ARRAY(SELECT delivery_id FROM old WHERE entity = '2'));
SELECT * FROM done('c', '2');
DROP TABLE old;

-- what failed: later and later, and nothing of its entity before it
SELECT status FROM txsync.nack('c', ids('1') || 5::bigint || 9223372036854775807, error => 'no');
SELECT happens('orders', '1'), happens('orders', '2');
SELECT * FROM give('c');
SELECT * FROM state;
SELECT due - now() BETWEEN '0.8 s' AND '1 s' AS first FROM txsync.delivery WHERE due IS NOT NULL;
SELECT later('1 s');
SELECT * FROM give('c');
SELECT status FROM txsync.nack('c', ids('1'), '1 day');
SELECT later('1 hour');
SELECT * FROM give('c');
SELECT later('1 day');
SELECT * FROM give('c');
SELECT status FROM txsync.nack('c', ids('1'), '0');
SELECT * FROM give('c');
SELECT status FROM txsync.nack('c', ids('1'), '-1 s');
SELECT status FROM txsync.nack('c', ids('1'));
SELECT due - now() BETWEEN '7.8 s' AND '8 s' AS fourth FROM txsync.delivery WHERE due IS NOT NULL;
UPDATE txsync.delivery SET attempts = 10 WHERE due IS NOT NULL;
SELECT later('1 day');
SELECT * FROM give('c');
SELECT status FROM txsync.nack('c', ids('1'));
SELECT due - now() BETWEEN '9 min 59.8 s' AND '10 min' AS eleventh FROM txsync.delivery WHERE due IS NOT NULL;

-- dead: it is in nobody's way any more
UPDATE txsync.consumer SET max_attempts = 12;
SELECT later('1 day');
SELECT * FROM give('c');
SELECT status FROM txsync.nack('c', ids('1'), '1 s', 'never');
SELECT consumer, delivery_id = (ids('1'))[1] AS id, activity_id, entity_type, entity_id, action, attempts, error FROM txsync.dead_letters;
SELECT * FROM state;
SELECT status FROM txsync.nack('c', ids('1'));
CREATE TABLE old AS SELECT * FROM given;
SELECT * FROM give('c');
SELECT status FROM txsync.replay('c', ids('1') || 5::bigint || ARRAY(SELECT delivery_id FROM old WHERE entity = '1'));
SELECT * FROM give('c');
SELECT * FROM done('c', '1', '2');
SELECT * FROM give('c');
SELECT * FROM state;
SELECT * FROM done('c', '1');
SELECT * FROM give('c');
SELECT * FROM done('c', '1');
SELECT * FROM state;
DROP TABLE old;
-- also if its lease runs out too often; acknowledged, or gone
UPDATE txsync.consumer SET max_attempts = 1;
SELECT happens('orders', '1'), happens('orders', '2');
SELECT * FROM give('c');
SELECT later('2 h');
SELECT * FROM give('c');
SELECT activity_id, error FROM txsync.dead_letters ORDER BY 1;
SELECT status FROM txsync.ack('c', ids('1'));
BEGIN;
DELETE FROM txsync.activity WHERE id = (SELECT activity_id FROM txsync.dead_letters);
SELECT activity_id IS NULL AS activity, entity_id, error FROM txsync.dead_letters;
SELECT status FROM txsync.replay('c', ids('2', '2'));
ROLLBACK;
SELECT status FROM txsync.replay('c', ids('2', '2'));
DELETE FROM txsync.activity WHERE id = (SELECT last_id FROM txsync.capture_state);
SELECT * FROM give('c');
SELECT * FROM state;
SELECT activity_id IS NOT NULL AS activity, entity_id, error FROM txsync.dead_letters;
SELECT status FROM txsync.replay('c', ARRAY(SELECT delivery_id FROM txsync.dead_letters));
SELECT status FROM txsync.ack('c', ARRAY(SELECT delivery_id FROM txsync.dead_letters));
UPDATE txsync.consumer SET max_attempts = 20;

-- a truncation waits for all, and all wait for it
SELECT happens('orders', '1'), happens('orders', NULL, 'truncate'), happens('orders', '1'), happens('orders', '2');
SELECT * FROM give('c');
SELECT * FROM give('c');
SELECT status FROM txsync.nack('c', ids('1'));
SELECT * FROM give('c');
SELECT later('1 s');
SELECT * FROM give('c');
SELECT * FROM done('c', '1');
SELECT * FROM give('c');
SELECT * FROM give('c');
SELECT status FROM txsync.nack('c', ids('truncate'), '0');
SELECT * FROM give('c');
SELECT * FROM done('c', 'truncate');
SELECT * FROM give('c');
SELECT * FROM done('c', '1', '2');
SELECT * FROM state;

-- a filter, and what nobody tracks: passed over
SELECT txsync.create_consumer('b', '{"entityTypes": ["orders"], "organizations": ["b"]}');
SELECT happens('orders', '1', 'update', 'a'), happens('other', '1'), happens('orders', '3', 'update', 'b'), happens('orders', '2', 'update', 'a');
SELECT * FROM give('b');
SELECT * FROM done('b', '3');
SELECT * FROM state;
SELECT txsync.drop_consumer('b');
SELECT * FROM give('c');
SELECT * FROM done('c', '1', '3', '2');

-- the creator's eyes, for all who are members of it
CREATE ROLE shop;
CREATE ROLE clerk IN ROLE shop;
CREATE ROLE thief;
SET ROLE shop;
SELECT txsync.create_consumer('s');
RESET ROLE;
GRANT EXECUTE ON FUNCTION txsync.create_consumer TO shop;
SET ROLE shop;
SELECT txsync.create_consumer('s');
SELECT txsync.create_consumer('c');
-- what it is not going to be told of
SELECT txsync.create_consumer('blind', '{"entityTypes": ["orders", "oders"]}');
SELECT txsync.drop_consumer('blind');
RESET ROLE;
SELECT happens('orders', '1', 'update', 'a'), happens('orders', '2', 'delete', 'a'), happens('orders', '3', 'update', 'b');
SELECT txsync.create_consumer('t', start => '0');
SELECT * FROM give('s');
SELECT * FROM state WHERE name = 's';
GRANT SELECT (id, org_id, item) ON orders TO shop;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY a ON orders USING (org_id = 'a');
SELECT happens('orders', '1', 'update', 'a'), happens('orders', '2', 'update', 'a'), happens('orders', '3', 'update', 'b'), happens('orders', '4', 'delete', 'a');
SET ROLE clerk;
SELECT * FROM give('s');
SELECT * FROM state;
SELECT * FROM done('s', '1');
RESET ROLE;
-- revoked while it waits: done with by itself
SET ROLE clerk;
SELECT status FROM txsync.nack('s', ids('2'), '0');
RESET ROLE;
SELECT happens('orders', '2', 'update', 'a');
UPDATE orders SET org_id = 'b' WHERE id = 2;
SET ROLE clerk;
SELECT * FROM give('s');
SELECT * FROM state;
RESET ROLE;
-- policies see the caller's settings, and not those of our own statements
CREATE POLICY settings ON orders AS RESTRICTIVE USING (current_setting('enable_seqscan') = 'on' AND current_setting('enable_bitmapscan') = 'on' AND current_setting('jit') = 'off');
SELECT happens('orders', '1', 'update', 'a');
SET jit = off;
SET ROLE clerk;
SELECT * FROM give('s');
SELECT * FROM done('s', '1');
RESET ROLE;
RESET jit;
DROP POLICY settings ON orders;
SET ROLE thief;
SELECT txsync.consume('s');
SELECT txsync.ack('s', '{1}');
SELECT txsync.nack('s', '{1}');
SELECT txsync.replay('s', '{1}');
SELECT txsync.drop_consumer('s');
SELECT * FROM txsync.consumers;
SELECT * FROM txsync.dead_letters;
SELECT * FROM txsync.consumer;
SELECT * FROM txsync.lease;
SELECT * FROM txsync.delivery;
SELECT * FROM txsync.dead_letter;
RESET ROLE;

-- behind what the changelog has
UPDATE txsync.capture_state SET floor = last_id;
SELECT name, expired FROM txsync.consumers ORDER BY name;
SELECT txsync.consume('t');
SELECT txsync.create_consumer('x', start => 'start');
-- where it was to begin does not matter to one that is there
SELECT txsync.create_consumer('t', start => '0');
SELECT txsync.drop_consumer('t');
UPDATE txsync.consumer SET expired = true;
SELECT txsync.consume('s');
UPDATE txsync.consumer SET expired = false;

-- a creator that is gone
SELECT txsync.create_consumer('x');
DROP OWNED BY shop;
DROP ROLE shop;
SELECT txsync.consume('s');
SET ROLE clerk;
SELECT txsync.consume('s');
SELECT txsync.drop_consumer('s');
RESET ROLE;
SELECT name, creator LIKE 'unknown (OID=%)' AS dropped FROM txsync.consumers ORDER BY 1;
SELECT txsync.create_consumer('s');
SELECT txsync.drop_consumer('s');
SELECT txsync.create_consumer('s');
SELECT txsync.drop_consumer(name) FROM txsync.consumers;
SELECT txsync.drop_consumer('s');
SELECT (SELECT count(*) FROM txsync.consumer), (SELECT count(*) FROM txsync.lease), (SELECT count(*) FROM txsync.delivery), (SELECT count(*) FROM txsync.dead_letter);

DROP ROLE clerk, thief;
DROP VIEW state;
DROP FUNCTION happens, give, ids, done, later;
DROP TABLE orders, given;
DELETE FROM txsync.capture_state;
DROP TABLE txsync.activity_0;
SELECT count(*) > 0 AS told FROM pg_logical_slot_get_changes('regress', NULL, NULL);

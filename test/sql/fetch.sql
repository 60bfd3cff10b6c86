-- Catching up with a changelog, whose rows are written by hand here: nothing captures.
SET client_min_messages = warning;
CREATE TABLE pages (id text PRIMARY KEY, organization_id text, name text, salary int, secret text);
SELECT entity_type FROM txsync.track('pages', hidden => '{secret}');
CREATE TABLE pairs (a int, b text, n int, PRIMARY KEY (a, b));
SELECT entity_type FROM txsync.track('pairs', tx => false);
DELETE FROM txsync.capture_state;
INSERT INTO txsync.capture_state (system_identifier, database, epoch, timeline, position)
SELECT system_identifier, database, 7, 1, '0/0' FROM txsync.capture_worker();
CREATE TABLE txsync_rows PARTITION OF txsync.activity FOR VALUES FROM (0) TO (10000000);
CREATE FUNCTION tell(type text, id text, action text, org text DEFAULT NULL, old_org text DEFAULT NULL, keys text[] DEFAULT NULL, tx jsonb DEFAULT NULL, payload jsonb DEFAULT NULL, epoch bigint DEFAULT 7) RETURNS bigint LANGUAGE sql AS $$
INSERT INTO txsync.activity (id, epoch, commit_lsn, change_lsn, k, xid, committed_at, entity_type, entity_id, org_id, old_org_id, action, changed_keys, tx, version, row_version, payload)
SELECT s.last_id + 1, tell.epoch, '0/10', '0/8', 0, '700', '2026-11-22 09:00:00.5+00', type, tell.id, org, old_org, tell.action, keys, tell.tx, tell.tx ->> 'transactionId', 1, tell.payload FROM txsync.capture_state s;
UPDATE txsync.capture_state SET last_id = last_id + 1 RETURNING last_id
$$;
-- What a reader gets, without the cursor.
CREATE VIEW told AS SELECT activity_id, entity_type AS type, entity_id AS id, organization_id AS org, action, changed_keys AS keys, tx, version, row_version AS rv, data, versions FROM txsync.changes();
GRANT SELECT ON told TO PUBLIC;

-- nothing is there yet
SELECT page - 'cursor' AS page FROM txsync.fetch_changes() page;
INSERT INTO pages VALUES ('a', 'A', 'x', 1, 's'), ('b', 'B', 'y', 2, 's');
UPDATE pages SET name = 'z', tx = '{"transactionId": "t1", "sourceId": "s", "changedField": "name"}' WHERE id = 'a';
INSERT INTO pairs VALUES (1, 'x', 1);
SELECT tell('pages', 'a', 'create', 'A');
SELECT tell('pages', 'b', 'create', 'A');
SELECT tell('pages', 'a', 'update', 'A', NULL, '{name,salary}', '{"transactionId": "t1", "sourceId": "s", "changedField": "name"}');
SELECT tell('pages', 'b', 'update', 'B', 'A', '{organization_id}');
SELECT tell('pages', 'gone', 'create', 'A');
SELECT tell('pages', 'gone', 'delete', 'A', NULL, NULL, '{"transactionId": "t2", "sourceId": "s", "changedField": null}');
SELECT tell('pairs', '["1","x"]', 'create');
SELECT tell('pairs', NULL, 'truncate');
SELECT tell('pairs', '["1","x"]', 'visibility');
SELECT tell('untracked', 'a', 'create');
SELECT tell('pairs', 'of another shape', 'create');
SELECT activity_id, type, id, org, action, keys, tx, version, rv, data, versions - 'last' #- '{fields,organization_id}' #- '{fields,salary}' AS versions FROM told WHERE activity_id IN (3, 6);
SELECT activity_id, type, id, org, action, keys, data FROM told;
SELECT jsonb_pretty(page #- '{changes,0,versions}' #- '{cursor}') FROM txsync.fetch_changes('2', 1) page;

-- page by page it is the same
WITH RECURSIVE pages(page) AS (
    SELECT txsync.fetch_changes(max => 3)
  UNION ALL
    SELECT txsync.fetch_changes(page ->> 'cursor', 3) FROM pages WHERE (page -> 'hasMore')::boolean
)
SELECT jsonb_path_query_array(page, '$.changes[*].activityId') AS ids, page -> 'hasMore' AS has_more FROM pages;
SELECT page ->> 'cursor' = txsync.fetch_changes('now') ->> 'cursor' AS at_the_end, page -> 'changes' AS changes FROM txsync.fetch_changes(txsync.fetch_changes() ->> 'cursor') page;

-- filters
SELECT activity_id, action, organization_id FROM txsync.changes(entity_types => '{pairs}');
SELECT activity_id, action, organization_id FROM txsync.changes(entity_types => '{}');
SELECT activity_id, entity_id, action, organization_id, tx IS NOT NULL AS tx, data IS NOT NULL AS data FROM txsync.changes(organizations => '{A}');
SELECT activity_id, entity_id, action, organization_id, data IS NOT NULL AS data FROM txsync.changes(organizations => '{B}', entity_types => '{pages}');
SELECT activity_id, entity_id, action, organization_id, data IS NOT NULL AS data FROM txsync.changes(organizations => '{A,B,C}', entity_types => '{pages}');
SELECT activity_id, entity_id FROM txsync.changes(organizations => '{}', entity_types => '{pages}');
-- one change per entity, and per organization that was told of it
SELECT activity_id, entity_type, entity_id, action FROM txsync.changes(latest => true);
SELECT activity_id, entity_id, action, organization_id FROM txsync.changes(latest => true, organizations => '{A}', entity_types => '{pages}');
-- an event whose topic and key are an entity's is none of it
BEGIN;
SELECT tell('pairs', '["1","x"]', 'update');
SELECT tell('pairs', '["1","x"]', 'event', payload => '{}');
SELECT activity_id, entity_type, entity_id, action FROM txsync.changes('11', latest => true);
ROLLBACK;
-- nor does one of an organization stand for one that took it from none
BEGIN;
SELECT tell('pages', 'gone', 'update', 'A'), tell('pages', 'gone', 'update', 'A'), tell('pages', 'gone', 'delete', 'A');
UPDATE txsync.activity SET old_org_null = true WHERE id = 13;
SELECT activity_id, entity_id, action, organization_id FROM txsync.changes('11', latest => true);
ROLLBACK;

-- what is no cursor, no number, no type
\set VERBOSITY terse
SELECT txsync.fetch_changes(max => 0);
SELECT txsync.fetch_changes(max => 1001);
SELECT txsync.fetch_changes(NULL);
SELECT txsync.fetch_changes(entity_types => '{pages,nope}');
SELECT txsync.fetch_changes(organizations => '{NULL}');
SELECT txsync.fetch_changes(organizations => ARRAY(SELECT g::text FROM generate_series(1, 1001) g));
SELECT txsync.fetch_changes('');
SELECT txsync.fetch_changes('-1');
SELECT txsync.fetch_changes('12');
SELECT txsync.fetch_changes('99999999999999999999');
SELECT txsync.fetch_changes(left(txsync.fetch_changes() ->> 'cursor', -1));
SELECT txsync.fetch_changes('B' || substr(txsync.fetch_changes() ->> 'cursor', 2));
\set VERBOSITY default
SELECT txsync.fetch_changes(txsync.fetch_changes(organizations => '{A,B}') ->> 'cursor');
SELECT txsync.fetch_changes(txsync.fetch_changes(entity_types => '{pages}') ->> 'cursor', entity_types => '{pages,pairs}');
SELECT txsync.fetch_changes(txsync.fetch_changes(organizations => '{A,B}') ->> 'cursor', organizations => '{B}') -> 'hasMore' AS narrower;

-- privileges: a table, columns, an organization that nobody may read
CREATE ROLE reader;
GRANT USAGE ON SCHEMA public TO reader;
SET ROLE reader;
SELECT * FROM told;
RESET ROLE;
GRANT SELECT (id, name) ON pages TO reader;
SET ROLE reader;
SELECT activity_id, org, action, keys, tx, data, versions FROM told;
SELECT count(*) FROM txsync.changes(organizations => '{A}');
RESET ROLE;
REVOKE SELECT (id) ON pages FROM reader;
SET ROLE reader;
SELECT count(*) FROM told;
RESET ROLE;
GRANT SELECT ON pages TO reader;

-- row security: what is hidden is not there, unless delete_visible says so
ALTER TABLE pages ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON pages USING (organization_id = current_setting('app.org', true));
SET ROLE reader;
SET app.org = 'A';
SELECT activity_id, id, org, action, data IS NOT NULL AS data FROM told;
RESET ROLE;
CREATE FUNCTION may_know(entity_id text, org_id text) RETURNS boolean LANGUAGE sql STABLE RETURN org_id = current_setting('app.org', true);
SELECT delete_visible FROM txsync.track('pages', hidden => '{secret}', delete_visible => 'may_know(text,text)');
SET ROLE reader;
SELECT activity_id, id, org, action, keys, tx, rv, data IS NOT NULL AS data FROM told;
SET app.org = 'B';
SELECT activity_id, id, org, action, keys, data IS NOT NULL AS data FROM told;
-- an error in there is one of the call
RESET ROLE;
CREATE OR REPLACE FUNCTION may_know(entity_id text, org_id text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'mistaken'; END $$;
SET ROLE reader;
\set VERBOSITY terse
SELECT * FROM told;
\set VERBOSITY default
RESET ROLE;
REVOKE EXECUTE ON FUNCTION may_know FROM PUBLIC;
SET ROLE reader;
SELECT activity_id FROM told;
RESET ROLE;
ALTER TABLE pages DISABLE ROW LEVEL SECURITY;

-- data that jsonb cannot hold is left out, and says so
CREATE TABLE odd (id int PRIMARY KEY, j json);
SELECT entity_type FROM txsync.track('odd');
INSERT INTO odd VALUES (1, '"\u0000"'), (2, '1e999999'), (3, '"\\u0000"');
SELECT tell('odd', g::text, 'create') FROM generate_series(1, 3) g;
SELECT c ->> 'entityId' AS id, c -> 'data' AS data, c -> 'truncated' AS truncated FROM jsonb_array_elements(txsync.fetch_changes(entity_types => '{odd}') -> 'changes') c;
SELECT snapshot -> 'entities' FROM txsync.snapshot('odd');

-- no code of users runs: a cast to json is not called, its type's text stands there, as in the stream; and nobody is kept from reading by an operator
-- that somebody has made ambiguous
CREATE ROLE mallory;
GRANT CREATE ON SCHEMA public TO mallory;
SET ROLE mallory;
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE FUNCTION to_json(mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE 'run as %', current_user; END $$;
CREATE CAST (mood AS json) WITH FUNCTION to_json(mood);
CREATE TYPE moods AS (mood mood, n int);
CREATE TABLE feelings (id int PRIMARY KEY, m mood, ms mood[], r moods, at timestamptz, b bytea, i interval);
SELECT entity_type FROM txsync.track('feelings');
INSERT INTO feelings VALUES (1, 'glad', '{sad,NULL}', '(glad,1)', '2026-11-22 09:00+00', '\x01', '1 day'), (2, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE FUNCTION as_text(mood) RETURNS text LANGUAGE sql RETURN 'x';
CREATE CAST (mood AS text) WITH FUNCTION as_text(mood) AS IMPLICIT;
CREATE TABLE ambiguous (id mood PRIMARY KEY);
SELECT entity_type FROM txsync.track('ambiguous');
INSERT INTO ambiguous VALUES ('glad');
RESET ROLE;
SELECT tell('feelings', '1', 'create'), tell('feelings', '2', 'create'), tell('ambiguous', 'glad', 'create');
SET bytea_output = escape;
SET intervalstyle = sql_standard;
SET timezone = 'America/New_York';
SELECT entity_type, entity_id, data FROM txsync.changes('14');
RESET bytea_output;
RESET intervalstyle;
RESET timezone;
DROP OWNED BY mallory CASCADE;
DROP ROLE mallory;
DELETE FROM txsync.activity WHERE id > 14;
UPDATE txsync.capture_state SET last_id = 14;

-- entities by name
SELECT jsonb_path_query(txsync.get_entities('[{"entityType": "pages", "entityId": "b"}, {"entityType": "pairs", "entityId": "[\"1\", \"x\"]"}, {"entityType": "pages", "entityId": "nobody"}, {"entityType": "pairs", "entityId": "?"}, {"entityType": "odd", "entityId": "1"}]'), '$[*]') - 'versions';
SELECT txsync.get_entities('[{"entityType": "pages", "entityId": "a"}]') -> 0 -> 'versions' -> 'rowVersion' AS row_version;
SET ROLE reader;
SELECT txsync.get_entities('[{"entityType": "pairs", "entityId": "[\"1\", \"x\"]"}]');
RESET ROLE;
\set VERBOSITY terse
SELECT txsync.get_entities('[]');
SELECT txsync.get_entities('{}');
SELECT txsync.get_entities('[1]');
SELECT txsync.get_entities('[{"entityType": "pages"}]');
SELECT txsync.get_entities('[{"entityType": "pages", "entityId": 1}]');
SELECT txsync.get_entities('[{"entityType": "nope", "entityId": "1"}]');
SELECT txsync.get_entities((SELECT jsonb_agg('{"entityType": "pages", "entityId": "a"}'::jsonb) FROM generate_series(1, 101)));

-- what inherits from a table has rows of its own, which the stream does not tell as the table's
CREATE TABLE heirs () INHERITS (pages);
INSERT INTO heirs (id, organization_id) VALUES ('heir', 'A');
SELECT txsync.get_entities('[{"entityType": "pages", "entityId": "heir"}]') -> 0 -> 'data' AS data, txsync.snapshot('pages') -> 'entities' @> '[{"entityId": "heir"}]' AS in_snapshot;
SELECT txsync.mutate('{"transactionId": "heir-1", "sourceId": "s", "entityType": "pages", "entityId": "heir", "action": "update", "changedField": "name", "value": "x"}');
SELECT txsync.mutate('{"transactionId": "heir-2", "sourceId": "s", "entityType": "pages", "entityId": "heir", "action": "delete"}');
DROP TABLE heirs;

-- all entities of a type
INSERT INTO pairs SELECT g / 3, 'k' || g % 3, g FROM generate_series(3, 10) g;
WITH RECURSIVE pages(snapshot) AS (
    SELECT txsync.snapshot('pairs', max => 4)
  UNION ALL
    SELECT txsync.snapshot('pairs', snapshot ->> 'next', 4) FROM pages WHERE snapshot ->> 'next' IS NOT NULL
)
SELECT jsonb_path_query_array(snapshot, '$.entities[*].entityId') AS ids, snapshot ->> 'cursor' = txsync.fetch_changes('now') ->> 'cursor' AS cursor_of_now FROM pages;
SELECT snapshot - 'cursor' #- '{versions,a,last}' #- '{versions,b}' #- '{versions,a,fields}' FROM txsync.snapshot('pages') snapshot;
-- rows of 20 MB
CREATE TABLE heavy (id int PRIMARY KEY, body text);
SELECT entity_type FROM txsync.track('heavy', tx => false);
INSERT INTO heavy SELECT g, repeat('x', 20000000) FROM generate_series(1, 5) g;
WITH RECURSIVE pages(snapshot) AS (
    SELECT txsync.snapshot('heavy')
  UNION ALL
    SELECT txsync.snapshot('heavy', snapshot ->> 'next') FROM pages WHERE snapshot ->> 'next' IS NOT NULL
)
SELECT jsonb_path_query_array(snapshot, '$.entities[*].entityId') AS ids FROM pages;
-- what jsonb cannot hold together
\set VERBOSITY sqlstate
SELECT txsync.get_entities((SELECT jsonb_agg('{"entityType": "heavy", "entityId": "1"}'::jsonb) FROM generate_series(1, 14)));
\set VERBOSITY terse
DROP TABLE heavy;
SELECT txsync.snapshot('nope');
SELECT txsync.snapshot('pairs', max => 0);
SELECT txsync.snapshot('pairs', 'x');
SELECT txsync.snapshot('pages', txsync.snapshot('pairs', max => 1) ->> 'next');
SELECT txsync.snapshot('pairs', txsync.fetch_changes('now') ->> 'cursor');
SET ROLE reader;
SELECT txsync.snapshot('pairs');
RESET ROLE;

-- work is bounded: a page may be empty and have more behind it, up to which its cursor has moved
INSERT INTO txsync.activity (id, epoch, commit_lsn, change_lsn, k, xid, committed_at, entity_type, entity_id, action)
SELECT s.last_id + g, 7, '0/10', '0/8', 0, '700', now(), 'untracked', g, 'create' FROM txsync.capture_state s, generate_series(1, 50000) g;
UPDATE txsync.capture_state SET last_id = last_id + 50000;
INSERT INTO pages VALUES ('last', 'A');
SELECT tell('pages', 'last', 'create', 'A');
CREATE FUNCTION walk(max int, entity_types text[] DEFAULT NULL, OUT calls int, OUT empty int, OUT told bigint[]) LANGUAGE plpgsql AS $$
DECLARE
    page jsonb := txsync.fetch_changes('14', walk.max, walk.entity_types);
BEGIN
    calls := 0;
    empty := 0;
    LOOP
        calls := calls + 1;
        empty := empty + (page -> 'changes' = '[]')::int;
        told := told || ARRAY(SELECT (c ->> 'activityId')::bigint FROM jsonb_array_elements(page -> 'changes') c);
        EXIT WHEN NOT (page -> 'hasMore')::boolean;
        page := txsync.fetch_changes(page ->> 'cursor', walk.max, walk.entity_types);
    END LOOP;
END $$;
SELECT calls BETWEEN 10 AND 100 AS bounded, empty = calls - 1 AS empty, told FROM walk(100);
SELECT calls BETWEEN 2 AND 10 AS bounded, empty = calls - 1 AS empty, told FROM walk(1, '{pages}');
DROP FUNCTION walk;
DELETE FROM txsync.activity WHERE id > 14;
UPDATE txsync.capture_state SET last_id = 14;

-- a name that was known stays one, whatever has become of its table or events; one that was none may only have been a topic
SELECT tell('news', 'k', 'event', payload => '1');
CREATE TABLE brief (id int PRIMARY KEY);
SELECT entity_type FROM txsync.track('brief');
SELECT txsync.fetch_changes('now', entity_types => '{news,brief}') ->> 'cursor' AS known, txsync.fetch_changes('now') ->> 'cursor' AS whole \gset
DROP TABLE brief;
DELETE FROM txsync.activity WHERE action = 'event';
SELECT txsync.fetch_changes(:'known', entity_types => '{news,brief}') -> 'changes' AS changes;
SELECT txsync.fetch_changes(:'known', entity_types => '{news,nope}');
SELECT txsync.fetch_changes(:'whole', entity_types => '{news}');
UPDATE txsync.capture_state SET floor = 1;
SELECT txsync.fetch_changes(:'whole', entity_types => '{news}') -> 'changes' AS changes;
SET ROLE reader;
SELECT txsync.fetch_changes(:'known', entity_types => '{news}') -> 'changes' AS changes;
SELECT txsync.fetch_changes(:'whole', entity_types => '{news}');
RESET ROLE;
UPDATE txsync.capture_state SET floor = 0, last_id = 14;

-- a changelog that has lost something: a gap, healed or not; a floor; another epoch
SELECT txsync.fetch_changes('3', 1) ->> 'cursor' AS c4, txsync.fetch_changes('now') ->> 'cursor' AS now, txsync.snapshot('pairs', max => 1) ->> 'next' AS next \gset
SELECT tell(NULL, NULL, 'gap', payload => '{"healed": true}');
SELECT count(*) FROM txsync.changes(:'c4');
SELECT tell('pairs', NULL, 'gap');
SELECT count(*) FROM txsync.changes(:'c4');
SELECT count(*) FROM txsync.changes(:'c4', entity_types => '{pages}');
DELETE FROM txsync.activity WHERE action = 'gap';
UPDATE txsync.capture_state SET floor = 3;
SELECT count(*) FROM txsync.changes();
SELECT count(*) FROM txsync.changes('3');
SELECT count(*) FROM txsync.changes(:'c4');
UPDATE txsync.capture_state SET floor = 5;
SELECT count(*) FROM txsync.changes(:'c4');
SELECT txsync.snapshot('pairs', :'next', 1) -> 'next' IS NOT NULL AS goes_on;
UPDATE txsync.capture_state SET floor = last_id;
SELECT txsync.snapshot('pairs', :'next', 1);
UPDATE txsync.capture_state SET floor = 0, last_id = last_id - 3;
SELECT count(*) FROM txsync.changes(:'now');
UPDATE txsync.capture_state SET epoch = 8, last_id = last_id + 3;
SELECT count(*) FROM txsync.changes(:'c4');
INSERT INTO txsync.past_epoch VALUES (7, 4);
SELECT count(*) FROM txsync.changes(:'c4');
SELECT count(*) FROM txsync.changes(:'now');
-- another key, as a restored database has: what was given before is nobody's, or another database's
UPDATE txsync.secret SET key = '\x00';
SELECT count(*) FROM txsync.changes(:'c4');

DROP VIEW told;
DROP OWNED BY reader;
DROP ROLE reader;
DROP TABLE txsync_rows, pages, pairs, odd;
DROP FUNCTION tell, may_know;
-- Columns may have the names that our statements give to tables.
CREATE TABLE letters (id int PRIMARY KEY, d int, r text, t text, k text, n int, k1 int);
INSERT INTO letters VALUES (1, 7, 'r', 't', 'k', 5, 6);
SELECT entity_type FROM txsync.track('letters');
SELECT txsync.get_entities('[{"entityType": "letters", "entityId": "1"}]') -> 0 -> 'data' AS data, txsync.snapshot('letters') -> 'entities' -> 0 -> 'data' AS first;
SELECT entity_type FROM txsync.track('letters', hidden => '{d,r}');
SELECT txsync.get_entities('[{"entityType": "letters", "entityId": "1"}]') -> 0 -> 'data' AS data, txsync.snapshot('letters') -> 'entities' -> 0 -> 'data' AS first;
SELECT txsync.mutate('{"transactionId": "letters-1", "sourceId": "s", "entityType": "letters", "entityId": "1", "action": "update", "changedField": "t", "value": "u"}') -> 'data' AS data;
DROP TABLE letters;

-- The answer is stored as the server would store it, byte by byte in size, and holds what to_jsonb() says of the row.
CREATE TABLE kinds (id int PRIMARY KEY, v jsonb, j json, t text, a text[], n numeric, f float8);
INSERT INTO kinds VALUES (1, '{"b": [1, {"": null}], "a": -0.50, "aa": [true, false, [], {}]}', '{"z" : 1, "a" : [ 1e5 , -0, 12.50 ], "z" : "\u0041\t", "y": {}}', E'"\\\n\x01é', '{a,NULL,"b c"}', 'NaN', 'Infinity'),
	(2, (SELECT jsonb_object_agg(i::text, repeat('x', i)) FROM generate_series(1, 100) i), (SELECT json_agg(i / 7.0) FROM generate_series(1, 100) i), repeat('é', 5000), NULL, 1e100, 1e-300),
	(3, '"scalar"', '[[[[[[[[[[[[[[[[[[[[{"deep": 1}]]]]]]]]]]]]]]]]]]]]', '', '{}', -0.000001, '-0'),
	(4, '{"\u00e9": "\ud83d\ude00"}', '["\ud83d\ude00"]', '😀', NULL, 0.00, 1);
SELECT entity_type FROM txsync.track('kinds');
SELECT k.id, e -> 0 -> 'data' = to_jsonb(k) - '{tx,tx_versions}'::text[] AS same, pg_column_size(e) = pg_column_size(e::text::jsonb) AS as_stored, e = e::text::jsonb AS as_told
FROM kinds k, txsync.get_entities(jsonb_build_array(jsonb_build_object('entityType', 'kinds', 'entityId', k.id::text))) e ORDER BY id;
SELECT n, pg_column_size(s) = pg_column_size(s::text::jsonb) AS as_stored, s = s::text::jsonb AS as_told FROM generate_series(3, 4) n, txsync.snapshot('kinds', max => n) s ORDER BY n;
DROP TABLE kinds;

DELETE FROM txsync.capture_state;
DELETE FROM txsync.past_epoch;
UPDATE txsync.secret SET key = DEFAULT;
-- The stream has what jsonb cannot hold: other tests are not to meet it.
SELECT count(*) > 0 AS told FROM pg_logical_slot_get_changes('regress', NULL, NULL);

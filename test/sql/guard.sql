-- Ids as clients spell them, what nobody learns, and what runs with the rights of others.
SET client_min_messages = warning;
DELETE FROM txsync.mutation;
DELETE FROM txsync.tombstone;
CREATE FUNCTION conflict(type text, id text, field text, expected text) RETURNS text LANGUAGE sql AS
    $$ SELECT has_conflict || coalesce(' ' || server_transaction_id, '') FROM txsync.check_field_conflict(type, id, field, expected) $$;
CREATE ROLE txsync_guest;
GRANT txsync_guest TO CURRENT_USER;

-- ---- Names of the caller's

CREATE SCHEMA evil;
GRANT ALL ON SCHEMA evil TO txsync_guest;
CREATE TABLE pages (id int PRIMARY KEY, organization_id text, name text, list text[], meta jsonb);
SELECT entity_type FROM txsync.track('pages');
GRANT SELECT, INSERT, UPDATE, DELETE ON pages TO txsync_guest;
INSERT INTO pages (id, organization_id, name, tx) VALUES (1, 'acme', 'one', tx('g1'));
CREATE TABLE heard (by_whom text);
GRANT INSERT ON heard TO PUBLIC;
SET ROLE txsync_guest;
CREATE FUNCTION evil.hear() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.heard VALUES (current_user); RETURN true; END $$;
CREATE FUNCTION evil.f(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT evil.hear()';
CREATE FUNCTION evil.f(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT evil.hear()';
CREATE FUNCTION evil.f(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT evil.hear()';
CREATE FUNCTION evil.f(jsonb, jsonb) RETURNS boolean LANGUAGE sql AS 'SELECT evil.hear()';
CREATE FUNCTION evil.count(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT evil.hear()::int::bigint';
CREATE FUNCTION evil.left(text, int) RETURNS text LANGUAGE sql AS 'SELECT evil.hear()::text';
CREATE OPERATOR evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.f);
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.f);
CREATE OPERATOR evil.= (LEFTARG = jsonb, RIGHTARG = jsonb, FUNCTION = evil.f);
CREATE OPERATOR evil.> (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.f);
CREATE FUNCTION evil.g(int, int) RETURNS int LANGUAGE sql AS 'SELECT evil.hear()::int';
CREATE FUNCTION evil.g(bigint, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT evil.hear()::int::bigint';
CREATE OPERATOR evil.+ (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.g);
CREATE OPERATOR evil.- (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.g);
CREATE AGGREGATE evil.min(bigint) (SFUNC = evil.g, STYPE = bigint);
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.hear());
SET search_path = evil, pg_catalog, public;
INSERT INTO pages (id, tx) VALUES (1, '{"transactionId": "g1", "sourceId": "x"}');
INSERT INTO pages (id, tx) VALUES (2, '{"transactionId": "g1", "sourceId": "tab-1"}');
-- An upsert of whole rows brings the tx that the row has.
INSERT INTO pages (id, name, tx) SELECT id, 'saved', tx FROM pages ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, tx = EXCLUDED.tx;
SELECT has_conflict, server_transaction_id FROM txsync.check_field_conflict('pages', '1', 'organization_id', NULL);
SELECT d -> 'data' ->> 'name' AS name FROM txsync.mutate('{"transactionId": "g2", "sourceId": "s", "entityType": "pages", "entityId": "1", "action": "update", "changedField": "name", "value": "two", "streamOffset": 0}') d;
SELECT r ->> 'status' AS status FROM jsonb_array_elements(txsync.apply_ops('[{"transactionId": "g3", "sourceId": "s", "entityType": "pages", "entityId": "9", "action": "create", "data": {"name": "nine"}, "streamOffset": 0}]')) r;
SELECT r -> 'entity' -> 'list' AS list, r -> 'entity' -> 'meta' AS meta FROM jsonb_array_elements(txsync.apply_ops((
    SELECT jsonb_agg(jsonb_build_object('transactionId', 'g4' || i, 'sourceId', 's', 'entityType', 'pages', 'entityId', '1', 'action', 'update', 'changedField', f, 'operation', 'listInsert', 'value', v::jsonb) ORDER BY i)
    FROM (VALUES ('a', 'list', '{"item": "m"}'), ('b', 'list', '{"item": "k", "place": "before", "anchor": "m"}'), ('c', 'list', '{"item": "z", "place": "after", "anchor": "m"}'),
        ('d', 'meta', '{"item": "m"}'), ('e', 'meta', '{"item": "k", "place": "before", "anchor": "m"}'), ('f', 'meta', '{"item": "z", "place": "after", "anchor": "m"}')) v (i, f, v)))) r;
RESET search_path;
RESET ROLE;
SELECT DISTINCT by_whom FROM heard;
SELECT id, name FROM pages ORDER BY id;

-- A session's path stays as it was, also after errors.
SET search_path = evil, public;
BEGIN;
SAVEPOINT s;
INSERT INTO pages (id, tx) VALUES (2, '{"transactionId": "g1", "sourceId": "x"}');
ROLLBACK TO s;
SHOW search_path;
COMMIT;
RESET search_path;

-- ---- Ids in other words

CREATE TABLE uuids (id uuid PRIMARY KEY, name text);
CREATE TABLE chars (id char(4) PRIMARY KEY, name text);
CREATE TABLE sums (id numeric(6, 2) PRIMARY KEY, name text);
CREATE TABLE moments (id timestamptz PRIMARY KEY, name text);
CREATE TABLE blobs (id bytea PRIMARY KEY, name text);
CREATE TABLE pairs (a int, b date, name text, PRIMARY KEY (a, b));
CREATE DOMAIN small AS int CHECK (VALUE < 100);
CREATE TABLE smalls (id small PRIMARY KEY, name text);
SELECT (txsync.track(t)).entity_type FROM unnest('{uuids,chars,sums,moments,blobs,pairs,smalls}'::regclass[]) t;
SET DateStyle = 'SQL, DMY';
SET TimeZone = 'Asia/Tokyo';
SET bytea_output = escape;
INSERT INTO uuids VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'x');
INSERT INTO chars VALUES ('a', 'x');
INSERT INTO sums VALUES (1.5, 'x');
INSERT INTO moments VALUES ('2024-03-04 05:06:07+00', 'x');
INSERT INTO blobs VALUES ('\x0102', 'x');
INSERT INTO pairs VALUES (1, '2024-03-04', 'x');
INSERT INTO smalls VALUES (7, 'x');
CREATE TABLE spelled (type text, id text);
INSERT INTO spelled VALUES ('uuids', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'), ('uuids', '{a0eebc999c0b4ef8bb6d6bb9bd380a11}'), ('chars', 'a'), ('chars', 'a   '),
    ('sums', '1.5'), ('sums', '01.500'), ('moments', '2024-03-04 05:06:07+00'), ('moments', '2024-03-04T06:06:07+01:00'), ('blobs', '\x0102'), ('blobs', '\001\002'),
    ('pairs', '["1", "2024-03-04"]'), ('pairs', '[" 01","2024-03-04"]'), ('smalls', '7'), ('smalls', ' 07');
SELECT count(*) AS rows, count(txsync.field_versions(type, id)) AS found FROM spelled;
BEGIN;
SELECT txsync.begin_mutation(tx('d1'));
DELETE FROM uuids;
DELETE FROM chars;
DELETE FROM sums;
DELETE FROM moments;
DELETE FROM blobs;
DELETE FROM pairs;
DELETE FROM smalls;
COMMIT;
SELECT entity_type, entity_id FROM txsync.tombstone ORDER BY 1;
RESET DateStyle;
RESET TimeZone;
RESET bytea_output;
SELECT type, id, conflict(type, id, 'name', NULL) FROM spelled ORDER BY 1, 2;
-- What is told is what the stream has.
SELECT action, entity, id FROM changes() WHERE entity NOT IN ('pages');
BEGIN;
SELECT txsync.begin_mutation(tx('d2'), 'uuids', 'B0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11');
INSERT INTO uuids VALUES ('b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'y');
COMMIT;
SELECT txsync.get_entity_by_transaction('d2');
SELECT txsync.begin_mutation(tx('d2'), 'uuids', 'B0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11') -> 'entity' -> 'name' AS name;
SELECT txsync.begin_mutation(tx('d2'), 'uuids', '{b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}') -> 'entity' -> 'name' AS name;
SELECT txsync.begin_mutation(tx('d2'), 'uuids', 'c0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11') -> 'entity' -> 'name' AS name;

-- An operator of a schema that is not in the path.
CREATE SCHEMA elsewhere;
CREATE TABLE nicks (id varchar(20) COLLATE "C" PRIMARY KEY, name text);
CREATE TYPE elsewhere.mood AS ENUM ('glad', 'sad');
CREATE TABLE moods (id elsewhere.mood PRIMARY KEY, name text);
SELECT (txsync.track(t)).entity_type FROM unnest('{nicks,moods}'::regclass[]) t;
INSERT INTO nicks (id, tx) VALUES ('Ann', tx('n1'));
INSERT INTO moods (id, tx) VALUES ('sad', tx('n2'));
SET search_path = pg_catalog;
SELECT public.conflict('nicks', 'Ann', 'name', NULL), public.conflict('moods', 'sad', 'name', 'n2');
RESET search_path;
ALTER TYPE elsewhere.mood RENAME TO temper;
SELECT conflict('moods', 'sad', 'name', 'n2');
DROP TABLE nicks, moods;
DROP SCHEMA elsewhere CASCADE;

-- no ids
SELECT conflict('smalls', 'seven', 'name', NULL);
SELECT conflict('smalls', '700', 'name', NULL);
SELECT conflict('chars', 'too long', 'name', NULL);
SELECT conflict('sums', '1.501', 'name', NULL);
SELECT conflict('pairs', '["1", "never"]', 'name', NULL);
CREATE FUNCTION told(id text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE code text; detail text;
BEGIN
    RETURN conflict('pairs', id, 'name', NULL);
EXCEPTION WHEN others THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ' ' || SQLERRM || ' ' || detail;
END $$;
SELECT told(id) FROM unnest(ARRAY['1', '', '[', '"1"', '["1"]', '["1", "2024-03-04", "x"]', '[1, "2024-03-04"]', '["1", null]', '{"a": "1", "b": "2024-03-04"}', '[["1", "2024-03-04"]]']) id;
SELECT r ->> 'code' AS code, r ->> 'entityId' AS entity_id FROM jsonb_array_elements(txsync.apply_ops(
    '[{"transactionId": "o1", "sourceId": "s", "entityType": "pairs", "entityId": "[1,2]", "action": "create", "data": {"name": "x"}}]')) r;

-- ---- Duplicates whose entity is out of reach

BEGIN;
SELECT txsync.begin_mutation(tx('u1', 'name'), 'smalls', '08');
INSERT INTO smalls VALUES (8, 'eight');
SELECT txsync.finish_mutation('"done"');
COMMIT;
GRANT ALL ON smalls TO txsync_guest;
SELECT txsync.begin_mutation(tx('u1', 'name'), 'smalls', '08') -> 'entity' -> 'name' AS name;
ALTER TABLE smalls RENAME COLUMN name TO title;
SELECT txsync.begin_mutation(tx('u1', 'name'), 'smalls', '08') -> 'entity' -> 'title' AS title;
SET ROLE txsync_guest;
BEGIN;
SELECT txsync.begin_mutation(tx('u2'), 'smalls', '9');
INSERT INTO smalls VALUES (9, 'nine');
COMMIT;
RESET ROLE;
REVOKE ALL ON smalls FROM txsync_guest;
GRANT SELECT (title) ON smalls TO txsync_guest;
SET ROLE txsync_guest;
SELECT txsync.begin_mutation(tx('u2'), 'smalls', '9');
SELECT txsync.get_entity_by_transaction('u2'), txsync.get_entity_by_transaction('u1');
RESET ROLE;
SELECT txsync.track('smalls', entity_type => 'tiny') IS NOT NULL AS renamed;
SELECT txsync.begin_mutation(tx('u1', 'name'), 'smalls', '08');
SELECT txsync.begin_mutation(tx('u3', 'name'), 'smalls', '08');
SELECT txsync.untrack('smalls');
SELECT txsync.begin_mutation(tx('u1', 'name'), 'smalls', '08');
SELECT txsync.get_entity_by_transaction('u1');
SET ROLE txsync_guest;
SELECT txsync.get_entity_by_transaction('u1');
RESET ROLE;

-- ---- What is kept of a table follows it

CREATE SCHEMA old;
CREATE TABLE old.things (id int PRIMARY KEY, name text);
SELECT entity_type FROM txsync.track('old.things');
INSERT INTO old.things (id, name, tx) VALUES (1, 'x', tx('t1'));
SELECT conflict('things', '1', 'name', 't1');
ALTER SCHEMA old RENAME TO new;
SELECT conflict('things', '1', 'name', 't1');
SELECT txsync.begin_mutation(tx('t1'), 'things') -> 'entity' -> 'name' AS name;
ALTER TABLE new.things RENAME TO stuff;
SELECT conflict('things', '1', 'name', 't1');
CREATE SCHEMA old;
CREATE TABLE old.things (id int PRIMARY KEY, name text, tx jsonb, tx_versions bytea);
BEGIN;
SELECT txsync.untrack('new.stuff');
SELECT entity_type FROM txsync.track('old.things');
SELECT conflict('things', '1', 'name', 't1');
ROLLBACK;
SELECT conflict('things', '1', 'name', 't1');

-- ---- What was deleted, under row security

CREATE TABLE secrets (id int PRIMARY KEY, organization_id text, name text);
CREATE FUNCTION may_know(entity_id text, org_id text) RETURNS boolean LANGUAGE sql AS
    $$ SELECT org_id = current_setting('app.org', true) AND current_user = 'txsync_guest' $$;
SELECT entity_type FROM txsync.track('secrets');
GRANT ALL ON secrets TO txsync_guest;
INSERT INTO secrets VALUES (1, 'acme', 'x'), (2, 'other', 'x'), (3, NULL, 'x');
BEGIN;
SELECT txsync.begin_mutation(tx('s1'));
DELETE FROM secrets;
COMMIT;
SET ROLE txsync_guest;
SELECT id, conflict('secrets', id, 'name', NULL) FROM unnest('{1,2,3}'::text[]) id;
RESET ROLE;
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON secrets USING (organization_id = current_setting('app.org', true));
SELECT id, conflict('secrets', id, 'name', NULL) FROM unnest('{1,2,3}'::text[]) id;
SET ROLE txsync_guest;
SET app.org = 'acme';
SELECT id, conflict('secrets', id, 'name', NULL) FROM unnest('{1,2,3}'::text[]) id;
RESET ROLE;
SELECT entity_type FROM txsync.track('secrets', delete_visible => 'may_know(text, text)');
SET ROLE txsync_guest;
SELECT id, conflict('secrets', id, 'name', NULL) FROM unnest('{1,2,3}'::text[]) id;
SELECT r ->> 'code' AS code FROM jsonb_array_elements(txsync.apply_ops(
    '[{"transactionId": "o2", "sourceId": "s", "entityType": "secrets", "entityId": "1", "action": "update", "changedField": "name", "value": "x"},
      {"transactionId": "o3", "sourceId": "s", "entityType": "secrets", "entityId": "2", "action": "update", "changedField": "name", "value": "x"}]')) r;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION may_know FROM PUBLIC;
SET ROLE txsync_guest;
SELECT conflict('secrets', '1', 'name', NULL);
RESET ROLE;
GRANT EXECUTE ON FUNCTION may_know TO PUBLIC;
ALTER FUNCTION may_know RENAME TO gone;
SET ROLE txsync_guest;
SELECT conflict('secrets', '1', 'name', NULL);
RESET ROLE;

DROP TABLE pages, heard, uuids, chars, sums, moments, blobs, pairs, smalls, spelled, secrets, new.stuff, old.things;
DROP SCHEMA old, new;
DROP OWNED BY txsync_guest;
DROP SCHEMA evil;
DROP ROLE txsync_guest;
DROP DOMAIN small;
DROP FUNCTION conflict, told, gone;
SELECT count(*) > 5 AS told FROM changes();

-- What is told without a row: events, and entities that others may see now.
SET client_min_messages = warning;
CREATE ROLE emitter;
CREATE ROLE stranger;
GRANT EXECUTE ON FUNCTION txsync.emit(text, text, jsonb) TO emitter;
CREATE TABLE shared (id int PRIMARY KEY, org_id text, name text);
CREATE TABLE pairs (a text, b numeric(5, 2), org_id int, PRIMARY KEY (a, b));
SELECT FROM txsync.track('shared');
SELECT FROM txsync.track('pairs');
INSERT INTO shared VALUES (1, 'acme'), (2, NULL);
INSERT INTO pairs VALUES ('x', 1, 7);
SELECT count(*) > 0 AS passed_over FROM pg_logical_slot_get_changes('regress', NULL, NULL);

-- in the order of the transaction, without what its savepoints took back
SET ROLE emitter;
BEGIN;
SELECT txsync.emit('mail', 'k1', '{"to": "ann", "n": 1.50}');
SAVEPOINT s;
SELECT txsync.emit('mail', 'k2', '{}');
ROLLBACK TO s;
SAVEPOINT t;
SELECT txsync.emit('mail', NULL, '[1, "two", null]');
RELEASE t;
SELECT txsync.annotate('{"why": "test"}'), txsync.emit('E'' "é"', '', '"text"'), txsync.emit('null', 'k', NULL);
COMMIT;
RESET ROLE;
SELECT * FROM changes();
-- it has the tx of the mutation, and is what it wrote
BEGIN;
SELECT txsync.begin_mutation(tx('1.0001.e', 'name'));
SELECT txsync.emit('mail', 'k', '{}');
SELECT txsync.end_mutation(), txsync.emit('mail', 'behind', '{}');
COMMIT;
SELECT action, entity, id, tx, field, data FROM changes();
SET txsync.empty_mutation = error;
BEGIN;
SELECT txsync.begin_mutation(tx('1.0002.e'));
SELECT txsync.emit('mail', 'k', '{}');
COMMIT;
BEGIN;
SELECT txsync.begin_mutation(tx('1.0003.e'));
SAVEPOINT s;
SELECT txsync.emit('mail', 'k', '{}');
ROLLBACK TO s;
COMMIT;
RESET txsync.empty_mutation;
SELECT tx, id FROM changes();
BEGIN;
SELECT txsync.begin_mutation(tx('1.0001.e', 'name')) ->> 'status' AS status;
SELECT txsync.emit('mail', 'k', '{}');
ROLLBACK;
-- what cannot be
SELECT txsync.emit(NULL, 'k', '{}');
SELECT txsync.emit('', 'k', '{}');
SELECT txsync.emit(repeat('t', 256), 'k', '{}');
SELECT txsync.emit('t', repeat('k', 1025), '{}');
SELECT txsync.emit('t', 'k', to_jsonb(repeat('p', 1048575)));
BEGIN READ ONLY;
SELECT txsync.emit('t', 'k', '{}');
ROLLBACK;
SET ROLE stranger;
SELECT txsync.emit('t', 'k', '{}');
SELECT count(*) FROM txsync.event;
RESET ROLE;
SELECT count(*) FROM txsync.event;
SELECT FROM txsync.emit(repeat('t', 255), repeat('k', 1024), to_jsonb(repeat('p', 1048574)));
SELECT length(entity), length(id), length(data #>> '{}') FROM changes();

-- nobody else's message is taken for one, whatever it says of itself
SELECT FROM pg_logical_emit_message(true, 'txsync', '1E' || repeat('x', 32) || pg_current_xact_id()::xid::text || ':4:fake1:k--2:{}');
SELECT FROM pg_logical_emit_message(true, 'txsync', '1V' || repeat('x', 32) || pg_current_xact_id()::xid::text || ':' || 'shared'::regclass::oid || ':1:14:acme');
SELECT FROM pg_logical_emit_message(true, 'txsync', '1B');
SELECT FROM pg_logical_emit_message(true, 'txsync', '1E');
SELECT * FROM changes();
-- a seal is of one transaction, of one kind and of one content: what a superuser makes by hand shows that the check is the seal's
CREATE FUNCTION forge(kind text, purpose text, content text, by_key bytea DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    -- HMAC-SHA-256: the key has 32 bytes, the block 64
    WITH pad AS (SELECT coalesce(by_key, (SELECT key FROM txsync.secret)) || decode(repeat('00', 32), 'hex') AS k),
         x AS (SELECT (SELECT string_agg(set_byte('\x00', 0, get_byte(k, i) # 54), '' ORDER BY i) FROM generate_series(0, 63) i) AS inner_pad,
                      (SELECT string_agg(set_byte('\x00', 0, get_byte(k, i) # 92), '' ORDER BY i) FROM generate_series(0, 63) i) AS outer_pad FROM pad),
         said AS (SELECT convert_to(replace(content, 'XID', pg_current_xact_id()::xid::text), 'UTF8') AS bytes)
    SELECT pg_logical_emit_message(true, 'txsync', convert_to('1' || kind, 'UTF8') || sha256(outer_pad || sha256(inner_pad || convert_to(purpose, 'UTF8') || '\x00' || bytes)) || bytes)
    FROM x, said;
$$;
SELECT FROM forge('E', 'event', 'XID:4:real1:k--2:{}');
SELECT FROM forge('E', 'visibility', 'XID:4:fake1:k--2:{}');
SELECT FROM forge('E', 'event', '3:4:fake1:k--2:{}');
SELECT FROM forge('E', 'event', 'XID:4:fake1:k--2:{}', sha256('guessed'));
SELECT FROM forge('E', 'event', 'XID:4:fake1:k--2:{}:');
SELECT FROM forge('V', 'visibility', 'XID:1:1:1-');
SELECT FROM forge('V', 'visibility', 'XID:' || 'shared'::regclass::oid || ':1:14:acme');
SELECT FROM forge('V', 'visibility', 'XID:' || 'shared'::regclass::oid || ':1:');
SELECT FROM forge('B', 'backfill', 'XID:' || 'shared'::regclass::oid || ':1:1-');
SELECT FROM forge('B', 'backfill', 'XID:' || 'pg_class'::regclass::oid || ':1:1-');
SELECT action, entity, id, org, data, more FROM changes();
-- a new key is known to those who read later, too, each where it stood
SELECT txsync.emit('key', 'first', '1');
BEGIN;
DELETE FROM txsync.secret;
SELECT txsync.emit('key', 'none', '2');
ROLLBACK;
BEGIN;
DELETE FROM txsync.secret;
INSERT INTO txsync.secret DEFAULT VALUES;
SELECT txsync.emit('key', 'second', '2');
COMMIT;
SELECT txsync.emit('key', 'third', '3');
DELETE FROM txsync.secret;
INSERT INTO txsync.secret DEFAULT VALUES;
VACUUM txsync.secret;
SELECT txsync.emit('key', 'fourth', '4');
VACUUM FREEZE txsync.secret;
SELECT id, data FROM changes();
VACUUM FULL txsync.secret;
SELECT txsync.emit('key', 'fifth', '5');
SELECT id, data FROM changes();

-- reshare() spells ids as they are told, and knows their organizations
SELECT txsync.reshare('shared', '{01, 2, 3}'); -- the third is not there
SELECT txsync.reshare('pairs', ARRAY['["x", "1.0"]']);
SELECT txsync.reshare('shared', '{}');
SELECT action, entity, id, org, keys, data, more FROM changes();
SELECT txsync.reshare('nothing', '{1}');
SELECT txsync.reshare('shared', '{x}');
SELECT txsync.reshare('shared', '{1, NULL}');
SELECT txsync.reshare('shared', NULL);
BEGIN READ ONLY;
SELECT txsync.reshare('shared', '{1}');
ROLLBACK;
GRANT ALL ON shared TO stranger;
SET ROLE stranger;
SELECT txsync.reshare('shared', '{1}');
RESET ROLE;
-- the owner's eyes count, not those of a policy
ALTER TABLE shared OWNER TO stranger;
ALTER TABLE shared ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SET ROLE stranger;
SELECT txsync.reshare('shared', '{1}');
RESET ROLE;
SELECT action, id, org FROM changes();

-- whom it is for
SELECT txsync.emit('mail', 'k', '{}'), txsync.reshare('shared', '{1, 2}'), txsync.reshare('pairs', ARRAY['["x", "1"]']);
CREATE FUNCTION told(VARIADIC options text[]) RETURNS TABLE (action text, entity text, id text) LANGUAGE sql AS $$
    SELECT d ->> 'action', d ->> 'entityType', d ->> 'entityId'
    FROM pg_logical_slot_peek_changes('regress', NULL, NULL, VARIADIC options) WITH ORDINALITY s(lsn, xid, line, n), LATERAL (SELECT line::jsonb AS d) j ORDER BY n
$$;
SELECT * FROM told('entity-types', 'mail, pairs');
SELECT * FROM told('organizations', 'acme');
SELECT * FROM told('actions', 'visibility');
SELECT * FROM told('actions', 'event, create');
SELECT * FROM told('tables', 'shared');
SELECT * FROM told('exclude-tables', 'shared');
CREATE PUBLICATION everything FOR ALL TABLES;
SELECT * FROM told('publications', 'everything');
DROP PUBLICATION everything;
-- others' messages are told to whom has asked for their prefix, whatever the actions
SELECT FROM pg_logical_emit_message(true, 'app', 'hello');
SELECT * FROM told('actions', 'create', 'messages', 'app');
SELECT count(*) FROM changes();

DROP FUNCTION told;
DROP FUNCTION forge;
DROP TABLE shared, pairs;
DROP OWNED BY emitter, stranger;
DROP ROLE emitter, stranger;

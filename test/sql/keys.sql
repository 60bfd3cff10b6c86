-- Keys, organizations and tx that are large: stored compressed, or outside the row.
SET client_min_messages = warning;
CREATE FUNCTION brief(value text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT left(value, 3) || coalesce(nullif('+' || greatest(length(value) - 3, 0), '+0'), '') $$;
-- What was told of large keys.
CREATE FUNCTION told(VARIADIC options text[] DEFAULT '{}', OUT action text, OUT id text, OUT org text, OUT tx text, OUT keys text, OUT data text, OUT old text, OUT unchanged text)
RETURNS SETOF record LANGUAGE sql AS $$
    SELECT d ->> 'action', brief(d ->> 'entityId'), brief(d ->> 'organizationId'), coalesce(d -> 'tx' ->> 'transactionId', d ->> 'txError'), d ->> 'changedKeys',
           (SELECT string_agg(key || '=' || coalesce(brief(value), 'null'), ' ') FROM jsonb_each_text(nullif(d -> 'data', 'null'))),
           (SELECT string_agg(key || '=' || coalesce(brief(value), 'null'), ' ') FROM jsonb_each_text(coalesce(d -> 'oldKey', d -> 'old'))),
           d ->> 'unchangedKeys'
    FROM pg_logical_slot_peek_changes('regress', NULL, NULL, VARIADIC options) WITH ORDINALITY s(lsn, xid, line, n), LATERAL (SELECT line::jsonb AS d) j
    ORDER BY n
$$;
CREATE TABLE pages (key text PRIMARY KEY, org_id text, name text, body text) WITH (toast_tuple_target = 1500);
ALTER TABLE pages ALTER org_id SET STORAGE external, ALTER body SET STORAGE external;
CREATE TABLE parts (id text, org_id text, state text, name text, PRIMARY KEY (id, state)) PARTITION BY LIST (state);
CREATE TABLE parts_open PARTITION OF parts FOR VALUES IN ('open') WITH (toast_tuple_target = 128);
CREATE TABLE parts_done PARTITION OF parts FOR VALUES IN ('done') WITH (toast_tuple_target = 128);
ALTER TABLE parts_open ALTER org_id SET STORAGE external;
ALTER TABLE parts_done ALTER org_id SET STORAGE external;
SELECT entity_type FROM txsync.track('pages') UNION SELECT entity_type FROM txsync.track('parts', id_column => 'id');
SELECT reltoastrelid::regclass AS toast FROM pg_class WHERE oid = 'pages'::regclass \gset
BEGIN;
INSERT INTO pages VALUES (repeat('a', 100000), 'acme', 'short', NULL);
SELECT count(DISTINCT chunk_id) AS outside FROM :toast;
INSERT INTO pages VALUES (repeat('b', 200000), repeat('o', 3000), 'long', repeat('y', 3000));
SELECT count(DISTINCT chunk_id) AS outside FROM :toast;
ROLLBACK;

-- Writes of every kind, to rows whose keys are inline (a) and outside (b), declared and not.
CREATE PROCEDURE write(run text) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pages VALUES (repeat('a', 100000), 'acme', 'short', NULL), (repeat('b', 200000), repeat('o', 3000), 'long', repeat('y', 3000));
    COMMIT;
    UPDATE pages SET name = 'new';
    UPDATE pages SET tx = tx(run || '.0000.a', 'name') || jsonb_build_object('more', repeat('t', 9000)), name = 'declared';
    COMMIT;
    UPDATE pages SET name = 'not declared';
    UPDATE pages SET org_id = repeat('p', 3000), name = 'moved';
    COMMIT;
    UPDATE pages SET key = upper(key), tx = tx(run || '.0001.a', 'key');
    COMMIT;
    UPDATE pages SET name = 'declared', tx = tx(run || '.0002.a', 'name');
    DELETE FROM pages;
    COMMIT;
    INSERT INTO parts VALUES (repeat('a', 100000), repeat('o', 3000), 'open', 'a');
    COMMIT;
    UPDATE parts SET state = 'done', tx = tx(run || '.0003.a', 'state');
    COMMIT;
    UPDATE parts SET state = 'open', org_id = 'acme', name = 'b';
    COMMIT;
    DELETE FROM parts;
END $$;
CALL write('1501');
SELECT * FROM told();
SELECT * FROM told('include-old', 'on');
SELECT count(*) FROM told('organizations', repeat('o', 3000));
SELECT count(*) FROM changes();
ALTER TABLE pages REPLICA IDENTITY FULL;
ALTER TABLE parts_open REPLICA IDENTITY FULL;
ALTER TABLE parts_done REPLICA IDENTITY FULL;
CALL write('1502');
SELECT * FROM told('include-old', 'on');
SELECT count(*) FROM changes();
-- stored anew, and yet the same
INSERT INTO pages VALUES ('c', repeat('o', 3000), 'large', repeat('y', 3000));
UPDATE pages SET name = name || '', org_id = org_id || '', body = body || '', tx = NULL;
UPDATE pages SET body = left(body, -1) || 'z';
SELECT action, keys, unchanged FROM told();
SELECT count(*) FROM changes();
-- an organization that no index would hold
ALTER TABLE pages REPLICA IDENTITY DEFAULT;
INSERT INTO pages VALUES ('d', repeat('q', 500000), 'large');
UPDATE pages SET org_id = repeat('r', 500000) WHERE key = 'd';
DELETE FROM pages WHERE key = 'd';
SELECT action, id, org, old FROM told();
SELECT count(*) FROM changes();
-- a key beyond all bounds, which no index needs to hold
CREATE TABLE notes (id text NOT NULL, name text);
ALTER TABLE notes REPLICA IDENTITY FULL;
SELECT entity_type FROM txsync.track('notes', id_column => 'id');
INSERT INTO notes VALUES (repeat('n', 3000000), 'one');
UPDATE notes SET name = 'two';
UPDATE notes SET id = id || '!';
DELETE FROM notes;
SELECT action, id, keys, data FROM told();
SELECT action, id, keys, data FROM told('max-record-bytes', '1MB');
SELECT count(*) FROM changes();
DROP TABLE pages, parts, notes;
DROP PROCEDURE write;
DROP FUNCTION told, brief;

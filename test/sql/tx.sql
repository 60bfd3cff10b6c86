-- tx is the tx of this change, and of no other.
SET client_min_messages = warning;
CREATE TABLE pages (id int PRIMARY KEY, organization_id text, name text, body text, tx jsonb);
SELECT entity_type FROM txsync.track('pages');

-- on create changedField is null, whatever was sent; other members are left out
INSERT INTO pages VALUES (1, 'acme', 'one', '', tx('1000.0000.a', 'name') || '{"more": [1, 2]}');
-- plain SQL declares nothing
UPDATE pages SET name = 'two';
UPDATE pages SET name = 'three', tx = tx('1000.0001.a', 'name');
-- an ORM saves every column: the old tx comes back, and says nothing
UPDATE pages SET id = p.id, name = 'four', body = p.body, tx = p.tx FROM pages p WHERE p.id = pages.id;
SELECT tx FROM pages;
SELECT action, id, org, tx, field, data, more FROM changes();

-- two declared updates in one transaction, with the same tx
BEGIN;
UPDATE pages SET name = 'five', tx = tx('1000.0002.a', 'name');
UPDATE pages SET body = 'b', tx = tx('1000.0002.a', 'name');
-- it carries over to what the same transaction writes after
UPDATE pages SET body = 'c';
COMMIT;
UPDATE pages SET body = 'd';
SELECT action, tx, field, data FROM changes();

-- a savepoint's rollback takes its tx along
BEGIN;
UPDATE pages SET name = 'six', tx = tx('1000.0003.a', 'name');
SAVEPOINT s;
UPDATE pages SET name = 'seven', tx = tx('1000.0004.a', 'name');
ROLLBACK TO s;
UPDATE pages SET body = 'e';
COMMIT;
SELECT action, tx, data FROM changes();

-- a delete is declared by an update before it, and knows its organization
BEGIN;
UPDATE pages SET tx = tx('1000.0005.a', 'name');
DELETE FROM pages;
COMMIT;
INSERT INTO pages VALUES (2, 'acme', 'x'), (3, NULL, 'y');
DELETE FROM pages;
SELECT action, id, org, tx, field, data FROM changes();

-- upsert and MERGE
INSERT INTO pages VALUES (4, 'acme', 'one', '', tx('1000.0006.a'));
INSERT INTO pages VALUES (4, 'acme', 'two', '', tx('1000.0007.a', 'name'))
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, tx = excluded.tx;
INSERT INTO pages VALUES (4, 'acme', 'three') ON CONFLICT (id) DO UPDATE SET name = excluded.name;
INSERT INTO pages VALUES (5, 'acme', 'gone soon');
MERGE INTO pages USING (VALUES (4, 'merged'), (5, NULL), (6, 'new')) v(id, name) ON pages.id = v.id
    WHEN MATCHED AND v.name IS NULL THEN DELETE
    WHEN MATCHED THEN UPDATE SET name = v.name, tx = tx('1000.0008.a', 'name')
    WHEN NOT MATCHED THEN INSERT (id, name, tx) VALUES (v.id, v.name, tx('1000.0009.a'));
SELECT action, id, org, tx, field, data ->> 'name' AS name FROM changes();

-- organization changes tell the old one
UPDATE pages SET organization_id = 'other' WHERE id = 4;
UPDATE pages SET organization_id = NULL WHERE id = 4;
UPDATE pages SET organization_id = NULL WHERE id = 4;
UPDATE pages SET organization_id = 'acme' WHERE id = 4;
-- also together with the key
UPDATE pages SET organization_id = 'moved', id = 40, tx = tx('1000.0010.a', 'id') WHERE id = 4;
SELECT action, id, org, tx, field, more FROM changes();

-- and where the organization is a generated column
CREATE TABLE made (id int PRIMARY KEY, team text, org_id text GENERATED ALWAYS AS ('org-' || team) STORED, name text);
SELECT org_column FROM txsync.track('made');
INSERT INTO made VALUES (1, 'a', DEFAULT, 'one'), (2, NULL, DEFAULT, 'two');
UPDATE made SET name = name || '!';
UPDATE made SET team = 'b';
UPDATE made SET team = NULL, id = -id;
DELETE FROM made;
SELECT action, id, org, more FROM changes();
DROP TABLE made;

-- a malformed tx is refused, before anything is claimed
\set VERBOSITY terse
UPDATE pages SET tx = '"text"' WHERE id = 6;
UPDATE pages SET tx = '[1]' WHERE id = 6;
UPDATE pages SET tx = '{"transactionId": 1, "sourceId": "s"}' WHERE id = 6;
UPDATE pages SET tx = '{"sourceId": "s"}' WHERE id = 6;
UPDATE pages SET tx = '{"transactionId": "t"}' WHERE id = 6;
UPDATE pages SET tx = '{"transactionId": "t", "sourceId": "s", "changedField": ""}' WHERE id = 6;
UPDATE pages SET tx = jsonb_build_object('transactionId', repeat('x', 129), 'sourceId', 's') WHERE id = 6;
UPDATE pages SET tx = jsonb_build_object('transactionId', repeat('x', 128), 'sourceId', repeat('s', 64), 'changedField', repeat('f', 64)) WHERE id = 6;
UPDATE pages SET tx = jsonb_build_object('transactionId', 'big', 'sourceId', 's', 'rest', (SELECT jsonb_agg(md5(i::text)) FROM generate_series(1, 3000) i)) WHERE id = 6;
INSERT INTO pages (id, tx) VALUES (60, '{"transactionId": "t"}');
\set VERBOSITY default
UPDATE pages SET tx = tx('1000.0014.a', 'no such column') WHERE id = 6;
INSERT INTO pages (id, tx) VALUES (60, tx(''));
SELECT count(*) FROM changes();

-- one that was stored elsewhere, where the trigger keeps what comes, stops nothing
SET session_replication_role = replica;
UPDATE pages SET tx = '"text"' WHERE id = 6;
UPDATE pages SET tx = '[1]' WHERE id = 6;
UPDATE pages SET tx = '{"transactionId": 1, "sourceId": "s"}' WHERE id = 6;
UPDATE pages SET tx = '{"sourceId": "s"}' WHERE id = 6;
UPDATE pages SET tx = '{"transactionId": "t"}' WHERE id = 6;
UPDATE pages SET tx = '{"transactionId": "t", "sourceId": "s", "changedField": ""}' WHERE id = 6;
UPDATE pages SET tx = jsonb_build_object('transactionId', repeat('x', 129), 'sourceId', 's') WHERE id = 6;
UPDATE pages SET tx = jsonb_build_object('transactionId', repeat('x', 128), 'sourceId', repeat('s', 64), 'changedField', repeat('f', 64)) WHERE id = 6;
UPDATE pages SET tx = jsonb_build_object('transactionId', 'big', 'sourceId', 's', 'rest', (SELECT jsonb_agg(md5(i::text)) FROM generate_series(1, 3000) i)) WHERE id = 6;
RESET session_replication_role;
UPDATE pages SET name = 'after big' WHERE id = 6;
SELECT action, left(tx, 20) AS tx, length(tx), length(field) AS field, more FROM changes();

-- one that is too large for the row does not carry over
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE pages SET tx = jsonb_build_object('transactionId', 'big', 'sourceId', 's', 'rest', (SELECT jsonb_agg(md5(i::text)) FROM generate_series(1, 3000) i)) WHERE id = 6;
SET LOCAL session_replication_role = origin;
UPDATE pages SET name = 'not carried over' WHERE id = 6;
COMMIT;
SELECT action, tx, data ->> 'name' AS name, more FROM changes();

-- beyond all reason, stored inline and outside
SET session_replication_role = replica;
UPDATE pages SET tx = tx('huge') || jsonb_build_object('rest', repeat('x', 1100000)) WHERE id = 6;
UPDATE pages SET tx = tx('huge') || jsonb_build_object('rest', (SELECT jsonb_agg(md5(i::text)) FROM generate_series(1, 32000) i)) WHERE id = 6;
RESET session_replication_role;
SELECT action, tx, more FROM changes();

-- a delete tells none that an update would not
BEGIN;
INSERT INTO pages VALUES (7);
SET LOCAL session_replication_role = replica;
UPDATE pages SET tx = tx('large') || jsonb_build_object('rest', repeat('x', 66000)) WHERE id = 7;
SET LOCAL session_replication_role = origin;
DELETE FROM pages WHERE id = 7;
COMMIT;
SELECT action, id, tx, more FROM changes();

-- a trigger behind ours, which brings a value back that is not in the WAL
ALTER TABLE pages ALTER tx SET STORAGE external;
SET session_replication_role = replica;
INSERT INTO pages VALUES (8, NULL, NULL, NULL, tx('1000.0000.b') || jsonb_build_object('rest', repeat('x', 9000)));
RESET session_replication_role;
CREATE FUNCTION bring_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.tx := OLD.tx; RETURN NEW; END $$;
CREATE TRIGGER zzz_bring_back BEFORE UPDATE ON pages FOR EACH ROW EXECUTE FUNCTION bring_back();
UPDATE pages SET name = 'brought back' WHERE id = 8;
DROP FUNCTION bring_back CASCADE;
DELETE FROM pages WHERE id = 8;
SELECT action, id, tx, more FROM changes();

-- where the trigger does not run, a leftover cannot be told from a declaration, unless the old row is in the WAL
UPDATE pages SET tx = tx('1000.0011.a', 'name') WHERE id = 6;
ALTER TABLE pages DISABLE TRIGGER zz_txsync;
UPDATE pages SET name = 'unseen' WHERE id = 6;
ALTER TABLE pages REPLICA IDENTITY FULL;
UPDATE pages SET name = 'leftover' WHERE id = 6;
UPDATE pages SET name = 'declared', tx = tx('1000.0012.a', 'name') WHERE id = 6;
ALTER TABLE pages ENABLE ALWAYS TRIGGER zz_txsync;
UPDATE pages SET name = 'seen again' WHERE id = 6;
-- nor does it run in replica role, unless it is enabled always
ALTER TABLE pages REPLICA IDENTITY DEFAULT;
UPDATE pages SET tx = tx('1000.0013.a', 'name') WHERE id = 6;
SET session_replication_role = replica;
UPDATE pages SET name = 'told to be no declaration' WHERE id = 6;
ALTER TABLE pages ENABLE TRIGGER zz_txsync;
UPDATE pages SET name = 'not seen' WHERE id = 6;
RESET session_replication_role;
ALTER TABLE pages ENABLE ALWAYS TRIGGER zz_txsync;
SELECT action, keys, tx, more FROM changes();

-- tracked without a tx column of our keeping
CREATE TABLE plain (id int PRIMARY KEY, a int);
SELECT entity_type FROM txsync.track('plain', tx => false);
INSERT INTO plain VALUES (1, 1);
UPDATE plain SET a = 2;
DELETE FROM plain;
SELECT action, entity, id, tx, data, more FROM changes();

-- versions: the tx's id, or one of the server's own for what declares nothing; row versions count each write
CREATE FUNCTION versions(OUT action text, OUT id text, OUT version text, OUT is_new bool, OUT row_version int) RETURNS SETOF record LANGUAGE sql AS $$
    SELECT d ->> 'action', d ->> 'entityId', CASE WHEN d -> 'tx' <> 'null' THEN d ->> 'version' ELSE regexp_replace(d ->> 'version', '^[0-9]{13}\.[0-9]{4,}\.[0-9a-z-]+$', 'own') END,
           d ->> 'version' IS DISTINCT FROM lag(d ->> 'version') OVER (ORDER BY n), (d ->> 'rowVersion')::int
    FROM pg_logical_slot_get_changes('regress', NULL, NULL) WITH ORDINALITY s(lsn, xid, line, n), LATERAL (SELECT line::jsonb AS d) j ORDER BY n
$$;
TRUNCATE pages;
SELECT count(*) FROM changes();
INSERT INTO pages VALUES (101, 'acme', 'one', NULL, NULL), (102, 'acme', 'two', NULL, tx('1000.0020.a'));
UPDATE pages SET name = 'new' WHERE id = 101;
UPDATE pages SET name = 'declared', tx = tx('1000.0021.a', 'name');
BEGIN;
UPDATE pages SET name = 'not declared';
UPDATE pages SET body = 'nor is this', organization_id = 'other';
COMMIT;
UPDATE pages SET id = 103, tx = tx('1000.0022.a', 'id') WHERE id = 101;
UPDATE pages SET id = 104 WHERE id = 102;
DELETE FROM pages WHERE id = 103;
BEGIN;
UPDATE pages SET tx = tx('1000.0023.a');
DELETE FROM pages;
COMMIT;
-- one that comes again counts on
INSERT INTO pages VALUES (104);
SET session_replication_role = replica;
UPDATE pages SET name = 'kept as it comes';
RESET session_replication_role;
ALTER TABLE pages DISABLE TRIGGER zz_txsync;
UPDATE pages SET name = 'unseen';
ALTER TABLE pages ENABLE ALWAYS TRIGGER zz_txsync;
DELETE FROM pages;
SELECT * FROM versions();
SELECT entity_id, org_id, CASE WHEN transaction_id ~ '^1000\.' THEN transaction_id ELSE 'own' END AS id, row_version, origin FROM txsync.tombstone WHERE entity_type = 'pages' AND entity_id IN ('101', '102', '103', '104') ORDER BY 1;
DROP FUNCTION versions;
DROP TABLE pages, plain;

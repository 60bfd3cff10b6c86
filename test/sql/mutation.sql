-- Mutations: what begin_mutation() declares, what plain SQL claims, what rows know of their own history.
-- What other tests have left would count on.
DELETE FROM txsync.mutation;
DELETE FROM txsync.tombstone;

CREATE TABLE pages (id int PRIMARY KEY, organization_id text, name text, body text, updated_at timestamptz);
CREATE TABLE blocks (page int, no int, content text, PRIMARY KEY (page, no));
CREATE TABLE bare (id int PRIMARY KEY, name text);
SET client_min_messages = warning;
SELECT entity_type FROM txsync.track('pages');
SELECT entity_type FROM txsync.track('blocks');
SELECT entity_type FROM txsync.track('bare', tx => false);
RESET client_min_messages;
-- Versions, with the server's own ids as such.
CREATE FUNCTION history(type text, id text) RETURNS text LANGUAGE sql AS $$
SELECT regexp_replace(txsync.field_versions(type, id)::text, '"1[0-9]{12}[.][0-9]{4,}[.][-0-9a-z]*"', '"server"', 'g') $$;

-- ---- A mutation of several rows

BEGIN;
SELECT txsync.begin_mutation(tx('m1', 'name'));
INSERT INTO pages (id, name) VALUES (1, 'one');
INSERT INTO pages (id, name) VALUES (2, 'two');
INSERT INTO blocks VALUES (1, 1, 'x');
UPDATE pages SET name = 'first' WHERE id = 1;
SELECT txsync.finish_mutation('{"pages": 2}');
SELECT txsync.end_mutation();
UPDATE pages SET body = 'undeclared' WHERE id = 2;
COMMIT;
SELECT id, name, body, tx FROM pages ORDER BY id;
SELECT page, no, tx FROM blocks;
SELECT history('pages', '1'), history('pages', '2'), history('blocks', '["1","1"]'), history('pages', '9');
SELECT transaction_id, source_id, changed_field, claimed_by = current_user AS mine, entity_type, entity_id, result FROM txsync.mutation;

-- The outcome, for those who come again; and only for the same request of the same role.
BEGIN;
SELECT txsync.begin_mutation(tx('m1', 'name'));
SAVEPOINT s;
UPDATE pages SET name = 'again' WHERE id = 1;
ROLLBACK TO s;
DELETE FROM pages;
ROLLBACK TO s;
INSERT INTO blocks VALUES (1, 2, 'y');
ROLLBACK TO s;
SELECT txsync.finish_mutation('{}');
ROLLBACK TO s;
SELECT txsync.begin_mutation(tx('m2'));
UPDATE pages SET body = 'by m2' WHERE id = 1;
COMMIT;
SELECT txsync.begin_mutation(tx('m1', 'body'));
SELECT txsync.begin_mutation(tx('m1', 'name'), request => '{"more": true}');
SELECT txsync.begin_mutation(tx('m1', 'name'), 'pages', '2');
SELECT txsync.begin_mutation(tx('m1', 'name'), 'pages', '1') ->> 'status' AS status;
CREATE ROLE txsync_other;
GRANT ALL ON pages, blocks TO txsync_other;
SET ROLE txsync_other;
SELECT txsync.begin_mutation(tx('m1', 'name'));
SELECT txsync.is_transaction_processed('m1'), txsync.get_entity_by_transaction('m1');
RESET ROLE;
REVOKE ALL ON pages FROM txsync_other;
SET ROLE txsync_other;
SELECT txsync.is_transaction_processed('m1'), txsync.get_entity_by_transaction('m1');
SELECT * FROM txsync.mutation;
RESET ROLE;
BEGIN;
SELECT txsync.begin_mutation(tx('q1'), request => '{"a": 1, "b": 2}');
UPDATE pages SET name = 'q1' WHERE id = 2;
COMMIT;
SELECT txsync.begin_mutation(tx('q1'), request => '{"b": 2, "a": 1}') ->> 'status' AS status;

-- ---- What is wrong with a tx

SELECT txsync.begin_mutation(NULL);
SELECT txsync.begin_mutation('[]');
SELECT txsync.begin_mutation('{"sourceId": "s"}');
SELECT txsync.begin_mutation('{"transactionId": 1, "sourceId": "s"}');
SELECT txsync.begin_mutation('{"transactionId": "", "sourceId": "s"}');
SELECT txsync.begin_mutation(jsonb_build_object('transactionId', repeat('x', 129), 'sourceId', 's'));
SELECT txsync.begin_mutation(tx('w1', 'nonsense'), 'pages');
SELECT txsync.begin_mutation(tx('w1'), 'nonsense', '1');
SELECT txsync.begin_mutation(tx('w1'), NULL, '1');
SELECT txsync.begin_mutation('{"transactionId": "w1", "sourceId": "s", "expectedTransactionId": 7}', 'pages', '1');
BEGIN;
SELECT txsync.begin_mutation(tx('w1', 'nonsense'));
UPDATE pages SET name = 'w1' WHERE id = 1;
ROLLBACK;
SELECT txsync.finish_mutation('{}');
BEGIN READ ONLY;
SELECT txsync.begin_mutation(tx('w1'));
ROLLBACK;

-- ---- A mutation without a row

SELECT txsync.begin_mutation(tx('e1'));
SET txsync.empty_mutation = off;
SELECT txsync.begin_mutation(tx('e2'));
SET txsync.empty_mutation = error;
SELECT txsync.begin_mutation(tx('e3'));
SELECT txsync.is_transaction_processed(id) FROM unnest(ARRAY['e1', 'e2', 'e3']) id;
BEGIN;
SELECT txsync.begin_mutation(tx('e4'));
SELECT txsync.begin_mutation(tx('e5'));
UPDATE pages SET name = 'e5' WHERE id = 1;
COMMIT;
RESET txsync.empty_mutation;
-- A table without tx has rows as well.
BEGIN;
SELECT txsync.begin_mutation(tx('e6'));
INSERT INTO bare VALUES (1, 'one');
COMMIT;
SELECT txsync.get_entity_by_transaction('e6');

-- ---- Plain SQL that sets tx

INSERT INTO pages (id, name, tx) VALUES (3, 'three', tx('p1', 'name') || '{"more": 1}');
INSERT INTO pages (id, name, tx) VALUES (4, 'four', tx('p1'));
UPDATE pages SET name = 'III', tx = tx('p2', 'name') WHERE id = 3;
-- The tx that the row has says nothing; but within the transaction that gave it, it does.
UPDATE pages SET name = 'iii', tx = tx('p2', 'name') WHERE id = 3 RETURNING tx;
BEGIN;
UPDATE pages SET name = 'iv', tx = tx('p3', 'name') WHERE id = 3;
UPDATE pages SET body = 'iv' WHERE id = 3 RETURNING tx;
COMMIT;
UPDATE pages SET name = 'v', tx = tx('p3', 'nonsense') WHERE id = 2;
UPDATE pages SET name = 'v', tx = '{"transactionId": "p4"}' WHERE id = 3;
UPDATE pages SET name = 'v', tx = '"p4"' WHERE id = 3;
SELECT id, name, body, tx, history('pages', id::text) FROM pages WHERE id = 3;
-- Within a mutation only its own.
BEGIN;
SELECT txsync.begin_mutation(tx('p5'));
SAVEPOINT s;
UPDATE pages SET tx = tx('p6') WHERE id = 3;
ROLLBACK TO s;
INSERT INTO pages (id, tx) VALUES (5, tx('p6'));
ROLLBACK TO s;
UPDATE pages SET body = 'p5', tx = tx('p5') WHERE id = 3 RETURNING tx;
COMMIT;
-- One statement, one mutation, several rows; and several mutations.
UPDATE pages SET body = 'p7', tx = tx('p7', 'body') WHERE id < 3 RETURNING id, tx;
UPDATE pages SET body = 'p8', tx = tx('p8-' || id) WHERE id < 3 RETURNING id, tx;

-- ---- Applications that save whole rows

INSERT INTO pages (id, name, tx) SELECT id, 'saved', tx FROM pages WHERE id = 1
ON CONFLICT (id) DO UPDATE SET name = excluded.name, tx = excluded.tx RETURNING id, name, tx, history('pages', '1');
INSERT INTO pages (id, name, tx) SELECT id, 'saved', tx('p1') FROM pages WHERE id = 2
ON CONFLICT (id) DO UPDATE SET name = excluded.name, tx = excluded.tx;
-- The INSERT that becomes an UPDATE has its changedField again.
BEGIN;
INSERT INTO pages (id, name, tx) VALUES (1, 'saved', tx('u1', 'name')), (8, 'new', tx('u1', 'name'))
ON CONFLICT (id) DO UPDATE SET name = excluded.name, tx = excluded.tx RETURNING id, tx;
UPDATE pages SET name = 'next', tx = tx('u2') WHERE id = 8 RETURNING id, tx;
SAVEPOINT s;
INSERT INTO pages (id, name, tx) VALUES (1, 'saved', tx('u3', 'nothing')) ON CONFLICT (id) DO UPDATE SET tx = excluded.tx;
ROLLBACK TO s;
INSERT INTO pages (id, name, tx) VALUES (9, 'new', tx('u3', 'nothing')) ON CONFLICT (id) DO UPDATE SET tx = excluded.tx RETURNING id, tx;
ROLLBACK;
BEGIN;
SELECT txsync.begin_mutation(tx('o1', 'name'));
INSERT INTO pages (id, name, tx) SELECT id, 'saved', tx FROM pages WHERE id = 2
ON CONFLICT (id) DO UPDATE SET name = excluded.name, tx = excluded.tx RETURNING id, name, tx;
COMMIT;
MERGE INTO pages USING (VALUES (1, 'merged'), (6, 'new')) v(id, name) ON pages.id = v.id
WHEN MATCHED THEN UPDATE SET name = v.name WHEN NOT MATCHED THEN INSERT (id, name, tx) VALUES (v.id, v.name, tx('g1'));
SELECT id, name, tx FROM pages WHERE id IN (1, 6) ORDER BY id;

-- The row that is there is the entity, whatever id the INSERT had made.
CREATE TABLE users (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text UNIQUE, name text);
SET client_min_messages = warning;
SELECT entity_type FROM txsync.track('users');
RESET client_min_messages;
INSERT INTO users (email, name) VALUES ('a@b', 'one'), ('c@d', 'two');
INSERT INTO users (email, name, tx) VALUES ('a@b', 'three', tx('u1', 'name')) ON CONFLICT (email) DO UPDATE SET name = excluded.name, tx = excluded.tx RETURNING id, tx;
BEGIN;
SELECT txsync.begin_mutation(tx('u2', 'name'));
INSERT INTO users (email, name) VALUES ('c@d', 'four'), ('e@f', 'five') ON CONFLICT (email) DO UPDATE SET name = excluded.name RETURNING id;
COMMIT;
BEGIN;
SELECT txsync.begin_mutation(tx('u3', 'name'));
INSERT INTO users (email, name) VALUES ('g@h', 'six'), ('a@b', 'seven') ON CONFLICT (email) DO UPDATE SET name = excluded.name RETURNING id;
COMMIT;
SELECT id, txsync.get_entity_by_transaction(id) FROM unnest(ARRAY['u1', 'u2', 'u3']) id;
-- Rows of others may come before that of the type that was named.
BEGIN;
SELECT txsync.begin_mutation(tx('u4', 'name'), 'users');
INSERT INTO blocks VALUES (7, 7, 'log');
UPDATE users SET name = 'eight' WHERE id = 1 RETURNING tx;
COMMIT;
SELECT txsync.begin_mutation(tx('u4', 'name'), 'users') -> 'entity' ->> 'name' AS name, txsync.get_entity_by_transaction('u4');
DROP TABLE users;

-- Indexes of others on the ledger have its rows as well.
CREATE INDEX others ON txsync.mutation_other (lower(source_id)) WHERE claimed_by IS NOT NULL;
BEGIN;
SELECT txsync.begin_mutation(tx('i1'));
UPDATE pages SET body = 'i1' WHERE id = 1;
SELECT txsync.finish_mutation(to_jsonb(repeat('x', 9000)));
COMMIT;
SET enable_seqscan = off;
SELECT count(*) FROM txsync.mutation_other WHERE lower(source_id) = 'tab-1' AND claimed_by IS NOT NULL AND transaction_id = 'i1';
RESET enable_seqscan;
REINDEX INDEX txsync.mutation_other_id;
DROP INDEX txsync.others;
SELECT txsync.begin_mutation(tx('i1')) ->> 'status' AS status;

-- ---- Versions

CREATE TABLE notes (id int PRIMARY KEY, a text, b text, twice text GENERATED ALWAYS AS (a || a) STORED, modified_at timestamptz);
SET client_min_messages = warning;
SELECT entity_type FROM txsync.track('notes');
RESET client_min_messages;
INSERT INTO notes (id, a, tx) VALUES (1, 'x', tx('1000.0000.n'));
UPDATE notes SET a = 'y', tx = tx('2000.0000.n', 'a');
SELECT history('notes', '1');
-- Bookkeeping and generated columns have none, and a write that changes nothing is a write.
UPDATE notes SET modified_at = now(), tx = tx('3000.0000.n');
SELECT history('notes', '1');
-- They follow a rename; a new column begins as the row did, also under the name of one that was dropped.
ALTER TABLE notes RENAME COLUMN b TO c;
UPDATE notes SET c = 'z', tx = tx('4000.0000.n', 'c');
ALTER TABLE notes ADD COLUMN d text DEFAULT 'd';
SELECT history('notes', '1');
UPDATE notes SET d = 'e', tx = tx('5000.0000.n', 'd');
ALTER TABLE notes DROP COLUMN d;
ALTER TABLE notes ADD COLUMN d text;
SELECT history('notes', '1');
-- Nobody writes them but the trigger.
UPDATE notes SET tx_versions = '\x00', tx = tx('6000.0000.n');
INSERT INTO notes (id, tx_versions) VALUES (2, '\x01');
SELECT id, history('notes', id::text) FROM notes ORDER BY id;
-- Another key is another entity.
UPDATE notes SET id = 3, tx = tx('7000.0000.n') WHERE id = 1;
SELECT history('notes', '1'), history('notes', '3');
SELECT has_conflict, server_transaction_id FROM txsync.check_field_conflict('notes', '1', 'a', '6000.0000.n');
-- A large value that is not touched is not changed, one that is written anew neither.
UPDATE notes SET c = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 1000) i), tx = tx('8000.0000.n') WHERE id = 3;
UPDATE notes SET a = 'b', tx = tx('9000.0000.n') WHERE id = 3;
UPDATE notes SET c = c || '', tx = tx('9001.0000.n') WHERE id = 3;
SELECT history('notes', '3');
-- A far future is cut to what the clock allows, for the stamps; the id is what it is.
INSERT INTO notes (id, a, tx) VALUES (4, 'x', tx('99999999999999.0000.n'));
SELECT history('notes', '4');

-- ---- Deletes

BEGIN;
SELECT txsync.begin_mutation(tx('d1'));
DELETE FROM notes WHERE id = 4;
COMMIT;
DELETE FROM notes WHERE id = 3;
SELECT entity_type, entity_id, org_id, CASE WHEN transaction_id ~ '^1[0-9]{12}' THEN 'server' ELSE transaction_id END AS id, row_version, origin FROM txsync.tombstone ORDER BY entity_id;
SELECT * FROM txsync.check_field_conflict('notes', '4', 'a', NULL);
INSERT INTO notes (id, a, tx) VALUES (4, 'again', tx('d2'));
SELECT * FROM txsync.check_field_conflict('notes', '4', 'a', NULL);

-- ---- Conflicts

SELECT * FROM txsync.check_field_conflict('pages', '3', 'name', 'p2');
SELECT * FROM txsync.check_field_conflict('pages', '3', 'name', 'p3');
SELECT * FROM txsync.check_field_conflict('pages', '3', NULL, 'p3');
SELECT * FROM txsync.check_field_conflict('pages', '3', NULL, 'p5');
SELECT * FROM txsync.check_field_conflict('pages', '3', 'organization_id', NULL);
SELECT * FROM txsync.check_field_conflict('pages', '3', 'organization_id', 'p1');
SELECT * FROM txsync.check_field_conflict('pages', '3', 'organization_id', 'p2');
SELECT * FROM txsync.check_field_conflict('pages', '77', 'name', 'p2');
SELECT * FROM txsync.check_field_conflict('blocks', '["1", "1"]', 'content', 'm1');
SELECT * FROM txsync.check_field_conflict('pages', '3', 'updated_at', NULL);
SELECT * FROM txsync.check_field_conflict('pages', '3', 'id', NULL);
SELECT * FROM txsync.check_field_conflict('pages', '3', 'nonsense', NULL);
SELECT * FROM txsync.check_field_conflict('nonsense', '3', 'name', NULL);
SELECT * FROM txsync.check_field_conflict('pages', 'three', 'name', NULL);
SELECT * FROM txsync.check_field_conflict('bare', '1', 'name', NULL);
BEGIN;
SELECT txsync.begin_mutation(tx('c1', 'name') || '{"expectedTransactionId": "p2"}', 'pages', '3');
ROLLBACK;
BEGIN;
SELECT txsync.begin_mutation(tx('c1', 'name') || '{"expectedTransactionId": "p3"}', 'pages', '3');
UPDATE pages SET name = 'c1' WHERE id = 3;
COMMIT;
SET ROLE txsync_other;
SELECT * FROM txsync.check_field_conflict('pages', '3', 'name', NULL);
SELECT txsync.field_versions('pages', '3');
RESET ROLE;

-- ---- Partitions

CREATE TABLE homes (id int, region text, name text) PARTITION BY LIST (region);
CREATE TABLE homes_a PARTITION OF homes FOR VALUES IN ('a');
CREATE TABLE homes_b (extra int, region text, id int, name text);
ALTER TABLE homes_b DROP COLUMN extra;
ALTER TABLE homes ATTACH PARTITION homes_b FOR VALUES IN ('b');
ALTER TABLE homes ALTER COLUMN id SET NOT NULL;
CREATE UNIQUE INDEX homes_a_id ON homes_a (id);
CREATE UNIQUE INDEX homes_b_id ON homes_b (id);
ALTER TABLE homes_a REPLICA IDENTITY USING INDEX homes_a_id;
ALTER TABLE homes_b REPLICA IDENTITY USING INDEX homes_b_id;
SET client_min_messages = warning;
SELECT entity_type FROM txsync.track('homes', id_column => 'id');
RESET client_min_messages;
INSERT INTO homes (id, region, name, tx) VALUES (1, 'a', 'one', tx('h1'));
UPDATE homes SET name = 'two', tx = tx('h2', 'name');
-- A row that moves keeps its history, and is not deleted.
UPDATE homes SET region = 'b', tx = tx('h3', 'region');
SELECT tableoid::regclass, history('homes', '1'), tx FROM homes;
UPDATE homes SET region = 'a';
SELECT tableoid::regclass, history('homes', '1'), tx FROM homes;
SELECT count(*) FROM txsync.tombstone WHERE entity_type = 'homes';

-- ---- Savepoints

BEGIN;
SAVEPOINT a;
SELECT txsync.begin_mutation(tx('s1'));
UPDATE pages SET body = 's1' WHERE id = 1 RETURNING tx;
ROLLBACK TO a;
UPDATE pages SET body = 'none' WHERE id = 1 RETURNING tx;
SELECT txsync.is_transaction_processed('s1');
SAVEPOINT b;
SELECT txsync.begin_mutation(tx('s1'));
RELEASE b;
UPDATE pages SET body = 's1' WHERE id = 1 RETURNING tx;
SAVEPOINT c;
SELECT txsync.end_mutation();
UPDATE pages SET body = 'none' WHERE id = 2 RETURNING tx;
ROLLBACK TO c;
UPDATE pages SET body = 's1' WHERE id = 2 RETURNING tx;
COMMIT;
SELECT txsync.is_transaction_processed('s1');

-- ---- COPY, and triggers of others

COPY pages (id, name, tx) FROM stdin WITH (FORMAT csv, QUOTE '|');
10,ten,|{"transactionId": "y1", "sourceId": "copy"}|
11,eleven,|{"transactionId": "y1", "sourceId": "copy"}|
12,twelve,|{"transactionId": "y2", "sourceId": "copy"}|
\.
SELECT transaction_id, entity_id FROM txsync.mutation WHERE source_id = 'copy' ORDER BY 1;
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.body := upper(NEW.name); RETURN NEW; END $$;
CREATE TRIGGER shout BEFORE UPDATE ON pages FOR EACH ROW EXECUTE FUNCTION shout();
UPDATE pages SET name = 'zehn', tx = tx('y3', 'name') WHERE id = 10;
SELECT body, history('pages', '10') FROM pages WHERE id = 10;

-- The field that an update declares moves, even where it had the value; what a trigger writes of other rows does not
UPDATE pages SET name = name, tx = tx('y4', 'name') WHERE id = 11;
SELECT history('pages', '11');
UPDATE pages SET name = name WHERE id = 11;
SELECT history('pages', '11');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE pages SET body = 'touched' WHERE id = 12; RETURN NEW; END $$;
CREATE TRIGGER touch AFTER UPDATE ON pages FOR EACH ROW WHEN (NEW.id = 11) EXECUTE FUNCTION touch();
BEGIN;
SELECT txsync.begin_mutation(tx('y5', 'name'), 'pages', '11');
UPDATE pages SET name = 'elf' WHERE id = 11;
COMMIT;
SELECT history('pages', '11'), history('pages', '12');

-- TRUNCATE, which no row trigger sees
BEGIN;
SELECT txsync.begin_mutation(tx('y5', 'name'), 'pages', '11') ->> 'status' AS status;
CREATE TEMPORARY TABLE untracked (id int);
TRUNCATE untracked;
SAVEPOINT t;
TRUNCATE pages CASCADE;
ROLLBACK TO t;
SELECT txsync.begin_mutation(tx('y6', 'name')) ->> 'status' AS status;
TRUNCATE pages CASCADE;
ROLLBACK;

-- What the ledger takes
BEGIN;
SELECT txsync.begin_mutation(tx('y7', 'name'), 'pages', '12') ->> 'status' AS status;
SAVEPOINT f;
SELECT txsync.finish_mutation(to_jsonb(repeat('x', 1048576)));
ROLLBACK TO f;
SELECT txsync.finish_mutation(to_jsonb(repeat('x', 1000000)));
ROLLBACK;
SELECT txsync.begin_mutation(tx('y7', 'name'), 'pages', repeat('1', 8001));

DROP TABLE pages, blocks, bare, notes, homes;
DROP FUNCTION history, shout, touch;
DROP ROLE txsync_other;
SELECT count(*) > 0 AS told FROM changes();

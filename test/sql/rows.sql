-- Rows of every kind, and tables that change while they are written.
SET client_min_messages = warning;
CREATE TABLE pages (id int PRIMARY KEY, name text, body text);
ALTER TABLE pages ALTER body SET STORAGE external;
SELECT entity_type FROM txsync.track('pages', hidden => '{}');

-- DDL in the middle of a transaction
BEGIN;
INSERT INTO pages VALUES (1, 'before');
ALTER TABLE pages ADD COLUMN added int DEFAULT 7;
INSERT INTO pages VALUES (2, 'after');
UPDATE pages SET name = 'fast default' WHERE id = 1;
ALTER TABLE pages DROP COLUMN added;
INSERT INTO pages VALUES (3, 'dropped');
ALTER TABLE pages RENAME COLUMN name TO title;
INSERT INTO pages VALUES (4, 'renamed');
ALTER TABLE pages ALTER COLUMN title TYPE varchar(20);
UPDATE pages SET title = 'rewritten' WHERE id = 4;
COMMIT;
SELECT action, id, data FROM changes();
ALTER TABLE pages RENAME COLUMN title TO name;

-- savepoints
BEGIN;
INSERT INTO pages VALUES (5, 'kept');
SAVEPOINT a;
INSERT INTO pages VALUES (6, 'lost');
ROLLBACK TO a;
SAVEPOINT b;
INSERT INTO pages VALUES (7, 'kept too');
RELEASE b;
COMMIT;
BEGIN; INSERT INTO pages VALUES (8, 'never'); ROLLBACK;
SELECT action, id, data ->> 'name' AS name FROM changes();

-- COPY: rows of one WAL record have positions of their own. A trigger for INSERT makes it write a record for each row; tables that
-- were tracked before there was one are tracked on.
COPY pages (id, name) FROM stdin;
7	seven
8	eight
9	nine
\.
SELECT d ->> 'entityId' AS id, split_part(d ->> 'position', '-', 3) AS k, count(*) OVER (PARTITION BY split_part(d ->> 'position', '-', 2)) AS of_record, d -> 'rowVersion' AS version
FROM (SELECT data::jsonb AS d FROM pg_logical_slot_get_changes('regress', NULL, NULL)) s;
DROP TRIGGER zz_txsync ON pages;
CREATE TRIGGER zz_txsync BEFORE UPDATE OR DELETE ON pages FOR EACH ROW EXECUTE FUNCTION txsync.row_trigger('entity', 'pages', 'id', 'id');
ALTER TABLE pages ENABLE ALWAYS TRIGGER zz_txsync;
COPY pages (id, name) FROM stdin;
10	ten
11	eleven
12	twelve
\.
SELECT d ->> 'entityId' AS id, d ->> 'position' ~ '^[0-9A-F]+/[0-9A-F]+-[0-9A-F]+/[0-9A-F]+-[0-9]+$' AS well_formed,
       split_part(d ->> 'position', '-', 3) AS k, count(*) OVER (PARTITION BY split_part(d ->> 'position', '-', 2)) AS of_record
FROM (SELECT data::jsonb AS d FROM pg_logical_slot_get_changes('regress', NULL, NULL)) s;

SELECT entity_type FROM txsync.track('pages');

-- TOAST: what an update leaves alone is not in the WAL, and said so; the old row has it under REPLICA IDENTITY FULL
INSERT INTO pages VALUES (20, 'long', repeat('x', 10000));
UPDATE pages SET name = 'longer' WHERE id = 20;
ALTER TABLE pages REPLICA IDENTITY FULL;
UPDATE pages SET name = 'longest' WHERE id = 20;
UPDATE pages SET body = repeat('y', 10000) WHERE id = 20;
UPDATE pages SET name = 'longest' WHERE id = 20;
ALTER TABLE pages REPLICA IDENTITY DEFAULT;
SELECT action, keys, data ->> 'name' AS name, left(data ->> 'body', 3) AS body, length(data ->> 'body'), more FROM changes();

-- a key change is a delete and a create
UPDATE pages SET id = 21 WHERE id = 20;
SELECT action, id, data IS NULL AS no_data, left(data ->> 'body', 3) AS body, more FROM changes();

-- names: quoted, with every kind of character, in any alphabet
CREATE SCHEMA "S ""1""";
CREATE TABLE "S ""1"""."Página — 頁 \" ("The ""Id""" text PRIMARY KEY, "naïve\name" text, "a	b" int, "select" bool, "org id" uuid);
SELECT relation, entity_type, id_columns FROM txsync.track('"S ""1"""."Página — 頁 \"', org_column => 'org id', hidden => '{select}');
INSERT INTO "S ""1"""."Página — 頁 \" VALUES (E'tab\t"quote" \\ ñ \u0001', E'line\nfeed', 1, true, '00000000-0000-4000-8000-000000000001');
DELETE FROM "S ""1"""."Página — 頁 \";
SELECT * FROM changes();

-- renamed, moved and dropped between the write and its decoding: the names are those of the write
INSERT INTO "S ""1"""."Página — 頁 \" VALUES ('1');
ALTER TABLE "S ""1"""."Página — 頁 \" RENAME TO plain;
ALTER TABLE "S ""1""".plain RENAME COLUMN "naïve\name" TO name;
ALTER TABLE "S ""1""".plain SET SCHEMA public;
INSERT INTO plain VALUES ('2');
SELECT relation, entity_type, id_columns FROM txsync.entities ORDER BY entity_type COLLATE "C";
DROP TABLE plain;
SELECT action, entity, id, data FROM changes();

-- tracking as it was at each change
CREATE TABLE later (id int PRIMARY KEY, a int);
INSERT INTO later VALUES (1);
BEGIN;
INSERT INTO later VALUES (2);
SELECT entity_type FROM txsync.track('later');
INSERT INTO later VALUES (3);
SELECT entity_type FROM txsync.track('later', entity_type => 'other', hidden => '{a}');
INSERT INTO later VALUES (4, 4);
SELECT txsync.untrack('later');
INSERT INTO later VALUES (5);
SELECT entity_type FROM txsync.track('later');
COMMIT;
INSERT INTO later VALUES (6, 6);
SELECT txsync.untrack('later');
INSERT INTO later VALUES (7);
SELECT action, entity, id, data FROM changes();

-- tracking follows renamed and dropped columns
CREATE TABLE named (id int PRIMARY KEY, org_id int, secret text, seen_at date, rank int, rest int);
SELECT entity_type FROM txsync.track('named', hidden => '{secret}', bookkeeping => '{seen_at}', strategies => '{"rank": "lww"}');
ALTER TABLE named RENAME id TO "the id";
ALTER TABLE named RENAME COLUMN org_id TO tenant;
ALTER TABLE named RENAME secret TO password;
ALTER TABLE named RENAME seen_at TO looked_at;
ALTER TABLE named RENAME rank TO place;
SELECT id_columns, org_column, hidden, bookkeeping, strategies FROM txsync.entities;
INSERT INTO named VALUES (1, 5, 'sesame', '2026-01-01', 1);
UPDATE named SET tenant = 6;
ALTER TABLE named DROP password, DROP looked_at, DROP place, DROP tenant;
UPDATE named SET rest = 1;
SELECT id_columns, org_column, hidden, bookkeeping, strategies FROM txsync.entities;
SELECT action, entity, id, org, data, more FROM changes();

-- a hidden column that was dropped is no reason to withhold data, and hidden again when it comes again, by whatever statement
ALTER TABLE named ADD password text DEFAULT 'sesame';
SELECT hidden FROM txsync.entities WHERE relation = 'named'::regclass;
UPDATE named SET rest = 2;
ALTER TABLE named RENAME password TO secret;
UPDATE named SET rest = 3;
ALTER TABLE named DROP secret, ADD secret text DEFAULT 'sesame';
UPDATE named SET rest = 4;
ALTER TABLE named DROP secret;
ALTER TABLE named RENAME rest TO secret;
UPDATE named SET secret = 5;
SELECT hidden FROM txsync.entities WHERE relation = 'named'::regclass;
ALTER TABLE named RENAME secret TO rest;
-- until track() says otherwise; and the id cannot be hidden
ALTER TABLE named RENAME rest TO password;
SET client_min_messages = notice;
SELECT hidden FROM txsync.track('named', hidden => '{password}');
SELECT hidden FROM txsync.track('named');
SET client_min_messages = warning;
ALTER TABLE named RENAME password TO rest;
UPDATE named SET rest = 6;
SELECT hidden FROM txsync.track('named', hidden => '{rest}');
ALTER TABLE named DROP rest;
ALTER TABLE named RENAME "the id" TO rest;
SELECT id_columns, hidden FROM txsync.entities WHERE relation = 'named'::regclass;
INSERT INTO named VALUES (2);
ALTER TABLE named RENAME rest TO "the id";
SELECT action, id, data FROM changes();

-- whatever statement renames or drops them
ALTER VIEW named RENAME COLUMN "the id" TO id;
ALTER MATERIALIZED VIEW named RENAME COLUMN id TO key;
ALTER FOREIGN TABLE named RENAME COLUMN key TO id;
SELECT id_columns FROM txsync.entities WHERE relation = 'named'::regclass;
CREATE TYPE shape AS (id int, org_id text, secret text, note text);
CREATE TABLE typed OF shape (PRIMARY KEY (id));
SELECT entity_type FROM txsync.track('typed', tx => false, hidden => '{secret}', bookkeeping => '{note}');
ALTER TYPE shape RENAME ATTRIBUTE id TO key CASCADE;
ALTER TYPE shape RENAME ATTRIBUTE secret TO password CASCADE;
SELECT id_columns, org_column, hidden, bookkeeping FROM txsync.entities WHERE relation = 'typed'::regclass;
ALTER TYPE shape DROP ATTRIBUTE note CASCADE;
SELECT id_columns, org_column, hidden, bookkeeping FROM txsync.entities WHERE relation = 'typed'::regclass;
CREATE DOMAIN code AS text;
CREATE SCHEMA passing;
CREATE DOMAIN passing.code AS text;
CREATE TABLE coded (id int PRIMARY KEY, org_id code, secret passing.code, rest int);
CREATE TABLE coded_child () INHERITS (coded);
ALTER TABLE coded_child ADD PRIMARY KEY (id);
SELECT entity_type FROM txsync.track('coded', hidden => '{secret}');
SELECT entity_type FROM txsync.track('coded_child', hidden => '{secret}', bookkeeping => '{rest}');
DROP DOMAIN code CASCADE;
DROP SCHEMA passing CASCADE;
ALTER TABLE coded DROP COLUMN rest;
SELECT relation, org_column, hidden, bookkeeping FROM txsync.entities WHERE relation IN ('coded'::regclass, 'coded_child'::regclass) ORDER BY 1;
INSERT INTO coded VALUES (1);
INSERT INTO typed VALUES (1, 'acme', 'sesame');
SELECT action, entity, id, org, data FROM changes();
DROP TABLE typed, coded, coded_child;
DROP TYPE shape;

-- composite keys: the id is the array of their texts
CREATE TABLE composite (b text, a int, c int, PRIMARY KEY (a, b));
SELECT id_columns FROM txsync.track('composite');
INSERT INTO composite VALUES ('x "y"', 1, 1);
UPDATE composite SET c = 2;
UPDATE composite SET b = 'z';
DELETE FROM composite;
SELECT action, id, data, more FROM changes();

-- generated columns, and a column that is hidden from the start
CREATE TABLE made (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED, secret text);
SELECT entity_type FROM txsync.track('made', hidden => '{secret}');
INSERT INTO made VALUES (1, DEFAULT, 'sesame');
ALTER TABLE made REPLICA IDENTITY FULL;
UPDATE made SET secret = 'open';
SELECT action, keys, data FROM changes();
SELECT count(*) FROM changes();
DROP TABLE pages, later, named, composite, made;
DROP SCHEMA "S ""1""";

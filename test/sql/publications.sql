-- A subscriber may name publications: their tables, actions, row filters and column lists are what it is told.
SET client_min_messages = warning;
CREATE TABLE pages (id int, org_id text, name text, secret text, PRIMARY KEY (id, org_id));
CREATE TABLE notes (id int PRIMARY KEY, body text);
CREATE TABLE tasks (id int, state text, title text, PRIMARY KEY (id, state)) PARTITION BY LIST (state);
CREATE TABLE tasks_open PARTITION OF tasks FOR VALUES IN ('open');
CREATE TABLE tasks_done (title text, state text NOT NULL, id int NOT NULL, tx jsonb, tx_versions bytea, PRIMARY KEY (id, state));
SELECT entity_type FROM txsync.track('pages', id_column => 'id');
SELECT entity_type FROM txsync.track('notes');
SELECT entity_type FROM txsync.track('tasks', id_column => 'id');
ALTER TABLE tasks ATTACH PARTITION tasks_done FOR VALUES IN ('done');
CREATE FUNCTION told(VARIADIC options text[]) RETURNS TABLE (action text, entity text, id text, tx text, data jsonb) LANGUAGE sql AS $$
    SELECT d ->> 'action', d ->> 'entityType', d ->> 'entityId', d -> 'tx' ->> 'transactionId', d -> 'data'
    FROM pg_logical_slot_peek_changes('regress', NULL, NULL, VARIADIC options) WITH ORDINALITY s(lsn, xid, line, n), LATERAL (SELECT line::jsonb AS d) j
    ORDER BY n
$$;
CREATE PUBLICATION acme FOR TABLE pages (id, org_id, name) WHERE (org_id = 'acme');
CREATE PUBLICATION inserted FOR TABLE pages, notes WITH (publish = 'insert');
CREATE PUBLICATION "of schema" FOR TABLES IN SCHEMA public;
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE PUBLICATION by_root FOR TABLE tasks WHERE (id > 1) WITH (publish_via_partition_root);
CREATE PUBLICATION by_leaf FOR TABLE tasks;

INSERT INTO pages VALUES (1, 'acme', 'one', 's'), (2, 'other', 'two', 's');
UPDATE pages SET name = 'one!', tx = tx('1300.0000.a', 'name') WHERE id = 1;
-- into what is published, and out of it
UPDATE pages SET org_id = 'acme', tx = tx('1300.0001.a', 'org_id') WHERE id = 2;
UPDATE pages SET org_id = 'other', tx = tx('1300.0002.a', 'org_id') WHERE id = 1;
DELETE FROM pages;
INSERT INTO notes VALUES (1, 'note');
INSERT INTO tasks VALUES (1, 'open', 'one'), (2, 'open', 'two');
UPDATE tasks SET title = 'two!' WHERE id = 2;
UPDATE tasks SET state = 'done' WHERE id = 2;
TRUNCATE notes;
SELECT * FROM told('publications', 'acme');
SELECT * FROM told('publications', 'inserted');
SELECT * FROM told('publications', 'acme, inserted', 'entity-types', 'pages');
SELECT count(*) FROM told('publications', '"of schema"');
SELECT count(*) FROM told('publications', 'everything');
SELECT count(*) FROM told('batch', 'off');
SELECT * FROM told('publications', 'by_root');
SELECT action, id FROM told('publications', 'by_leaf');
SELECT * FROM told('publications', 'gone');

-- the publications as they were at each change
ALTER PUBLICATION inserted DROP TABLE notes;
INSERT INTO notes VALUES (2, 'not published');
ALTER PUBLICATION inserted ADD TABLE notes (id) WHERE (id <> 4);
INSERT INTO notes VALUES (3, 'published in part'), (4, 'filtered');
SELECT action, id, data FROM told('publications', 'inserted', 'entity-types', 'notes');

-- names as they were at each change: of publications, schemas and, for partitions, of the root
ALTER PUBLICATION inserted RENAME TO added;
INSERT INTO notes VALUES (7, 'published as added');
ALTER PUBLICATION added RENAME TO inserted;
INSERT INTO notes VALUES (8, 'published as inserted');
CREATE SCHEMA here;
ALTER TABLE notes SET SCHEMA here;
INSERT INTO here.notes VALUES (9, 'in here');
ALTER SCHEMA here RENAME TO there;
INSERT INTO there.notes VALUES (10, 'in there');
ALTER SCHEMA there RENAME TO here;
INSERT INTO here.notes VALUES (11, 'in here');
ALTER TABLE here.notes SET SCHEMA public;
INSERT INTO tasks VALUES (12, 'open', 'of tasks');
ALTER TABLE tasks RENAME TO jobs;
INSERT INTO jobs VALUES (13, 'open', 'of jobs');
ALTER TABLE jobs SET SCHEMA here;
INSERT INTO here.jobs VALUES (14, 'open', 'of here.jobs');
ALTER TABLE here.jobs SET SCHEMA public;
ALTER TABLE jobs RENAME TO tasks;
INSERT INTO tasks VALUES (15, 'open', 'of tasks');
SELECT id FROM told('publications', 'inserted', 'entity-types', 'notes') WHERE id::int > 6;
SELECT id FROM told('publications', 'added') WHERE id::int > 6;
SELECT id FROM told('tables', 'here.*') WHERE id::int > 6;
SELECT id FROM told('tables', 'there.*') WHERE id::int > 6;
SELECT id FROM told('tables', 'public.tasks', 'actions', 'create') WHERE id::int > 6;
SELECT id FROM told('tables', 'public.jobs') WHERE id::int > 6;

-- a row filter that fails: as it was at the change, whatever it is now
CREATE PUBLICATION failing FOR TABLE notes WHERE (1 / (id - 5) < 2);
INSERT INTO notes VALUES (5, 'divides by zero'), (6, 'never reached');
ALTER PUBLICATION failing SET TABLE notes;
\set VERBOSITY terse
SELECT action, id FROM told('publications', 'failing');
\set VERBOSITY default
SELECT action, id FROM told('publications', 'everything', 'entity-types', 'notes');

-- a move between partitions is a delete and an insert to publications: without both it is told as what is left
CREATE PUBLICATION no_deletes FOR TABLE tasks WITH (publish = 'insert, update');
CREATE PUBLICATION no_inserts FOR TABLE tasks WITH (publish = 'update, delete');
CREATE PUBLICATION updates FOR TABLE tasks WITH (publish = 'update');
UPDATE tasks SET state = 'done', tx = tx('1300.0003.a', 'state') WHERE id = 1;
UPDATE tasks SET title = 'one!' WHERE id = 1;
SELECT action, id, tx, data ->> 'title' AS title FROM told('publications', 'no_deletes');
SELECT action, id, tx, data ->> 'title' AS title FROM told('publications', 'no_inserts');
SELECT action, id, tx, data ->> 'title' AS title FROM told('publications', 'updates');
DROP PUBLICATION no_deletes, no_inserts, updates;
DROP PUBLICATION acme, inserted, "of schema", everything, by_root, by_leaf, failing;
SELECT count(*) > 0 AS all FROM changes();
DROP SCHEMA here;
DROP TABLE pages, notes, tasks;
DROP FUNCTION told;

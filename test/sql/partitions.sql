-- Partitioned tables are tracked by their root, and a row that moves between partitions is one update.
SET client_min_messages = warning;
CREATE TABLE tasks (id int, state text, org_id text, title text, PRIMARY KEY (id, state)) PARTITION BY LIST (state);
CREATE TABLE tasks_open PARTITION OF tasks FOR VALUES IN ('open');
CREATE TABLE tasks_done (title text, state text NOT NULL, extra int, id int NOT NULL, org_id text, PRIMARY KEY (id, state));
ALTER TABLE tasks_done DROP COLUMN extra;
ALTER TABLE tasks ATTACH PARTITION tasks_done FOR VALUES IN ('done');
SELECT relation, id_columns, org_column FROM txsync.track('tasks', id_column => 'id');
SELECT tgrelid::regclass, tgenabled FROM pg_trigger WHERE tgname = 'zz_txsync' ORDER BY 1;

INSERT INTO tasks VALUES (1, 'open', 'acme', 'write');
INSERT INTO tasks VALUES (2, 'open', NULL, 'read');
UPDATE tasks SET title = 'write more' WHERE id = 1;
-- a move, with and without a declared tx and a change of organization
UPDATE tasks SET state = 'done', tx = tx('1100.0000.a', 'state') WHERE id = 1;
UPDATE tasks SET state = 'open' WHERE id = 1;
UPDATE tasks SET state = 'done', org_id = 'other';
SELECT action, id, org, tx, field, data, more FROM changes();
SELECT id, state, tx FROM tasks ORDER BY id;

-- moved and deleted in one transaction
BEGIN;
UPDATE tasks SET state = 'open', tx = tx('1100.0001.a', 'state') WHERE id = 1;
DELETE FROM tasks WHERE id = 1;
COMMIT;
SELECT action, id, org, tx, data FROM changes();

-- a move together with a new id is no update
UPDATE tasks SET id = 3, state = 'open' WHERE id = 2;
SELECT action, id, org, data FROM changes();

-- triggers in the way: one that writes elsewhere, one that keeps the row from arriving
CREATE TABLE log (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text);
SELECT entity_type FROM txsync.track('log');
CREATE FUNCTION log_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO log (what) VALUES (TG_OP);
    IF NEW.title = 'refuse me' THEN RETURN NULL; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER a_log BEFORE INSERT ON tasks_done FOR EACH ROW EXECUTE FUNCTION log_it();
UPDATE tasks SET state = 'done' WHERE id = 3;
UPDATE tasks SET state = 'open' WHERE id = 3;
UPDATE tasks SET title = 'refuse me' WHERE id = 3;
UPDATE tasks SET state = 'done' WHERE id = 3;
SELECT * FROM tasks;
SELECT action, entity, id, data ->> 'state' AS state FROM changes();

-- the delete is told before what empties the type
BEGIN;
INSERT INTO tasks VALUES (9, 'open');
UPDATE tasks SET title = 'refuse me' WHERE id = 9;
UPDATE tasks SET state = 'done' WHERE id = 9;
TRUNCATE tasks;
INSERT INTO tasks VALUES (9, 'open');
COMMIT;
SELECT action, entity, id, data ->> 'state' AS state FROM changes() WHERE entity <> 'log';
DELETE FROM tasks;
SELECT count(*) FROM changes();

-- partitions that come and go
CREATE TABLE tasks_late PARTITION OF tasks FOR VALUES IN ('late');
INSERT INTO tasks VALUES (4, 'late');
ALTER TABLE tasks DETACH PARTITION tasks_late;
INSERT INTO tasks_late VALUES (5, 'late');
ALTER TABLE tasks RENAME COLUMN id TO number;
INSERT INTO tasks VALUES (6, 'open');
DELETE FROM tasks WHERE number = 6;
SELECT action, entity, id, data FROM changes();
SELECT txsync.untrack('tasks', drop_columns => true);
SELECT count(*) FROM pg_trigger WHERE tgname = 'zz_txsync' AND tgrelid <> 'log'::regclass;
DROP TABLE tasks, tasks_late, log;
SELECT count(*) FROM changes();

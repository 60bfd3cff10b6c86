-- doctor(): one row per finding, with the statement that mends it. (wal_level, output_plugin_libraries and slots: test/t/doctor.pl.)
SET client_min_messages = warning;
CREATE TABLE pages (id int PRIMARY KEY, code text NOT NULL UNIQUE, secret text);
SELECT entity_type FROM txsync.track('pages', hidden => '{secret}');
CREATE VIEW findings AS SELECT severity, finding, remedy FROM txsync.doctor() WHERE finding !~ 'preloaded|slot regress';
SELECT * FROM findings;
-- each finding, mended by its own remedy
CREATE PROCEDURE mend() LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
    FOR r IN SELECT * FROM findings LOOP EXECUTE r.remedy; END LOOP;
END $$;
ALTER TABLE pages REPLICA IDENTITY NOTHING;
SELECT * FROM findings;
CALL mend();
SELECT * FROM findings;
ALTER TABLE pages REPLICA IDENTITY USING INDEX pages_code_key;
SELECT * FROM findings;
CALL mend();
SELECT * FROM findings;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER "zzz touch" BEFORE UPDATE ON pages FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER before_us BEFORE UPDATE ON pages FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER zzz_after AFTER UPDATE ON pages FOR EACH ROW EXECUTE FUNCTION touch();
SELECT * FROM findings;
CALL mend();
SELECT * FROM findings;
ALTER TABLE pages DISABLE TRIGGER zz_txsync;
SELECT * FROM findings;
CALL mend();
SELECT * FROM findings;
ALTER TABLE pages DROP COLUMN tx;
SELECT * FROM findings;
CALL mend();
SELECT * FROM findings;
-- capture as its row tells of it, and the worst first (while it runs: test/t/doctor.pl)
SELECT txsync.pause();
SELECT * FROM findings;
CREATE TRIGGER "zzz touch" BEFORE UPDATE ON pages FOR EACH ROW EXECUTE FUNCTION touch();
UPDATE txsync.capture_state SET position = '0/1', gap_end = '0/2', last_error = 'the slot is gone';
SELECT * FROM findings;
SELECT severity, count(*) FROM txsync.doctor() WITH ORDINALITY d(severity, finding, remedy, n) GROUP BY severity ORDER BY min(n);
UPDATE txsync.capture_state SET gap_end = NULL, last_error = E'no room\nat all';
SELECT * FROM findings;
DROP TRIGGER "zzz touch" ON pages;
UPDATE txsync.capture_state SET last_error = NULL;
CALL mend();
SELECT * FROM findings;
-- a rename that nothing followed: the data of such a table are withheld
CREATE TABLE other (id int PRIMARY KEY);
SELECT entity_type FROM txsync.track('other', entity_type => 'x');
CREATE OR REPLACE TRIGGER zz_txsync BEFORE UPDATE OR DELETE ON other FOR EACH ROW EXECUTE FUNCTION txsync.row_trigger('entity', 'pages', 'id', 'id');
ALTER TABLE other ENABLE ALWAYS TRIGGER zz_txsync;
SELECT * FROM findings;
CALL mend();
SELECT * FROM findings;
DROP TABLE other;
ALTER EVENT TRIGGER txsync_follow_ddl DISABLE;
ALTER TABLE pages RENAME secret TO password;
ALTER EVENT TRIGGER txsync_follow_ddl ENABLE;
SELECT * FROM findings;
-- names that mean something to format(), or end a comment
CREATE TABLE "100%s %L" (id int PRIMARY KEY, "a
b" int);
SELECT entity_type FROM txsync.track('"100%s %L"', hidden => E'{"a\nb"}');
ALTER EVENT TRIGGER txsync_follow_ddl DISABLE;
ALTER TABLE "100%s %L" RENAME "a
b" TO c;
ALTER EVENT TRIGGER txsync_follow_ddl ENABLE;
SELECT * FROM findings WHERE finding LIKE '%100%';
-- tracking that lost its name
CREATE TABLE odd (id int PRIMARY KEY);
SELECT entity_type FROM txsync.track('odd');
ALTER TRIGGER zz_txsync ON odd RENAME TO a_txsync;
SELECT * FROM findings WHERE finding LIKE '%odd%';
SELECT remedy FROM findings WHERE finding LIKE '%odd%' \gexec
SELECT * FROM findings WHERE finding LIKE '%odd%';
ALTER TRIGGER zz_txsync ON odd RENAME TO a_txsync;
SELECT entity_type FROM txsync.track('odd');
SELECT * FROM findings WHERE finding LIKE '%odd%';
-- deletes that row security lets nobody know of
CREATE FUNCTION may_know(entity_id text, org_id text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
ALTER TABLE odd ENABLE ROW LEVEL SECURITY;
SELECT * FROM findings WHERE finding LIKE '%odd%';
SELECT replace(remedy, '...', 'may_know') FROM findings WHERE finding LIKE '%odd%' \gexec
SELECT * FROM findings WHERE finding LIKE '%odd%';
DROP TABLE odd, "100%s %L";
DROP FUNCTION may_know;
INSERT INTO pages VALUES (1, 'x', 'sesame');
SELECT action, id, data FROM changes();
DROP VIEW findings;
DROP TABLE pages;
-- leaves no mess, and needs no CASCADE for it
CREATE TABLE pages (id int PRIMARY KEY);
SELECT entity_type FROM txsync.track('pages');
INSERT INTO pages VALUES (1);
DROP EXTENSION txsync;
SELECT id, tx, tx_versions IS NOT NULL AS has_versions FROM pages;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'pages'::regclass;
INSERT INTO pages VALUES (2);
SELECT data::jsonb -> 'data' FROM pg_logical_slot_get_changes('regress', NULL, NULL);
CREATE EXTENSION txsync;
SELECT * FROM txsync.entities;
SELECT pg_drop_replication_slot('regress');

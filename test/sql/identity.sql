-- A table that loses its replica identity after track(): it is told on, without what the WAL does not have.
SET client_min_messages = warning;
CREATE TABLE pages (id text PRIMARY KEY, org_id text, name text) WITH (toast_tuple_target = 128);
ALTER TABLE pages ALTER org_id SET STORAGE external;
CREATE TABLE parts (id int, state text, PRIMARY KEY (id, state)) PARTITION BY LIST (state);
CREATE TABLE parts_open PARTITION OF parts FOR VALUES IN ('open');
CREATE TABLE parts_done PARTITION OF parts FOR VALUES IN ('done');
SELECT entity_type FROM txsync.track('pages') UNION SELECT entity_type FROM txsync.track('parts', id_column => 'id');
CREATE PROCEDURE write(run text) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pages VALUES ('1', 'acme', 'one'), (repeat('2', 100000), repeat('o', 3000), 'two');
    UPDATE pages SET name = 'new', tx = tx(run || '.0000.a', 'name');
    UPDATE pages SET org_id = 'other' WHERE id = '1';
    UPDATE pages SET id = '3' WHERE id = '1';
    UPDATE pages SET tx = tx(run || '.0001.a');
    DELETE FROM pages;
    INSERT INTO parts VALUES (1, 'open');
    UPDATE parts SET state = 'done';
    UPDATE parts SET id = 2;
    DELETE FROM parts;
    COMMIT;
END $$;
-- Every line is whole, whatever it lacks; the next change comes.
CREATE FUNCTION told(VARIADIC options text[] DEFAULT '{}', OUT action text, OUT id text, OUT org text, OUT tx text, OUT unchanged text, OUT old jsonb) RETURNS SETOF record LANGUAGE sql AS $$
    SELECT d ->> 'action', left(d ->> 'entityId', 3), left(d ->> 'organizationId', 5), d -> 'tx' ->> 'transactionId', d ->> 'unchangedKeys', coalesce(d -> 'oldKey', d -> 'old')
    FROM pg_logical_slot_peek_changes('regress', NULL, NULL, VARIADIC options) WITH ORDINALITY s(lsn, xid, line, n), LATERAL (SELECT line::jsonb AS d) j
    ORDER BY n
$$;
ALTER TABLE pages REPLICA IDENTITY NOTHING;
ALTER TABLE parts_open REPLICA IDENTITY NOTHING;
ALTER TABLE parts_done REPLICA IDENTITY NOTHING;
CALL write('1601');
SELECT * FROM told('include-old', 'on');
SELECT finding, remedy FROM txsync.doctor() WHERE finding ~ 'identity';
SELECT count(*) FROM changes();
-- the same without a primary key: track() refuses what it has taken before
ALTER TABLE pages REPLICA IDENTITY DEFAULT, DROP CONSTRAINT pages_pkey;
ALTER TABLE parts_open REPLICA IDENTITY DEFAULT;
ALTER TABLE parts_done REPLICA IDENTITY DEFAULT;
ALTER TABLE parts DROP CONSTRAINT parts_pkey;
CALL write('1602');
SELECT * FROM told('include-old', 'on');
SELECT finding, remedy FROM txsync.doctor() WHERE finding ~ 'identity';
SELECT count(*) FROM changes();
SELECT txsync.track('pages');
SELECT txsync.track('pages', id_column => 'id');
-- and with an index as identity that is dropped
ALTER TABLE pages ADD UNIQUE (id);
ALTER TABLE pages REPLICA IDENTITY USING INDEX pages_id_key;
SELECT entity_type FROM txsync.track('pages', id_column => 'id');
ALTER TABLE pages DROP CONSTRAINT pages_id_key;
INSERT INTO pages VALUES ('1');
DELETE FROM pages;
SELECT * FROM told();
SELECT count(*) FROM changes();
-- an index as identity that does not have the id: what the WAL does not tell is not told, and no id is taken for another
ALTER TABLE pages ADD UNIQUE (id), ADD code int NOT NULL DEFAULT 1, ADD UNIQUE (code);
ALTER TABLE pages REPLICA IDENTITY USING INDEX pages_code_key;
INSERT INTO pages VALUES ('1', 'acme', 'one');
UPDATE pages SET name = 'new', tx = tx('1600.0002.a', 'name');
UPDATE pages SET code = 2, tx = tx('1600.0003.a', 'code');
UPDATE pages SET code = 3, org_id = 'other';
UPDATE pages SET code = 4, id = '2', tx = tx('1600.0004.a', 'id');
DELETE FROM pages;
SELECT * FROM told('include-old', 'on');
CREATE PUBLICATION low FOR TABLE pages WHERE (code < 3);
INSERT INTO pages VALUES ('1', 'acme', 'one');
UPDATE pages SET code = 3;
UPDATE pages SET code = 2;
SELECT * FROM told('publications', 'low');
DROP PUBLICATION low;
DELETE FROM pages;
SELECT count(*) FROM changes();
ALTER TABLE pages DROP code, DROP CONSTRAINT pages_id_key;
-- what doctor() says mends it
ALTER TABLE pages REPLICA IDENTITY FULL;
INSERT INTO pages VALUES ('1');
DELETE FROM pages;
SELECT * FROM told();
SELECT count(*) FROM changes();
DROP TABLE pages, parts;
DROP PROCEDURE write;
DROP FUNCTION told;

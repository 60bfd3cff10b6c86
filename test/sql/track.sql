-- track() and untrack(): what they give a table, and what they refuse.
CREATE TABLE notes (id int PRIMARY KEY, org_id text, body text, secret text, updated_at timestamptz);
SELECT * FROM txsync.track('notes');
\d notes
SELECT attname, col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attname LIKE 'tx%' ORDER BY attnum;
-- again: nothing is added
SELECT entity_type, org_column FROM txsync.track('notes');
-- with other arguments
SELECT * FROM txsync.track('notes', entity_type => 'note', org_column => '', hidden => '{secret}', bookkeeping => '{}',
                           strategies => '{"body": "lww", "org_id": "manual"}', notify => 'full');
SELECT * FROM txsync.entities;
-- a column counts once
SELECT hidden, bookkeeping FROM txsync.track('notes', hidden => '{secret,secret}', bookkeeping => '{body,secret,body}');
-- without them again: what was hidden is said to be seen
SELECT entity_type, hidden FROM txsync.track('notes');
SELECT txsync.untrack('notes');
SELECT * FROM txsync.entities;
SELECT txsync.untrack('notes');
SELECT entity_type FROM txsync.track('notes');
SELECT txsync.untrack('notes', drop_columns => true);
SELECT attname FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attnum > 0 AND NOT attisdropped;

-- refusals, each with what mends it; nothing is changed
CREATE FUNCTION refused(call text) RETURNS TABLE (state text, message text, detail text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SELECT txsync.track(' || call || ')';
    RETURN QUERY SELECT 'accepted', call, '', '';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN NEXT;
END $$;
CREATE TABLE keyless (a int, b text);
CREATE TABLE nothing (id int PRIMARY KEY);
ALTER TABLE nothing REPLICA IDENTITY NOTHING;
CREATE TABLE other_key (id int PRIMARY KEY, u uuid NOT NULL UNIQUE);
ALTER TABLE other_key REPLICA IDENTITY USING INDEX other_key_u_key;
CREATE TABLE nullable (id int PRIMARY KEY, code text);
CREATE VIEW seen AS SELECT * FROM notes;
CREATE TEMP TABLE passing (id int PRIMARY KEY);
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);
CREATE TABLE text_tx (id int PRIMARY KEY, tx text);
CREATE DOMAIN jsonb_domain AS jsonb;
CREATE TABLE domain_tx (id int PRIMARY KEY, tx jsonb_domain);
CREATE TABLE needed_tx (id int PRIMARY KEY, tx jsonb NOT NULL);
CREATE TABLE made_tx (id int PRIMARY KEY, tx jsonb GENERATED ALWAYS AS ('{}') STORED);
CREATE TABLE taken (id int PRIMARY KEY);
SELECT entity_type FROM txsync.track('taken', entity_type => 'notes');
CREATE TABLE parted (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parted_eu PARTITION OF parted FOR VALUES IN ('eu');
CREATE TABLE parted_us PARTITION OF parted FOR VALUES IN ('us');
ALTER TABLE parted_us REPLICA IDENTITY NOTHING;
CREATE TABLE triggered (id int PRIMARY KEY);
CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER zz_txsync BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION theirs();
CREATE TYPE point_of AS (x int, y int);
CREATE DOMAIN places AS int[];
CREATE TYPE span AS RANGE (SUBTYPE = int4, SUBTYPE_DIFF = int4range_subdiff);
CREATE DOMAIN low AS int;
CREATE TYPE low_span AS RANGE (SUBTYPE = low, MULTIRANGE_TYPE_NAME = low_spans);
CREATE TABLE made_of (id span PRIMARY KEY, p point_of NOT NULL, a text[] NOT NULL, d places NOT NULL, l low_span NOT NULL, m low_spans NOT NULL);
ALTER TABLE made_of REPLICA IDENTITY FULL;
\x on
SELECT r.* FROM unnest(ARRAY[
    $$'keyless'$$, $$'nothing'$$, $$'other_key'$$, $$'other_key', id_column => 'gone'$$, $$'nullable', id_column => 'code'$$, $$'seen'$$, $$'passing'$$,
    $$'unlogged'$$, $$'pg_class'$$, $$'text_tx'$$, $$'domain_tx'$$, $$'needed_tx'$$, $$'made_tx'$$, $$'notes'$$, $$'parted_eu'$$, $$'parted'$$,
    $$'triggered'$$, $$'nullable', entity_type => ''$$, $$'nullable', org_column => 'gone'$$, $$'nullable', hidden => '{gone}'$$,
    $$'nullable', hidden => '{id}'$$, $$'nullable', hidden => '{NULL}'$$, $$'nullable', bookkeeping => '{gone}'$$, $$'nullable', strategies => '[]'$$,
    $$'nullable', strategies => '{"code": "best"}'$$, $$'nullable', strategies => '{"gone": "lww"}'$$, $$'nullable', notify => 'all'$$,
    $$'nullable', notify => NULL$$, $$'nullable', delete_visible => 'now()'$$, $$NULL$$,
    $$'made_of', id_column => 'p'$$, $$'made_of', id_column => 'a'$$, $$'made_of', id_column => 'd'$$, $$'made_of', id_column => 'l'$$, $$'made_of', id_column => 'm'$$]) call, LATERAL refused(call) r;
-- a unique index is a smaller identity than the whole row, where the server takes it
CREATE TABLE coded (id int PRIMARY KEY, code text NOT NULL, alias text, UNIQUE (code) DEFERRABLE, UNIQUE (code, alias));
CREATE UNIQUE INDEX coded_partial ON coded (code) WHERE id > 0;
CREATE UNIQUE INDEX coded_expression ON coded (code, lower(code));
SELECT hint FROM refused($$'coded', id_column => 'code'$$);
CREATE UNIQUE INDEX coded_wide ON coded (id, code) INCLUDE (alias);
SELECT hint FROM refused($$'coded', id_column => 'code'$$);
CREATE UNIQUE INDEX "coded Narrow" ON coded (code);
SELECT hint FROM refused($$'coded', id_column => 'code'$$) \gset
\echo :hint
:hint
SELECT id_columns FROM txsync.track('coded', id_column => 'code');
DROP TABLE coded;
\x off
SELECT relation, entity_type FROM txsync.entities;
SELECT count(*) FROM pg_trigger WHERE tgname = 'zz_txsync' AND tgrelid <> 'triggered'::regclass;

-- what works with the key named, or with tx left out
ALTER TABLE keyless REPLICA IDENTITY FULL;
ALTER TABLE keyless ALTER a SET NOT NULL;
SELECT id_columns, tx FROM txsync.track('made_of');
SELECT id_columns, tx FROM txsync.track('keyless', id_column => 'a');
SELECT id_columns, tx FROM txsync.track('other_key', id_column => 'u', tx => false);
SELECT id_columns, tx FROM txsync.track('text_tx', tx => false);
ALTER TABLE parted_us REPLICA IDENTITY DEFAULT;
SELECT relation, id_columns FROM txsync.track('parted');
CREATE FUNCTION may_see(entity_id text, org_id text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
SELECT delete_visible FROM txsync.track('nullable', delete_visible => 'may_see(text, text)');

-- only the owner
CREATE ROLE regress_other;
GRANT ALL ON notes, taken TO regress_other;
SET ROLE regress_other;
SELECT txsync.track('notes', entity_type => 'mine');
SELECT txsync.untrack('taken');
SELECT txsync.track('pg_class');
SELECT txsync.untrack('pg_class', drop_columns => true);
SELECT txsync.untrack('seen');
SELECT txsync.untrack(1);
SELECT * FROM txsync.doctor();
SELECT * FROM txsync.findings();
CREATE TEMP TABLE t (id int PRIMARY KEY);
CREATE TRIGGER t BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION txsync.row_trigger();
SELECT count(*) > 0 AS readable FROM txsync.entities;
RESET ROLE;
-- an owner who is no superuser
CREATE SCHEMA theirs AUTHORIZATION regress_other;
SET ROLE regress_other;
CREATE TABLE theirs.own (id int PRIMARY KEY);
SELECT entity_type FROM txsync.track('theirs.own');
ALTER TABLE theirs.own RENAME COLUMN id TO key;
SELECT id_columns FROM txsync.entities WHERE entity_type = 'own';
-- he is told what is missing on the server and for his table, and of no other's
RESET ROLE;
ALTER TABLE taken DISABLE TRIGGER zz_txsync;
CREATE TRIGGER odd BEFORE DELETE ON theirs.own FOR EACH ROW EXECUTE FUNCTION txsync.row_trigger();
SELECT scope, relation, finding FROM txsync.findings() WHERE severity = 'error' ORDER BY finding;
SET ROLE regress_other;
SELECT entity_type FROM txsync.track('theirs.own');
RESET ROLE;
ALTER TABLE taken ENABLE ALWAYS TRIGGER zz_txsync;
DROP TRIGGER odd ON theirs.own;
SELECT txsync.untrack('theirs.own', true);

-- the view's function is for everybody, with any bytes
SELECT txsync.tracking('\x656e74697479006100696400696400');
SELECT txsync.tracking('\x656e746974790061ff00696400696400');
SELECT txsync.tracking('\x'), txsync.tracking('\x00'), txsync.tracking('\xff');

-- the trigger is not for hand-made use
CREATE TRIGGER odd BEFORE UPDATE ON nothing FOR EACH ROW EXECUTE FUNCTION txsync.row_trigger('what');
INSERT INTO nothing VALUES (1);
UPDATE nothing SET id = 2;
DROP TRIGGER odd ON nothing;
CREATE TRIGGER odd BEFORE INSERT ON nothing FOR EACH STATEMENT EXECUTE FUNCTION txsync.row_trigger('entity', 'n', 'id', 'id');
INSERT INTO nothing VALUES (3);
DROP TRIGGER odd ON nothing;
CREATE TRIGGER odd AFTER UPDATE ON nothing FOR EACH ROW EXECUTE FUNCTION txsync.row_trigger('entity', 'n', 'id', 'id');
UPDATE nothing SET id = 2;

DROP TABLE made_of, keyless, nothing, other_key, nullable, unlogged, text_tx, domain_tx, needed_tx, made_tx, taken, parted, triggered;
DROP TYPE span, low_span, point_of;
DROP DOMAIN low, places;
DROP SCHEMA theirs CASCADE;
DROP TABLE notes CASCADE;
DROP OWNED BY regress_other;
DROP ROLE regress_other;
SELECT * FROM txsync.entities;
SELECT count(*) FROM changes();

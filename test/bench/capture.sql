-- What capture is measured on. Needs the variable conninfo: where the database tracked is for a subscription.
--   tracked  has the extension. backlog is also published; pages is what the writers update
--   replica  gets backlog by native logical replication: the same table, its primary key only
--   plain    has pages as they are without the extension
\set backlog 'CREATE TABLE backlog (id int PRIMARY KEY, organization_id uuid NOT NULL, name text, status text, modified_at timestamptz, tx jsonb, tx_versions bytea)'
\set pages 'CREATE TABLE pages (id int PRIMARY KEY, organization_id uuid NOT NULL, name text, status text, modified_at timestamptz, tx jsonb)'
CREATE DATABASE tracked;
CREATE DATABASE replica;
CREATE DATABASE plain;

\connect plain
:pages;

\connect tracked
:backlog;
:pages;
SET client_min_messages = warning;
CREATE EXTENSION txsync;
SELECT count(*) FROM (VALUES ('backlog'), ('pages')) t(name), txsync.track(name::regclass);
CREATE PUBLICATION native FOR TABLE backlog;

-- An id is claimed once: those of each run are others.
CREATE FUNCTION tx(n int, run text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS
    $$ SELECT jsonb_build_object('transactionId', 1761000000000 + n || '.0001.node-' || run, 'sourceId', 'tab', 'changedField', 'name') $$;
CREATE FUNCTION organization(n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS
    $$ SELECT ('00000000-0000-4000-8000-' || lpad((n % 50)::text, 12, '0'))::uuid $$;
CREATE PROCEDURE write_singles(changes int) LANGUAGE plpgsql AS $$
DECLARE run text := pg_current_xact_id();
BEGIN
    FOR i IN 1 .. changes LOOP
        INSERT INTO backlog VALUES (i, organization(i), 'Page number ' || i, 'draft', now(), tx(i, run));
        COMMIT;
    END LOOP;
END $$;
CREATE PROCEDURE write_bulk(changes int) LANGUAGE plpgsql AS $$
DECLARE run text := pg_current_xact_id();
BEGIN
    INSERT INTO backlog SELECT i, organization(i), 'Page number ' || i, 'draft', now(), tx(i, run) FROM generate_series(1, changes) i;
END $$;

\connect replica
:backlog;
CREATE SUBSCRIPTION native CONNECTION :'conninfo' PUBLICATION native WITH (enabled = false, create_slot = false, slot_name = 'native', copy_data = false);
-- Commits are applied in their order: who sees the last row sees all.
CREATE PROCEDURE await_row(last int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 120000 LOOP
        IF EXISTS (SELECT FROM backlog WHERE id = last) THEN
            RETURN;
        END IF;
        PERFORM pg_sleep(0.005);
    END LOOP;
    RAISE 'row % does not come', last;
END $$;

-- What test/bench/fetch measures on: `changes` activities of `rows` entities in their table, of which one in ten was deleted. Needs these variables.
SET client_min_messages = warning;
CREATE EXTENSION txsync;
CREATE TABLE pages (id int PRIMARY KEY, organization_id text NOT NULL, name text, status text, body text, n int, updated_at timestamptz DEFAULT now());
INSERT INTO pages SELECT g, 'org-' || g % 100, 'Page number ' || g, 'draft', repeat('text ', 20), g FROM generate_series(1, :rows) g;
SELECT entity_type FROM txsync.track('pages');
UPDATE pages SET name = name || '.', tx = jsonb_build_object('transactionId', '1795000000000.0001.' || id, 'sourceId', 'tab', 'changedField', 'name');
DELETE FROM pages WHERE id % 10 = 0;

-- As the capture worker writes them: partitions of ten million.
SELECT format('CREATE TABLE txsync.activity_%s PARTITION OF txsync.activity FOR VALUES FROM (%s) TO (%s)', p, p * 10000000, (p + 1) * 10000000)
FROM generate_series(0, :changes / 10000000) p \gexec
INSERT INTO txsync.activity (id, epoch, commit_lsn, change_lsn, k, xid, committed_at, entity_type, entity_id, org_id, action, changed_keys, tx, version, row_version)
SELECT g, 1, '0/10', '0/8', 0, '700', now(), 'pages', e.id, 'org-' || e.id % 100, CASE WHEN e.id % 10 = 0 THEN 'delete' ELSE 'update' END, '{name}',
       jsonb_build_object('transactionId', '1795000000000.0001.' || g, 'sourceId', 'tab', 'changedField', 'name'), '1795000000000.0001.' || g, 2
FROM generate_series(1, :changes) g, LATERAL (SELECT 1 + (g::bigint * 7919) % :rows AS id) e;
DELETE FROM txsync.capture_state;
INSERT INTO txsync.capture_state (system_identifier, database, epoch, timeline, position, last_id)
SELECT system_identifier, database, 1, 1, '0/10', :changes FROM txsync.capture_worker();
VACUUM ANALYZE;

-- Readers, whom the script has created: one whom nothing holds, and one of all organizations but the last, whom row security does.
GRANT SELECT ON pages TO free, held;
CREATE FUNCTION may_know(entity_id text, org_id text) RETURNS boolean LANGUAGE sql STABLE RETURN org_id <> 'org-99';
SELECT entity_type FROM txsync.track('pages', delete_visible => 'may_know(text,text)');

-- Server time of calls at random cursors, in ms. Each call is a statement of its own.
CREATE FUNCTION measure(calls int, latest boolean DEFAULT false, organizations text[] DEFAULT NULL) RETURNS SETOF float8 LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz;
    last bigint := current_setting('bench.changes')::bigint - 200;
BEGIN
    FOR i IN 1 .. calls LOOP
        began := clock_timestamp();
        PERFORM txsync.fetch_changes((random() * last)::bigint::text, 100, NULL, organizations, latest);
        RETURN NEXT extract(epoch FROM clock_timestamp() - began) * 1000;
    END LOOP;
END $$;

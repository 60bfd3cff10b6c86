-- What compaction is measured on. Needs the variable rows: a changelog of so many activities, ten of each entity, of three fields, and the same rows
-- once more to begin anew from.
SET client_min_messages = warning;
CREATE EXTENSION txsync;
CREATE TABLE pages (id int PRIMARY KEY, organization_id text, name text, n int DEFAULT 0);
SELECT txsync.track('pages');
INSERT INTO pages SELECT i, 'org-' || i % 50, 'Page ' || i FROM generate_series(1, 100000) i;
CREATE TABLE base AS
SELECT g::bigint AS id, 1::bigint AS epoch, '0/1'::pg_lsn AS commit_lsn, '0/1'::pg_lsn AS change_lsn, 0 AS k, '700'::xid AS xid, NULL::text AS origin, now() - interval '10 days' AS committed_at,
       'pages'::text AS entity_type, e::text AS entity_id, 'org-' || e % 50 AS org_id, NULL::text AS old_org_id, NULL::boolean AS old_org_null, 'update'::text AS action, ARRAY[f] AS changed_keys,
       jsonb_build_object('transactionId', 1761000000000 + g || '.0001.node', 'sourceId', 'tab', 'changedField', f) AS tx, 1761000000000 + g || '.0001.node' AS version, 1::bigint AS row_version,
       NULL::jsonb AS annotation, NULL::jsonb AS payload
FROM generate_series(1, :rows) g, LATERAL (SELECT (hashint8(g)::bigint + 2147483648) % greatest(:rows / 10, 1) AS e, (ARRAY['name', 'status', 'body'])[1 + g % 3] AS f) r;
-- Partitions as capture makes them, with nothing in them.
CREATE PROCEDURE begin_anew() LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE txsync.activity;
    FOR n IN 0 .. (SELECT max(id) - 1 FROM base) / 10000000 LOOP
        CONTINUE WHEN to_regclass('txsync.activity_' || n) IS NOT NULL;
        EXECUTE format('CREATE TABLE txsync.activity_%s PARTITION OF txsync.activity FOR VALUES FROM (%s) TO (%s)', n, n * 10000000 + 1, (n + 1) * 10000000 + 1);
        EXECUTE format('ALTER TABLE txsync.activity_%s REPLICA IDENTITY NOTHING', n);
        EXECUTE format('ALTER EXTENSION txsync ADD TABLE txsync.activity_%s', n);
    END LOOP;
    INSERT INTO txsync.activity SELECT * FROM base;
    UPDATE txsync.capture_state SET last_id = (SELECT max(id) FROM base);
END $$;

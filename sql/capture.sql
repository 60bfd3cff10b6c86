-- The changelog, and the worker that keeps it.

CREATE TABLE activity (
    id bigint PRIMARY KEY,
    epoch bigint NOT NULL,
    commit_lsn pg_lsn NOT NULL,
    change_lsn pg_lsn NOT NULL,
    k integer NOT NULL,
    xid xid NOT NULL,
    origin text,
    committed_at timestamptz NOT NULL,
    entity_type text,
    entity_id text,
    org_id text,
    old_org_id text,
    action text NOT NULL,
    changed_keys text[],
    tx jsonb,
    version text,
    row_version bigint,
    annotation jsonb,
    payload jsonb
) PARTITION BY RANGE (id);
CREATE INDEX activity_org ON activity (org_id, id);
CREATE INDEX activity_transaction ON activity ((tx ->> 'transactionId'));
CREATE INDEX activity_field ON activity (entity_type, entity_id, (tx ->> 'changedField'), id);
COMMENT ON TABLE activity IS 'The changelog: one row per change of a tracked table, without the entity''s content, in commit order of id. Partitions of 10 million ids; the capture worker writes it.';
COMMENT ON COLUMN activity.id IS 'Rises in commit order; may have gaps.';
COMMENT ON COLUMN activity.epoch IS 'Differs where LSNs or ids could repeat: see txsync.capture.';
COMMENT ON COLUMN activity.k IS 'With commit_lsn and change_lsn the position of docs/format.md.';
COMMENT ON COLUMN activity.old_org_id IS 'The organization that an update took the entity from.';
COMMENT ON COLUMN activity.changed_keys IS 'Null where the WAL does not tell.';

CREATE TABLE sync_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sync_type text NOT NULL,
    status text NOT NULL,
    code text,
    records_synced bigint,
    error_message text,
    detail jsonb,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE sync_log IS 'What operators want to know of afterwards: status OK, WARNING, ERROR or CRITICAL, with a stable code.';

CREATE TABLE capture_state (
    system_identifier text,
    database oid,
    epoch bigint,
    position pg_lsn,
    last_id bigint NOT NULL DEFAULT 0,
    paused boolean NOT NULL DEFAULT false,
    last_error text,
    last_error_at timestamptz,
    PRIMARY KEY (system_identifier, database)
) WITH (fillfactor = 20);
COMMENT ON TABLE capture_state IS 'How far the changelog goes: written in the transaction that writes its rows. A row that came with a copy of the database, or by replication, is another''s. Read it through txsync.capture.';

CREATE FUNCTION capture_worker(OUT system_identifier text, OUT database oid, OUT pid integer, OUT state text, OUT captured pg_lsn) RETURNS record
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME';
REVOKE ALL ON FUNCTION capture_worker() FROM PUBLIC;
COMMENT ON FUNCTION capture_worker() IS 'What the capture worker of this database says of itself, and whose row of capture_state is its own. For the view capture.';

CREATE FUNCTION wake_capture() RETURNS void
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME';
REVOKE ALL ON FUNCTION wake_capture() FROM PUBLIC;
COMMENT ON FUNCTION wake_capture() IS 'Makes the launcher and the worker look again when this transaction has committed.';

CREATE VIEW capture AS
SELECT CASE WHEN s.paused THEN 'paused' ELSE w.state END AS state, w.pid, s.epoch, s.position, w.captured, s.last_id,
       CASE WHEN pg_catalog.pg_is_in_recovery() OR w.captured IS NULL THEN NULL ELSE greatest(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_flush_lsn(), w.captured), 0) END AS lag_bytes,
       s.last_error, s.last_error_at
FROM @extschema@.capture_worker() w LEFT JOIN @extschema@.capture_state s USING (system_identifier, database);
COMMENT ON VIEW capture IS 'The capture worker: state (off, starting, streaming, paused), epoch, the position up to which the changelog is complete, bytes of WAL behind, last error.';

CREATE FUNCTION pause() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
INSERT INTO @extschema@.capture_state AS s (system_identifier, database, paused)
SELECT w.system_identifier, w.database, true FROM @extschema@.capture_worker() w
ON CONFLICT (system_identifier, database) DO UPDATE SET paused = true WHERE NOT s.paused;
SELECT @extschema@.wake_capture();
END;
REVOKE ALL ON FUNCTION pause() FROM PUBLIC;
COMMENT ON FUNCTION pause() IS 'Capture stops until resume(), also over restarts; its slot keeps the WAL meanwhile. Paused already: nothing happens.';

CREATE FUNCTION resume() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
UPDATE @extschema@.capture_state s SET paused = false FROM @extschema@.capture_worker() w
WHERE s.system_identifier = w.system_identifier AND s.database = w.database AND s.paused;
SELECT @extschema@.wake_capture();
END;
REVOKE ALL ON FUNCTION resume() FROM PUBLIC;
COMMENT ON FUNCTION resume() IS 'Capture goes on after pause(). Not paused: nothing happens.';

CREATE FUNCTION wait_captured(lsn pg_lsn, timeout interval DEFAULT '10 s') RETURNS boolean
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME';
REVOKE ALL ON FUNCTION wait_captured(pg_lsn, interval) FROM PUBLIC;
COMMENT ON FUNCTION wait_captured(pg_lsn, interval) IS
'Waits until all that committed before lsn is in the changelog; false at the timeout. Errors: 22023 for an lsn that this server has not reached, 55000 when no worker runs, 25001 in a transaction that has written: its own changes are captured after its commit.';

SELECT wake_capture();

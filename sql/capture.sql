-- The changelog, and the worker that keeps it.

CREATE TABLE activity (
    id bigint PRIMARY KEY WITH (fillfactor = 100),
    epoch bigint NOT NULL,
    commit_lsn pg_lsn NOT NULL,
    change_lsn pg_lsn NOT NULL,
    k integer NOT NULL,
    xid xid NOT NULL,
    origin text,
    committed_at timestamptz NOT NULL,
    entity_type text COLLATE "C",
    entity_id text COLLATE "C",
    org_id text COLLATE "C",
    old_org_id text COLLATE "C",
    old_org_null boolean,
    action text NOT NULL,
    changed_keys text[],
    tx jsonb,
    version text,
    row_version bigint,
    annotation jsonb,
    payload jsonb
) PARTITION BY RANGE (id);
-- An index holds no value of any length, and the ids of others' rows have none. Of an organization its hash will do.
CREATE INDEX activity_org ON activity (hashtextextended(org_id, 0), id) WITH (fillfactor = 100);
CREATE INDEX activity_transaction ON activity ((tx ->> 'transactionId')) WITH (fillfactor = 100);
-- What differs most is first: sorting is faster then.
CREATE INDEX activity_field ON activity (left(entity_id, 200), entity_type, (tx ->> 'changedField'), id) WITH (fillfactor = 100);
-- Few activities are in these, and so they cost those who write the others next to nothing.
CREATE INDEX activity_old_org ON activity (hashtextextended(old_org_id, 0), id) WITH (fillfactor = 100) WHERE old_org_id IS NOT NULL;
CREATE INDEX activity_for_all ON activity (action, id) WITH (fillfactor = 100) WHERE action IN ('truncate', 'visibility', 'gap');
CREATE INDEX activity_topic ON activity (entity_type, id) WITH (fillfactor = 100) WHERE action = 'event';
COMMENT ON TABLE activity IS 'The changelog: one row per change of a tracked table, without the entity''s content, in commit order of id. Partitions of 10 million ids, of which compaction makes larger ones; the capture worker writes it.';
COMMENT ON COLUMN activity.id IS 'Rises in commit order; may have gaps.';
COMMENT ON COLUMN activity.epoch IS 'Differs where LSNs or ids could repeat: see txsync.capture.';
COMMENT ON COLUMN activity.k IS 'With commit_lsn and change_lsn the position of docs/format.md.';
COMMENT ON COLUMN activity.old_org_id IS 'The organization that an update took the entity from.';
COMMENT ON COLUMN activity.old_org_null IS 'True for an update that took the entity from no organization; else null.';
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
    timeline integer,
    position pg_lsn,
    horizon xid8,
    last_id bigint NOT NULL DEFAULT 0,
    floor bigint NOT NULL DEFAULT 0,
    missed boolean NOT NULL DEFAULT false,
    paused boolean NOT NULL DEFAULT false,
    gap_end pg_lsn,
    reset text,
    last_error text,
    last_error_at timestamptz,
    PRIMARY KEY (system_identifier, database)
) WITH (fillfactor = 20);
COMMENT ON TABLE capture_state IS 'How far the changelog goes: written in the transaction that writes its rows. A row that came with a copy of the database, or by replication, is another''s. Read it through txsync.capture.';
COMMENT ON COLUMN capture_state.horizon IS 'All transactions with a lower number had ended before position.';
COMMENT ON COLUMN capture_state.floor IS 'Activities up to this id may be gone: who has not read them cannot go on from there.';
COMMENT ON COLUMN capture_state.missed IS 'Those who listen have still to be told that there is more than they were notified of.';
COMMENT ON COLUMN capture_state.gap_end IS 'Not null: what was committed between position and here is not captured and will not be.';
COMMENT ON COLUMN capture_state.reset IS 'What reset_capture() asked for: skip or heal.';

CREATE TABLE past_epoch (
    epoch bigint PRIMARY KEY,
    last_id bigint NOT NULL
);
COMMENT ON TABLE past_epoch IS 'Epochs that ended here, and how far each went: beyond that a cursor is another server''s.';

CREATE FUNCTION capture_worker(OUT system_identifier text, OUT database oid, OUT pid integer, OUT state text, OUT captured pg_lsn, OUT captured_at timestamptz, OUT restarts integer) RETURNS record
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capture_worker() IS 'What the capture worker of this database says of itself, and whose row of capture_state is its own. For the view capture.';

CREATE FUNCTION wake_capture() RETURNS void
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME';
REVOKE ALL ON FUNCTION wake_capture() FROM PUBLIC;
COMMENT ON FUNCTION wake_capture() IS 'Makes the launcher and the worker look again when this transaction has committed.';

CREATE VIEW capture AS
SELECT CASE WHEN s.paused THEN 'paused' ELSE w.state END AS state, w.pid, s.epoch, s.position, w.captured, s.last_id, l.lag_bytes,
       CASE WHEN l.lag_bytes > 0 THEN ceil(extract(epoch FROM clock_timestamp() - w.captured_at) * 1000)::bigint ELSE l.lag_bytes END AS lag_ms,
       s.last_error, s.last_error_at, w.restarts, s.gap_end
FROM @extschema@.capture_worker() w LEFT JOIN @extschema@.capture_state s USING (system_identifier, database),
LATERAL (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL ELSE greatest(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_flush_lsn(), w.captured), 0)::bigint END AS lag_bytes) l;
COMMENT ON VIEW capture IS 'The capture worker: state (off, starting, streaming, paused, lost: see reset_capture()), epoch, the position up to which the changelog is complete, how far it is behind in bytes of WAL and in milliseconds, the last error until something is captured again, restarts since the server started, the end of a gap.';

CREATE FUNCTION pause() RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
INSERT INTO @extschema@.capture_state AS s (system_identifier, database, paused)
SELECT w.system_identifier, w.database, true FROM @extschema@.capture_worker() w
ON CONFLICT (system_identifier, database) DO UPDATE SET paused = true WHERE NOT s.paused;
SELECT @extschema@.wake_capture();
END;
REVOKE ALL ON FUNCTION pause() FROM PUBLIC;
COMMENT ON FUNCTION pause() IS 'Capture stops until resume(), also over restarts; its slot keeps the WAL meanwhile. Paused already: nothing happens.';

CREATE FUNCTION resume() RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
UPDATE @extschema@.capture_state s SET paused = false FROM @extschema@.capture_worker() w
WHERE s.system_identifier = w.system_identifier AND s.database = w.database AND s.paused;
SELECT @extschema@.wake_capture();
END;
REVOKE ALL ON FUNCTION resume() FROM PUBLIC;
COMMENT ON FUNCTION resume() IS 'Capture goes on after pause(). Not paused: nothing happens.';

CREATE FUNCTION reset_capture(heal boolean DEFAULT false) RETURNS void
LANGUAGE c STRICT VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME';
REVOKE ALL ON FUNCTION reset_capture(boolean) FROM PUBLIC;
COMMENT ON FUNCTION reset_capture(boolean) IS
'Capture goes on behind a gap, in a new epoch, once this transaction has committed: the worker makes a new slot and records the gap as an activity, whose payload has its ends. With heal it also compares the tables with the changelog, and writes what is missing: creates, deletes, and an update without changedKeys for each row that was written since the gap began. Error 55000 without a gap.';

CREATE FUNCTION wait_captured(lsn pg_lsn, timeout interval DEFAULT '10 s') RETURNS boolean
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME';
REVOKE ALL ON FUNCTION wait_captured(pg_lsn, interval) FROM PUBLIC;
COMMENT ON FUNCTION wait_captured(pg_lsn, interval) IS
'Waits until all that committed before lsn is in the changelog; false at the timeout. Errors: 22023 for an lsn that this server has not reached, 55000 when no worker runs, 25001 in a transaction that has written: its own changes are captured after its commit.';

SELECT wake_capture();

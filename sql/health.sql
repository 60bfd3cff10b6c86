-- Is capture well, and what is there.

CREATE FUNCTION health(OUT status text, OUT reasons text[]) RETURNS record
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
WITH slot AS (
    SELECT s.wal_status, s.safe_wal_size FROM pg_replication_slots s, @extschema@.capture_worker() w WHERE s.slot_name = 'txsync_' || w.database
), reason(rank, reason) AS (
    SELECT 2, format('there is a gap from %s to %s: %s; txsync.reset_capture() goes on behind it', c.position, c.gap_end, c.last_error)
    FROM @extschema@.capture c WHERE c.gap_end IS NOT NULL
  UNION ALL
    SELECT 2, format('the replication slot is %s: WAL that capture needs is gone', s.wal_status)
    FROM slot s, @extschema@.capture c WHERE s.wal_status = 'lost' AND c.gap_end IS NULL
  UNION ALL
    SELECT 2, 'capture is off: txsync.doctor() tells why' FROM @extschema@.capture c WHERE c.state = 'off'
  UNION ALL
    SELECT 2, concat('capture failed: ', c.last_error) FROM @extschema@.capture c WHERE c.last_error IS NOT NULL AND c.gap_end IS NULL
  UNION ALL
    SELECT 1, 'capture is paused: txsync.resume() goes on' FROM @extschema@.capture c WHERE c.state = 'paused'
  UNION ALL
    SELECT 1, CASE WHEN c.pid IS NULL THEN 'capture waits for a worker: see max_worker_processes and the server''s log' ELSE 'capture is starting' END
    FROM @extschema@.capture c WHERE c.state = 'starting' AND c.last_error IS NULL
  UNION ALL
    SELECT 1, format('capture is %s of WAL and %s s behind', pg_size_pretty(c.lag_bytes), c.lag_ms / 1000)
    FROM @extschema@.capture c WHERE c.state = 'streaming' AND c.lag_ms > 60000
  UNION ALL
    SELECT 1, format('WAL that capture needs may be removed after another %s', pg_size_pretty(greatest(s.safe_wal_size, 0)))
    FROM slot s WHERE s.wal_status = 'unreserved'
  UNION ALL
    SELECT 1, concat('the ledger is not kept: ', l.error_message)
    FROM (SELECT s.code, s.error_message FROM @extschema@.sync_log s WHERE s.sync_type = 'ledger' ORDER BY s.id DESC LIMIT 1) l WHERE l.code = 'LEDGER_FAILED'
  UNION ALL
    SELECT 1, concat('the changelog is not compacted: ', l.error_message)
    FROM (SELECT s.code, s.error_message FROM @extschema@.sync_log s WHERE s.sync_type = 'compaction' AND s.code IN ('COMPACTION_FAILED', 'CHANGELOG_COMPACTED') ORDER BY s.id DESC LIMIT 1) l
    WHERE l.code = 'COMPACTION_FAILED'
  UNION ALL
    SELECT 1, format('consumer "%s" has expired: what it has not read is gone', c.name)
    FROM @extschema@.consumer c, (SELECT coalesce(max(s.floor), 0) AS floor FROM @extschema@.capture_worker() w
        JOIN @extschema@.capture_state s USING (system_identifier, database)) f WHERE c.expired OR c.position < f.floor
  UNION ALL
    SELECT 1, 'the notification queue is nearly full: somebody listens in a transaction that does not end' WHERE pg_notification_queue_usage() > 0.8
)
SELECT (ARRAY['ok', 'degraded', 'failing'])[1 + coalesce(max(r.rank), 0)], coalesce(array_agg(r.reason ORDER BY r.rank DESC, r.reason), '{}') FROM reason r WHERE NOT pg_is_in_recovery();
END;
REVOKE ALL ON FUNCTION health() FROM PUBLIC;
COMMENT ON FUNCTION health() IS
'Whether the changelog is complete and keeps up: ok, degraded (it will be, or may fail soon) or failing (it is not), and why. ok on a standby: capture runs on the primary. For superusers and whom they GRANT EXECUTE to.';

CREATE FUNCTION status() RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
SELECT jsonb_build_object(
    'health', (SELECT to_jsonb(h) FROM @extschema@.health() h),
    'capture', (SELECT to_jsonb(c) FROM @extschema@.capture c),
    'slot', (SELECT to_jsonb(s) FROM pg_replication_slots s, @extschema@.capture_worker() w WHERE s.slot_name = 'txsync_' || w.database),
    'activity', (SELECT jsonb_build_object('partitions', count(*), 'bytes', coalesce(sum(pg_total_relation_size(t.relid)), 0))
                 FROM pg_partition_tree('@extschema@.activity') t WHERE t.isleaf),
    'entities', (SELECT count(*) FROM @extschema@.entities),
    'version', (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'txsync'),
    'server', current_setting('server_version'));
END;
REVOKE ALL ON FUNCTION status() FROM PUBLIC;
COMMENT ON FUNCTION status() IS
'One object for a dashboard: health {status, reasons}, capture (the view), slot (its row of pg_replication_slots, or null), activity {partitions, bytes}, entities (their number), version, server. For superusers and whom they GRANT EXECUTE to.';

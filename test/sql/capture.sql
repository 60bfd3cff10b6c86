-- The changelog where the library is not preloaded: nothing captures, and everything says so.
SELECT state, pid, epoch, captured, last_id FROM txsync.capture;
SELECT txsync.wait_captured(pg_current_wal_lsn());
SELECT txsync.wait_captured(pg_current_wal_lsn(), NULL) IS NULL AS strict;
SELECT txsync.wait_captured('FFFFFFFF/0');
BEGIN;
CREATE TABLE own ();
SELECT txsync.wait_captured(pg_current_wal_lsn());
ROLLBACK;
SELECT txsync.pause(), txsync.pause();
SELECT state FROM txsync.capture;
SELECT txsync.resume(), txsync.resume();
SELECT state FROM txsync.capture;
-- the changelog is closed to whom nobody lets in
CREATE ROLE reader;
SET ROLE reader;
SELECT count(*) FROM txsync.activity;
SELECT count(*) FROM txsync.sync_log;
SELECT state FROM txsync.capture;
SELECT txsync.pause();
SELECT txsync.wait_captured('0/0');
RESET ROLE;
DROP ROLE reader;
-- nothing is wrong with a changelog that nobody asked for, but it is not kept
SELECT * FROM txsync.health();
SELECT jsonb_object_keys(txsync.status());
SELECT status -> 'slot' AS slot, status -> 'capture' ->> 'state' AS state, status -> 'activity' ->> 'partitions' AS partitions FROM txsync.status();
SELECT txsync.reset_capture();
SELECT txsync.reset_capture(heal => true);
SELECT txsync.reset_capture(NULL) IS NULL AS strict;
SET ROLE pg_monitor;
SELECT * FROM txsync.health();
RESET ROLE;
-- whom an admin lets in needs nothing more
CREATE ROLE operator;
GRANT EXECUTE ON FUNCTION txsync.health(), txsync.status(), txsync.pause(), txsync.resume(), txsync.reset_capture(boolean) TO operator;
GRANT SELECT ON txsync.capture TO operator;
SET ROLE operator;
SELECT txsync.pause(), txsync.resume();
SELECT status FROM txsync.health();
SELECT state FROM txsync.capture;
SELECT txsync.reset_capture();
RESET ROLE;
DROP OWNED BY operator;
DROP ROLE operator;

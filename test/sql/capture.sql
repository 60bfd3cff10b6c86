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

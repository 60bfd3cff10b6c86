-- What newer activities stand for goes, and what is too old.

CREATE PROCEDURE compact_changelog(older_than interval DEFAULT NULL, INOUT result jsonb DEFAULT NULL)
LANGUAGE c AS 'MODULE_PATHNAME';
REVOKE ALL ON PROCEDURE compact_changelog(interval, jsonb) FROM PUBLIC;
COMMENT ON PROCEDURE compact_changelog(interval, jsonb) IS
'Removes activities that newer ones stand for, among those that are older than that (null: txsync.compaction_horizon), and all that are older than txsync.changelog_retention, up to which it raises the floor. It commits after every some hundred rows, so not inside a transaction block (2D000), and may be cancelled at any time. result: {status, rows, bytes, kept, dropped, floor}; status done, partial (somebody uses a table that was to be dropped or rewritten: the next call does it) or busy (another one runs). For superusers and whom they GRANT EXECUTE to.';

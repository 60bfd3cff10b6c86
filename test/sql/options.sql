-- The plugin's options: several lines to a message, or one.
SET client_min_messages = warning;
CREATE TABLE pages (id int PRIMARY KEY);
SELECT entity_type FROM txsync.track('pages');
INSERT INTO pages VALUES (1), (2), (3);
SELECT count(*) FROM pg_logical_slot_peek_changes('regress', NULL, NULL);
SELECT count(*) FROM pg_logical_slot_peek_changes('regress', NULL, NULL, 'batch', 'off');
SELECT count(*), max(length(data) - length(replace(data, E'\n', ''))) AS newlines FROM (SELECT data, 0 FROM pg_logical_slot_peek_changes('regress', NULL, NULL, 'batch', 'on')) s
WHERE data !~ E'\n$';
SELECT data = convert_from(bytes, 'UTF8') AS same FROM
    (SELECT data FROM pg_logical_slot_peek_changes('regress', NULL, NULL, 'batch', 'on')) a,
    (SELECT data AS bytes FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'batch', 'ON')) b;
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'batch', 'maybe');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'batch', NULL);
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'batsh', 'on');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'batch', 'on', 'batch', 'off');
-- Compact lines: what is null is absent, and the commit is told once for a transaction.
SELECT line ->> 'control' AS control, line ->> 'commitLsn' ~ '^[0-9A-F]+/[0-9A-F]+$' AS has_lsn, line ->> 'position' ~ '^[0-9A-F]+/[0-9A-F]+(-\d+)?$' AS is_brief,
    line - '{position,xid,commitLsn,committedAt,version,rowVersion}'::text[] AS rest
FROM (SELECT data::jsonb AS line FROM pg_logical_slot_peek_changes('regress', NULL, NULL, 'compact', 'on')) s;
-- Good values, in each form that there is.
SELECT count(*) >= 0 AS accepted FROM pg_logical_slot_peek_changes('regress', NULL, NULL, 'entity-types', 'pages, "Odd, ""name"""',
    'organizations', 'acme,""', 'tables', format('%I.%I, p*', 'Odd "schema"', 'a.b, *'), 'exclude-tables', '"log*"*', 'actions', 'create,update,delete,truncate',
    'publications', 'one, two', 'origin', 'none', 'messages', 'app.*', 'include-data', 'changed', 'include-old', 'on', 'big-numbers', 'string',
    'max-record-bytes', '1000 MB', 'compact', 'off', 'batch', 'on', 'streaming', 'on', 'two-phase', 'off');
SELECT count(*) >= 0 AS accepted FROM pg_logical_slot_peek_changes('regress', NULL, NULL, 'origin', 'Any', 'include-data', 'NONE', 'include-old', 'off',
    'big-numbers', 'number', 'max-record-bytes', '1024', 'tables', '"pages", public . *');
-- Each is refused with what would be right.
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'entity-types', 'pages,,users');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'organizations', '');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'tables', 'db.public.pages');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'tables', 'public.');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'exclude-tables', '"public.pages');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'actions', 'create, upsert');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'publications', '"a" "b"');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'origin', 'some');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'messages', 'audit,');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'include-data', 'some');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'include-old', 'maybe');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'big-numbers', 'text');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'max-record-bytes', '1GB');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'max-record-bytes', '1023');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'max-record-bytes', '1001MB');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'streaming', 'parallel');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'two-phase', '');
-- Contradictions, in whatever order.
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'include-data', 'none', 'include-old', 'on');
SELECT pg_logical_slot_peek_changes('regress', NULL, NULL, 'include-old', 'on', 'include-data', 'none');
-- an entity type or a table that is not tracked may be so later
SELECT count(*) FROM pg_logical_slot_peek_changes('regress', NULL, NULL, 'entity-types', 'pages, "no such"');
CREATE TABLE untracked (id int PRIMARY KEY);
SELECT count(*) FROM pg_logical_slot_peek_changes('regress', NULL, NULL, 'tables', 'pages, p*.pages, public. "untr%cked", untr*, other.*');
DROP TABLE untracked;
SELECT count(*) FROM changes();
DROP TABLE pages;

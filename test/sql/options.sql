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
SELECT count(*) FROM changes();
DROP TABLE pages;

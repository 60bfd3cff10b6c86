-- What the stream alone makes of the pages, and demo.difference: where that is not the table, or the stream not the edits.
-- demo.line holds the lines as they came. After a crash some come again; those that are the same, position and all, count once.
CREATE TABLE demo.told AS
SELECT min(n) AS n, change ->> 'action' AS action, change ->> 'entityId' AS page, change -> 'tx' AS tx, change -> 'data' AS data,
       change #>> '{tx,transactionId}' AS id
FROM demo.line WHERE change ->> 'entityType' = 'pages' GROUP BY change;

-- A column that is missing in data was left alone by its update, and is not in the WAL: it keeps the value that it had.
CREATE AGGREGATE demo.merged(jsonb) (SFUNC = jsonb_concat, STYPE = jsonb, INITCOND = '{}');
CREATE TABLE demo.rebuilt (LIKE pages);
INSERT INTO demo.rebuilt
SELECT (jsonb_populate_record(NULL::demo.rebuilt, state)).*
FROM (
    SELECT demo.merged(t.data || jsonb_build_object('tx', t.tx) ORDER BY t.n) AS state
    FROM demo.told t LEFT JOIN (SELECT page, max(n) AS n FROM demo.told WHERE action = 'delete' GROUP BY page) deleted USING (page)
    WHERE t.n > coalesce(deleted.n, 0)
    GROUP BY page
) page;

-- What the stream should tell, in any order: a delete is declared by an update before it.
CREATE VIEW demo.expected AS
SELECT tx ->> 'transactionId' AS id, action, page, tx FROM demo.edit
UNION ALL
SELECT tx ->> 'transactionId', 'update', page, tx FROM demo.edit WHERE action = 'delete';

CREATE VIEW demo.difference AS
WITH stored AS (
    SELECT name AS page, key AS what, value FROM pages p, jsonb_each_text(to_jsonb(p))
), rebuilt AS (
    SELECT name AS page, key AS what, value FROM demo.rebuilt r, jsonb_each_text(to_jsonb(r))
), edited AS (
    SELECT id, action, 1 AS nth, jsonb_build_array(page, tx) AS value FROM demo.expected
), told AS (
    SELECT id, action, row_number() OVER (PARTITION BY id, action ORDER BY n) AS nth, jsonb_build_array(page, tx) AS value FROM demo.told
), placed AS (
    SELECT n, page, id, ROW(split_part(id, '.', 1)::bigint, split_part(id, '.', 2)::int, substr(id, length(split_part(id, '.', 1)) + length(split_part(id, '.', 2)) + 3)) AS hlc FROM demo.told
)
SELECT page, what, s.value AS database, r.value AS stream FROM stored s FULL JOIN rebuilt r USING (page, what)
WHERE (s.page IS NULL) OR (r.page IS NULL) OR s.value IS DISTINCT FROM r.value

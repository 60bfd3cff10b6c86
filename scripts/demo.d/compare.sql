-- What the stream alone makes of the pages, and where that differs from the table and from the edits.
-- demo.line holds the lines as they came. After a crash some come again; those that are the same, position and all, count once.
CREATE TABLE demo.told AS
SELECT min(n) AS n, change ->> 'entityId' AS page, change ->> 'action' AS action, change #>> '{tx,transactionId}' AS id,
       change - '{position,committedAt,data,changedKeys,version}'::text[] AS what, change -> 'tx' AS tx, change -> 'data' AS data
FROM demo.line GROUP BY change;

-- A column that an update left alone and that is not in the WAL is missing in data: it keeps the value it had.
CREATE AGGREGATE demo.merged(jsonb) (SFUNC = jsonb_concat, STYPE = jsonb, INITCOND = '{}');
CREATE TABLE demo.rebuilt (LIKE pages);
INSERT INTO demo.rebuilt
SELECT (jsonb_populate_record(NULL::demo.rebuilt, demo.merged(t.data || jsonb_build_object('tx', t.tx) ORDER BY t.n))).*
FROM demo.told t LEFT JOIN (SELECT page, max(n) AS n FROM demo.told WHERE action = 'delete' GROUP BY page) deleted USING (page)
WHERE t.n > coalesce(deleted.n, 0)
GROUP BY page;

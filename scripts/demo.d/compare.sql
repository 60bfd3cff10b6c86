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
) pages;

CREATE VIEW demo.row_difference AS
WITH t AS (SELECT name AS page, column_name, value FROM pages p, jsonb_each(to_jsonb(p) - 'tx_versions') c(column_name, value)),
     s AS (SELECT name AS page, column_name, value FROM demo.rebuilt p, jsonb_each(to_jsonb(p) - 'tx_versions') c(column_name, value))
SELECT page, column_name AS what, t.value AS expected, s.value AS told
FROM t FULL JOIN s USING (page, column_name) WHERE t.value IS DISTINCT FROM s.value;

-- Each edit is told once, as what it was and by whom. A delete is declared by an update before it, which is told too.
CREATE VIEW demo.edit_difference AS
WITH e AS (SELECT page, tx ->> 'transactionId' AS id, a AS action, 1 AS nth, tx
           FROM demo.edit, unnest(CASE action WHEN 'delete' THEN '{update,delete}'::text[] ELSE ARRAY[action] END) a),
     t AS (SELECT page, id, action, row_number() OVER (PARTITION BY page, id, action ORDER BY n) AS nth, tx FROM demo.told)
SELECT page, concat_ws(' ', action, id) AS what, e.tx AS expected, t.tx AS told
FROM e FULL JOIN t USING (page, id, action, nth) WHERE e.tx IS DISTINCT FROM t.tx;

-- They are told in the order in which they were made: that of their HLCs, as numbers.
CREATE VIEW demo.order_difference AS
WITH t AS (SELECT n, page, id, regexp_match(id, '^(\d+)\.(\d+)\.(.*)$') AS part FROM demo.told),
     o AS (SELECT *, lag(id) OVER stream AS id_before, ROW(part[1]::bigint, part[2]::int, part[3]) AS hlc,
                  lag(ROW(part[1]::bigint, part[2]::int, part[3])) OVER stream AS hlc_before
           FROM t WINDOW stream AS (ORDER BY n))
SELECT page, 'order' AS what, to_jsonb(id_before) AS expected, to_jsonb(id) AS told FROM o WHERE hlc_before > hlc;

CREATE TABLE demo.difference AS
TABLE demo.row_difference UNION ALL TABLE demo.edit_difference UNION ALL TABLE demo.order_difference;

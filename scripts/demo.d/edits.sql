-- From the history to edits: their order, their ids, and the statement by which an application would do each.

-- By HLC: time, logical, node. logical counts the edits of one second over all pages, which decides before the node does.
CREATE TABLE demo.edit AS
WITH timed AS (
    SELECT *, row_number() OVER (PARTITION BY seconds ORDER BY page, position) - 1 AS logical FROM demo.entry
), ordered AS (
    SELECT *, row_number() OVER (ORDER BY seconds, logical) AS n,
           coalesce(lag(gone) OVER (PARTITION BY page ORDER BY seconds, logical), true) AS was_gone
    FROM timed
)
SELECT n, page, version, distribution, urgency, changes, closes, to_timestamp(seconds) AS modified_at,
       CASE WHEN gone THEN 'delete' WHEN was_gone THEN 'create' ELSE 'update' END AS action,
       jsonb_build_object(
           'transactionId', format('%s.%s.%s', seconds * 1000, lpad(logical::text, greatest(4, length(logical::text)), '0'),
                                   -- 128 bytes have no room for any path
                                   CASE WHEN octet_length(page) <= 100 THEN page ELSE md5(page) END),
           'sourceId', source,
           'changedField', CASE WHEN NOT gone AND NOT was_gone THEN 'version' END) AS tx
FROM ordered WHERE NOT (gone AND was_gone);

-- The statements are prepared in replay.sql. A delete is declared by an update in its transaction.
CREATE TABLE demo.statement AS
SELECT e.n, CASE e.action
    WHEN 'create' THEN format('EXECUTE create_page (%L, %L, %L, %L, %L, %L, %L, %L, %L)', e.page, e.version, e.distribution, e.urgency,
                              e.changes, e.closes, e.modified_at, e.tx, l.licence)
    WHEN 'update' THEN format('EXECUTE update_page (%L, %L, %L, %L, %L, %L, %L, %L)', e.page, e.version, e.distribution, e.urgency,
                              e.changes, e.closes, e.modified_at, e.tx)
    ELSE format('EXECUTE declare (%1$L, %2$L); EXECUTE delete_page (%1$L)', e.page, e.tx)
    END AS statement
FROM demo.edit e LEFT JOIN demo.entry l ON l.page = e.page AND l.licence IS NOT NULL;
ANALYZE;

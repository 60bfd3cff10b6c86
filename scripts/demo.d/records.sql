-- The last changes, for people.
SELECT action, left(page, 40) AS page, left(data ->> 'version', 24) AS version, left(tx ->> 'sourceId', 32) AS "by", left(id, 60) AS "transactionId"
FROM (SELECT * FROM demo.told ORDER BY n DESC LIMIT 5) last ORDER BY n;

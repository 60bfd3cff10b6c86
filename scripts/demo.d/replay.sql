-- The edits, each a transaction of its own, in the order of their HLCs.
PREPARE create_page (text, text, text, text, text, int[], timestamptz, jsonb, text) AS
INSERT INTO pages (name, version, distribution, urgency, changes, closes, modified_at, tx, licence, edits)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1);

PREPARE update_page (text, text, text, text, text, int[], timestamptz, jsonb) AS
UPDATE pages SET version = $2, distribution = $3, urgency = $4, changes = $5, closes = $6, modified_at = $7, tx = $8, edits = edits + 1
WHERE name = $1;

PREPARE declare (text, jsonb) AS UPDATE pages SET tx = $2 WHERE name = $1;
PREPARE delete_page (text) AS DELETE FROM pages WHERE name = $1;

SELECT statement FROM demo.statement ORDER BY n \gexec

-- What the new cluster's changelog says by itself.
UPDATE pages SET name = 'Trois', tx = '{"transactionId": "2.0000.x", "sourceId": "tab", "changedField": "name"}' WHERE id = 3;
UPDATE pages SET organization_id = 'acme' WHERE id = 3;
BEGIN;
SELECT txsync.annotate('{"why": "upgraded"}');
INSERT INTO pages VALUES (9, 'acme', 'Nine');
COMMIT;
ALTER TABLE pages RENAME name TO title;
ALTER TABLE pages RENAME secret TO hushed;
UPDATE pages SET title = 'One' WHERE id = 1;
BEGIN;
UPDATE pages SET tx = '{"transactionId": "2.0001.x", "sourceId": "tab"}' WHERE id = 2;
DELETE FROM pages WHERE id = 2;
COMMIT;
UPDATE tasks SET state = 'open' WHERE id = 2;
INSERT INTO tasks VALUES (4, 'open', 'four');
TRUNCATE tasks;

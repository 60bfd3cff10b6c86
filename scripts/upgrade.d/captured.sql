-- What the old cluster's changelog says.
SELECT txsync.track('pages', hidden => '{secret}', strategies => '{"body": "lww"}', delete_visible => 'may_see(text, text)'),
       txsync.track('tasks', id_column => 'id');
INSERT INTO pages VALUES (3, 'acme', 'Three', repeat('long ', 100000), 'sesame', '{"transactionId": "1.0000.x", "sourceId": "tab"}');
UPDATE pages SET name = 'Drei', tx = '{"transactionId": "1.0001.x", "sourceId": "tab", "changedField": "name"}' WHERE id = 3;
UPDATE pages SET organization_id = 'umbrella' WHERE id = 3;
INSERT INTO pages VALUES (4, 'acme', 'Four');
BEGIN;
UPDATE pages SET tx = '{"transactionId": "1.0002.x", "sourceId": "tab"}' WHERE id = 4;
DELETE FROM pages WHERE id = 4;
COMMIT;
BEGIN;
SELECT txsync.annotate('{"why": "import"}');
INSERT INTO pages VALUES (5, 'acme', 'Five');
COMMIT;
INSERT INTO tasks VALUES (1, 'open', 'one'), (2, 'open', 'two');
UPDATE tasks SET state = 'done' WHERE id = 1;
INSERT INTO untracked VALUES (1);

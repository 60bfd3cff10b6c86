-- What the old cluster's changelog does not say: the worker is gone.
UPDATE pages SET name = 'unseen', tx = '{"transactionId": "1.0003.x", "sourceId": "tab"}' WHERE id = 3;
UPDATE pages SET organization_id = 'wayne' WHERE id = 1;
DELETE FROM pages WHERE id = 5;
INSERT INTO pages VALUES (7, 'acme', 'Seven');
UPDATE tasks SET state = 'done' WHERE id = 2;
INSERT INTO tasks VALUES (3, 'open', 'three');

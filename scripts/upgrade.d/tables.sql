-- The tables of an application, before it knows of txsync. A column that is gone leaves a hole in the numbers of the others.
CREATE TABLE pages (id int PRIMARY KEY, organization_id text, gone int, name text, body text, secret text);
ALTER TABLE pages REPLICA IDENTITY FULL;
ALTER TABLE pages DROP gone;
CREATE TABLE tasks (id int, state text, title text, PRIMARY KEY (id, state)) PARTITION BY LIST (state);
CREATE TABLE tasks_open PARTITION OF tasks FOR VALUES IN ('open');
CREATE TABLE tasks_done PARTITION OF tasks FOR VALUES IN ('done');
CREATE TABLE untracked (id int PRIMARY KEY);
CREATE FUNCTION may_see(entity_id text, org_id text) RETURNS boolean LANGUAGE sql RETURN true;
INSERT INTO pages SELECT n, 'acme', 'Page ' || n, 'nobody tracks it yet' FROM generate_series(1, 2) n;

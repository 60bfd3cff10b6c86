-- What test/bench/consume measures on: changes of a tracked table, once by each of its rows and again in another order; and the same as rows of a queue made by
-- hand, as applications have them. Needs the variable changes.
CREATE EXTENSION txsync;
CREATE TABLE pages (id int PRIMARY KEY, organization_id uuid NOT NULL, name text, status text, updated_at timestamptz DEFAULT now());
SELECT entity_type FROM txsync.track('pages');
INSERT INTO pages SELECT g, gen_random_uuid(), 'Page number ' || g, 'draft' FROM generate_series(1, greatest(:changes / 2, 1)) g;
UPDATE pages p SET status = 'published' FROM (SELECT id FROM pages ORDER BY md5(id::text) LIMIT :changes - :changes / 2) u WHERE u.id = p.id;

CREATE TABLE queue (id bigserial PRIMARY KEY, entity text NOT NULL, payload jsonb NOT NULL, attempts int NOT NULL DEFAULT 0, leased_until timestamptz);
VACUUM ANALYZE pages;

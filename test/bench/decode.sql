-- What decoding is measured on: 960,000 changes (at scale 1) of tables as apps have them. Needs the variable scale.
--   pages   300,000 inserts in transactions of 100, then 100,000 updates of one field: uuid, text, jsonb, numeric, float8, timestamptz, tx
--   narrow  500,000 inserts in one transaction: bigint, int, text
--   wide    30,000 inserts and as many updates of rows of 1.3 kB under REPLICA IDENTITY FULL: text to be escaped, text[], jsonb, tx
CREATE TABLE pages (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL, name text NOT NULL, status text NOT NULL DEFAULT 'draft',
    content jsonb, view_count int, price numeric(12, 2), rating float8, created_at timestamptz DEFAULT now(), modified_at timestamptz, tx jsonb);
CREATE TABLE narrow (id bigserial PRIMARY KEY, a int, b text);
CREATE TABLE wide (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL, body text, meta jsonb, tags text[], tx jsonb);
ALTER TABLE wide REPLICA IDENTITY FULL;
CREATE PUBLICATION bench FOR ALL TABLES;
CREATE EXTENSION txsync;
SELECT count(*) FROM (VALUES ('pages'), ('narrow'), ('wide')) t(name), txsync.track(name::regclass);
SELECT pg_create_logical_replication_slot('bench_start', 'test_decoding');

CREATE FUNCTION organization(n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS
    $$ SELECT ('00000000-0000-4000-8000-' || lpad((n % 50)::text, 12, '0'))::uuid $$;
CREATE FUNCTION mutation(wall text, n int, field text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS
    $$ SELECT jsonb_build_object('transactionId', wall || '.' || lpad((n % 10000)::text, 4, '0') || '.node-' || n, 'sourceId', 'src-' || n % 10, 'changedField', field) $$;
CREATE PROCEDURE write_pages(transactions int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 0 .. transactions - 1 LOOP
        INSERT INTO pages (organization_id, name, content, view_count, price, rating, modified_at, tx)
        SELECT organization(g), format('Page number %s "quoted" title', g),
               jsonb_build_object('blocks', jsonb_build_array(jsonb_build_object('type', 'paragraph', 'text', repeat('Lorem ipsum dolor sit amet ', 4)), jsonb_build_object('n', g))),
               g, g * 0.01, g / 7.0, now(), mutation('1767225600000', g, NULL)
        FROM generate_series(i * 100 + 1, i * 100 + 100) g;
        COMMIT;
    END LOOP;
END $$;
CALL write_pages((3000 * :scale)::int);
UPDATE pages SET name = name || '!', modified_at = now(), tx = mutation('1767225600001', view_count, 'name') WHERE view_count <= 100000 * :scale;
INSERT INTO narrow (a, b) SELECT g, 'row ' || g FROM generate_series(1, (500000 * :scale)::int) g;
INSERT INTO wide (organization_id, body, meta, tags, tx)
SELECT organization(g), repeat(E'line with \\ backslash "quotes" \n and some prose that goes on ', 20), jsonb_build_object('k', g), ARRAY['a', 'b c', 'd'], mutation('1767225600002', g, NULL)
FROM generate_series(1, (30000 * :scale)::int) g;
UPDATE wide SET body = body || 'x', tx = mutation('1767225600003', (meta ->> 'k')::int, 'body');
CHECKPOINT;

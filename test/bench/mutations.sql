-- What test/bench/mutations measures on. `plain` has no trigger, `audited` the audit trigger that many applications have, `tracked` is txsync's,
-- and `by_hand` the same logic in plpgsql: a ledger, versions in a column, and a function. Needs the variables rows and ids.
CREATE EXTENSION txsync;
CREATE TABLE plain (id int PRIMARY KEY, organization_id uuid NOT NULL, name text, status text, n int NOT NULL DEFAULT 0, tx jsonb, versions jsonb NOT NULL DEFAULT '{}', updated_at timestamptz DEFAULT now());
INSERT INTO plain (id, organization_id, name, status) SELECT g, gen_random_uuid(), 'Page number ' || g, 'draft' FROM generate_series(1, :rows) g;
CREATE TABLE audited (LIKE plain INCLUDING ALL);
CREATE TABLE by_hand (LIKE plain INCLUDING ALL);
CREATE TABLE tracked (id int PRIMARY KEY, organization_id uuid NOT NULL, name text, status text, n int NOT NULL DEFAULT 0, updated_at timestamptz DEFAULT now());
INSERT INTO audited SELECT * FROM plain;
INSERT INTO by_hand SELECT * FROM plain;
INSERT INTO tracked SELECT id, organization_id, name, status, n, updated_at FROM plain;
SELECT entity_type FROM txsync.track('tracked');

CREATE TABLE audit (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), relation text, old jsonb, new jsonb);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (relation, old, new) VALUES (TG_TABLE_NAME, to_jsonb(OLD), to_jsonb(NEW));
    RETURN NEW;
END $$;
CREATE TRIGGER audit AFTER UPDATE ON audited FOR EACH ROW EXECUTE FUNCTION audit();

CREATE TABLE ledger (id text COLLATE "C" PRIMARY KEY, source text, at timestamptz DEFAULT now());
CREATE FUNCTION mutate_by_hand(op jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE page by_hand; field text := op ->> 'changedField'; id text := op ->> 'transactionId';
BEGIN
    INSERT INTO ledger (id, source) VALUES (id, op ->> 'sourceId') ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN RETURN '{"status": "duplicate"}'; END IF;
    SELECT * INTO page FROM by_hand p WHERE p.id = (op ->> 'entityId')::int FOR NO KEY UPDATE;
    IF op ? 'expectedTransactionId' AND page.versions ->> field IS DISTINCT FROM op ->> 'expectedTransactionId' THEN RAISE 'conflict'; END IF;
    EXECUTE format('UPDATE by_hand SET %I = $1, tx = $2, versions = versions || jsonb_build_object($3, $4) WHERE id = $5 RETURNING *', field)
        INTO page USING op ->> 'value', op - '{value,entityType,entityId,action}'::text[], field, id, page.id;
    RETURN jsonb_build_object('data', to_jsonb(page) - '{tx,versions}'::text[], 'tx', page.tx, 'versions', page.versions);
END $$;

-- Many ids, as an application has after a few months.
CREATE TABLE keys (id text COLLATE "C" PRIMARY KEY);
INSERT INTO keys SELECT 1700000000000 + g || '.0001.node-' || g % 100 FROM generate_series(1, :ids) g;
INSERT INTO txsync.mutation (transaction_id, source_id, claimed_by, claimed_at) SELECT id, 'bench', current_user, now() FROM keys;
VACUUM ANALYZE;

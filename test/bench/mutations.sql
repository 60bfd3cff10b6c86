-- What test/bench/mutations measures on. `plain` has no trigger, `audited` the audit trigger that many applications have, `tracked` is txsync's,
-- and `by_hand` the same logic in plpgsql. Needs the variables rows and ids.
CREATE EXTENSION txsync;
CREATE TABLE plain (id int PRIMARY KEY, organization_id uuid NOT NULL, name text, status text, n int NOT NULL DEFAULT 0, tx jsonb, versions jsonb NOT NULL DEFAULT '{}', updated_at timestamptz DEFAULT now());
INSERT INTO plain (id, organization_id, name, status) SELECT g, gen_random_uuid(), 'Page number ' || g, 'draft' FROM generate_series(1, :rows) g;
CREATE TABLE audited (LIKE plain INCLUDING ALL);
CREATE TABLE by_hand (LIKE plain INCLUDING ALL);
CREATE TABLE tracked (id int PRIMARY KEY, organization_id uuid NOT NULL, name text, status text, n int NOT NULL DEFAULT 0, updated_at timestamptz DEFAULT now());
INSERT INTO audited SELECT * FROM plain;
INSERT INTO tracked SELECT id, organization_id, name, status, n, updated_at FROM plain;
SELECT entity_type FROM txsync.track('tracked');

CREATE TABLE audit (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), relation text, old jsonb, new jsonb);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (relation, old, new) VALUES (TG_TABLE_NAME, to_jsonb(OLD), to_jsonb(NEW));
    RETURN NEW;
END $$;
CREATE TRIGGER audit AFTER UPDATE ON audited FOR EACH ROW EXECUTE FUNCTION audit();

-- What mutate() does with an op that sets a field, in plpgsql: for this one table, without operations, last write wins, streamOffset, the order of
-- ids in other spellings, and retention. The ids of the fields' last changes are in `versions`, as they are told; when these were is in `stamps`.
ALTER TABLE by_hand ADD stamps jsonb NOT NULL DEFAULT '{}', ALTER versions SET DEFAULT '{"last": null, "rowVersion": 1, "fields": {}}';
INSERT INTO by_hand (id, organization_id, name, status, n, updated_at) SELECT id, organization_id, name, status, n, updated_at FROM plain;
CREATE TABLE deleted (entity_id text COLLATE "C" PRIMARY KEY, transaction_id text NOT NULL);
CREATE TABLE ledger (id text COLLATE "C" PRIMARY KEY, source text NOT NULL, field text, role text NOT NULL, entity_id text NOT NULL, request text NOT NULL,
    at timestamptz NOT NULL DEFAULT now());

-- Whoever writes a row moves the versions of what changes, else a client's expectation would prove nothing: so this is a trigger's task. A stamp is
-- above the field's last one, and at most a minute ahead of the clock.
CREATE FUNCTION keep_versions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    others CONSTANT text[] := '{id,tx,versions,stamps,updated_at}';
    old_fields CONSTANT jsonb := to_jsonb(OLD) - others;
    clock CONSTANT bigint := extract(epoch FROM clock_timestamp()) * 1000;
    author text;
    stamp bigint;
    ids jsonb;
    stamps jsonb;
BEGIN
    IF NEW.tx IS NOT DISTINCT FROM OLD.tx THEN -- carried over: nobody has declared it
        NEW.tx := NULL;
    END IF;
    author := coalesce(NEW.tx ->> 'transactionId', clock || '.0000.server-' || pg_current_xact_id());
    stamp := CASE WHEN author ~ '^[0-9]{1,15}\.[0-9]{4}\.' THEN least(split_part(author, '.', 1)::bigint, clock + 60000) * 10000 + split_part(author, '.', 2)::int
        ELSE clock * 10000 END;
    SELECT jsonb_object_agg(key, author), jsonb_object_agg(key, greatest(stamp, (OLD.stamps ->> key)::bigint + 1)) INTO ids, stamps
        FROM jsonb_each(to_jsonb(NEW) - others) WHERE value <> old_fields -> key;
    NEW.versions := jsonb_build_object('last', author, 'rowVersion', (OLD.versions ->> 'rowVersion')::bigint + 1,
        'fields', OLD.versions -> 'fields' || coalesce(ids, '{}'));
    NEW.stamps := OLD.stamps || coalesce(stamps, '{}');
    RETURN NEW;
END $$;
CREATE TRIGGER keep_versions BEFORE UPDATE ON by_hand FOR EACH ROW EXECUTE FUNCTION keep_versions();

CREATE FUNCTION mutate_by_hand(op jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tid CONSTANT text := op ->> 'transactionId';
    source CONSTANT text := op ->> 'sourceId';
    field CONSTANT text := op ->> 'changedField';
    entity CONSTANT text := op ->> 'entityId';
    expected CONSTANT text := op ->> 'expectedTransactionId';
    request CONSTANT text := md5((op - '{expectedTransactionId,expectedVersion}'::text[])::text);
    type text;
    claimed ledger;
    page by_hand;
    is_duplicate boolean;
    server text;
BEGIN
    IF jsonb_typeof(op -> 'transactionId') IS DISTINCT FROM 'string' OR octet_length(tid) NOT BETWEEN 1 AND 128
        OR jsonb_typeof(op -> 'sourceId') IS DISTINCT FROM 'string' OR octet_length(source) NOT BETWEEN 1 AND 64
        OR op ->> 'action' IS DISTINCT FROM 'update' OR op ->> 'entityType' IS DISTINCT FROM 'by_hand' OR entity IS NULL OR field IS NULL
        OR NOT op ? 'value' OR jsonb_typeof(op -> 'expectedTransactionId') NOT IN ('string', 'null') THEN
        RAISE 'invalid op' USING ERRCODE = 'TX014', DETAIL = jsonb_build_object('code', 'INVALID_OP', 'httpStatus', 422);
    END IF;
    SELECT format_type(atttypid, atttypmod) INTO type FROM pg_attribute
        WHERE attrelid = 'by_hand'::regclass AND attname = field AND attnum > 0 AND NOT attisdropped AND field NOT IN ('id', 'tx', 'versions', 'stamps');
    IF NOT FOUND THEN
        RAISE 'there is no field %', field USING ERRCODE = 'TX012', DETAIL = jsonb_build_object('code', 'UNKNOWN_FIELD', 'httpStatus', 422, 'field', field);
    END IF;

    INSERT INTO ledger (id, source, field, role, entity_id, request) VALUES (tid, source, field, current_user, entity, request) ON CONFLICT DO NOTHING;
    is_duplicate := NOT FOUND;
    IF is_duplicate THEN
        SELECT * INTO claimed FROM ledger WHERE id = tid;
        IF (claimed.source, claimed.field, claimed.role, claimed.entity_id, claimed.request) IS DISTINCT FROM (source, field, current_user::text, entity, request) THEN
            RAISE 'transactionId % was used for another request', tid
                USING ERRCODE = 'TX004', DETAIL = jsonb_build_object('code', 'DUPLICATE_MISMATCH', 'httpStatus', 409, 'transactionId', tid);
        END IF;
    END IF;

    SELECT * INTO page FROM by_hand p WHERE p.id = entity::int FOR NO KEY UPDATE;
    IF NOT FOUND AND NOT is_duplicate THEN
        SELECT transaction_id INTO server FROM deleted WHERE entity_id = entity;
        RAISE 'entity % is not there', entity USING ERRCODE = CASE WHEN FOUND THEN 'TX001' ELSE 'TX016' END,
            DETAIL = jsonb_build_object('code', CASE WHEN FOUND THEN 'FIELD_CONFLICT' ELSE 'ENTITY_NOT_FOUND' END, 'serverTransactionId', server);
    END IF;
    IF NOT is_duplicate THEN
        server := page.versions -> 'fields' ->> field;
        IF op ? 'expectedTransactionId' AND server <> coalesce(expected, '') THEN
            RAISE 'entity % was changed meanwhile', entity USING ERRCODE = 'TX001',
                DETAIL = jsonb_build_object('code', 'FIELD_CONFLICT', 'httpStatus', 409, 'field', field, 'expectedTransactionId', expected, 'serverTransactionId', server);
        END IF;
        IF (op ->> 'expectedVersion')::bigint <> (page.versions ->> 'rowVersion')::bigint THEN
            RAISE 'entity % has another version', entity USING ERRCODE = 'TX002', DETAIL = jsonb_build_object('code', 'VERSION_CONFLICT', 'httpStatus', 409);
        END IF;
        EXECUTE format('UPDATE by_hand SET %I = $1::%s, tx = $2 WHERE id = $3 RETURNING *', field, type) INTO page
            USING op ->> 'value', jsonb_build_object('transactionId', tid, 'sourceId', source, 'changedField', field), page.id;
    END IF;
    RETURN jsonb_build_object('data', to_jsonb(page) - '{tx,versions,stamps}'::text[], 'tx', jsonb_build_object('transactionId', tid, 'sourceId', source, 'changedField', field),
        'versions', page.versions) || CASE WHEN is_duplicate THEN '{"duplicate": true}' ELSE '{}'::jsonb END;
END $$;

-- Many ids, as an application has after a few months.
CREATE TABLE keys (id text COLLATE "C" PRIMARY KEY);
INSERT INTO keys SELECT 1700000000000 + g || '.0001.node-' || g % 100 FROM generate_series(1, :ids) g;
INSERT INTO txsync.mutation (transaction_id, source_id, claimed_by, claimed_at) SELECT id, 'bench', current_user, now() FROM keys;
VACUUM ANALYZE;

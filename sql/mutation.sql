-- Mutations: ids that were claimed, what was deleted, and whether a client knows what it overwrites.

CREATE FUNCTION mutation_day(transaction_id text) RETURNS date
LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION mutation_day(text) IS 'The day (UTC) in an id of a clock, null for other ids: what txsync.mutation is partitioned by.';

CREATE TABLE mutation (
    transaction_id text COLLATE "C" NOT NULL,
    source_id text NOT NULL,
    changed_field text,
    claimed_by text NOT NULL,
    entity_type text,
    entity_id text,
    request bytea,
    claimed_at timestamptz NOT NULL,
    result jsonb
) PARTITION BY LIST ((mutation_day(transaction_id) IS NULL));
CREATE TABLE mutation_other PARTITION OF mutation FOR VALUES IN (true);
CREATE TABLE mutation_hlc PARTITION OF mutation FOR VALUES IN (false) PARTITION BY RANGE (mutation_day(transaction_id));
CREATE TABLE mutation_rest PARTITION OF mutation_hlc DEFAULT;
CREATE UNIQUE INDEX mutation_other_id ON mutation_other (transaction_id);
CREATE UNIQUE INDEX mutation_rest_id ON mutation_rest (transaction_id);
-- Whoever publishes all tables could delete nothing otherwise.
ALTER TABLE mutation_other REPLICA IDENTITY USING INDEX mutation_other_id;
ALTER TABLE mutation_rest REPLICA IDENTITY USING INDEX mutation_rest_id;
SELECT pg_catalog.pg_extension_config_dump('mutation_other', '');
SELECT pg_catalog.pg_extension_config_dump('mutation_rest', '');
COMMENT ON TABLE mutation IS 'The ledger: one row per transactionId that was claimed, in the transaction that claimed it. Ids of a clock are kept by the day in them.';
COMMENT ON COLUMN mutation.claimed_by IS 'The role, by its name.';
COMMENT ON COLUMN mutation.entity_type IS 'The entity that begin_mutation() named, or else that of the first row that was written.';
COMMENT ON COLUMN mutation.request IS 'SHA-256 of what begin_mutation() got as request.';
COMMENT ON COLUMN mutation.result IS 'What finish_mutation() got.';
COMMENT ON TABLE mutation_other IS 'Ids that are not of a clock.';
COMMENT ON TABLE mutation_hlc IS 'Ids of a clock.';
COMMENT ON TABLE mutation_rest IS 'Ids of days without a partition of their own.';

CREATE TABLE mutation_floor (
    floor date PRIMARY KEY
);
SELECT pg_catalog.pg_extension_config_dump('mutation_floor', '');
COMMENT ON TABLE mutation_floor IS 'Ids of a clock from before this day are not known any more, and refused: TOO_OLD.';

CREATE TABLE tombstone (
    entity_type text COLLATE "C" NOT NULL,
    entity_key text COLLATE "C" NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    org_id text COLLATE "C",
    transaction_id text COLLATE "C" NOT NULL,
    wall_ms bigint NOT NULL,
    logical bigint NOT NULL,
    row_version bigint NOT NULL,
    origin text,
    deleted_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX tombstone_entity ON tombstone (entity_type, entity_key);
ALTER TABLE tombstone REPLICA IDENTITY USING INDEX tombstone_entity;
SELECT pg_catalog.pg_extension_config_dump('tombstone', '');
COMMENT ON TABLE tombstone IS 'What was deleted, as of its last deletion: a write that comes late is a conflict.';
COMMENT ON COLUMN tombstone.entity_key IS 'The id, or its MD5 where that is longer than 200 bytes.';
COMMENT ON COLUMN tombstone.wall_ms IS 'With logical the stamp of the deletion.';
COMMENT ON COLUMN tombstone.origin IS 'The replication origin that the deletion came from; null: this server.';

CREATE FUNCTION begin_mutation(tx jsonb, entity_type text DEFAULT NULL, entity_id text DEFAULT NULL, request jsonb DEFAULT NULL) RETURNS jsonb
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION begin_mutation(jsonb, text, text, jsonb) IS
'Begins a mutation in this transaction: claims tx''s transactionId, and declares tx for all rows of tracked tables that the transaction writes until end_mutation() or the next begin. Returns {"status": "new"}, or for an id that was applied already {"status": "duplicate", "entity": the row as the caller may read it now, null where that is not possible, "result": what finish_mutation() kept}; a concurrent duplicate waits. With entity_type, entity_id and a member expectedTransactionId in tx: FIELD_CONFLICT (TX001) if the entity''s field has another version. Other errors: INVALID_TX (TX006), DUPLICATE_MISMATCH (TX004: another request, or role), TOO_OLD (TX008), UNKNOWN_ENTITY_TYPE (TX011), 25006 in a read-only transaction. For everybody.';

CREATE FUNCTION finish_mutation(result jsonb) RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION finish_mutation(jsonb) IS 'Keeps a result for those who come with the mutation''s id again. Error 55000 without a mutation. For everybody.';

CREATE FUNCTION end_mutation() RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION end_mutation() IS 'What the transaction writes from here on is not declared any more. Without a mutation nothing happens. For everybody.';

CREATE FUNCTION is_transaction_processed(transaction_id text) RETURNS boolean
LANGUAGE c STRICT STABLE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION is_transaction_processed(text) IS 'Whether the id is in the ledger, as committed at this instant or claimed by this transaction. For everybody.';

CREATE FUNCTION get_entity_by_transaction(transaction_id text) RETURNS jsonb
LANGUAGE c STRICT STABLE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION get_entity_by_transaction(text) IS 'The entity that an id was claimed for, {"entityType", "entityId"}; null if there is none, or for a caller who neither claimed it nor may read the entity. For everybody.';

CREATE FUNCTION check_field_conflict(entity_type text, entity_id text, field text, expected text, OUT has_conflict boolean, OUT server_transaction_id text) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION check_field_conflict(text, text, text, text) IS
'Whether the field''s version is another than the one that a client expects (null: never updated), and which it is. Without a field: for a delete, by the entity''s last change. Locks the row until the transaction ends, so that the answer stays true; the caller needs the rights of SELECT FOR UPDATE. A deleted entity is a conflict with what deleted it; for a caller whom row security of its table holds, only where the tracking''s delete_visible, called as the caller, returns true, and else as if it had never been. Errors: UNKNOWN_ENTITY_TYPE (TX011), UNKNOWN_FIELD (TX012), INVALID_ENTITY_ID (TX018).';

CREATE FUNCTION field_versions(entity_type text, entity_id text) RETURNS jsonb
LANGUAGE c STRICT STABLE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION field_versions(text, text) IS
'{"last": id of the entity''s last change, "rowVersion": how often its row was written, "fields": {field: id of its last change, or of the creation}}; null where the caller sees no such entity. last is null, and a field is left out, where that is not known. Error: UNKNOWN_ENTITY_TYPE (TX011).';

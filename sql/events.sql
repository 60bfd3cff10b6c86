-- What is told without a row: events of the application, and entities that others may see now.

CREATE FUNCTION emit(topic text, key text, payload jsonb) RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
REVOKE ALL ON FUNCTION emit(text, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION emit(text, text, jsonb) IS
'Puts an event into stream and changelog, in commit order with what the transaction writes; the rollback of its savepoint takes it back. It has the tx of the mutation that was begun, and counts as something that it wrote. topic: 1 to 255 bytes (22023); key may be null; payload: at most 1 MB as text (54000). After begin_mutation() has answered duplicate: DUPLICATE_TRANSACTION (TX003); 25006 in a read-only transaction. For whom it is granted to.';

CREATE VIEW event AS
SELECT a.id, a.committed_at, a.entity_type AS topic, a.entity_id AS key, a.payload, a.tx
FROM @extschema@.activity a WHERE a.action = 'event';
COMMENT ON VIEW event IS 'What emit() has put into the changelog. Who may read it may also fetch events.';

CREATE FUNCTION reshare(entity_type text, ids text[]) RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION reshare(text, text[]) IS
'After a grant or a revocation that touched no row: puts a change visibility of each entity into stream and changelog, so that its readers look again. Only the table''s owner may (42501). Errors: UNKNOWN_ENTITY_TYPE (TX011), INVALID_ENTITY_ID (TX018) or what the id''s type says of it, 22004 for null, 25006 in a read-only transaction.';

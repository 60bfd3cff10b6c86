-- Ops: writes as clients queue them.

CREATE FUNCTION mutate(op jsonb) RETURNS jsonb
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION mutate(jsonb) IS
'Applies one op as the caller and returns {"data", "tx", "versions"}, or fails: FIELD_CONFLICT, VERSION_CONFLICT, STREAM_BEHIND, INVALID_OP and as the write itself. An op that was applied before returns the entity as it is, with "duplicate": true; one that a newer write has overtaken, with "superseded": true. For everybody.';

CREATE FUNCTION apply_ops(ops jsonb, options jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION apply_ops(jsonb, jsonb) IS
'Applies an array of ops in order, as the caller, and returns an array with a result for each: its status is applied, duplicate, conflict, superseded, rejected or deferred. Ops that follow each other with one transactionId are one mutation: all or none of them is applied. Options: {"atomic": true} applies all ops or none. At most txsync.max_ops (54000). For everybody.';

CREATE FUNCTION squash_ops(ops jsonb) RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION squash_ops(jsonb) IS
'What a queue of ops may shrink to before it is sent: sets of one field become the last of them, with what the first expected; increments add up; a create takes in the sets behind it; what was created and deleted goes. An op with "sent": true may be known to the server already: it stays as it was or goes, and its id is listed in "replaces" of what stands for it. For everybody.';

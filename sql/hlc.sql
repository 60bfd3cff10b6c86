-- The clock, and the ids that it gives: hybrid logical clock times, wallTimeMs.logical.node.

CREATE SEQUENCE clock MINVALUE 0 MAXVALUE 281474976710655;
REVOKE ALL ON SEQUENCE clock FROM PUBLIC;
COMMENT ON SEQUENCE clock IS 'The high-water mark of the clock in this database: last_value is a wall time in ms beyond which no id was given. Not for nextval().';

CREATE TYPE hlc;
CREATE FUNCTION hlc_in(cstring) RETURNS hlc LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION hlc_out(hlc) RETURNS cstring LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION hlc_recv(internal) RETURNS hlc LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION hlc_send(hlc) RETURNS bytea LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE TYPE hlc (INPUT = hlc_in, OUTPUT = hlc_out, RECEIVE = hlc_recv, SEND = hlc_send, STORAGE = main);
COMMENT ON TYPE hlc IS 'A transaction id of a hybrid logical clock, wallTimeMs.logical.node: ordered by wall time, then logical, then the node''s bytes. Whatever is no such id is an error (TX007, INVALID_TRANSACTION_ID). The binary protocol has its text.';
COMMENT ON FUNCTION hlc_in(cstring) IS 'Input of hlc.';
COMMENT ON FUNCTION hlc_out(hlc) IS 'Output of hlc: without leading zeros in the wall time, logical of at least 4 digits.';
COMMENT ON FUNCTION hlc_recv(internal) IS 'Binary input of hlc: its text.';
COMMENT ON FUNCTION hlc_send(hlc) IS 'Binary output of hlc: its text.';

CREATE FUNCTION hlc_eq(hlc, hlc) RETURNS boolean LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME';
CREATE FUNCTION hlc_ne(hlc, hlc) RETURNS boolean LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME';
CREATE FUNCTION hlc_lt(hlc, hlc) RETURNS boolean LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME';
CREATE FUNCTION hlc_le(hlc, hlc) RETURNS boolean LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME';
CREATE FUNCTION hlc_gt(hlc, hlc) RETURNS boolean LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME';
CREATE FUNCTION hlc_ge(hlc, hlc) RETURNS boolean LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME';
CREATE FUNCTION hlc_cmp(hlc, hlc) RETURNS integer LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME';
CREATE FUNCTION hlc_hash(hlc) RETURNS integer LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME';
CREATE FUNCTION hlc_hash_extended(hlc, bigint) RETURNS bigint LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION hlc_eq(hlc, hlc) IS 'Implementation of = operator.';
COMMENT ON FUNCTION hlc_ne(hlc, hlc) IS 'Implementation of <> operator.';
COMMENT ON FUNCTION hlc_lt(hlc, hlc) IS 'Implementation of < operator.';
COMMENT ON FUNCTION hlc_le(hlc, hlc) IS 'Implementation of <= operator.';
COMMENT ON FUNCTION hlc_gt(hlc, hlc) IS 'Implementation of > operator.';
COMMENT ON FUNCTION hlc_ge(hlc, hlc) IS 'Implementation of >= operator.';
COMMENT ON FUNCTION hlc_cmp(hlc, hlc) IS '-1, 0 or 1: the order of hlc in indexes.';
COMMENT ON FUNCTION hlc_hash(hlc) IS 'Hash of hlc.';
COMMENT ON FUNCTION hlc_hash_extended(hlc, bigint) IS 'Hash of hlc with a seed.';

CREATE OPERATOR = (LEFTARG = hlc, RIGHTARG = hlc, FUNCTION = hlc_eq, COMMUTATOR = =, NEGATOR = <>, RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR <> (LEFTARG = hlc, RIGHTARG = hlc, FUNCTION = hlc_ne, COMMUTATOR = <>, NEGATOR = =, RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR < (LEFTARG = hlc, RIGHTARG = hlc, FUNCTION = hlc_lt, COMMUTATOR = >, NEGATOR = >=, RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR <= (LEFTARG = hlc, RIGHTARG = hlc, FUNCTION = hlc_le, COMMUTATOR = >=, NEGATOR = >, RESTRICT = scalarlesel, JOIN = scalarlejoinsel);
CREATE OPERATOR > (LEFTARG = hlc, RIGHTARG = hlc, FUNCTION = hlc_gt, COMMUTATOR = <, NEGATOR = <=, RESTRICT = scalargtsel, JOIN = scalargtjoinsel);
CREATE OPERATOR >= (LEFTARG = hlc, RIGHTARG = hlc, FUNCTION = hlc_ge, COMMUTATOR = <=, NEGATOR = <, RESTRICT = scalargesel, JOIN = scalargejoinsel);
COMMENT ON OPERATOR = (hlc, hlc) IS 'The same id.';
COMMENT ON OPERATOR <> (hlc, hlc) IS 'Not the same id.';
COMMENT ON OPERATOR < (hlc, hlc) IS 'Earlier.';
COMMENT ON OPERATOR <= (hlc, hlc) IS 'Earlier, or the same.';
COMMENT ON OPERATOR > (hlc, hlc) IS 'Later.';
COMMENT ON OPERATOR >= (hlc, hlc) IS 'Later, or the same.';

CREATE OPERATOR CLASS hlc_ops DEFAULT FOR TYPE hlc USING btree AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 hlc_cmp(hlc, hlc);
COMMENT ON OPERATOR CLASS hlc_ops USING btree IS 'Order of hlc.';
COMMENT ON OPERATOR FAMILY hlc_ops USING btree IS 'Order of hlc.';
CREATE OPERATOR CLASS hlc_ops DEFAULT FOR TYPE hlc USING hash AS
    OPERATOR 1 =, FUNCTION 1 hlc_hash(hlc), FUNCTION 2 hlc_hash_extended(hlc, bigint);
COMMENT ON OPERATOR CLASS hlc_ops USING hash IS 'Hash of hlc.';
COMMENT ON OPERATOR FAMILY hlc_ops USING hash IS 'Hash of hlc.';

CREATE FUNCTION create_transaction_id(node text DEFAULT NULL) RETURNS text
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION create_transaction_id(text) IS
'A new transaction id, above all that this server gave in this database before, whatever happened to it or to its wall clock. Where the library is not preloaded: above all of this session. node: 1 to 64 bytes (TX007), by default the server''s own; the ids of two callers differ whatever they give. On a standby 25006. For everybody.';

CREATE FUNCTION parse_transaction_id(id text, OUT wall_time timestamptz, OUT wall_ms bigint, OUT logical bigint, OUT node text) RETURNS record
LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION parse_transaction_id(text) IS
'The parts of an id of a hybrid logical clock; any other text is an error (TX007, INVALID_TRANSACTION_ID). For everybody.';

CREATE FUNCTION compare_transaction_ids(a text, b text) RETURNS integer
LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION compare_transaction_ids(text, text) IS
'-1, 0 or 1 as a is earlier than b, the same or later: by wall time, then logical, then the node''s bytes. Whatever is not of a hybrid logical clock is an error (TX007, INVALID_TRANSACTION_ID). For everybody.';

CREATE FUNCTION hlc_now() RETURNS hlc
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION hlc_now() IS 'The same as create_transaction_id(), as hlc. For everybody.';

CREATE FUNCTION hlc_observe(id text) RETURNS hlc
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION hlc_observe(text) IS
'A new id that is above one from elsewhere, as all that follow are. One that is further ahead of the wall clock than txsync.max_clock_skew is an error (TX010, CLOCK_SKEW), and so is what is not of a hybrid logical clock (TX007). On a standby 25006. For everybody.';

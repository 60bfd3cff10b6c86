-- Does the changelog know what the tables hold: telling it, and looking.

CREATE TABLE backfill_state (
    relation oid PRIMARY KEY,
    entity_type text NOT NULL,
    blocks_total bigint NOT NULL,
    blocks_done bigint NOT NULL DEFAULT 0,
    part oid NOT NULL DEFAULT 0,
    storage oid NOT NULL DEFAULT 0,
    block bigint NOT NULL DEFAULT 0,
    rows_read bigint NOT NULL DEFAULT 0,
    rows_told bigint NOT NULL DEFAULT 0,
    pid integer,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz,
    finished_at timestamptz
);
COMMENT ON TABLE backfill_state IS 'How far backfill() is with each table: written in the transaction of each piece, so that a call goes on where another was interrupted. Read it through txsync.progress_backfill.';
COMMENT ON COLUMN backfill_state.part IS 'The table with rows, or the partition, that is being read; storage is its file, block the next one.';

CREATE VIEW progress_backfill WITH (security_barrier) AS
SELECT p.pid, s.relation::regclass AS relation, s.entity_type,
       CASE WHEN s.finished_at IS NOT NULL THEN 'done' WHEN p.pid IS NOT NULL THEN 'running' ELSE 'interrupted' END AS phase,
       s.blocks_total, s.blocks_done, s.rows_read, s.rows_told, s.started_at, s.updated_at, s.finished_at
FROM @extschema@.backfill_state s JOIN pg_catalog.pg_class c ON c.oid = s.relation
LEFT JOIN pg_catalog.pg_stat_get_activity(s.pid) p ON s.finished_at IS NULL AND p.datid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
WHERE pg_catalog.pg_has_role(c.relowner, 'USAGE');
COMMENT ON VIEW progress_backfill IS 'How far backfill() is, for the tables'' owners: phase is running, interrupted (the next call goes on there) or done. blocks_total is as of its beginning.';

CREATE FUNCTION backfill_piece(relation regclass, first boolean) RETURNS boolean
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION backfill_piece(regclass, boolean) IS 'One piece of backfill(): false when there is none left. For the procedure.';

-- A procedure that commits can set no search_path: what these two name is qualified, or a word of the grammar.

CREATE PROCEDURE backfill(relation regclass)
LANGUAGE plpgsql AS $$
DECLARE
    first boolean := true;
BEGIN
    WHILE @extschema@.backfill_piece(relation, first) LOOP
        COMMIT;
        first := false;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE backfill(regclass) IS
'Puts a create without tx into the changelog for each row that it does not know: from before the tracking, or before a gap. Piece by piece, with a COMMIT after each; an interrupted call is gone on with by the next, and several may share the work. Of concurrent writers none is missed and nothing is resurrected. Only the table''s owner may (42501). Errors: 55000 for a table that is not tracked and without capture, 2D000 inside a transaction block, 25000 in another isolation level than READ COMMITTED.';

CREATE FUNCTION verify_piece(relation regclass, first boolean) RETURNS boolean
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION verify_piece(regclass, boolean) IS 'One piece of verify(): false when there is none left. For the procedure.';

CREATE FUNCTION verified(relation regclass) RETURNS jsonb
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION verified(regclass) IS 'What the pieces of verify() have found, which is noted in sync_log: 55000 before all have been looked at. For the procedure.';

CREATE PROCEDURE verify(relation regclass, INOUT result jsonb DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    first boolean := true;
BEGIN
    WHILE @extschema@.verify_piece(relation, first) LOOP
        COMMIT;
        first := false;
    END LOOP;
    result := @extschema@.verified(relation);
END
$$;
COMMENT ON PROCEDURE verify(regclass, jsonb) IS
'Whether changelog and table agree, entity by entity: is it there, of which organization, and in which row version where the changelog has that. Piece by piece, with a COMMIT after each. The result: {"entityType", "entities": rows of the table, "differing": how many differ, "differences": the first 1000, [{"entityId", "table", "changelog"}], each {"organizationId", "rowVersion"} or null}; it is also in sync_log. A difference counts only if it is still there when capture has come beyond it. Only the table''s owner may (42501). Errors as of backfill().';

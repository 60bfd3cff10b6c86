-- What is tracked. A table is tracked exactly as long as it has txsync's row trigger, whose arguments are the tracking: so it is
-- dumped, restored, renamed and dropped with the table, and the decoder sees it as it was at each change.

REVOKE ALL ON SCHEMA @extschema@ FROM PUBLIC;
GRANT USAGE ON SCHEMA @extschema@ TO PUBLIC;

CREATE FUNCTION row_trigger() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME';
REVOKE ALL ON FUNCTION row_trigger() FROM PUBLIC;
COMMENT ON FUNCTION row_trigger() IS 'Row trigger of tracked tables: keeps tx and tx_versions true, claims the ids that rows declare, leaves tombstones, and tells the decoder what the WAL will not have. Attached by track() only.';

CREATE FUNCTION tracking(arguments bytea) RETURNS jsonb
LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tracking(bytea) IS 'The arguments of a row trigger (pg_trigger.tgargs) as an object: the source of the view entities.';

CREATE FUNCTION follow_ddl() RETURNS event_trigger
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME';
REVOKE ALL ON FUNCTION follow_ddl() FROM PUBLIC;
COMMENT ON FUNCTION follow_ddl() IS 'Event trigger: keeps the tracking true when columns that it names are renamed or dropped.';

-- Columns of tables are renamed under each of these tags.
CREATE EVENT TRIGGER txsync_follow_ddl ON ddl_command_end
WHEN TAG IN ('ALTER TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER FOREIGN TABLE', 'ALTER TYPE') EXECUTE FUNCTION follow_ddl();
COMMENT ON EVENT TRIGGER txsync_follow_ddl IS 'Keeps txsync''s tracking true when columns that it names are renamed.';

CREATE EVENT TRIGGER txsync_follow_drop ON sql_drop EXECUTE FUNCTION follow_ddl();
COMMENT ON EVENT TRIGGER txsync_follow_drop IS 'Keeps txsync''s tracking true when columns that it names are dropped.';

CREATE VIEW entities AS
SELECT g.tgrelid::regclass AS relation,
       t.tracking ->> 'entityType' AS entity_type,
       ARRAY(SELECT jsonb_array_elements_text(t.tracking -> 'ids'))::name[] AS id_columns,
       (t.tracking ->> 'org')::name AS org_column,
       (t.tracking ->> 'tx')::boolean AS tx,
       ARRAY(SELECT jsonb_array_elements_text(t.tracking -> 'hidden')::name
             UNION ALL
             SELECT a.attname FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = g.tgrelid AND NOT a.attisdropped AND t.tracking -> 'onceHidden' ? a.attname::text
               AND NOT ((t.tracking -> 'hidden') || (t.tracking -> 'ids') || (t.tracking -> 'org')) ? a.attname::text) AS hidden,
       ARRAY(SELECT jsonb_array_elements_text(coalesce(t.tracking -> 'bookkeeping', '["modified_at", "updated_at"]')))::name[] AS bookkeeping,
       (SELECT coalesce(jsonb_object_agg(c, 'lww'), '{}') FROM jsonb_array_elements_text(t.tracking -> 'lww') c) AS strategies,
       t.tracking ->> 'notify' AS notify,
       to_regprocedure(t.tracking ->> 'deleteVisible') AS delete_visible
FROM pg_catalog.pg_trigger g, LATERAL (SELECT @extschema@.tracking(g.tgargs) AS tracking) t
WHERE g.tgname = 'zz_txsync' AND g.tgfoid = '@extschema@.row_trigger()'::regprocedure AND g.tgparentid = 0 AND t.tracking IS NOT NULL;
COMMENT ON VIEW entities IS 'Tracked tables, one row each, with what track() was told or chose. Partitioned tables stand here by their root.';

-- Which tables are tracked.

CREATE FUNCTION track(
    relation regclass,
    entity_type text DEFAULT NULL,
    id_column name DEFAULT NULL,
    org_column name DEFAULT NULL,
    tx boolean DEFAULT true,
    hidden name[] DEFAULT '{}',
    bookkeeping name[] DEFAULT NULL,
    strategies jsonb DEFAULT '{}',
    notify text DEFAULT 'none',
    delete_visible regprocedure DEFAULT NULL
) RETURNS entities
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION track(regclass, text, name, name, boolean, name[], name[], jsonb, text, regprocedure) IS
'Tracks a table, or changes how it is tracked: from now on its changes are in the stream. Defaults: entity_type = the table''s name, id_column = the primary key, org_column = the first of organization_id, org_id, tenant_id that is there ('''' = none), bookkeeping = modified_at and updated_at. Adds the columns tx jsonb and tx_versions bytea unless they are there or tx is false, and a row trigger. hidden columns never leave the server. strategies, of mutate() and apply_ops(): {"column": "manual" | "lww"}: a field that others have changed is a conflict, or the last write wins. notify: none | full. delete_visible: function (entity_id text, org_id text) returns boolean. Only the table''s owner may. Returns the entity''s row. Errors: 42809 (not an ordinary table), 55000 (no usable key, tx is NOT NULL), 42804 (tx of another type), 42703 (no such column), 42710 (entity type taken), 22023 (bad argument), 42501 (not the owner); each with the statement that mends it where one does.';

CREATE FUNCTION untrack(relation regclass, drop_columns boolean DEFAULT false) RETURNS void
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION untrack(regclass, boolean) IS
'Ends the tracking of a table; its data stay, and so do the columns tx and tx_versions unless drop_columns is true. A NOTICE if the table is not tracked. Only the table''s owner may (42501).';

-- Catching up: the changelog as readers get it.

CREATE FUNCTION fetch_changes("cursor" text DEFAULT 'start', max int DEFAULT 100, entity_types text[] DEFAULT NULL, organizations text[] DEFAULT NULL, latest boolean DEFAULT false) RETURNS jsonb
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION fetch_changes(text, int, text[], text[], boolean) IS
'The changes behind a cursor, in the order of their activities, as the caller may know of them now: {"changes", "cursor", "hasMore"}. data is the entity now, with its versions; null: it is to be removed. cursor: start, now, an activityId, or what the last call returned. Filters: null = everything. latest passes over changes of entities that change again. Errors: CURSOR_INVALID, CURSOR_FOREIGN, CURSOR_AHEAD, CURSOR_EXPIRED, CURSOR_FILTER, UNKNOWN_ENTITY_TYPE, 22023 unless max is 1 to 1000, 42501 with row_security off where it holds the caller. For everybody.';

CREATE FUNCTION changes("cursor" text DEFAULT 'start', max int DEFAULT 100, entity_types text[] DEFAULT NULL, organizations text[] DEFAULT NULL, latest boolean DEFAULT false)
RETURNS TABLE (activity_id bigint, committed_at timestamptz, entity_type text, entity_id text, organization_id text, action text, changed_keys text[], tx jsonb, version text, row_version bigint, data jsonb, versions jsonb)
LANGUAGE sql VOLATILE
BEGIN ATOMIC
SELECT (c.change ->> 'activityId')::bigint, (c.change ->> 'committedAt')::timestamptz, c.change ->> 'entityType', c.change ->> 'entityId', c.change ->> 'organizationId', c.change ->> 'action',
       CASE WHEN c.change ->> 'changedKeys' IS NOT NULL THEN ARRAY(SELECT k.key FROM pg_catalog.jsonb_array_elements_text(c.change -> 'changedKeys') k(key)) END,
       nullif(c.change -> 'tx', 'null'), c.change ->> 'version', (c.change ->> 'rowVersion')::bigint, nullif(c.change -> 'data', 'null'), c.change -> 'versions'
FROM pg_catalog.jsonb_array_elements(@extschema@.fetch_changes(changes."cursor", changes.max, changes.entity_types, changes.organizations, changes.latest) -> 'changes') WITH ORDINALITY c(change, n)
ORDER BY c.n;
END;
COMMENT ON FUNCTION changes(text, int, text[], text[], boolean) IS 'What fetch_changes() returns, as rows: to look at. For everybody.';

CREATE FUNCTION get_entities(pointers jsonb) RETURNS jsonb
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION get_entities(jsonb) IS
'1 to 100 entities, named by {"entityType", "entityId"}, as the caller may read them now: an array in the same order of {"entityType", "entityId", "organizationId", "data", "versions"}. data is null for one that is not there, or not for the caller. Errors: UNKNOWN_ENTITY_TYPE, 22023, 54000 if together they are more than jsonb holds. For everybody.';

CREATE FUNCTION snapshot(entity_type text, after text DEFAULT NULL, max int DEFAULT 100) RETURNS jsonb
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION snapshot(text, text, int) IS
'All entities of a type as the caller may read them, in pages in the order of their ids: {"entities": [{"entityId", "organizationId", "data"}], "versions": {entityId: versions}, "next", "cursor"}. after: next of the page before; a page of more than 64 MB ends early; next is null on the last one. cursor is from before the first page: what came meanwhile is behind it, for fetch_changes(). Errors: UNKNOWN_ENTITY_TYPE, CURSOR_INVALID, and of its cursor CURSOR_FOREIGN, CURSOR_AHEAD, CURSOR_EXPIRED; 22023 unless max is 1 to 1000, 42501. For everybody.';

CREATE FUNCTION sync("cursor" text, ops jsonb, options jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'sync_changes';
COMMENT ON FUNCTION sync(text, jsonb, jsonb) IS
'In one call fetch_changes() and then apply_ops(): {"changes", "cursor", "hasMore", "results"}. While there are more changes every op is deferred. Then an op on what one of the changes changed is a conflict, unless the change is the client''s own, or is what the op expects; the others are applied in order. Options: {"max", "entityTypes", "organizations"} of fetch_changes(), {"atomic"} of apply_ops(). Errors as of both. For everybody.';

-- Catching up: the changelog as readers get it.

CREATE FUNCTION fetch_changes("cursor" text DEFAULT 'start', max int DEFAULT 100, entity_types text[] DEFAULT NULL, organizations text[] DEFAULT NULL, latest boolean DEFAULT false) RETURNS jsonb
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION fetch_changes(text, int, text[], text[], boolean) IS
'The changes behind a cursor, in the order of their activities, as the caller may know of them now: {"changes", "cursor", "hasMore"}. data is the entity now, with its versions; null: it is to be removed. cursor: start, now, an activityId, or what the last call returned. Filters: null = everything. latest passes over changes of entities that change again. Errors: CURSOR_INVALID, CURSOR_FOREIGN, CURSOR_AHEAD, CURSOR_EXPIRED, CURSOR_FILTER, UNKNOWN_ENTITY_TYPE, 22023 unless max is 1 to 1000. For everybody.';

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

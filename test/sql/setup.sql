-- What the other tests use: the extension, a slot, and changes(): what the stream said since the last call, without what differs
-- from run to run.
SET client_min_messages = warning;
CREATE EXTENSION txsync;
SELECT slot_name FROM pg_create_logical_replication_slot('regress', 'txsync');

CREATE FUNCTION changes(OUT action text, OUT entity text, OUT id text, OUT org text, OUT keys text, OUT tx text, OUT field text, OUT data jsonb, OUT more jsonb)
RETURNS SETOF record LANGUAGE sql AS $$
    SELECT d ->> 'action', d ->> 'entityType', d ->> 'entityId', d ->> 'organizationId', d ->> 'changedKeys',
           d -> 'tx' ->> 'transactionId', d -> 'tx' ->> 'changedField', d -> 'data',
           d - '{activityId,position,committedAt,entityType,entityId,organizationId,action,changedKeys,tx,version,rowVersion,data}'::text[]
    FROM pg_logical_slot_get_changes('regress', NULL, NULL) WITH ORDINALITY s(lsn, xid, line, n), LATERAL (SELECT line::jsonb AS d) j
    ORDER BY n
$$;

-- A tx as clients send it.
CREATE FUNCTION tx(id text, field text DEFAULT NULL) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('transactionId', id, 'sourceId', 'tab-1', 'changedField', field)
$$;

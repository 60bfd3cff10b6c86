-- Consumers: workers are given changes until they say that each is done with.

CREATE TABLE consumer (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    creator oid NOT NULL,
    entity_types text[],
    organizations text[],
    max_attempts integer NOT NULL,
    position bigint NOT NULL,
    read_to bigint NOT NULL,
    last_delivery bigint NOT NULL DEFAULT 0,
    expired boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 20);
COMMENT ON TABLE consumer IS 'Consumers: read them through txsync.consumers. Not dumped: what they have read is of this changelog.';
COMMENT ON COLUMN consumer.creator IS 'The role with whose eyes it sees.';
COMMENT ON COLUMN consumer.entity_types IS 'Sorted; null: all. So are organizations.';
COMMENT ON COLUMN consumer.position IS 'Activities up to this id are done with: those above it are held in the changelog.';
COMMENT ON COLUMN consumer.read_to IS 'Activities up to this id were looked at: they are done with, or in lease, delivery or dead_letter.';
COMMENT ON COLUMN consumer.last_delivery IS 'The highest deliveryId. Microseconds since 2000 at the least, so that none is given twice, whatever a crash undoes.';
COMMENT ON COLUMN consumer.expired IS 'The changelog could not be held any longer: what it has not read is gone.';

-- Rows of some 64 deliveries: a row for each would cost more than all else, and what comes and goes as fast as that bloats a table.
CREATE TABLE lease (
    consumer integer NOT NULL,
    first_delivery bigint NOT NULL,
    until timestamptz NOT NULL,
    activities bigint[] NOT NULL,
    entities bigint[] NOT NULL,
    attempts integer[] NOT NULL,
    PRIMARY KEY (consumer, first_delivery)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000000, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE lease IS 'Deliveries that workers have: consecutive ids, one lease.';
COMMENT ON COLUMN lease.activities IS '0: it is done with.';
COMMENT ON COLUMN lease.entities IS 'Hashes of (entity_type, entity_id); 0: all entities.';
COMMENT ON COLUMN lease.attempts IS 'How often it was given, this time included.';

CREATE TABLE delivery (
    consumer integer NOT NULL,
    activity bigint NOT NULL,
    entity bigint NOT NULL,
    attempts integer NOT NULL,
    due timestamptz,
    PRIMARY KEY (consumer, activity)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX delivery_due ON delivery (consumer, due) WHERE due IS NOT NULL;
CREATE INDEX delivery_entity ON delivery (consumer, entity, activity);
COMMENT ON TABLE delivery IS 'What was looked at and nobody has: it waits for another attempt, or for an earlier change of its entity.';
COMMENT ON COLUMN delivery.due IS 'Null: an earlier one of its entity is here or leased.';

CREATE TABLE dead_letter (
    consumer integer NOT NULL,
    delivery bigint NOT NULL,
    activity bigint NOT NULL,
    entity bigint NOT NULL,
    attempts integer NOT NULL,
    error text,
    died_at timestamptz NOT NULL,
    PRIMARY KEY (consumer, delivery)
);
COMMENT ON TABLE dead_letter IS 'What was given as often as its consumer allows, and never acknowledged: read it through txsync.dead_letters.';

CREATE FUNCTION create_consumer(name text, filter jsonb DEFAULT '{}', start text DEFAULT 'now', max_attempts integer DEFAULT 20) RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
REVOKE ALL ON FUNCTION create_consumer(text, jsonb, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION create_consumer(text, jsonb, text, integer) IS
'Makes a consumer, which is told what the current role may read of the changes behind start (now, start, a cursor or an activityId), and holds the changelog until its workers have acknowledged them. Filter: {"entityTypes": [...], "organizations": [...]}. If it is there with the same filter and max_attempts nothing happens; with others it is an error (42710). For superusers and whom they GRANT EXECUTE to.';

CREATE FUNCTION drop_consumer(name text) RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION drop_consumer(text) IS 'Forgets a consumer, with all that its workers have or is dead. For members of the role that created it.';

CREATE FUNCTION consume(name text, max integer DEFAULT 100, lease interval DEFAULT '1 min', OUT delivery_id bigint, OUT attempts integer, OUT change json) RETURNS SETOF record
LANGUAGE c VOLATILE ROWS 100 AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION consume(text, integer, interval) IS
'Gives at most max (1 to 1000) changes, which nobody else is given for the time of the lease: of each entity one, and none as long as an earlier one is neither acknowledged nor dead. What the consumer''s creator may not read is passed over. For members of the role that created it.';

CREATE FUNCTION ack(name text, ids bigint[], OUT delivery_id bigint, OUT status text) RETURNS SETOF record
LANGUAGE c VOLATILE ROWS 100 AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION ack(text, bigint[]) IS
'Says that deliveries are done with, dead ones too. The status of each: acked; expired: it is not the caller''s any more, since it was done with before or its lease ran out and it went back; unknown: never given. For members of the role that created the consumer.';

CREATE FUNCTION nack(name text, ids bigint[], delay interval DEFAULT NULL, error text DEFAULT NULL, OUT delivery_id bigint, OUT status text) RETURNS SETOF record
LANGUAGE c VOLATILE ROWS 100 AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION nack(text, bigint[], interval, text) IS
'Says that deliveries failed: each is given again after the delay, by default 1 s, doubled with each attempt up to 10 min. The status of each: waiting; dead: that was the last attempt; expired and unknown as of ack(). For members of the role that created the consumer.';

CREATE FUNCTION replay(name text, ids bigint[], OUT delivery_id bigint, OUT status text) RETURNS SETOF record
LANGUAGE c VOLATILE ROWS 100 AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION replay(text, bigint[]) IS
'Gives dead letters again, under other ids, as if it were for the first time; what the changelog loses before is dead again. The status of each: replayed; gone: the changelog does not have it any more; unknown: no dead letter. For members of the role that created the consumer.';

CREATE VIEW consumers WITH (security_barrier) AS
SELECT c.name, pg_catalog.pg_get_userbyid(c.creator) AS creator,
       jsonb_strip_nulls(jsonb_build_object('entityTypes', c.entity_types, 'organizations', c.organizations)) AS filter, c.max_attempts,
       c.position, c.read_to, greatest(s.last_id - c.read_to, 0) AS unread, coalesce(l.in_flight, 0) AS in_flight, d.waiting, d.behind, x.dead,
       greatest(l.attempts, d.attempts) AS attempts, o.committed_at AS oldest_unacknowledged,
       coalesce(ceil(extract(epoch FROM clock_timestamp() - o.committed_at) * 1000)::bigint, 0) AS lag_ms,
       c.expired OR c.position < s.floor AS expired,
       NOT c.expired AND c.position = (SELECT min(h.position) FROM @extschema@.consumer h WHERE NOT h.expired) AS holds_changelog, c.created_at
FROM @extschema@.consumer c
CROSS JOIN (SELECT coalesce(max(s.last_id), 0) AS last_id, coalesce(max(s.floor), 0) AS floor
            FROM @extschema@.capture_worker() w JOIN @extschema@.capture_state s USING (system_identifier, database)) s
CROSS JOIN LATERAL (SELECT count(*) AS in_flight, max(u.attempts) AS attempts FROM @extschema@.lease l, unnest(l.activities, l.attempts) u(activity, attempts)
                    WHERE l.consumer = c.id AND u.activity > 0) l
CROSS JOIN LATERAL (SELECT count(d.due) AS waiting, count(*) - count(d.due) AS behind, max(d.attempts) AS attempts FROM @extschema@.delivery d WHERE d.consumer = c.id) d
CROSS JOIN LATERAL (SELECT count(*) AS dead FROM @extschema@.dead_letter x WHERE x.consumer = c.id) x
LEFT JOIN LATERAL (SELECT a.committed_at FROM @extschema@.activity a WHERE a.id > c.position ORDER BY a.id LIMIT 1) o ON true
WHERE pg_catalog.pg_has_role(c.creator, 'USAGE');
COMMENT ON VIEW consumers IS
'Consumers of roles that the current role is a member of: how far they are. position: all activities up to it are done with; read_to: up to it they were looked at; unread: how many may be behind that; in_flight: leased; waiting: for another attempt; behind: for an earlier change of their entity; dead: see dead_letters; attempts: the most of those; oldest_unacknowledged: when the first activity behind position was committed, and lag_ms ago that was; expired: it fell behind what the changelog still has; holds_changelog: nothing behind its position may be removed, and no other consumer is further behind.';

CREATE VIEW dead_letters WITH (security_barrier) AS
SELECT c.name AS consumer, x.delivery AS delivery_id, x.activity AS activity_id, a.entity_type, a.entity_id, a.action, x.attempts, x.error, x.died_at
FROM @extschema@.dead_letter x JOIN @extschema@.consumer c ON c.id = x.consumer LEFT JOIN @extschema@.activity a ON a.id = x.activity
WHERE pg_catalog.pg_has_role(c.creator, 'USAGE');
COMMENT ON VIEW dead_letters IS
'What consumers of the current role''s roles were given as often as they allow, with the last error. Of an activity that the changelog has not any more the entity is null. ack() removes it, replay() gives it again.';

-- Which activities survive: each entity is a case, whose survivors are listed.
CREATE TABLE txsync.activity_0 PARTITION OF txsync.activity FOR VALUES FROM (1) TO (10000001);
ALTER EXTENSION txsync ADD TABLE txsync.activity_0;
CREATE SEQUENCE ids;
CREATE FUNCTION tell(entity text, action text, keys text[] DEFAULT NULL, field text DEFAULT NULL, org text DEFAULT NULL, old text DEFAULT NULL, age interval DEFAULT '2 days', type text DEFAULT 'pages') RETURNS void LANGUAGE sql AS $$
INSERT INTO txsync.activity (id, epoch, commit_lsn, change_lsn, k, xid, committed_at, entity_type, entity_id, org_id, old_org_id, action, changed_keys, tx)
VALUES (nextval('ids'), 1, '0/1', '0/1', 0, '3', now() - age, type, entity, org, old, action, keys,
        CASE WHEN field IS NOT NULL THEN jsonb_build_object('transactionId', 't', 'sourceId', 's', 'changedField', field) END)
$$;
CREATE VIEW left_over AS SELECT entity_id, string_agg(concat_ws(' ', action, changed_keys, tx ->> 'changedField', org_id, '<' || old_org_id), ', ' ORDER BY id) AS survivors FROM txsync.activity GROUP BY entity_id ORDER BY entity_id;
SELECT tell('fields', 'create'), tell('fields', 'update', '{a}'), tell('fields', 'update', '{b}'), tell('fields', 'update', '{a}') \g /dev/null
SELECT tell('several', 'update', '{a,b}'), tell('several', 'update', '{a}'), tell('several', 'update', '{b,c}') \g /dev/null
SELECT tell('declared', 'update', NULL, 'a'), tell('declared', 'update', '{a}', 'a'), tell('declared', 'update', '{b}', 'c'), tell('declared', 'update', '{b}') \g /dev/null
SELECT tell('unknown', 'update'), tell('unknown', 'update'), tell('unknown', 'update', '{a}') \g /dev/null
SELECT tell('nothing', 'update', '{a}'), tell('nothing', 'update', '{}'), tell('nothing', 'update', '{}') \g /dev/null
SELECT tell('deleted', 'create'), tell('deleted', 'update', '{a}'), tell('deleted', 'delete') \g /dev/null
SELECT tell('again', 'update', '{a}'), tell('again', 'delete'), tell('again', 'create'), tell('again', 'update', '{a}') \g /dev/null
SELECT tell('moved', 'create', org => 'x'), tell('moved', 'update', '{org}', org => 'y', old => 'x'), tell('moved', 'update', '{n}', org => 'y'), tell('moved', 'delete', org => 'y') \g /dev/null
SELECT tell('shown', 'visibility'), tell('shown', 'visibility'), tell('shown', 'update', '{a}') \g /dev/null
SELECT tell(repeat('long', 2000), 'update', '{a}', org => repeat('x', 3000)), tell(repeat('long', 2000), 'update', '{a}', org => repeat('x', 3000)) \g /dev/null
SELECT tell('young', 'update', '{a}', age => '0 s'), tell('young', 'update', '{a}', age => '0 s') \g /dev/null
CALL txsync.compact_changelog(older_than => '1 day');
SELECT left(entity_id, 8) AS entity, left(survivors, 60) AS survivors FROM left_over;
CALL txsync.compact_changelog('1 day');
CALL txsync.compact_changelog();
SELECT sync_type, status, code, records_synced FROM txsync.sync_log WHERE sync_type = 'compaction';
-- a truncate is behind all of its type, but for who may see it; events and gaps stay
TRUNCATE txsync.activity;
SELECT tell('gone', 'create'), tell('shown', 'visibility'), tell(NULL, 'truncate'), tell('new', 'create'), tell(NULL, 'truncate', type => 'others'), tell(NULL, 'truncate'), tell('newer', 'create'), tell('other', 'create', type => 'others') \g /dev/null
SELECT tell('order-1', 'event', type => 'orders'), tell('order-1', 'event', type => 'orders'), tell(NULL, 'gap', type => NULL), tell(NULL, 'gap', type => NULL) \g /dev/null
CALL txsync.compact_changelog('1 day');
SELECT entity_type, string_agg(concat_ws(' ', action, entity_id), ', ' ORDER BY id) FROM txsync.activity GROUP BY entity_type ORDER BY entity_type;
-- what is older than the retention goes, whatever it is, and the floor says so
TRUNCATE txsync.activity;
SELECT tell('old', 'create', age => '100 days'), tell('old', 'event', age => '100 days', type => 'orders'), tell('old', 'update', '{a}', age => '80 days') \g /dev/null
CALL txsync.compact_changelog('100 years');
CALL txsync.compact_changelog('-1 s');
SELECT survivors, (SELECT s.floor = currval('ids') - 1 FROM txsync.capture_state s JOIN txsync.capture_worker() USING (system_identifier, database)) AS floor FROM left_over;
CALL txsync.compact_changelog();
-- nothing is there
TRUNCATE txsync.activity;
CALL txsync.compact_changelog('0');
-- not where it cannot commit, and not for everybody
BEGIN;
CALL txsync.compact_changelog();
ROLLBACK;
SET default_transaction_read_only = on;
CALL txsync.compact_changelog();
RESET default_transaction_read_only;
DO $$ DECLARE result jsonb; BEGIN CALL txsync.compact_changelog(NULL, result); RAISE NOTICE '%', result ->> 'status'; END $$;
DO $$ DECLARE result jsonb; BEGIN CALL txsync.compact_changelog(NULL, result); EXCEPTION WHEN no_data_found THEN NULL; END $$;
CREATE ROLE somebody;
SET ROLE somebody;
CALL txsync.compact_changelog();
RESET ROLE;
GRANT EXECUTE ON PROCEDURE txsync.compact_changelog TO somebody;
-- what others put onto the path does not matter, and neither does the level of isolation
CREATE SCHEMA evil;
CREATE FUNCTION evil.never(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$;
CREATE OPERATOR evil.< (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.never);
CREATE OPERATOR evil.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.never);
GRANT USAGE ON SCHEMA evil TO somebody;
SELECT tell('last', 'update', '{a}'), tell('last', 'update', '{a}') \g /dev/null
SET search_path = evil, pg_catalog;
SET default_transaction_isolation = 'serializable';
SET ROLE somebody;
CALL txsync.compact_changelog('0');
RESET ROLE;
RESET default_transaction_isolation;
RESET search_path;
DROP SCHEMA evil CASCADE;
DROP OWNED BY somebody;
DROP ROLE somebody;
DELETE FROM txsync.sync_log WHERE sync_type = 'compaction';
DELETE FROM txsync.capture_state;
DROP VIEW left_over;
DROP FUNCTION tell;
DROP SEQUENCE ids;
ALTER EXTENSION txsync DROP TABLE txsync.activity_0;
DROP TABLE txsync.activity_0;

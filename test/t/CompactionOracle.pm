package CompactionOracle;

# The law of compaction in SQL, and changelogs to hold it against.

use strict;
use warnings FATAL => 'all';

use Exporter 'import';

our @EXPORT = qw(add_law fill);

# Survivors among activities up to an id: for each key its newest, and of these what no truncate is behind.
sub add_law
{
	my ($db) = @_;
	return $db->sql(<<'SQL');
CREATE TABLE oracle.before (LIKE txsync.activity);
CREATE FUNCTION oracle.survivors(horizon bigint) RETURNS SETOF bigint LANGUAGE sql AS $$
WITH a AS (SELECT *, tx ->> 'changedField' AS field FROM oracle.before WHERE id <= horizon),
truncate AS (SELECT entity_type, max(id) AS id FROM a WHERE action = 'truncate' GROUP BY 1),
entity AS (SELECT * FROM a WHERE entity_id IS NOT NULL AND action <> 'event'),
existence AS (SELECT entity_type, entity_id, max(id) AS existence FROM a WHERE action IN ('create', 'delete') GROUP BY 1, 2),
key AS (
	SELECT id, entity_type, entity_id, 'org' AS kind, org_id AS name FROM entity WHERE action <> 'visibility'
	UNION ALL SELECT id, entity_type, entity_id, 'org', old_org_id FROM entity WHERE (old_org_id IS NOT NULL OR old_org_null) AND action <> 'visibility'
	UNION ALL SELECT id, entity_type, entity_id, CASE action WHEN 'visibility' THEN 'visibility' ELSE 'existence' END, NULL FROM entity WHERE action <> 'update'
	UNION ALL SELECT l.id, entity_type, entity_id, 'field', f FROM entity l LEFT JOIN existence e USING (entity_type, entity_id),
		unnest(CASE WHEN changed_keys IS NULL AND field IS NULL THEN ARRAY['(unknown)'] ELSE array_append(changed_keys, field) END) f
	WHERE action = 'update' AND f IS NOT NULL AND (e.existence IS NULL OR e.existence < l.id))
SELECT n.id FROM (SELECT max(id) AS id FROM key GROUP BY entity_type, entity_id, kind, name) n JOIN entity USING (id) LEFT JOIN truncate t USING (entity_type)
WHERE t.id IS NULL OR n.id > t.id OR action = 'visibility'
UNION SELECT id FROM truncate
UNION SELECT id FROM a WHERE action IN ('event', 'gap')
UNION SELECT id FROM oracle.before WHERE id > horizon
$$;
CREATE VIEW oracle.wrong AS
SELECT 'gone' AS what, * FROM (SELECT oracle.survivors((SELECT max(id) FROM oracle.before WHERE committed_at < now() - interval '1 day')) EXCEPT SELECT id FROM txsync.activity) g(id)
UNION ALL SELECT 'left', * FROM (SELECT id FROM txsync.activity WHERE id <= (SELECT max(id) FROM oracle.before) EXCEPT SELECT oracle.survivors((SELECT max(id) FROM oracle.before WHERE committed_at < now() - interval '1 day'))) l(id);
SQL
}

# Partitions as capture makes them, with activities of any kind; the last tenth is young.
sub fill
{
	my ($db, $first, $count, $age, $old) = (@_, 0.9);
	$db->pause;
	$db->sql(<<"SQL");
DO \$\$ BEGIN
	FOR n IN ($first - 1) / 10000000 .. ($first + $count - 2) / 10000000 LOOP
		CONTINUE WHEN to_regclass('txsync.activity_' || n) IS NOT NULL;
		EXECUTE format('CREATE TABLE txsync.activity_%s PARTITION OF txsync.activity FOR VALUES FROM (%s) TO (%s); ALTER EXTENSION txsync ADD TABLE txsync.activity_%1\$s',
			n, n * 10000000 + 1, (n + 1) * 10000000 + 1);
	END LOOP;
END \$\$;
SELECT setseed(0.6);
INSERT INTO txsync.activity (id, epoch, commit_lsn, change_lsn, k, xid, committed_at, entity_type, entity_id, org_id, old_org_id, old_org_null, action, changed_keys, tx)
SELECT g, 1, '0/1', '0/1', 0, '3', now() - CASE WHEN g < $first + $count * $old THEN interval '$age' ELSE interval '0' END, (ARRAY['pages', 'notes'])[1 + random()],
	CASE WHEN a <> 'truncate' THEN (random() * 800)::int::text END, (ARRAY[NULL, 'x', 'y'])[1 + random() * 2], CASE WHEN a = 'update' AND random() < 0.1 THEN 'z' END, CASE WHEN a = 'update' AND random() < 0.1 THEN true END, a,
	CASE WHEN a = 'update' AND random() < 0.9 THEN ((ARRAY[NULL, '{a}', '{b,c}', '{}'])[1 + random() * 3])::text[] END,
	CASE WHEN a = 'update' AND random() < 0.5 THEN jsonb_build_object('transactionId', 't', 'sourceId', 's', 'changedField', (ARRAY['a', 'b', 'c'])[1 + random() * 2]) END
FROM generate_series($first, $first + $count - 1) g,
LATERAL (SELECT CASE WHEN g % 9973 = 0 THEN 'truncate' WHEN g % 997 = 0 THEN 'event' ELSE (ARRAY['create', 'delete', 'visibility', 'update', 'update', 'update', 'update'])[1 + random() * 6] END) r(a);
TRUNCATE oracle.before; INSERT INTO oracle.before SELECT * FROM txsync.activity;
UPDATE txsync.capture_state SET last_id = $first + $count - 1;
SQL
	$db->resume;
	return $db->wait_for_state('streaming');
}

1;

# Compaction of the changelog, held against the law written in SQL: whole and killed, beside readers, capture and others.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use CapturedDatabase;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = CapturedDatabase->new_server('compaction', conf => "txsync.compaction_interval = 0\nmaintenance_work_mem = '1MB'");
my $db = CapturedDatabase->create_bare($node, 'changes');
$db->sql('CREATE TABLE counters (id int PRIMARY KEY, org_id text, n int DEFAULT 0)');
$db->sql(q{SELECT txsync.track('counters')});
$db->wait_for_state('streaming');

# Survivors among activities up to an id: for each key its newest, and of these what no truncate is behind.
$db->sql(<<'SQL');
CREATE TABLE oracle.before (LIKE txsync.activity);
CREATE FUNCTION oracle.survivors(horizon bigint) RETURNS SETOF bigint LANGUAGE sql AS $$
WITH a AS (SELECT *, tx ->> 'changedField' AS field FROM oracle.before WHERE id <= horizon),
truncate AS (SELECT entity_type, max(id) AS id FROM a WHERE action = 'truncate' GROUP BY 1),
entity AS (SELECT * FROM a WHERE entity_id IS NOT NULL AND action <> 'event'),
existence AS (SELECT entity_type, entity_id, max(id) AS existence FROM a WHERE action IN ('create', 'delete') GROUP BY 1, 2),
key AS (
	SELECT id, entity_type, entity_id, 'org' AS kind, org_id AS name FROM entity WHERE action <> 'visibility'
	UNION ALL SELECT id, entity_type, entity_id, 'org', old_org_id FROM entity WHERE old_org_id IS NOT NULL AND action <> 'visibility'
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

# Partitions as capture makes them, with activities of any kind; the last tenth is young.
sub fill
{
	my ($first, $count, $age, $old) = (@_, 0.9);
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
INSERT INTO txsync.activity (id, epoch, commit_lsn, change_lsn, k, xid, committed_at, entity_type, entity_id, org_id, old_org_id, action, changed_keys, tx)
SELECT g, 1, '0/1', '0/1', 0, '3', now() - CASE WHEN g < $first + $count * $old THEN interval '$age' ELSE interval '0' END, (ARRAY['pages', 'notes'])[1 + random()],
	CASE WHEN a <> 'truncate' THEN (random() * 800)::int::text END, (ARRAY[NULL, 'x', 'y'])[1 + random() * 2], CASE WHEN a = 'update' AND random() < 0.1 THEN 'z' END, a,
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

sub compact { return $db->sql('CALL txsync.compact_changelog(' . ($_[0] // q{'1 day'}) . ')') }
sub member { return $db->sql("SELECT '$_[0]'::jsonb ->> '$_[1]'") }
sub is_law { return is($db->sql('SELECT what, count(*), min(id) FROM oracle.wrong GROUP BY what'), '', $_[0]) }
sub is_there { return $db->sql("SELECT to_regclass('txsync.activity_$_[0]') IS NOT NULL") }

# A call that stops in the middle: at a table that another session has locked.
sub stopped_at
{
	my ($lock) = @_;
	my ($other, $session) = ($db->psql, $db->psql);
	$other->query_safe("BEGIN; LOCK TABLE $lock");
	$session->query_until(qr/begun/, "\\echo begun\nCALL txsync.compact_changelog('1 day');\n");
	$db->poll_ok(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'CALL%'}, 'waits');
	return ($other, $session);
}

# Ids around the end of a partition, and so many keys that they take several passes.
my $boundary = 10_000_000;
subtest 'killed' => sub {
	fill($boundary - 30_000, 60_000, '2 days');
	my $all = $db->sql('SELECT count(*) FROM txsync.activity');
	my ($other, $session) = stopped_at('txsync.activity_1 IN SHARE MODE');
	my $deleted = $all - $db->sql('SELECT count(*) FROM txsync.activity');
	cmp_ok($deleted, '>', 1000, 'some rows are gone');
	my $pid = $db->sql(q{SELECT pid FROM pg_stat_activity WHERE query LIKE 'CALL%'});
	is(member(compact(), 'status'), 'busy', 'another call is told so');
	kill 'KILL', $pid;
	$db->poll_ok('SELECT true', 'the server is there again');
	$db->poll_ok(qq{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)}, 'without that session');
	$_->{run}->finish foreach $other, $session;
	$db->wait_for_state('streaming');
	my $result = compact();
	is(member($result, 'status'), 'done', 'the next call');
	is_law('what is left is what one run leaves');
	is(member($result, 'rows') + $deleted <= $all, 1, 'rows');
	is(member(compact(), 'rows'), 0, 'again: nothing');
};

subtest 'cancelled' => sub {
	$db->sql('DELETE FROM txsync.activity');
	fill($boundary - 20_000, 40_000, '2 days');
	my ($other, $session) = stopped_at('txsync.activity_1 IN SHARE MODE');
	$db->sql(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL%'});
	$db->poll_ok(q{SELECT count(*) = 0 FROM pg_stat_activity WHERE state <> 'idle' AND query LIKE 'CALL%'}, 'cancelled');
	$other->query_safe('ROLLBACK');
	is(member(compact(), 'status'), 'done', 'its lock is gone');
	is_law('the law');
	$other->quit;
	$session->{run}->finish;
};

subtest 'beside capture and readers' => sub {
	$db->sql('DELETE FROM txsync.activity');
	fill($boundary + 100_000, 60_000, '2 days');
	my $reader = $db->psql;
	$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	my $seen = $reader->query_safe('SELECT count(*), sum(id) FROM txsync.activity');
	$db->sql(q{INSERT INTO counters SELECT g, 'o' FROM generate_series(1, 100) g});
	my ($out, $err) = ('', '');
	my $dir = PostgreSQL::Test::Utils::tempdir;
	append_to_file("$dir/update.sql", "\\set id random(1, 100)\nUPDATE counters SET n = n + 1 WHERE id = :id;\n");
	my $bench = IPC::Run::start([ 'pgbench', '-n', '-c', '2', '-T', '5', '-f', "$dir/update.sql", '-h', $node->host, '-p', $node->port, 'changes' ],
		'>', \$out, '2>', \$err);
	compact(q{'1 day'});
	compact(q{'0'}) foreach 1 .. 10;
	is(is_there(0), 't', 'a partition that is empty stays while there is such a reader');
	$bench->finish;
	unlike($err, qr/ERROR/, 'writers go on');
	is($reader->query_safe('SELECT count(*), sum(id) FROM txsync.activity'), $seen, 'a reader sees what he saw');
	$reader->query_safe('COMMIT');
	$reader->quit;
	$db->captured_ok;
	compact(q{'0'});
	is(is_there(0), 'f', 'and then it goes');
	$db->sql(q{DELETE FROM txsync.activity WHERE entity_type <> 'counters'});
	is($db->sql(q{SELECT count(*) <= 300 FROM txsync.activity}), 't', 'what capture has written is compacted, too');
	is($db->sql(q{SELECT count(*) FROM oracle.difference}), 0, 'and is the law');
};

subtest 'partitions' => sub {
	$db->sql('DELETE FROM txsync.activity');
	fill(2 * $boundary - 99, 100, '100 days', 1);
	fill(3 * $boundary - 100, 1000, '2 days');
	my $reader = $db->psql;
	$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM counters');
	my $result = compact();
	is(member($result, 'status'), 'partial', 'a snapshot that has seen the floor as it was is in the way');
	is(is_there(1), 't', 'of the drop');
	is(member($result, 'floor'), 2 * $boundary, 'the floor is behind what is old');
	$reader->query_safe('COMMIT; BEGIN; SELECT FROM txsync.activity LIMIT 1');
	is(member(compact(), 'status'), 'partial', 'an idle reader is, too');
	my $start = time;
	$db->sql('SELECT count(*) FROM txsync.activity');
	cmp_ok(time - $start, '<', 1, 'but nobody waits for that');
	$reader->query_safe('COMMIT');
	$reader->quit;
	my $dropped = compact();
	is(member($dropped, 'status') . member($dropped, 'dropped'), 'done1', 'dropped');
	is(join('', map { is_there($_) } 0 .. 3), 'fftt', 'and no other');
	is($db->sql(q{SELECT min(id) > floor FROM txsync.activity, txsync.capture_state GROUP BY floor}), 't', 'nothing is below the floor');
	$db->sql('INSERT INTO counters VALUES (-1)');
	$db->captured_ok;
	is($db->sql(q{SELECT entity_id FROM txsync.activity ORDER BY id DESC LIMIT 1}), -1, 'capture goes on');
};

# What they have read is all that compaction looks at.
subtest 'consumers' => sub {
	fill(4 * $boundary - 1000, 1000, '100 days');
	my $first = 4 * $boundary - 1000;
	$db->sql("SELECT txsync.create_consumer(name) FROM (VALUES ('late'), ('early')) n(name)");
	$db->sql("UPDATE txsync.consumer SET position = $first + CASE name WHEN 'late' THEN 10 ELSE 950 END");
	is(member(compact(), 'floor'), $first + 10, 'the floor waits for the one that is behind');
	is($db->sql('SELECT count(*) FROM txsync.consumer WHERE expired'), 0, 'which has not expired');
	$db->sql(q{ALTER SYSTEM SET txsync.consumer_retention = '95 d'});
	$node->reload;
	sleep 0.2;
	is(member(compact(), 'floor'), $first + 899, 'but not for ever');
	is($db->sql('SELECT string_agg(name, $$ $$) FROM txsync.consumer WHERE expired'), 'late', 'expired');
	is($db->sql(q{SELECT status, error_message, detail ->> 'consumer' FROM txsync.sync_log WHERE code = 'CONSUMER_EXPIRED'}),
		'WARNING|consumer "late" is too far behind: what it has not read is gone|late', 'loudly');
	$db->sql('DELETE FROM txsync.consumer');
};

subtest 'on a schedule' => sub {
	$db->sql('TRUNCATE txsync.activity');
	fill(5 * $boundary, 20_000, '2 days');
	$db->sql(q{ALTER SYSTEM SET txsync.compaction_interval = '1 s'});
	$node->reload;
	$db->poll_ok('SELECT count(*) = 0 FROM oracle.wrong', 'a worker compacts');
	$db->poll_ok(q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'txsync compaction'}, 'and ends');
	is($db->health, 'ok: ', 'healthy');
	$db->pause;
	fill_paused();
	sleep 3;
	isnt($db->sql('SELECT count(*) FROM oracle.wrong'), 0, 'not while capture is paused');
	$db->resume;
	$db->poll_ok('SELECT count(*) = 0 FROM oracle.wrong', 'but then');
};

sub fill_paused
{
	$db->sql(q{
		INSERT INTO txsync.activity SELECT (SELECT max(id) FROM txsync.activity) + row_number() OVER (), epoch, commit_lsn, change_lsn, k, xid, origin, now() - interval '2 days', entity_type, entity_id, org_id, old_org_id, action, changed_keys, tx FROM txsync.activity;
		UPDATE txsync.activity SET committed_at = now() - interval '2 days';
		TRUNCATE oracle.before; INSERT INTO oracle.before SELECT * FROM txsync.activity;
		UPDATE txsync.capture_state SET last_id = (SELECT max(id) FROM txsync.activity)});
	return;
}

# Its changelog is such that a worker is at it most of the time.
sub other_database
{
	my $exists = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_database WHERE datname = 'other'});
	my $other = $exists ? CapturedDatabase->new($node, 'other') : CapturedDatabase->create_bare($node, 'other');
	$other->sql('CREATE EXTENSION IF NOT EXISTS txsync');
	$other->wait_for_state('streaming');
	$other->sql(q{
		CREATE TABLE txsync.activity_0 PARTITION OF txsync.activity FOR VALUES FROM (1) TO (10000001); ALTER EXTENSION txsync ADD TABLE txsync.activity_0;
		INSERT INTO txsync.activity (id, epoch, commit_lsn, change_lsn, k, xid, committed_at, entity_type, entity_id, action)
		SELECT g, 1, '0/1', '0/1', 0, '3', now() - interval '2 days', 'pages', g, 'create' FROM generate_series(1, 150000) g});
	return $other;
}

subtest 'commands that want the database, and the extension' => sub {
	foreach my $command ('DROP EXTENSION txsync CASCADE', 'DROP DATABASE other')
	{
		other_database()->poll_ok(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'txsync compaction' AND datname = 'other'}, 'a worker is at it');
		my $start = time;
		$node->safe_psql($command =~ /DATABASE/ ? 'postgres' : 'other', $command);
		cmp_ok(time - $start, '<', 4, $command);
	}
	is($db->health, 'ok: ', 'the others go on');
};

subtest 'no place for a worker' => sub {
	$db->sql(q{ALTER SYSTEM SET txsync.compaction_interval = 0});
	$db->sql(q{ALTER SYSTEM SET max_worker_processes = 3}); # the launcher, replication's, capture
	$node->restart;
	$db->wait_for_state('streaming');
	$db->sql(q{ALTER SYSTEM SET txsync.compaction_interval = '1 s'});
	$node->reload;
	$db->poll_ok(q{SELECT count(*) = 1 FROM txsync.sync_log WHERE code = 'COMPACTION_FAILED'}, 'is told');
	is($db->health, 'degraded: the changelog is not compacted: no background worker is free to compact the changelog', 'and health() says so');
	sleep 3;
	is($db->sql(q{SELECT count(*) FROM txsync.sync_log WHERE code = 'COMPACTION_FAILED'}), 1, 'once');
	$db->sql(q{ALTER SYSTEM SET max_worker_processes = 8});
	$node->restart;
	$db->poll_ok(q{SELECT code = 'CHANGELOG_COMPACTED' FROM txsync.sync_log WHERE sync_type = 'compaction' ORDER BY id DESC LIMIT 1}, 'until there is one');
	is($db->health, 'ok: ', 'healthy');
};

done_testing();

# Compaction writes a partition anew that is mostly empty: in front of readers of all kinds, killed, and beside others.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use CapturedDatabase;
use Crash;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = CapturedDatabase->new_server('rewrite', conf => "txsync.compaction_interval = 0\ntxsync.compaction_pace = 100\nallow_in_place_tablespaces = on");
my $db = CapturedDatabase->create_bare($node, 'changes');
$db->sql('CREATE TABLE counters (id int PRIMARY KEY, n int)');
$db->sql(q{SELECT txsync.track('counters')});
$db->wait_for_state('streaming');

sub member { return $db->sql("SELECT '$_[0]'::jsonb ->> '$_[1]'") }

# By somebody whom another has prepared operators for, and whose strings have escapes.
sub compact
{
	local $ENV{PGOPTIONS} = '-c search_path=evil -c standard_conforming_strings=off';
	return $db->sql(q{CALL txsync.compact_changelog('1 day')});
}

sub size { return $db->sql(q{SELECT pg_total_relation_size('txsync.activity_0')}) }
sub table { return $db->sql(q{SELECT 'txsync.activity_0'::regclass::oid}) }
sub unfinished { return $db->sql(q{SELECT count(*) FROM pg_class WHERE relname = 'activity_0_new'}) }
sub begun { return $db->sql(q{SELECT count(*) FROM txsync.sync_log WHERE code = 'REWRITE_BEGUN' AND status = 'OK' AND detail ->> 'table' = 'activity_0'}) }
sub obstacles { return $db->sql(q{SELECT string_agg(concat_ws(' ', status, sync_type, error_message, detail - $$oid$$), E'\n' ORDER BY id) FROM txsync.sync_log WHERE code = 'REWRITE_FAILED'}) }
sub later { return $db->sql("UPDATE txsync.sync_log SET created_at = created_at - interval '$_[0]'") }

# Of the partition's indexes, by what they are indexes of.
sub places { return $db->sql(q{SELECT string_agg(concat_ws(' ', inhparent::regclass, spcname), ', ' ORDER BY inhparent) FROM pg_index JOIN pg_inherits ON inhrelid = indexrelid JOIN pg_class c ON c.oid = indexrelid LEFT JOIN pg_tablespace t ON t.oid = reltablespace WHERE indrelid = 'txsync.activity_0'::regclass}) }

# As capture makes them.
sub make_partitions
{
	foreach my $number (@_)
	{
		my ($from, $to) = ($number * 10_000_000 + 1, ($number + 1) * 10_000_000 + 1);
		$db->sql("CREATE TABLE txsync.activity_$number PARTITION OF txsync.activity FOR VALUES FROM ($from) TO ($to); ALTER EXTENSION txsync ADD TABLE txsync.activity_$number;
			ALTER TABLE txsync.activity_$number REPLICA IDENTITY NOTHING");
	}
	return;
}

# Of ten activities each the last one stays; some have a value out of line. The partition behind it is capture's.
$db->pause;
make_partitions(0, 1);
$db->sql(<<'SQL');
CREATE VIEW noise AS SELECT string_agg(md5(g::text), '') AS value FROM generate_series(1, 200) g;
INSERT INTO txsync.activity (id, epoch, commit_lsn, change_lsn, k, xid, committed_at, entity_type, entity_id, org_id, action, changed_keys, tx, payload)
SELECT g, 1, '0/1', '0/1', 0, '3', now() - interval '2 days', 'counters', (g + 9) / 10, CASE WHEN (g + 9) / 10 % 3 = 0 THEN 'x' END, 'create', '{n}',
	jsonb_build_object('transactionId', 't' || g, 'sourceId', 's', 'changedField', 'n'), CASE WHEN g % 5000 = 0 THEN to_jsonb(value) END
FROM generate_series(1, 200000) g, noise;
INSERT INTO txsync.activity (id, epoch, commit_lsn, change_lsn, k, xid, committed_at, entity_type, entity_id, action)
SELECT 10000000 + g, 1, '0/1', '0/1', 0, '3', now() - interval '2 days', 'counters', -g, 'delete' FROM generate_series(1, 10) g;
CREATE TABLE survivors AS SELECT * FROM txsync.activity WHERE id % 10 = 0 OR id > 10000000;
CREATE VIEW digest AS SELECT count(*) || ' ' || md5(string_agg(a::text, ' ' ORDER BY id)) AS digest FROM txsync.activity a WHERE id <= 10000010;
UPDATE txsync.capture_state SET last_id = 10000010;
SQL
$node->safe_psql('postgres', q{CREATE TABLESPACE fast LOCATION ''});
$db->sql(q{ALTER INDEX txsync.activity_0_pkey SET TABLESPACE fast});
$db->sql(q{DO $$ BEGIN EXECUTE (SELECT format('ALTER INDEX %s SET TABLESPACE fast', max(indexrelid)::regclass) FROM pg_index WHERE indrelid = 'txsync.activity_0'::regclass); END $$});
my $places = places();
$db->resume;
$db->wait_for_state('streaming');
my $digest = $db->sql(q{SELECT count(*) || ' ' || md5(string_agg(s::text, ' ' ORDER BY id)) FROM survivors s});
my ($full, $old) = (size(), table());

# Read page by page.
sub fetched
{
	my ($cursor, $more, @ids) = ('start', 'true');
	while ($more eq 'true')
	{
		my $page = $db->sql("SELECT c ->> 'cursor', c ->> 'hasMore', (SELECT string_agg(a ->> 'activityId', ' ') FROM jsonb_array_elements(c -> 'changes') a) FROM txsync.fetch_changes('$cursor', 1000) c");
		($cursor, $more, my $ids) = split /\|/, $page;
		push @ids, split / /, $ids;
	}
	return join ' ', grep { $_ <= 10_000_010 } @ids;
}
my $ids = $db->sql(q{SELECT string_agg(id::text, ' ' ORDER BY id) FROM survivors});

sub is_right
{
	my ($name) = @_;
	is($db->sql('SELECT digest FROM digest'), $digest, "$name: all that survives is there");
	return is(fetched(), $ids, "$name: and read page by page");
}

$db->sql(<<'SQL');
CREATE SCHEMA evil;
CREATE FUNCTION evil.heard(oid, regclass) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'heard as %', current_user; END $$;
CREATE OPERATOR evil.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = evil.heard);
SQL

my $compacts = q{(query LIKE 'CALL%' OR backend_type = 'txsync compaction')};

sub schedule
{
	my ($interval) = @_;
	$db->sql("ALTER SYSTEM SET txsync.compaction_interval = '$interval'");
	$node->reload;
	return;
}

# A session that compacts, or the worker, which has to wait: once a condition is true, another session holds a lock until
# a third one has done.
sub stopped
{
	my ($condition, $lock, $by_worker) = @_;
	my ($gate, $locker, $session) = ($db->psql, $db->psql, $db->psql);
	later('1 day');
	my $left = $db->sql(q{SELECT coalesce(to_regclass('txsync.activity_0_new')::oid, 0)});
	$gate->query_safe('SELECT pg_advisory_lock(1)');
	$locker->query_until(qr/begun/, <<"SQL");
\\echo begun
DO \$\$ BEGIN WHILE (to_regclass('txsync.activity_0_new')::oid <> $left AND $condition) IS NOT TRUE LOOP PERFORM pg_sleep(0.001); COMMIT; END LOOP; LOCK TABLE $lock; PERFORM pg_advisory_lock(1); END \$\$;
SQL
	schedule('1 s') if $by_worker;
	$session->query_until(qr/begun/, "\\echo begun\nCALL txsync.compact_changelog('1 day');\n\\echo ended\n") if !$by_worker;
	$db->poll_ok("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND $compacts", 'it waits');
	schedule('0') if $by_worker;
	return ($session, $gate, $locker);
}
my $copying = q{pg_relation_size(to_regclass('txsync.activity_0_new')) > 1000000};
my $indexing = q{EXISTS (SELECT FROM pg_index WHERE indrelid = to_regclass('txsync.activity_0_new'))};

subtest 'somebody is in the way' => sub {
	my $reader = $db->psql;
	$reader->query_safe('BEGIN; LOCK TABLE txsync.activity IN ACCESS SHARE MODE');
	my $result = compact();
	is(member($result, 'status'), 'partial', 'of the swap');
	is(member($result, 'rows'), 180_000, 'rows are deleted');
	is(table() . unfinished(), "${old}0", 'the table is as it was');
	is(obstacles(), 'WARNING compaction table "activity_0" is not replaced by what was copied of it: somebody uses it {"table": "activity_0"}', 'which is told');
	$reader->query_safe('COMMIT');
	is(member(compact(), 'status') . begun(), 'partial1', 'it is not copied again at once');
	later('119 min');
	is(member(compact(), 'status') . begun(), 'partial1', 'nor soon');
	later('1 min');
	$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM counters');
	$db->sql('INSERT INTO counters VALUES (1)');
	is(member(compact(), 'status'), 'partial', 'a snapshot is in the way of all of it');
	is(table() . begun(), "${old}1", 'as it was');
	$reader->query_safe('COMMIT');
	$reader->quit;
	is_right('afterwards');
};

sub killed
{
	my ($copied, @where) = @_;
	my @sessions = stopped(@where);
	like($db->sql("SELECT count(*), $indexing FROM txsync.activity_0_new"), $copied, 'when so much of it is there');
	my $pid = $db->sql("SELECT pid FROM pg_stat_activity WHERE $compacts");
	ok(crash($node, $pid), 'killed');
	$_->{run}->finish foreach @sessions;
	$db->wait_for_state('streaming');
	is(table() . unfinished(), "${old}1", 'a table is left over');
	is_right('killed');
	is($db->health, 'ok: ', 'healthy');
	is($db->sql('SELECT count(*) FROM pg_partition_tree($$txsync.activity$$) WHERE isleaf'), 2, 'it is no partition');
	unlike(scalar(run_command([ 'pg_dump', '-p', $node->port, '-h', $node->host, 'changes' ])), qr/activity_0_new/, 'nor in a dump');
	$db->sql('INSERT INTO counters SELECT max(id) + 1 FROM counters');
	$db->captured_ok;
	return;
}

subtest 'killed in the middle of the copy' => sub { killed(qr/\A1?\d{4}\|f\z/, $copying, 'txsync.activity_0') };
subtest 'killed between the copy and the swap, as a worker' => sub { killed(qr/\A20000\|t\z/, $indexing, 'txsync.activity_0_new IN SHARE UPDATE EXCLUSIVE MODE', 1) };

subtest 'what is left over cannot be dropped' => sub {
	later('1 day');
	my ($before, $told) = (begun(), obstacles());
	$db->sql('CREATE VIEW made_of_it AS SELECT count(*) FROM txsync.activity_0_new');
	is(member(compact(), 'status'), 'partial', 'nothing is written anew') foreach 1, 2;
	is(obstacles(), qq{$told\nWARNING compaction table "activity_0_new" is left of an earlier compaction and cannot be dropped: view public.made_of_it depends on table txsync.activity_0_new {"table": "activity_0_new"}}, 'which is told once');
	is(begun() . unfinished(), "${before}1", 'and none is begun');
	$db->sql('DROP VIEW made_of_it');
};

subtest 'the extension goes with what is left over' => sub {
	is($db->sql(q{BEGIN; DROP EXTENSION txsync CASCADE; SELECT count(*) FROM pg_class WHERE relname LIKE 'activity%'; ROLLBACK}), 0, 'all of it');
	$db->wait_for_state('streaming');
};

subtest 'beside readers' => sub {
	$db->pause; # what it writes would end the standby's snapshot
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('rewrite_standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->append_conf('postgresql.conf', 'max_standby_streaming_delay = 3s');
	$standby->start;
	$db->sql(q{SELECT pg_create_logical_replication_slot('other', 'test_decoding')});

	my $begin = 'BEGIN ISOLATION LEVEL REPEATABLE READ;';
	my $far = $standby->background_psql('changes');
	$far->query_safe("$begin SELECT FROM counters");
	my ($session, $gate, $locker) = stopped($indexing, 'txsync.activity_0_new IN SHARE UPDATE EXCLUSIVE MODE');
	is(unfinished(), 1, 'another table than what was left');
	my $reader = $db->psql;
	$reader->query_safe("$begin SELECT FROM counters");
	my ($out, $err) = ('', '');
	my $script = PostgreSQL::Test::Utils::tempdir . '/read.sql';
	my $check = 'SELECT 1 / ((SELECT count(*) FROM txsync.activity WHERE id <= 10000010) = (SELECT count(*) FROM survivors))::int;';
	append_to_file($script, "$begin SELECT FROM counters;\n\\sleep 20 ms\n$check\nCOMMIT;\n$check\n");
	my $bench = IPC::Run::start([ 'pgbench', '-n', '-c', '2', '-T', '2', '-f', $script, '-h', $node->host, '-p', $node->port, 'changes' ], '>', \$out, '2>', \$err);
	$gate->query_safe('SELECT pg_advisory_unlock(1)');
	$db->poll_ok(q{SELECT to_regclass('txsync.activity_0_new') IS NULL}, 'the swap comes');
	is($reader->query_safe('SELECT digest FROM digest'), $digest, 'a snapshot from before sees all');
	$reader->query_safe('COMMIT');
	$bench->finish;
	unlike($err, qr/ERROR|division/, 'readers beside it see all');
	like($out, qr/actually processed: [1-9]/, 'of which there are');
	my $result = $session->query_until(qr/ended/, '') =~ /(\{.*\})/ ? $1 : '{}';
	is(member($result, 'status') . member($result, 'rows'), 'done0', 'done');
	cmp_ok(member($result, 'bytes'), '>', 0.5 * $full, 'bytes that came back are told');
	is($full - size(), member($result, 'bytes'), 'and are those that came back');
	isnt(table(), $old, 'another table');
	is(places(), $places, 'with its indexes where they were');
	is_right('afterwards');
	is($db->sql(q{SELECT count(*) FROM pg_logical_slot_get_changes('other', NULL, NULL) WHERE data LIKE 'table txsync.activity\_0%'}), 0, 'no plugin is told');
	$db->sql(q{SELECT pg_drop_replication_slot('other')});
	$node->wait_for_catchup($standby);
	isnt($standby->safe_psql('changes', q{SELECT 'txsync.activity_0'::regclass::oid}), $old, 'the standby has it, too');
	like(eval { $far->query_safe('SELECT digest FROM digest') } // 'conflict with recovery', qr/\A(?:$digest|conflict with recovery)\z/, 'where a snapshot from before sees all as well');
	$_->quit foreach $reader, $gate, $locker, $session;
	$standby->stop('immediate');
	$db->resume;
	$db->wait_for_state('streaming');
};

# What is true of a partition, as capture makes it, and as it is now.
sub shape
{
	my ($table) = @_;
	return $db->sql(<<"SQL");
SELECT concat_ws(' ', relreplident, relispartition, relacl, relowner, relpersistence, (SELECT string_agg(deptype, ' ') FROM pg_depend WHERE objid = c.oid AND refclassid = 'pg_extension'::regclass)) FROM pg_class c WHERE oid = 'txsync.$table'::regclass
UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'txsync.$table'::regclass AND contype <> 'n'
UNION ALL (SELECT concat_ws(' ', regexp_replace(pg_get_indexdef(indexrelid), '^.*? USING', ''), indisunique, indisvalid, inhparent::regclass) FROM pg_index LEFT JOIN pg_inherits ON inhrelid = indexrelid WHERE indrelid = 'txsync.$table'::regclass ORDER BY inhparent)
SQL
}

subtest 'what it has become' => sub {
	is(shape('activity_0'), shape('activity_1'), 'a partition like others');
	is($db->sql(q{SELECT count(*) FROM pg_index WHERE indrelid = 'txsync.activity'::regclass AND indisvalid}), 7, 'whose indexes are those of all');
	my $rewritten = table();
	my $result = compact();
	is(member($result, 'status') . member($result, 'bytes'), 'done0', 'again: nothing');
	is(table(), $rewritten, 'the same table');
	is($db->health, 'ok: ', 'healthy');
};

subtest 'the one that capture writes to' => sub {
	my $behind = 'SELECT count(*) FROM txsync.activity WHERE id > 20000000';
	$db->pause;
	$db->sql(<<'SQL');
UPDATE txsync.activity SET committed_at = now() - interval '2 days' WHERE id > 10000000;
INSERT INTO txsync.activity (id, epoch, commit_lsn, change_lsn, k, xid, committed_at, entity_type, entity_id, org_id, action, changed_keys)
SELECT 11000000 + g, 1, '0/1', '0/1', 0, '3', now() - interval '2 days', 'counters', 'e' || g / 10, 'x', 'create', '{n}' FROM generate_series(1, 100000) g;
UPDATE txsync.capture_state SET last_id = 11100000;
SQL
	$db->resume;
	$db->wait_for_state('streaming');
	my ($table, $full) = split /\|/, $db->sql(q{SELECT 'txsync.activity_1'::regclass::oid, pg_total_relation_size('txsync.activity_1')});
	cmp_ok($full, '>', 16 << 20, 'is large');
	cmp_ok(member(compact(), 'rows'), '>', 80_000, 'and nearly empty');
	$db->sql('INSERT INTO counters SELECT max(id) + 1 FROM counters');
	$db->captured_ok;
	is($db->sql($behind), 1, 'capture leaves it');
	$db->sql(q{UPDATE txsync.activity SET committed_at = now() - interval '2 days' WHERE id > 20000000});
	my $survive = 'SELECT count(*), md5(string_agg(a::text, $$ $$ ORDER BY id)) FROM txsync.activity a WHERE id BETWEEN 11000000 AND 20000000';
	my $survivors = $db->sql($survive);
	is(member(compact(), 'status'), 'done', 'so compaction');
	isnt($db->sql(q{SELECT 'txsync.activity_1'::regclass::oid}), $table, 'can write it anew');
	cmp_ok($db->sql(q{SELECT pg_total_relation_size('txsync.activity_1')}), '<', $full / 4, 'without what is gone');
	is($db->sql($survive), $survivors, 'and with all that is not');
	is(member(compact(), 'status'), 'done', 'a new one');
	$db->sql('INSERT INTO counters SELECT max(id) + 1 FROM counters');
	$db->captured_ok;
	is($db->sql($behind), 2, 'is not left');
};

# Its rows are few, but they are what it is full of.
subtest 'what is out of line counts' => sub {
	my $tables = sub { return $db->sql(q{SELECT string_agg(oid || ' ' || pg_total_relation_size(oid), ', ' ORDER BY relname) FROM pg_class WHERE relname ~ '^activity_[45]$'}) };
	$db->pause;
	make_partitions(4, 5);
	$db->sql(<<'SQL');
INSERT INTO txsync.activity (id, epoch, commit_lsn, change_lsn, k, xid, committed_at, entity_type, entity_id, action, payload)
SELECT n * 10000000 + g, 1, '0/1', '0/1', 0, '3', now() - interval '2 days', 'topic', g, 'event', to_jsonb(value) FROM generate_series(4, 5) n, generate_series(1, 2500) g, noise;
UPDATE txsync.capture_state SET last_id = 50002500;
SQL
	$db->resume;
	$db->wait_for_state('streaming');
	my $full = $tables->();
	is(member(compact(), 'status'), 'done', 'compacted');
	is($tables->(), $full, 'nothing is written anew');
	$db->sql('INSERT INTO counters SELECT max(id) + 1 FROM counters');
	$db->captured_ok;
	is($db->sql('SELECT max(id) FROM txsync.activity'), 50002501, 'nor left');
};

# Before and after compaction: 6: 3000 and 3000 rows; 7: 500 and 500; 8: none; 9 and 10: 100000 and 1000; 11 is capture's.
subtest 'small ones in front of it become one with it' => sub {
	my $partitions = sub { return $db->sql(q{SELECT string_agg(trim(regexp_replace(concat(relname, pg_get_expr(relpartbound, relid)), '\D+', ' ', 'g')), ', ' ORDER BY relname) FROM pg_partition_tree('txsync.activity') JOIN pg_class c ON c.oid = relid WHERE isleaf AND relname ~ '^activity_([6-9]|1\d)$'}) };
	my $survive = 'SELECT count(*), md5(string_agg(a::text, $$ $$ ORDER BY id)) FROM txsync.activity a WHERE id BETWEEN 60000000 AND 120000000 AND (id NOT BETWEEN 90000000 AND 110000000 OR id % 100 = 0)';
	my $fill = sub {
		$db->sql(<<"SQL");
INSERT INTO txsync.activity (id, epoch, commit_lsn, change_lsn, k, xid, committed_at, entity_type, entity_id, org_id, action, changed_keys)
SELECT n * 10000000 + g, 1, '0/1', '0/1', 0, '3', now() - interval '2 days', 'counters', n || '-' || (g + every - 1) / every, 'x', 'create', '{n}'
FROM (VALUES $_[0]) AS p (n, rows, every), generate_series(1, rows) g;
UPDATE txsync.capture_state SET last_id = 110000010;
SQL
	};
	$db->sql(q{ALTER DATABASE changes SET maintenance_work_mem = '1MB'}); # fewer ids at a time than a partition has
	$db->pause;
	make_partitions(6 .. 9, 11);
	$fill->('(6, 3000, 1), (7, 500, 1), (9, 100000, 100), (11, 10, 1)');
	$db->resume;
	$db->wait_for_state('streaming');
	my $sparse = $db->sql(q{SELECT 'txsync.activity_9'::regclass::oid});
	my $reader = $db->psql;
	$reader->query_safe('BEGIN; LOCK TABLE ONLY txsync.activity_7 IN ACCESS SHARE MODE');
	my $result = compact();
	is(member($result, 'status'), 'partial', 'a reader of one of these is in the way');
	my @alone = ('11 110000001 120000001, 6 60000001 70000001, 7 70000001 80000001', '9 90000001 100000001');
	is(member($result, 'dropped') . ': ' . $partitions->(), '1: ' . join(', ', @alone), 'of all of it; but one that is empty goes');
	like(obstacles(), qr/"activity_9" is not replaced by what was copied of it: somebody uses it \{"table": "activity_9"\}\z/, 'which is told of the one that it is done for');
	later('1 day');
	is(member(compact(), 'status'), 'done', 'the next time it is written without the others');
	is($partitions->(), join(', ', @alone), 'which are as they were');
	isnt($db->sql(q{SELECT 'txsync.activity_9'::regclass::oid}), $sparse, 'while it is another table');
	$reader->query_safe('COMMIT');

	make_partitions(10);
	$fill->('(10, 100000, 100)');
	$db->sql('CREATE TABLE own PARTITION OF txsync.activity FOR VALUES FROM (80000001) TO (80000002)');
	my $survivors = $db->sql($survive);
	is(member(compact(), 'status'), 'partial', 'somebody has a partition of his own');
	like(obstacles(), qr/: partition "activity_7_new" would overlap partition "own" \{"table": "activity_10"\}\z/, 'in between');
	$db->sql(q{DROP TABLE own; DELETE FROM txsync.sync_log WHERE code = 'REWRITE_BEGUN'});

	$reader->query_safe('BEGIN; LOCK TABLE ONLY txsync.activity_10 IN ACCESS SHARE MODE');
	my $session = $db->psql;
	$session->query_until(qr/begun/, "\\echo begun\nCALL txsync.compact_changelog('1 day');\n\\echo ended\n");
	$db->poll_ok(q{SELECT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('txsync.activity_7_new') AND reltuples > 0)}, 'while it is copied');
	$db->sql('ALTER TABLE txsync.activity DETACH PARTITION txsync.activity_7');
	$reader->query_safe('COMMIT');
	like($session->query_until(qr/ended/, ''), qr/"partial"/, 'one that is taken out of the changelog is in the way');
	is($db->sql('SELECT count(*), (SELECT count(*) FROM txsync.activity WHERE id BETWEEN 70000001 AND 80000000) FROM txsync.activity_7'), '500|0', 'and is kept, and is out of it');
	$db->sql('ALTER TABLE txsync.activity ATTACH PARTITION txsync.activity_7 FOR VALUES FROM (70000001) TO (80000001)');
	$db->sql(q{DELETE FROM txsync.sync_log WHERE code = 'REWRITE_BEGUN'});
	$_->quit foreach $reader, $session;

	my $before = $db->sql(q{SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('txsync.activity')});
	$result = compact();
	is(member($result, 'status'), 'done', 'then it is done');
	is(member($result, 'bytes'), $before - $db->sql(q{SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('txsync.activity')}), 'and tells the bytes that came back');
	is($partitions->(), '11 110000001 120000001, 6 60000001 70000001, 7 70000001 110000001', 'the larger one in front of it is left alone');
	is($db->sql($survive), $survivors, 'all that survives is there');
	is(shape('activity_7'), shape('activity_11'), 'in a partition like others');
	is(member(compact(), 'bytes'), 0, 'again: nothing');
	is($db->health, 'ok: ', 'healthy');
};

subtest 'partitions for other ids' => sub {
	$db->sql('CREATE TABLE txsync.activity_98 PARTITION OF txsync.activity FOR VALUES FROM (MINVALUE) TO (1); CREATE TABLE txsync.activity_99 PARTITION OF txsync.activity DEFAULT');
	$db->sql(q{INSERT INTO txsync.activity (id, epoch, commit_lsn, change_lsn, k, xid, committed_at, entity_type, entity_id, action) VALUES (990000001, 1, '0/1', '0/1', 0, '3', now() - interval '2 days', 'counters', 'default', 'delete')});
	my $before = $db->sql('SELECT digest FROM digest');
	is(member(compact(), 'status'), 'done', 'are none of those that come and go');
	is($db->sql('SELECT digest FROM digest'), $before, 'and others are not taken for them');
	$db->sql('DROP TABLE txsync.activity_98, txsync.activity_99');
};

subtest 'a changelog that begins anew' => sub {
	$db->sql(q{UPDATE txsync.activity SET payload = NULL, committed_at = now() - interval '2 days'; VACUUM txsync.activity});
	compact();
	$db->sql('DROP EXTENSION txsync CASCADE');
	$db->sql(q{CREATE EXTENSION txsync; SELECT txsync.track('counters')});
	$db->wait_for_state('streaming');
	$db->sql('INSERT INTO counters SELECT max(id) + 1 FROM counters');
	$db->captured_ok;
	is($db->sql('SELECT max(id) = last_id AND last_id < 10000000 FROM txsync.activity, txsync.capture GROUP BY last_id'), 't', 'is where it begins');
};

done_testing();

# The capture worker: what it writes and tells, and how it is stopped and makes way.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use TxsyncClient;

start_node('capture', 'logical');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'txsync'\nrestart_after_crash = on");
$node->restart;

sub sql { return $node->safe_psql('postgres', @_) }

my $captured = 'SELECT txsync.wait_captured(pg_current_wal_insert_lsn())';
sub wait_captured_ok { return is(sql($captured), 't', $_[0]) }

sub fails_with
{
	my ($query, $error, $name) = @_;
	my (undef, undef, $stderr) = $node->psql('postgres', $query);
	return like($stderr, $error, $name);
}

sub wait_for_state
{
	my ($state) = @_;
	return poll_ok("SELECT state = '$state' FROM txsync.capture", $state);
}

subtest 'from CREATE EXTENSION on' => sub {
	sql('CREATE EXTENSION txsync');
	wait_for_state('streaming');
	sql(q{
		CREATE TABLE notes (id int PRIMARY KEY, org_id text, body text, n int DEFAULT 0);
		ALTER TABLE notes REPLICA IDENTITY FULL;
		SELECT txsync.track('notes');
	});
	sql(q{INSERT INTO notes VALUES (1, 'a', 'one'), (2, NULL, 'two')});
	sql(q{UPDATE notes SET body = 'uno', tx = '{"transactionId": "1.0001.x", "sourceId": "tab", "changedField": "body"}' WHERE id = 1});
	sql(q{UPDATE notes SET org_id = 'b' WHERE id = 1});
	sql(q{UPDATE notes SET id = 3 WHERE id = 2});
	sql(q{DELETE FROM notes WHERE id = 1});
	sql(q{TRUNCATE notes});
	wait_captured_ok('captured');
	is(sql(q{SELECT string_agg(concat_ws(' ', id, action, entity_type, entity_id, org_id, old_org_id, changed_keys, tx ->> 'changedField', CASE WHEN tx IS NULL AND version ~ '^[0-9]{13}[.]' THEN 'own' ELSE version END, row_version), E'\n' ORDER BY id) FROM txsync.activity}),
		join("\n", '1 create notes 1 a own 1', '2 create notes 2 own 1', '3 update notes 1 a {body} body 1.0001.x 2', '4 update notes 1 b a {org_id} own 3',
			'5 delete notes 2 own', '6 create notes 3 own 1', '7 delete notes 1 b own 4', '8 truncate notes'),
		'every action has its form');
	is(sql(q{SELECT count(DISTINCT (commit_lsn, change_lsn, k)) FROM txsync.activity}), '8', 'positions differ');
	is(sql(q{SELECT string_agg(backend_type, ', ' ORDER BY backend_type) FROM pg_stat_activity WHERE backend_type LIKE 'txsync%'}), 'txsync capture, txsync launcher', 'two workers');
};

subtest 'notifications' => sub {
	my ($out, $in) = ('', '');
	my $listener = $node->background_psql('postgres');
	$listener->query_safe('LISTEN txsync_activities');
	sql(q{INSERT INTO notes VALUES (10, 'a', 'ten')});
	wait_captured_ok('captured');
	my $told = $listener->query('SELECT 1');
	$listener->quit;
	like($told, qr/Asynchronous notification "txsync_activities" with payload "\{"activityId":9,"position":.*"entityId":"10","organizationId":"a","action":"create",.*"data":null\}"/, 'the one shape');
	fails_with(q{ALTER SYSTEM SET txsync.notify_channel = '} . ('x' x 64) . q{'}, qr/invalid value for parameter "txsync.notify_channel"/, 'a channel name that is too long');
};

# Whoever looks while the worker writes must see a transaction in progress, not one that went nowhere.
subtest 'read while it is written' => sub {
	my $before = sql('SELECT count(*) FROM txsync.activity');
	my $blocker = $node->background_psql('postgres');
	$blocker->query_safe('BEGIN; LOCK txsync.capture_state IN SHARE MODE');
	sql(q{INSERT INTO notes SELECT g, 'a', 'many' FROM generate_series(100, 104) g});
	poll_ok(q{SELECT count(*) = 1 FROM pg_locks WHERE NOT granted AND relation = 'txsync.capture_state'::regclass}, 'rows are written, and wait');
	sql('SELECT pg_current_xact_id()'); # a later transaction that has ended
	is(sql('SELECT count(*) FROM txsync.activity'), $before, 'not to be seen yet');
	$blocker->query_safe('COMMIT');
	$blocker->quit;
	wait_captured_ok('captured');
	is(sql('SELECT count(*) FROM txsync.activity'), $before + 5, 'all are there');
};

# With synchronous replication a commit is in the WAL long before others see its rows: whoever was told of it then would read the old ones.
subtest 'told when it is over' => sub {
	my $told = q{SELECT count(*) FROM txsync.activity WHERE entity_id = '100' AND action = 'update'};
	my $before = sql($told);
	sql(q{ALTER SYSTEM SET synchronous_standby_names = 'nobody'; ALTER SYSTEM SET synchronous_commit = local});
	$node->reload;
	my $writer = $node->background_psql('postgres');
	my $pid = $writer->query_safe('SET synchronous_commit = on; SELECT pg_backend_pid()');
	$writer->{stdin} .= "UPDATE notes SET body = 'not confirmed' WHERE id = 100;\n";
	$writer->{run}->pump_nb;
	poll_ok("SELECT wait_event = 'SyncRep' FROM pg_stat_activity WHERE pid = $pid", 'a commit waits for its standby');
	sql(q{INSERT INTO notes VALUES (11, 'a', 'behind it')});
	is(sql(q{SELECT txsync.wait_captured(pg_current_wal_flush_lsn(), '1 s')}), 'f', 'capture waits for the commit');
	is(sql($told), $before, 'which is not told yet');
	sql("SELECT pg_cancel_backend($pid)");
	wait_captured_ok('captured when it is over');
	is(sql($told), $before + 1, 'then it is told');
	$writer->{run}->finish;
	sql(q{ALTER SYSTEM RESET synchronous_standby_names; ALTER SYSTEM RESET synchronous_commit});
	$node->reload;
};

# The WAL reader makes room for them when they come, and needs it later.
subtest 'records of many pages among others' => sub {
	my $write = sub { sql(q{CREATE TABLE IF NOT EXISTS large (id int PRIMARY KEY); INSERT INTO large SELECT count(*) FROM large}) };
	$write->();
	sql(q{SELECT txsync.track('large')});
	sql('SELECT txsync.pause()');
	wait_for_state('paused');
	foreach my $size (50_000, 300_000, 50_000)
	{
		$write->();
		sql("SELECT pg_logical_emit_message(false, 'of no interest', repeat('x', $size))");
		$write->();
	}
	sql('SELECT txsync.resume()');
	wait_captured_ok('captured');
	my $worker = sql('SELECT pid FROM txsync.capture');
	foreach my $pages (1 .. 8)
	{
		$write->();
		sql("SELECT pg_logical_emit_message(false, 'of no interest', repeat('x', 9000 * $pages))");
	}
	wait_captured_ok('and what comes later');
	is(sql('SELECT pid FROM txsync.capture'), $worker, 'by the same worker');
	is(sql(q{SELECT count(*) FROM txsync.activity WHERE entity_type = 'large' AND action = 'create'}), 14, 'all of it');
	sql('DROP TABLE large');
};

# Indexes that few rows are in are there before these.
subtest 'so many rows that they have a partition of their own' => sub {
	$node->safe_psql('postgres', $_) foreach q{SET allow_in_place_tablespaces = on; CREATE TABLESPACE fast LOCATION ''}, 'ALTER INDEX txsync.activity_topic SET TABLESPACE fast';
	sql(q{INSERT INTO notes SELECT g FROM generate_series(100001, 130000) g});
	wait_captured_ok('captured');
	is(sql(<<'SQL'), '2|activity_topic fast', 'its indexes are where those of all are');
SELECT count(DISTINCT indrelid), string_agg(concat_ws(' ', p.relname, spcname), ', ') FILTER (WHERE indrelid = (SELECT max(tableoid) FROM txsync.activity) AND c.reltablespace <> 0)
FROM pg_index JOIN pg_inherits ON inhrelid = indexrelid JOIN pg_class c ON c.oid = indexrelid JOIN pg_class p ON p.oid = inhparent LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace
WHERE inhparent::regclass::text LIKE 'txsync.activity%'
SQL
	sql(q{ALTER INDEX txsync.activity_topic SET TABLESPACE pg_default; DELETE FROM notes WHERE id > 100000});
	wait_captured_ok('captured');
};

subtest 'pause and resume' => sub {
	sql('CREATE TABLE of_no_interest AS SELECT g FROM generate_series(1, 1000) g');
	wait_captured_ok('captured');
	my $read = sql('SELECT captured FROM txsync.capture');
	sql('SELECT txsync.pause()');
	wait_for_state('paused');
	poll_ok('SELECT pid IS NULL FROM txsync.capture', 'no worker');
	is(sql("SELECT confirmed_flush_lsn >= '$read' FROM pg_replication_slots WHERE plugin = 'txsync'"), 't', 'the slot needs none of what was read');
	sql('SELECT txsync.pause()');
	sql(q{UPDATE notes SET body = 'meanwhile'});
	fails_with($captured, qr/capture is paused\nHINT:  txsync\.resume/, 'nothing to wait for');
	$node->restart;
	wait_for_state('paused');
	sql('SELECT txsync.resume(), txsync.resume()');
	wait_captured_ok('captured');
	is(sql(q{SELECT count(*) FROM txsync.activity WHERE action = 'update' AND entity_id = '10'}), '1', 'what happened meanwhile');
	sql('ALTER SYSTEM SET txsync.capture = off');
	$node->reload;
	wait_for_state('off');
	sql(q{UPDATE notes SET body = 'meanwhile, too' WHERE id = 10});
	fails_with($captured, qr/capture is off/, 'nor here');
	sql('ALTER SYSTEM RESET txsync.capture');
	$node->reload;
	wait_captured_ok('on again') if wait_for_state('streaming');
	fails_with(q{SELECT txsync.wait_captured('FF/0')}, qr/ahead of this server/, 'an LSN that is not reached');
	fails_with(q{BEGIN; UPDATE notes SET body = 'mine'; SELECT txsync.wait_captured(pg_current_wal_lsn())}, qr/in a transaction that has written/, 'after a write of its own');
};

subtest 'databases come and go' => sub {
	my $slots = q{SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'txsync\_%' AND active};
	sql('CREATE DATABASE two');
	$node->safe_psql('two', 'CREATE EXTENSION txsync');
	poll_ok("SELECT ($slots) = 2", 'a worker of its own');
	sql('CREATE DATABASE three TEMPLATE two');
	poll_ok("SELECT ($slots) = 3", 'a copy begins anew');
	isnt($node->safe_psql('three', 'SELECT epoch FROM txsync.capture'), $node->safe_psql('two', 'SELECT epoch FROM txsync.capture'), 'in an epoch of its own');
	sql('ALTER DATABASE two RENAME TO deux');
	poll_ok("SELECT ($slots) = 3", 'renamed');
	sql('DROP DATABASE deux');
	sql('DROP DATABASE three WITH (FORCE)');
	is(sql(q{SELECT count(*) FROM pg_replication_slots}), '1', 'their slots are gone');
	fails_with('DROP DATABASE postgres', qr/cannot drop the currently open database/, 'a command that fails');
	wait_captured_ok('goes on behind it');
};

subtest 'DROP EXTENSION' => sub {
	sql('DROP EXTENSION txsync');
	poll_ok(q{SELECT count(*) = 0 FROM pg_replication_slots}, 'no slot is left');
	poll_ok(q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'txsync capture'}, 'no worker');
	is(sql('SELECT count(*) > 0 FROM notes'), 't', 'the data stay');
	sql('CREATE EXTENSION txsync');
	wait_for_state('streaming');
};

$node->stop;
done_testing();

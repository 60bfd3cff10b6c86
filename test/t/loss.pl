# What capture does when WAL that it needs is gone: a gap is told, left behind or healed, and never passed over in silence.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use CapturedDatabase;
use Crash;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CapturedDatabase->new_server('loss');

subtest 'a slot that is dropped' => sub {
	my $db = CapturedDatabase->create_captured($node, 'dropped');
	$db->fails_with('SELECT txsync.reset_capture()', qr/ERROR:  55000: capture has no gap to leave behind/, 'no gap');
	my $slot = $db->pause;
	$db->sql("SELECT pg_drop_replication_slot('$slot')");
	$db->sql($CapturedDatabase::changes);
	$db->resume;
	my $why = qr/replication slot "$slot" is gone/;
	$db->is_lost($why);
	my $gap = $db->sql(q{SELECT detail ->> 'from', detail ->> 'to' FROM txsync.sync_log WHERE code = 'GAP'});
	is($db->sql('SELECT position, gap_end FROM txsync.capture'), $gap, 'the log has its ends');
	$db->fails_with('SELECT txsync.wait_captured(pg_current_wal_insert_lsn())', qr/ERROR:  55000: capture is lost/, 'nothing to wait for');
	$node->restart;
	$db->is_lost($why);
	is($db->sql(q{SELECT count(*) FROM pg_replication_slots WHERE database = current_database()}), '0', 'no slot is made');
	$db->sql('BEGIN; SELECT txsync.reset_capture(); ROLLBACK');

	my ($epoch, $last) = split /\|/, $db->sql('SELECT epoch, last_id FROM txsync.capture');
	$db->sql(q{INSERT INTO pairs VALUES (6, 'lost', NULL)});
	$db->sql('SELECT txsync.reset_capture()');
	$db->wait_for_state('streaming');
	$db->sql(q{INSERT INTO pairs VALUES (7, 'told', NULL)});
	$db->captured_ok;
	is($db->sql("SELECT string_agg(concat_ws(' ', action, entity_id), ', ' ORDER BY id) FROM txsync.activity WHERE id > $last"), 'gap, create ["7","told"]', 'only what comes behind the gap');
	is($db->sql("SELECT bool_and(epoch > $epoch), count(DISTINCT epoch) FROM txsync.activity WHERE id > $last"), 't|1', 'in a new epoch');
	is($db->sql(q{SELECT (payload ->> 'from') || '|' || (payload ->> 'to' = commit_lsn::text), payload -> 'healed' FROM txsync.activity WHERE action = 'gap'}),
		(split /\|/, $gap)[0] . '|true|false', 'the gap has its ends');
	is($db->sql(q{SELECT status, code, records_synced, detail -> 'healed' FROM txsync.sync_log ORDER BY id DESC LIMIT 1}), 'OK|RESET|1|false', 'the reset is in the log');
	is($db->health, 'ok: ', 'healthy');
	$db->fails_with('SELECT txsync.reset_capture()', qr/ERROR:  55000: capture has no gap to leave behind/, 'no gap any more');
	$db->drop;
};

subtest 'healed' => sub {
	my $db = CapturedDatabase->create_captured($node, 'healed');
	my $long = $db->psql;
	$long->query_safe(q{BEGIN; UPDATE pairs SET n = 2 WHERE a = 4; SAVEPOINT s; INSERT INTO pairs VALUES (8, 'long', NULL)});
	my $slot = $db->pause;
	$db->sql("SELECT pg_drop_replication_slot('$slot')");
	$db->sql($CapturedDatabase::changes);
	$db->sql(q{CREATE TABLE late (id int PRIMARY KEY, org_id text); INSERT INTO late VALUES (1, 'o'); SELECT txsync.track('late')});
	$long->query_safe('COMMIT');
	$long->quit;
	$db->resume;
	$db->is_lost(qr/replication slot "$slot" is gone/);

	# Killed in the middle of it: it goes on by itself.
	my $blocker = $db->psql;
	$blocker->query_safe('BEGIN; LOCK txsync.sync_log IN SHARE MODE');
	$db->sql('SELECT txsync.reset_capture(heal => true)');
	my $blocked = q{SELECT pid FROM pg_locks WHERE relation = 'txsync.sync_log'::regclass AND NOT granted};
	$db->poll_ok("SELECT count(*) = 1 FROM ($blocked) b", 'in the middle of it');
	ok(crash($node, $db->sql($blocked)), 'killed');
	$blocker->quit;
	$db->wait_for_state('streaming');
	$db->is_whole('healed');
	is($db->health, 'ok: ', 'healthy');
	is($db->sql(q{SELECT count(*) FROM txsync.activity WHERE action = 'gap'}), '1', 'one gap');
	is($db->sql(q{SELECT count(*) FROM txsync.sync_log WHERE code = 'RESET'}), '1', 'one entry in the log');
	$db->is_healed('create late 1 o', 'create pairs ["8","long"]', 'update pairs ["4","w"]');
	is($db->sql(q{SELECT payload -> 'healed' FROM txsync.activity WHERE action = 'gap'}), 'true', 'the gap says so');
	$db->drop;
};

# Lets the server remove what the database's slot needs.
sub remove_wal
{
	my ($db, $meanwhile) = @_;
	$node->append_conf('postgresql.conf', 'max_slot_wal_keep_size = 1MB');
	$node->reload;
	$db->sql(q{DO 'BEGIN FOR i IN 1 .. 5 LOOP PERFORM pg_logical_emit_message(false, $$x$$, repeat($$x$$, 1000000)); PERFORM pg_switch_wal(); END LOOP; END'});
	my $checkpoint = $db->psql;
	$checkpoint->query_until(qr/begun/, "\\echo begun\nCHECKPOINT;\n");
	$meanwhile->() if $meanwhile;
	$checkpoint->quit;
	is($db->sql(q{SELECT wal_status FROM pg_replication_slots WHERE database = current_database()}), 'lost', 'the slot is lost');
	$node->append_conf('postgresql.conf', 'max_slot_wal_keep_size = 10GB');
	$node->reload;
	return;
}

subtest 'a slot whose WAL is removed' => sub {
	my $db = CapturedDatabase->create_captured($node, 'invalidated');
	my $why = qr/replication slot "txsync_\d+" has lost WAL that it needed/;
	$db->pause;
	$db->sql($CapturedDatabase::changes);
	remove_wal($db);
	like($db->health, qr/\Afailing: the replication slot is lost: WAL that capture needs is gone; capture is paused/, 'health() tells before capture goes on');
	$db->resume;
	$db->is_lost($why);
	$db->heal;
	$db->is_healed;

	# The server takes it away from a worker that is too slow.
	$db->sql('DELETE FROM txsync.sync_log');
	my $pid = $db->sql('SELECT pid FROM txsync.capture');
	kill 'STOP', $pid;
	$db->sql(q{INSERT INTO pairs VALUES (9, 'slow', NULL)});
	remove_wal($db, sub {
		$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'checkpointer' AND wait_event = 'ReplicationSlotDrop'});
		kill 'CONT', $pid;
	});
	$db->is_lost($why);
	$db->sql('DROP EXTENSION txsync CASCADE');
	$db->poll_ok('SELECT count(*) = 0 FROM pg_replication_slots', 'DROP EXTENSION leaves no slot');
	$db->drop;
};

subtest 'a slot that somebody else moved' => sub {
	my $db = CapturedDatabase->create_captured($node, 'moved');
	my $slot = $db->pause;
	$db->sql("SELECT pg_drop_replication_slot('$slot')");
	$db->sql($CapturedDatabase::changes);
	$db->sql("SELECT pg_create_logical_replication_slot('$slot', 'txsync')");
	$db->resume;
	$db->is_lost(qr/replication slot "$slot" was made anew by somebody else/);
	$db->heal;
	$db->is_healed;

	$db->sql('DELETE FROM txsync.sync_log');
	$db->pause;
	$db->sql(q{INSERT INTO pairs VALUES (9, 'read', NULL)});
	$db->sql("SELECT count(*) FROM pg_logical_slot_get_changes('$slot', NULL, NULL)");
	$db->resume;
	$db->is_lost(qr/replication slot "$slot" was made anew by somebody else/);
	$db->heal;
	like($db->behind_the_gap, qr/^create pairs \["9","read"\]$/m, 'read by somebody else: what changed in the gap');
	$db->drop;
};

$node->stop;
done_testing();

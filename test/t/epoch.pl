# What capture makes of a copy, of a server or of a database: it goes on in an epoch of its own, and misses nothing.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use CapturedDatabase;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CapturedDatabase->new_server('epoch', init => { has_archiving => 1 });

subtest 'promotion of a standby' => sub {
	my $db = CapturedDatabase->create_captured($node, 'promoted');
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->append_conf('postgresql.conf', 'archive_mode = off');
	$standby->start;
	$db->sql(q{INSERT INTO pairs VALUES (9, 'both', NULL)});
	$db->settle;
	$node->wait_for_catchup($standby);
	my $copy = CapturedDatabase->new($standby, 'promoted');
	is($copy->health, 'ok: ', 'a standby is healthy');
	is($copy->sql('SELECT state, pid, lag_bytes, lag_ms, last_error FROM txsync.capture'), 'off||||', 'nothing is captured there');
	is($copy->sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'txsync%'}), '0', 'and no worker runs');
	is($copy->sql('SELECT count(*) FROM oracle.difference'), '0', 'but the changelog is there');
	is($copy->sql(q{SELECT txsync.status() -> 'health' ->> 'status'}), 'ok', 'status() tells, too');
	$copy->fails_with('SELECT txsync.wait_captured(pg_last_wal_replay_lsn())', qr/ERROR:  22023: the LSN is ahead of this server/, 'nothing to wait for');
	my $epoch = $db->epoch;

	$standby->promote;
	$copy->sql($CapturedDatabase::changes);
	$copy->is_lost(qr/replication slot "txsync_\d+" is gone/);
	$db->sql(q{INSERT INTO pairs VALUES (10, 'here', NULL)});
	$db->is_whole('the old primary goes on');
	is($db->epoch, $epoch, 'in its epoch');
	$copy->heal;
	$copy->is_healed;
	is($copy->sql("SELECT epoch <> $epoch FROM txsync.capture"), 't', 'epochs differ');
	$standby->stop;
	$db->drop;
};

subtest 'point-in-time recovery' => sub {
	my $db = CapturedDatabase->create_captured($node, 'recovered');
	$node->backup('recovery');
	$node->stop;
	$node->backup_fs_cold('cold');
	$node->start;
	$db->wait_for_state('streaming');
	$db->sql($CapturedDatabase::changes);
	$db->captured_ok;
	$db->sql(q{SELECT pg_create_restore_point('here')});
	$db->sql(q{INSERT INTO pairs VALUES (9, 'later', NULL)});
	$db->captured_ok;
	my ($epoch, $last) = split /\|/, $db->sql('SELECT epoch, last_id FROM txsync.capture');
	my $file = $db->sql('SELECT pg_walfile_name(pg_switch_wal())');
	$node->poll_query_until('postgres', "SELECT last_archived_wal >= '$file' FROM pg_stat_archiver") or die 'not archived';

	foreach my $how (qw(recovery cold))
	{
		my $restored = PostgreSQL::Test::Cluster->new($how);
		$restored->init_from_backup($node, $how, has_restoring => 1, standby => 0);
		$restored->append_conf('postgresql.conf', "recovery_target_name = 'here'\nrecovery_target_action = promote\narchive_mode = off");
		$restored->start;
		my $copy = CapturedDatabase->new($restored, 'recovered');
		$copy->poll_ok('SELECT NOT pg_is_in_recovery()', "recovered from $how");
		is($copy->sql(q{SELECT count(*) FROM pairs WHERE a = 9}), '0', 'to the target');
		$copy->sql(q{INSERT INTO pairs VALUES (11, 'recovered', NULL)});
		if ($how eq 'recovery')
		{
			$copy->is_lost(qr/replication slot "txsync_\d+" is gone/);
			$copy->heal;
		}
		else
		{
			# Its slot came with it, and goes on where the changelog ends.
			$copy->wait_for_state('streaming');
			$copy->is_whole('whole');
			is($copy->health, 'ok: ', 'healthy');
		}
		is($copy->sql(q{SELECT string_agg(action, ',' ORDER BY id) FROM txsync.activity WHERE entity_id = '["11","recovered"]'}), 'create', 'what comes then is told once');
		is($copy->sql("SELECT epoch > $epoch FROM txsync.capture"), 't', 'a new epoch');
		is($copy->sql("SELECT count(*) FROM txsync.activity WHERE epoch = $epoch AND id >= $last"), '0', 'the old one has ended');
		$restored->stop;
	}
	$db->drop;
};

subtest 'copies of a database' => sub {
	my $db = CapturedDatabase->create_captured($node, 'original');
	my ($epoch, $last) = split /\|/, $db->sql('SELECT epoch, last_id FROM txsync.capture');

	# What its changelog does not have yet.
	$db->pause;
	$db->sql($CapturedDatabase::changes);
	$node->safe_psql('postgres', 'CREATE DATABASE duplicate TEMPLATE original');
	$db->resume;
	my $duplicate = CapturedDatabase->new($node, 'duplicate');
	$duplicate->sql(q{INSERT INTO pairs VALUES (9, 'duplicate', NULL)});
	$duplicate->wait_for_state('streaming');
	$duplicate->is_whole('a copy is whole');
	is($duplicate->sql("SELECT bool_and(epoch > $epoch) FROM txsync.activity WHERE id > $last"), 't', 'in an epoch of its own');
	is($duplicate->sql("SELECT count(*) FROM txsync.activity WHERE id <= $last"), $last, 'behind what came with it');

	my $restored = CapturedDatabase->new($node, 'restored');
	my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
	$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
	$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('original') ], 'dumped');
	$node->command_ok([ 'pg_restore', '-e', '-d', $node->connstr('restored'), $dump ], 'restored');
	$restored->sql(q{INSERT INTO pairs VALUES (9, 'restored', NULL)});
	$restored->wait_for_state('streaming');
	$restored->captured_ok;
	is($restored->sql(q{SELECT string_agg(action, ',') FROM txsync.activity WHERE entity_id = '["9","restored"]'}), 'create', 'a restored one goes on');
	is($restored->sql("SELECT bool_and(epoch > $epoch) FROM txsync.activity"), 't', 'in an epoch of its own');

	$db->sql(q{INSERT INTO pairs VALUES (9, 'original', NULL)});
	$db->is_whole('the original is whole');
	is($db->epoch, $epoch, 'in its epoch');
	$_->drop foreach $duplicate, $restored, $db;
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_replication_slots}), '0', 'no slot is left');
};

$node->stop;
done_testing();

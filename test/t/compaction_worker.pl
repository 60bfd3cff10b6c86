# The worker that compacts: when it comes, what it makes way for, and where there is no place for it.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use CapturedDatabase;
use CompactionOracle;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = CapturedDatabase->new_server('compaction_worker', conf => "txsync.compaction_interval = 0\nmaintenance_work_mem = '1MB'");
my $db = CapturedDatabase->create_bare($node, 'changes');
$db->sql('CREATE TABLE counters (id int PRIMARY KEY, org_id text, n int DEFAULT 0)');
$db->sql(q{SELECT txsync.track('counters')});
$db->wait_for_state('streaming');
add_law($db);

subtest 'on a schedule' => sub {
	$db->sql('TRUNCATE txsync.activity');
	fill($db, 1, 20_000, '2 days');
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
		INSERT INTO txsync.activity SELECT (SELECT max(id) FROM txsync.activity) + row_number() OVER (), epoch, commit_lsn, change_lsn, k, xid, origin, now() - interval '2 days', entity_type, entity_id, org_id, old_org_id, old_org_null, action, changed_keys, tx FROM txsync.activity;
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

# Shows that ids are unique and rise: over sessions, crashes, restarts and a promotion, with and without the server's shared clock.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
append_to_file("$dir/ids.pgbench", 'INSERT INTO ids VALUES (DEFAULT, pg_backend_pid(), txsync.create_transaction_id());');

sub new_server
{
	my ($name, $conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => 'logical');
	$node->append_conf('postgresql.conf', "restart_after_crash = on\nautovacuum = off\nmax_connections = 40\n$conf");
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION txsync; CREATE TABLE ids (n bigserial, pid int, id text)');
	return $node;
}

sub sql
{
	my ($node, $query) = @_;
	return $node->safe_psql('postgres', $query);
}

sub new_id
{
	return sql($_[0], 'SELECT txsync.create_transaction_id()');
}

sub is_above
{
	my ($node, $id, $name) = @_;
	return is(sql($node, "SELECT txsync.compare_transaction_ids(txsync.create_transaction_id(), '$id')"), '1', $name);
}

# Raises the clock by a time from elsewhere; returns the id that comes of it.
sub observe_ahead
{
	my ($node) = @_;
	return sql($node, q{SELECT txsync.hlc_observe((extract(epoch FROM clock_timestamp()) * 1000)::bigint + 50000 || '.0042.elsewhere')});
}

# How many ms the next id is ahead of the wall clock.
sub ahead
{
	my ($node) = @_;
	return sql($node, 'SELECT (extract(epoch FROM wall_time - clock_timestamp()) * 1000)::int FROM txsync.parse_transaction_id(txsync.create_transaction_id())');
}

sub concurrent_ok
{
	my ($node, $connect, $transactions) = @_;
	$node->command_ok([ 'pgbench', '-n', @$connect, '-c', 12, '-j', 2, '-t', $transactions, '-f', "$dir/ids.pgbench", $node->connstr('postgres') ], "many at once @$connect");
	is(sql($node, 'SELECT count(*) - count(DISTINCT id) FROM ids'), '0', 'no id twice');
	is(sql($node, q{SELECT count(*) FROM (SELECT id::txsync.hlc AS id, lag(id::txsync.hlc) OVER (PARTITION BY pid ORDER BY n) AS before FROM ids) i WHERE NOT id OPERATOR(txsync.>) before}),
		'0', 'those of a session rise');
	return;
}

sub fails_in_recovery
{
	my ($node, $call) = @_;
	my (undef, undef, $stderr) = $node->psql('postgres', "SELECT $call", extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	return like($stderr, qr/ERROR:  25006: the clock stands still during recovery\nDETAIL:  A standby gives no transaction ids\.\nHINT:  Ask the primary\./, "$call on a standby");
}

# The mark goes with the data, whatever ends the server.
sub survives_ok
{
	my ($node) = @_;
	my $id = observe_ahead($node);
	$node->stop('immediate');
	$node->start;
	is_above($node, $id, 'above those from before a crash');
	cmp_ok(ahead($node), '>', 30000, 'which were ahead of the wall clock');

	sql($node, "SELECT txsync.hlc_observe((extract(epoch FROM clock_timestamp()) * 1000)::bigint + 59000 || '.0000.elsewhere')");
	$id = new_id($node);
	my $log = -s $node->logfile;
	$node->psql('postgres', q{COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID'});
	$node->wait_for_log(qr/database system is ready to accept connections/, $log);
	is_above($node, $id, 'and from before a backend was killed');

	$id = observe_ahead($node);
	$node->restart;
	is_above($node, $id, 'and from before a restart');
	return;
}

subtest 'the clock of a server' => sub {
	my $node = new_server('shared', qq{shared_preload_libraries = 'txsync'\ntxsync.capture = off});
	sql($node, q{SELECT pg_create_logical_replication_slot('told', 'test_decoding')});
	like(new_id($node), qr/^\d+\.0000\.[0-9a-z]+-1$/, 'its node has the timeline');
	concurrent_ok($node, [], 300);
	is(sql($node, q{SELECT count(*) FROM (SELECT id::txsync.hlc AS id, lag(id::txsync.hlc) OVER (ORDER BY n) AS before FROM (SELECT DISTINCT ON (n / 100) * FROM ids ORDER BY n / 100, n) x) i WHERE NOT id OPERATOR(txsync.>) before}),
		'0', 'so do those of all');
	my $id = new_id($node);
	is_above($node, $id, 'those of another session, too') foreach 1 .. 3;
	cmp_ok(ahead($node), '<', 1000, 'no session takes time with it');
	sql($node, "SET default_transaction_read_only = on; SELECT txsync.hlc_observe('$id')");
	is(sql($node, q{SELECT count(*) FROM pg_logical_slot_get_changes('told', NULL, NULL, 'skip-empty-xacts', '1') WHERE data !~ '^(BEGIN|COMMIT|table public.ids)'}), '0', 'decoding knows nothing of it');
	survives_ok($node);

	sql($node, 'CREATE DATABASE copied TEMPLATE template0');
	$node->command_ok([ 'pg_dump', '-f', "$dir/dump.sql", $node->connstr('postgres') ], 'dumped');
	unlike(slurp_file("$dir/dump.sql"), qr/txsync\.clock/, 'without the mark');
	$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-o', "$dir/log", '-f', "$dir/dump.sql", $node->connstr('copied') ], 'restored');
	$id = new_id($node);
	is($node->safe_psql('copied', "SELECT txsync.compare_transaction_ids(txsync.create_transaction_id(), '$id')"), '1', 'one clock for all databases');
	$node->stop;
};

subtest 'promotion' => sub {
	my $node = new_server('primary', q{shared_preload_libraries = 'txsync'});
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	my $id = observe_ahead($node);
	$node->wait_for_catchup($standby);
	fails_in_recovery($standby, $_) foreach 'txsync.create_transaction_id()', q{txsync.create_transaction_id('n')}, 'txsync.hlc_now()', "txsync.hlc_observe('$id')";
	is(sql($standby, "SELECT logical FROM txsync.parse_transaction_id('$id')"), '43', 'but an id may be read there');
	$standby->promote;
	is_above($standby, $id, 'above those of the old primary');
	like(new_id($standby), qr/-2$/, 'under a node of its own');
	is_above($node, $id, 'the old one goes on');
	like(new_id($node), qr/-1$/, 'under its own');
	$_->stop foreach $standby, $node;
};

subtest 'a clock for each session' => sub {
	my $node = new_server('single', '');
	like(sql($node, q{SELECT severity || ': ' || finding FROM txsync.doctor() WHERE finding ~ 'clock'}), qr/^info: the library is not preloaded: .*each session has a clock of its own/, 'doctor() tells');
	like(new_id($node), qr/^\d+\.0000\.[0-9a-z]+-1-[0-9a-z]+-[0-9a-z]+$/, 'the node is the session\'s');
	concurrent_ok($node, [], 300);
	concurrent_ok($node, ['-C'], 20);
	cmp_ok(ahead($node), '<', 10000, 'sessions that come and go take little time with them');
	is(sql($node, 'SET txsync.max_clock_skew = 1234; DO $$BEGIN PERFORM txsync.hlc_now(); END$$; SHOW txsync.max_clock_skew'), '1234ms', 'a setting from before the library was loaded is heard');
	survives_ok($node);
	$node->stop;
};

done_testing();

# What those who listen are told: the one shape, as much of it as a notification holds, and of what there was no room for.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use TxsyncClient;

start_node('notify', 'logical');
my $major = $node->pg_version->major;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'txsync'\n" . ($major >= 17 ? "max_notify_queue_pages = 64\n" : ''));
$node->restart;

sub sql { return $node->safe_psql('postgres', @_) }

sub captured { return is(sql('SELECT txsync.wait_captured(pg_current_wal_insert_lsn())'), 't', 'captured') }

# Opens a session that listens.
sub listener
{
	my $session = $node->background_psql('postgres');
	$session->query_safe('LISTEN txsync_activities');
	return $session;
}

# What it has heard so far.
sub heard
{
	my ($session) = @_;
	return map { decode_json($_) } $session->query('SELECT 1') =~ /with payload "(.*)" received from/g;
}

sql('CREATE EXTENSION txsync');
poll_ok(q{SELECT state = 'streaming' FROM txsync.capture}, 'streaming');
sql(q{
	CREATE TABLE quiet (id text PRIMARY KEY, org_id text, body text);
	CREATE TABLE loud (id text PRIMARY KEY, org_id text, body text, secret text, n numeric);
	SELECT txsync.track('quiet'), txsync.track('loud', notify => 'full', hidden => '{secret}');
});
my $listener = listener();

subtest 'data' => sub {
	sql(q{INSERT INTO quiet VALUES ('q', 'a', 'b')});
	sql(q{INSERT INTO loud VALUES ('l', 'a', 'b "quoted" é', 'hush', 1.50)});
	sql(q{UPDATE loud SET org_id = 'c', tx = '{"transactionId": "1.0001.x", "sourceId": "tab", "changedField": "org_id"}'});
	sql(q{DELETE FROM loud});
	captured();
	my ($quiet, $loud, $update, $delete) = heard($listener);
	is($quiet->{data}, undef, 'none unless the table is tracked so');
	is_deeply([ sort keys %$quiet ],
		[ sort qw(activityId position committedAt entityType entityId organizationId action changedKeys tx version rowVersion data) ], 'the one shape');
	is_deeply($loud->{data}, { id => 'l', org_id => 'a', body => "b \"quoted\" \x{e9}", n => 1.5 }, 'in full, without what is hidden');
	is_deeply($update->{tx}, { transactionId => '1.0001.x', sourceId => 'tab', changedField => 'org_id' }, 'with its tx');
	is($delete->{data}, undef, 'no data of what is gone');
	is_deeply([ map { $_->{rowVersion} } $loud, $update, $delete ], [ 1, 2, 3 ], 'the row versions');
	like($delete->{version}, qr/^\d{13}\.\d{4,}\.[0-9a-z-]+$/, 'a version of the server\'s own where nothing was declared');
	is(sql(q{SELECT count(*) FROM txsync.activity WHERE payload IS NOT NULL}), '0', 'the changelog has no content');
};

subtest 'what is too large' => sub {
	sql(q{INSERT INTO loud VALUES ('big', 'a', repeat('x', 9000))});
	sql(q{INSERT INTO loud VALUES ('wide', 'a', repeat('é', 3700))});
	sql(q{BEGIN; SELECT txsync.annotate(jsonb_build_object('why', repeat('y', 8000))); INSERT INTO loud VALUES ('noted', 'a', 'b'); COMMIT});
	captured();
	my ($big, $wide, $noted) = heard($listener);
	is($big->{entityId}, 'big', 'told');
	is($big->{data}, undef, 'without data');
	is($wide->{data}, undef, 'it is bytes that count');
	is_deeply([ keys %$noted ], ['activityId'], 'or only that it is there');
	is(sql("SELECT entity_id FROM txsync.activity WHERE id = $noted->{activityId}"), 'noted', 'under its id');
};

subtest 'many at once' => sub {
	sql(q{INSERT INTO loud SELECT 'many' || g, 'a', 'b' FROM generate_series(1, 6000) g});
	captured();
	is_deeply([ heard($listener) ], [ { missed => JSON::PP::true, activityId => int sql('SELECT max(id) FROM txsync.activity') } ], 'are told in one');
};

subtest 'another channel, and none' => sub {
	sql(q{ALTER SYSTEM SET txsync.notify_channel = 'elsewhere'});
	$node->reload;
	$listener->query_safe('LISTEN elsewhere');
	poll_ok(q{SELECT setting = 'elsewhere' FROM pg_settings WHERE name = 'txsync.notify_channel'}, 'reloaded');
	sql(q{INSERT INTO quiet VALUES ('elsewhere')});
	captured();
	like($listener->query('SELECT 1'), qr/Asynchronous notification "elsewhere" with payload .*"entityId":"elsewhere"/, 'told there');
	sql(q{ALTER SYSTEM SET txsync.notify_channel = ''});
	$node->reload;
	poll_ok(q{SELECT setting = '' FROM pg_settings WHERE name = 'txsync.notify_channel'}, 'reloaded');
	sql(q{INSERT INTO quiet VALUES ('nowhere')});
	captured();
	is_deeply([ heard($listener) ], [], 'not told');
	sql(q{ALTER SYSTEM RESET txsync.notify_channel});
	$node->reload;
};

# The queue is emptied by the slowest listener; where its size cannot be set it takes 8 GB to fill it.
subtest 'a full queue' => sub {
	plan skip_all => 'takes 8 GB before PostgreSQL 17: set TXSYNC_HEAVY' if $major < 17 && !$ENV{TXSYNC_HEAVY};
	my $rows = $major < 17 ? 20000 : 100;
	my $sleeper = listener();
	$sleeper->query_safe('BEGIN; SELECT 1');
	1 while $node->psql('postgres', "SELECT pg_notify('other', g || repeat('x', 7900)) FROM generate_series(1, $rows) g") == 0;
	is(sql('SELECT pg_notification_queue_usage() > 0.8'), 't', 'full');
	sql(q{INSERT INTO quiet SELECT 'full' || g FROM generate_series(1, 10) g});
	captured();
	is(sql(q{SELECT count(*) FROM txsync.activity WHERE entity_id LIKE 'full%'}), '10', 'capture goes on');
	is(sql(q{SELECT status FROM txsync.health()}), 'degraded', 'and says what is wrong');
	my $fresh = listener();
	$_->quit foreach $sleeper, $listener;
	$listener = $fresh;
	poll_ok(q{SELECT pg_notification_queue_usage() < 0.1}, 'there is room again');
	poll_ok(q{SELECT NOT missed FROM txsync.capture_state}, 'made up for');
	is_deeply([ heard($listener) ], [ { missed => JSON::PP::true, activityId => int sql('SELECT max(id) FROM txsync.activity') } ], 'and told that there is more');
};

$listener->quit;
$node->stop;
done_testing();

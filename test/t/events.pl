# What is told without a row, in the changelog and to those who listen.

use strict;
use utf8;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use CapturedDatabase;
use Encode qw(encode);
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CapturedDatabase->new_server('events', conf => "logical_decoding_work_mem = 64kB\n");
my $db = CapturedDatabase->create_bare($node, 'events');
$db->sql('CREATE TABLE pages (id int PRIMARY KEY, org_id text); SELECT txsync.track($$pages$$); CREATE ROLE reader; CREATE ROLE stranger');
$db->wait_for_state('streaming');

sub log_is
{
	my ($expected, $name) = @_;
	$db->captured_ok;
	is($db->sql(q{SELECT string_agg(concat_ws(' ', action, entity_type, coalesce(entity_id, '-'), org_id, tx ->> 'transactionId', payload), E'\n' ORDER BY id) FROM txsync.activity WHERE payload IS NULL OR length(payload::text) < 100}), $expected, $name);
	return $db->sql('DELETE FROM txsync.activity');
}

subtest 'in commit order, with the data' => sub {
	$db->sql(<<'SQL');
BEGIN;
INSERT INTO pages VALUES (1, 'acme');
SELECT txsync.begin_mutation('{"transactionId": "1.0001.a", "sourceId": "s", "changedField": "org_id"}');
SELECT txsync.emit('mail', 'k', '{"n": 1.50}');
SAVEPOINT s;
SELECT txsync.emit('mail', 'rolled back', '{}'), txsync.reshare('pages', '{1}');
ROLLBACK TO s;
SAVEPOINT t;
UPDATE pages SET org_id = 'b';
RELEASE t;
SELECT txsync.end_mutation(), txsync.emit('mail', NULL, NULL), txsync.reshare('pages', '{1,2}');
COMMIT;
SQL
	log_is("create pages 1 acme\nevent mail k 1.0001.a {\"n\": 1.50}\nupdate pages 1 b 1.0001.a\nevent mail -\nvisibility pages 1 b\nvisibility pages 2", 'each where it was said');
};

subtest 'a transaction that is decoded from disk' => sub {
	$db->sql(<<'SQL');
BEGIN;
SELECT txsync.emit('many', g::text, to_jsonb(repeat('x', 1000))) FROM generate_series(1, 500) g;
SAVEPOINT s;
SELECT txsync.emit('many', 'in vain', to_jsonb(repeat('x', 1000))) FROM generate_series(1, 500) g;
ROLLBACK TO s;
SELECT txsync.emit('large', 'k', to_jsonb(repeat('x', 1048574)));
COMMIT;
SQL
	$db->captured_ok;
	is($db->sql(q{SELECT count(*), count(DISTINCT key), max(length(payload #>> '{}')) FROM txsync.event WHERE topic IN ('many', 'large')}), '501|501|1048574', 'all of them');
	$db->sql('DELETE FROM txsync.activity');
};

subtest 'over a crash of the server' => sub {
	$db->pause;
	$db->sql(q{SELECT txsync.emit('mail', 'first', '1')});
	$db->sql(q{DELETE FROM txsync.secret; INSERT INTO txsync.secret DEFAULT VALUES});
	$db->sql(q{VACUUM txsync.secret});
	$db->sql(q{SELECT txsync.emit('mail', 'second', '2')});
	$node->stop('immediate');
	$node->start;
	$db->resume;
	$db->wait_for_state('streaming');
	log_is("event mail first 1\nevent mail second 2", 'under the key that there was');
};

subtest 'what is not ours' => sub {
	$db->sql(q{SELECT pg_logical_emit_message(true, 'app', 'hello'), pg_logical_emit_message(false, 'app', 'alone')});
	$db->sql(q{SELECT pg_logical_emit_message(true, 'txsync', '1E' || repeat('x', 32) || pg_current_xact_id()::xid || ':4:fake----') FROM generate_series(1, 3)});
	$db->sql(q{SELECT pg_logical_emit_message(true, 'txsync', '1' || kind || repeat(sign, size)) FROM unnest('{E,V,B,X}'::text[]) kind, unnest('{0,1,-,:}'::text[]) sign, unnest('{0,10,32,40,2000000}'::int[]) size});
	$db->sql(q{INSERT INTO pages VALUES (3)});
	log_is("create pages 3", 'is passed over');
	like($db->health, qr/^ok/, 'and nothing stops');
	my @warnings = slurp_file($node->logfile) =~ /WARNING:  a logical message is not told: it has not this database's seal/g;
	is(@warnings, 1, 'what claims to be ours is told of in the log, and does not fill it');
};

subtest 'who reads events' => sub {
	$db->fails_with('SET ROLE stranger; SELECT * FROM txsync.event', qr/42501/, 'nobody');
	$db->sql('GRANT SELECT ON txsync.event TO reader');
	$db->sql(q{SELECT txsync.emit('mail', 'k', '{}')});
	$db->captured_ok;
	is($db->sql('SET ROLE reader; SELECT topic, key, payload, tx FROM txsync.event'), 'mail|k|{}|', 'but whom it is granted to');
};

subtest 'those who listen' => sub {
	my $listener = $db->psql;
	$listener->query_safe('LISTEN txsync_activities');
	$db->sql(q{SELECT txsync.emit('mail', 'k', '{"secret": 1}'), txsync.reshare('pages', '{3}')});
	$db->captured_ok;
	my @heard = map { decode_json($_) } $listener->query('SELECT 1') =~ /with payload "(.*)" received from/g;
	$listener->quit;
	is_deeply([ map { [ @$_{qw(action entityType entityId data)} ] } @heard ], [ [ 'event', 'mail', 'k', undef ], [ 'visibility', 'pages', '3', undef ] ], 'are told, without the payload');
};

# A walsender reads the same, while the transaction goes on as well.
subtest 'subscribers' => sub {
	$node->safe_psql('events', q{SELECT pg_create_logical_replication_slot('sub', 'txsync')});
	$db->sql(<<'SQL');
BEGIN;
SAVEPOINT a;
SELECT txsync.emit('mail', g::text, to_jsonb(repeat('x', 1000))) FROM generate_series(1, 300) g;
RELEASE a;
SAVEPOINT b;
SELECT txsync.emit('mail', 'in vain', '{}');
ROLLBACK TO b;
COMMIT;
SQL
	my $end = $db->sql('SELECT pg_current_wal_lsn()');
	my $streamed = $node->pg_recvlogical_upto('events', 'sub', $end, $PostgreSQL::Test::Utils::timeout_default, streaming => 'on', 'include-data' => 'none');
	my @told = grep { defined $_->{action} } map { decode_json($_) } split /\n/, $streamed;
	is_deeply([ map { $_->{entityId} } @told ], [ 1 .. 300 ], 'in order');
	ok(!(grep { !defined $_->{xid} || length $_->{data} != 1000 } @told), 'in progress, with their payload');
};

subtest 'another encoding' => sub {
	$node->safe_psql('postgres', q{CREATE DATABASE latin1 ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'});
	my $latin1 = CapturedDatabase->new($node, 'latin1');
	$latin1->sql('CREATE EXTENSION txsync; CREATE TABLE pages (id text PRIMARY KEY, org_id text); SELECT txsync.track($$pages$$)');
	$latin1->wait_for_state('streaming');
	$latin1->sql(q{SELECT txsync.emit(U&'\00E9', U&'\00DF', to_jsonb(U&'\00FC'::text)), txsync.reshare('pages', ARRAY[U&'\00E9'])});
	$latin1->captured_ok;
	is($latin1->sql(q{SELECT action, entity_type = U&'\00E9', coalesce(entity_id = U&'\00DF' AND payload #>> '{}' = U&'\00FC', entity_id = U&'\00E9') FROM txsync.activity ORDER BY id}), "event|t|t\nvisibility|f|f", 'told as it was said');
	is($latin1->sql(q{SELECT entity_id = U&'\00E9' FROM txsync.activity WHERE action = 'visibility'}), 't', 'and who it is');
	$latin1->sql(q{SELECT txsync.untrack('pages'); INSERT INTO pages VALUES (U&'\00FC'), ('"'); SELECT txsync.track('pages')});
	$latin1->sql(q{CALL txsync.backfill('pages')});
	like($latin1->sql(q{CALL txsync.verify('pages')}), qr/"entities": 2, .*"differing": 0,|"differing": 0,.*"entities": 2/, 'backfilled and verified');
};

# Whoever decodes the key's row looks at its table as all see it, if that counts as a catalog: it may not yet be there.
subtest 'streams of others outlive the coming and going of the key' => sub {
	my $other = CapturedDatabase->new($node, 'other');
	$node->safe_psql('postgres', 'CREATE DATABASE other');
	my $follow = sub {
		my ($plugin) = @_;
		my ($slot, $out, $err) = ("of_$plugin", '', '');
		$other->sql("SELECT pg_create_logical_replication_slot('$slot', '$plugin')");
		return IPC::Run::start([ 'pg_recvlogical', '-d', $node->connstr('other'), '-S', $slot, '--start', '--no-loop', '-f', '/dev/null' ], '>', \$out, '2>', \$err);
	};
	my @streams = map { $follow->($_) } qw(test_decoding txsync);
	my $active = q{SELECT count(*) FROM pg_replication_slots WHERE active AND slot_name LIKE 'of\_%'};
	$other->poll_ok("SELECT ($active) = 2", 'streams');
	foreach (1 .. 15)
	{
		$other->sql($_) foreach 'CREATE EXTENSION txsync', 'DROP EXTENSION txsync CASCADE';
	}
	is($other->sql($active), 2, 'are there as before');
	$_->kill_kill foreach @streams;
};

$node->stop;
done_testing();

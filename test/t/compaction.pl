# Compaction of the changelog, held against the law written in SQL: whole and killed, beside readers, capture and others.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use CapturedDatabase;
use CompactionOracle;
use Crash;
use List::Util qw(min);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = CapturedDatabase->new_server('compaction', conf => "txsync.compaction_interval = 0\ntxsync.compaction_pace = 100\nmaintenance_work_mem = '1MB'");
my $db = CapturedDatabase->create_bare($node, 'changes');
$db->sql('CREATE TABLE counters (id int PRIMARY KEY, org_id text, n int DEFAULT 0)');
$db->sql(q{SELECT txsync.track('counters')});
$db->wait_for_state('streaming');

add_law($db);

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
	fill($db, $boundary - 30_000, 60_000, '2 days');
	my $all = $db->sql('SELECT count(*) FROM txsync.activity');
	my ($other, $session) = stopped_at('txsync.activity_1 IN SHARE MODE');
	my $deleted = $all - $db->sql('SELECT count(*) FROM txsync.activity');
	cmp_ok($deleted, '>', 1000, 'some rows are gone');
	my $pid = $db->sql(q{SELECT pid FROM pg_stat_activity WHERE query LIKE 'CALL%'});
	is(member(compact(), 'status'), 'busy', 'another call is told so');
	$db->sql(q{SET lock_timeout = '10s'; BEGIN; CREATE TABLE later (id int PRIMARY KEY); SELECT txsync.track('later'); ROLLBACK});
	ok(crash($node, $pid), 'killed');
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
	fill($db, $boundary - 20_000, 40_000, '2 days');
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
	fill($db, $boundary + 100_000, 60_000, '2 days');
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
	compact(q{'0'}) foreach 1 .. 5;
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
	fill($db, 2 * $boundary - 99, 100, '100 days', 1);
	fill($db, 3 * $boundary - 100, 1000, '2 days');
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
	$db->sql(q{DELETE FROM txsync.sync_log WHERE code = 'REWRITE_BEGUN'}); # what came to nothing is put off
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
	fill($db, 4 * $boundary - 1000, 1000, '100 days');
	my $first = 4 * $boundary - 1000;
	$db->sql("SELECT txsync.create_consumer(name) FROM (VALUES ('late'), ('early')) n(name)");
	$db->sql("UPDATE txsync.consumer SET (position, read_to) = (SELECT p, p FROM (SELECT $first + CASE name WHEN 'late' THEN 10 ELSE 950 END AS p) behind)");
	$db->sql('CREATE TABLE pages (id int PRIMARY KEY)');
	$db->sql(q{SELECT txsync.track('pages')});
	is(member(compact(), 'floor'), $first + 10, 'the floor waits for the one that is behind');
	is($db->sql('SELECT count(*) FROM txsync.consumer WHERE expired'), 0, 'which has not expired');
	my ($owner, $worker) = ($db->psql, $node->background_psql('changes', on_error_stop => 0));
	$owner->query_safe('BEGIN; LOCK TABLE pages');
	$worker->query_until(qr/begun/, "\\set VERBOSITY verbose\n\\echo begun\nSELECT count(*) FROM txsync.consume('late');\n");
	$db->poll_ok(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%consume%'}, 'somebody reads');
	$db->sql(q{ALTER SYSTEM SET txsync.consumer_retention = '95 d'});
	$node->reload;
	sleep 0.2;
	is(member($db->sql(q{SET statement_timeout = '60s'; CALL txsync.compact_changelog('1 day')}), 'floor'), $first + 899, 'but not for ever, not even for one at work');
	is($db->health, 'degraded: consumer "late" has expired: what it has not read is gone', 'which health() says');
	$owner->query_safe('ROLLBACK');
	$worker->query('SELECT 1');
	like($worker->{stderr}, qr/ERROR:  TX022: consumer "late" has expired/, 'he is told, and nothing else');
	$_->quit foreach $owner, $worker;
	compact();
	is($db->sql('SELECT string_agg(name, $$ $$) FROM txsync.consumer WHERE expired'), 'late', 'expired');
	is($db->sql(q{SELECT status, error_message, detail ->> 'consumer' FROM txsync.sync_log WHERE code = 'CONSUMER_EXPIRED'}),
		'WARNING|consumer "late" is too far behind: what it has not read is gone|late', 'loudly');
	$db->sql('DELETE FROM txsync.consumer; DROP TABLE pages');
};

# Seconds that a call takes at this pace.
sub taken
{
	my ($pace) = @_;
	my $start = time;
	$db->sql("SET txsync.compaction_pace = $pace; CALL txsync.compact_changelog('1 day')");
	return time - $start;
}

# Others are at work on the machine.
sub least { return min(map { taken($_[0]) } 1 .. 3) }

subtest 'pace' => sub {
	$db->sql('DELETE FROM txsync.activity');
	fill($db, 5 * $boundary, 40_000, '2 days');
	compact();
	my $alone = least(1);
	my $writer = $node->background_psql('postgres');
	$writer->query_until(qr/begun/, <<'SQL');
CREATE TABLE written (n int);
\echo begun
DO $$ BEGIN FOR n IN 1 .. 3000 LOOP INSERT INTO written VALUES (n); COMMIT; PERFORM pg_sleep(0.001); END LOOP; END $$;
SQL
	my $at_once = least(100);
	my $slow = taken(1);
	cmp_ok(2 * $alone, '<', $slow, 'it rests where somebody writes');
	cmp_ok(2 * $at_once, '<', $slow, 'and is to');
	note("$alone s alone, $at_once s at once, $slow s");
	$writer->quit;
};

# A snapshot there keeps no table here.
subtest 'a reader on a standby' => sub {
	compact();
	my $floor = $db->sql('SELECT max(floor) FROM txsync.capture_state');
	fill($db, 6 * $boundary - 999, 1000, '100 days', 1);
	fill($db, 7 * $boundary - 999, 1000, '2 days');
	$db->pause; # what it writes would end the snapshot
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('reader');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	my $reader = $standby->background_psql('changes', on_error_stop => 0);
	$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM counters');
	cmp_ok(member(compact(), 'dropped'), '>', 0, 'a partition is dropped');
	$node->wait_for_catchup($standby);
	is($standby->safe_psql('changes', q{SELECT to_regclass('txsync.activity_5') IS NULL}), 't', 'there as well');
	$reader->query("SELECT txsync.fetch_changes('$floor')");
	like($reader->{stderr}, qr/CURSOR_EXPIRED/, 'who has seen the floor as it was is told');
	$reader->quit;
	$standby->stop('immediate');
	$db->resume;
	$db->wait_for_state('streaming');
};

done_testing();

# How long an id is known: partitions by the day, made by the worker and dropped when they are old; what was dropped is refused.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TxsyncClient;

start_node('ledger', 'logical');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'txsync'\nmax_prepared_transactions = 5");
$node->restart;

sub sql { return $node->safe_psql('postgres', @_) }

# An id of so many days ago.
sub id_of
{
	my ($days, $name) = @_;
	return ((time - $days * 86400) * 1000) . ".0001.$name";
}

sub tx { return qq('{"transactionId": "$_[0]", "sourceId": "t"}') }

# Applies a mutation, in the database if one is named; returns new or duplicate, or the SQLSTATE.
sub apply
{
	my ($id, $db) = @_;
	my ($status, $out, $err) = $node->psql($db // 'postgres', 'BEGIN; SELECT txsync.begin_mutation(' . tx($id) . q{) ->> 'status'; UPDATE counters SET n = n + 1; COMMIT},
		on_error_stop => 0, extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	return $out =~ /^(new|duplicate)$/m ? $1 : $err =~ /ERROR:  (\w{5})/ ? $1 : "$out$err";
}

sub plain
{
	my ($id) = @_;
	my ($status, $out, $err) = $node->psql('postgres', 'UPDATE counters SET n = n + 1, tx = ' . tx($id), extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	return $err =~ /ERROR:  (\w{5})/ ? $1 : 'new';
}

sub partition_of
{
	my ($id, $db) = @_;
	return $node->safe_psql($db // 'postgres', "SELECT tableoid::regclass FROM txsync.mutation WHERE transaction_id = '$id'");
}

sub day_of { return $node->safe_psql('postgres', "SELECT to_char(txsync.mutation_day('$_[0]'), 'YYYYMMDD')") }

sql(q{CREATE EXTENSION txsync; CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL); SELECT txsync.track('counters'); INSERT INTO counters VALUES (1, 0)});
poll_ok(q{SELECT state = 'streaming' FROM txsync.capture}, 'streaming');

my ($now, $other) = (id_of(0, 'now'), 'no-clock');
subtest 'partitions' => sub {
	is(sql(q{SELECT count(*) FROM pg_inherits WHERE inhparent = 'txsync.mutation_hlc'::regclass}), 1, 'no day has a partition before it has claims');
	is(apply($now), 'new', 'a claim');
	is(partition_of($now), 'txsync.mutation_rest', 'is in the rest');
	$node->restart;
	poll_ok(q{SELECT count(*) >= 4 FROM pg_inherits WHERE inhparent = 'txsync.mutation_hlc'::regclass}, 'the worker makes today and the days ahead');
	is(partition_of($now), 'txsync.mutation_' . day_of($now), 'the claim has moved');
	is(apply($now), 'duplicate', 'and is known');
	my $next = id_of(0, 'next');
	is(apply($next), 'new', 'another claim');
	is(partition_of($next), 'txsync.mutation_' . day_of($next), 'goes there at once');
	is(apply($other), 'new', 'an id without a time');
	is(partition_of($other), 'txsync.mutation_other', 'has a place of its own');
};

# As if the worker had made it then.
my ($old, $late) = (id_of(10, 'old'), id_of(10, 'late'));
my $day = day_of($old);
sql(qq{
	CREATE TABLE txsync.mutation_$day (LIKE txsync.mutation); CREATE UNIQUE INDEX ON txsync.mutation_$day (transaction_id);
	ALTER TABLE txsync.mutation_hlc ATTACH PARTITION txsync.mutation_$day FOR VALUES FROM (txsync.mutation_day('$old')) TO (txsync.mutation_day('$old') + 1)});
is(apply($old), 'new', 'an id of ten days ago');
is(partition_of($old), "txsync.mutation_$day", 'is with its day');

subtest 'retention' => sub {
	sql(q{ALTER SYSTEM SET txsync.ledger_retention = '11d'});
	sql(q{UPDATE txsync.mutation SET claimed_at = claimed_at - interval '10 days' WHERE transaction_id = 'no-clock'});
	$node->restart;
	poll_ok(q{SELECT state = 'streaming' FROM txsync.capture}, 'streaming');
	sql(q{SELECT txsync.wait_captured(pg_current_wal_insert_lsn())});
	is(apply($_), 'duplicate', 'young enough') for $old, $other;
	sql(q{ALTER SYSTEM SET txsync.ledger_retention = '9d'});
	$node->restart;
	poll_ok(qq{SELECT to_regclass('txsync.mutation_$day') IS NULL}, 'the day is dropped');
	is(apply($old), 'TX008', 'what was in it is refused: TOO_OLD');
	is(plain($old), 'TX008', 'by plain SQL as well');
	is(apply($late), 'TX008', 'and so is what may have been in it');
	is(apply(id_of(8, 'younger')), 'new', 'but not what is of a later day');
	poll_ok(q{SELECT count(*) = 0 FROM txsync.mutation WHERE transaction_id = 'no-clock'}, 'an id without a time is forgotten');
	is(apply($other), 'new', 'and can be used again');
	is(sql("SELECT txsync.is_transaction_processed('$old')"), 'f', 'not known any more');
	is(apply($now), 'duplicate', "today's are known");
};

# The ledger's keeper looks when the worker starts, and then for a minute only where somebody is in the way.
sub pause_capture
{
	sql('SELECT txsync.pause()');
	return poll_ok(q{SELECT state = 'paused' AND pid IS NULL FROM txsync.capture}, 'paused');
}

sub resume_capture
{
	sql('SELECT txsync.resume()');
	return poll_ok(q{SELECT state = 'streaming' FROM txsync.capture}, 'streaming');
}

sub captured { return is(sql('SELECT txsync.wait_captured(pg_current_wal_insert_lsn())'), 't', $_[0]) }

# As if the worker had made it so many days ago; it has claims.
sub make_day
{
	my ($days) = @_;
	my $date = day_of(id_of($days, 'x'));
	sql(qq{
		BEGIN; CREATE TABLE txsync.mutation_$date (LIKE txsync.mutation); CREATE UNIQUE INDEX ON txsync.mutation_$date (transaction_id);
		WITH m AS (DELETE FROM txsync.mutation_rest WHERE txsync.mutation_day(transaction_id) = '$date' RETURNING *) INSERT INTO txsync.mutation_$date SELECT * FROM m;
		ALTER TABLE txsync.mutation_hlc ATTACH PARTITION txsync.mutation_$date FOR VALUES FROM ('$date') TO (date '$date' + 1); COMMIT});
	return $date;
}

sub is_there { return sql("SELECT to_regclass('txsync.mutation_$_[0]') IS NOT NULL") eq 't' }

sub retention
{
	sql("ALTER SYSTEM SET txsync.ledger_retention = '$_[0]'");
	return sql('SELECT pg_reload_conf()');
}

# The worker waits for its locks, but not long, and so does nobody behind it.
subtest 'somebody in the way' => sub {
	my %query = (reader => 'SELECT count(*) FROM txsync.mutation', claimer => 'SELECT txsync.begin_mutation(' . tx(id_of(-200, 'idle')) . ')');
	foreach my $who (sort keys %query)
	{
		my $date = make_day(8);
		pause_capture();
		retention('7d');
		my $session = $node->background_psql('postgres');
		$session->query_safe("BEGIN; $query{$who}");
		resume_capture();
		foreach my $i (1 .. 4)
		{
			my $start = time;
			is(apply(id_of(0, "$who $i")), 'new', "a $who in the way: claims of today go on");
			is(apply(id_of(-300, "$who $i")), 'new', 'and in the rest');
			captured('and capture');
			cmp_ok(time - $start, '<', 5, 'at once');
			sleep 1;
		}
		ok(is_there($date), "the day is there while the $who is");
		$session->query_safe('ROLLBACK');
		$session->quit;
		poll_ok(qq{SELECT to_regclass('txsync.mutation_$date') IS NULL}, "dropped when the $who has gone");
	}
	is(sql('SELECT count(*) FROM txsync.sync_log'), 0, 'and that is no failure');
};

# What fails does not stop capture, is told once, and is not in the way of other days.
subtest 'a failure' => sub {
	my ($blocked, $other) = (make_day(9), make_day(8));
	pause_capture();
	sql("CREATE VIEW of_a_day AS SELECT * FROM txsync.mutation_$blocked");
	my $offset = -s $node->logfile;
	resume_capture();
	poll_ok(qq{SELECT to_regclass('txsync.mutation_$other') IS NULL}, 'another day is dropped');
	is(apply(id_of(0, 'failing')), 'new', 'a claim');
	captured('and capture goes on');
	pause_capture();
	resume_capture();
	captured('also after a restart');
	ok(is_there($blocked), 'the day is there');
	is(sql(q{SELECT sync_type, status, code, error_message FROM txsync.sync_log}), "ledger|WARNING|LEDGER_FAILED|cannot drop table txsync.mutation_$blocked because other objects depend on it", 'one entry in the log');
	is(() = slurp_file($node->logfile, $offset) =~ /WARNING:  could not keep txsync's ledger/g, 1, "one in the server's");
	is(sql('SELECT status, reasons[1] FROM txsync.health()'), "degraded|the ledger is not kept: cannot drop table txsync.mutation_$blocked because other objects depend on it", 'health() tells');
	pause_capture();
	sql('DROP VIEW of_a_day');
	resume_capture();
	poll_ok(q{SELECT code = 'LEDGER_KEPT' FROM txsync.sync_log ORDER BY id DESC LIMIT 1}, 'mended');
	ok(!is_there($blocked), 'dropped');
	is(sql('SELECT status FROM txsync.health()'), 'ok', 'health');
};

# Claims that no partition was made for: late ones, and those of a future.
subtest 'the rest' => sub {
	my ($past, $young, $future) = (id_of(6, 'past'), id_of(5, 'young'), id_of(-100, 'future'));
	is(apply($_), 'new', 'a claim') foreach $past, $young, $future;
	sql(qq{UPDATE txsync.mutation_rest SET claimed_at = claimed_at - interval '50 days' WHERE transaction_id IN ('$past', '$future')});
	pause_capture();
	retention('3d');
	resume_capture();
	poll_ok(qq{SELECT NOT EXISTS (SELECT FROM txsync.mutation WHERE transaction_id = '$past')}, 'what is old goes, though no day is dropped');
	is(apply($past), 'TX008', 'and is refused');
	is(sql('SELECT floor FROM txsync.mutation_floor'), sql("SELECT txsync.mutation_day('$past') + 1"), 'as all of its day, and no more');
	is(apply($_), 'duplicate', 'what is not old, or of a future, is known') foreach $young, $future;
};

# Claims that are always in flight in the rest, and rights that the owner gives by default.
subtest 'load' => sub {
	pause_capture();
	sql(q{
		CREATE ROLE nosy; ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO nosy WITH GRANT OPTION;
		ALTER DEFAULT PRIVILEGES IN SCHEMA txsync GRANT DELETE ON TABLES TO nosy;
		DO $$ DECLARE n text; BEGIN
			FOR n IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'txsync.mutation_hlc'::regclass AND inhrelid <> 'txsync.mutation_rest'::regclass LOOP
				EXECUTE format('ALTER TABLE txsync.mutation_hlc DETACH PARTITION %s; INSERT INTO txsync.mutation_rest SELECT * FROM %1$s; DROP TABLE %1$s', n);
			END LOOP; END $$});
	my $dir = PostgreSQL::Test::Utils::tempdir;
	append_to_file("$dir/claim.sql", <<'SQL');
\set n random(1, 1000000000)
SELECT txsync.begin_mutation(jsonb_build_object('transactionId', (extract(epoch FROM now()) * 1000)::bigint || '.0001.' || :n, 'sourceId', 't'));
SQL
	my ($out, $err) = ('', '');
	my $bench = IPC::Run::start([ 'pgbench', '-n', '-c', '4', '-T', '20', '-f', "$dir/claim.sql", '-h', $node->host, '-p', $node->port, 'postgres' ],
		'<', \'', '>', \$out, '2>', \$err, limit());
	poll_ok(q{SELECT count(*) > 100 FROM txsync.mutation_rest}, 'claims');
	resume_capture();
	poll_ok(q{SELECT count(*) = 4 FROM pg_inherits WHERE inhparent = 'txsync.mutation_hlc'::regclass}, 'partitions come to be');
	ok($bench->pumpable, 'under load');
	$bench->kill_kill;
	is(apply($now), 'duplicate', 'claims have moved');
	is(sql(q{SELECT count(*) FROM pg_class, aclexplode(relacl) a WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'txsync.mutation_hlc'::regclass AND inhrelid <> 'txsync.mutation_rest'::regclass) AND a.grantee <> relowner}),
		0, 'nobody but the owner has a right on them');
	sql(q{ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM PUBLIC, nosy; ALTER DEFAULT PRIVILEGES IN SCHEMA txsync REVOKE ALL ON TABLES FROM nosy});
};

subtest 'a prepared transaction' => sub {
	my ($id, $undone) = (id_of(0, 'prepared'), id_of(0, 'rolled back'));
	sql('BEGIN; SELECT txsync.begin_mutation(' . tx($_) . "); PREPARE TRANSACTION '$_'") foreach $id, $undone;
	my ($status, $out, $err) = $node->psql('postgres', q{SET lock_timeout = '200ms'; SELECT txsync.begin_mutation(} . tx($id) . ')', extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	like($err, qr/ERROR:  55P03/, 'who comes second waits');
	my $second = $node->background_psql('postgres');
	$second->query_until(qr/waiting/, "\\echo waiting\nSELECT txsync.begin_mutation(" . tx($id) . q{) ->> 'status';} . "\n");
	poll_ok(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%begin_mutation%' AND pid <> pg_backend_pid()}, 'waits');
	sql("COMMIT PREPARED '$id'");
	is($second->query('SELECT 1') =~ /duplicate/ ? 'duplicate' : 'other', 'duplicate', 'a duplicate when that is committed');
	$second->quit;
	sql("ROLLBACK PREPARED '$undone'");
	is(apply($undone), 'new', 'new when it is rolled back');
};

subtest 'dump' => sub {
	my $dir = PostgreSQL::Test::Utils::tempdir;
	sql('DELETE FROM counters');
	sql('INSERT INTO counters VALUES (1, 0)');
	$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', "$dir/dump.sql" ], 'dumped');
	sql('CREATE DATABASE restored');
	$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', "$dir/dump.sql", '-o', "$dir/log" ], 'restored, while a worker starts there');
	my $tombstones = q{SELECT entity_type, entity_id, transaction_id FROM txsync.tombstone};
	is($node->safe_psql('restored', $tombstones), sql($tombstones), 'tombstones');
	is(apply($now, 'restored'), 'duplicate', 'a claim is known there');
	is(apply($old, 'restored'), 'TX008', 'and what was refused');
	is(apply(id_of(0, 'there'), 'restored'), 'new', 'and a new one is claimed');
	$node->safe_psql('restored', 'DROP EXTENSION txsync');
	is($node->safe_psql('restored', q{SELECT count(*) FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'txsync')}), 0, 'no table is left behind');
};

done_testing();

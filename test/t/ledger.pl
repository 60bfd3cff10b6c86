# How long an id is known: partitions by the day, made by the worker and dropped when they are old; what was dropped is refused.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TxsyncClient;

start_node('ledger', 'logical');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'txsync'");
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

# Somebody reads the ledger: the worker does not wait, and nobody waits behind it.
subtest 'a reader in the way' => sub {
	my $reader = $node->background_psql('postgres');
	my $younger = day_of(id_of(8, 'x'));
	sql(qq{
		BEGIN; CREATE TABLE txsync.mutation_$younger (LIKE txsync.mutation); CREATE UNIQUE INDEX ON txsync.mutation_$younger (transaction_id);
		WITH m AS (DELETE FROM txsync.mutation_rest RETURNING *) INSERT INTO txsync.mutation_$younger SELECT * FROM m WHERE txsync.mutation_day(transaction_id) = to_date('$younger', 'YYYYMMDD');
		ALTER TABLE txsync.mutation_hlc ATTACH PARTITION txsync.mutation_$younger FOR VALUES FROM (to_date('$younger', 'YYYYMMDD')) TO (to_date('$younger', 'YYYYMMDD') + 1); COMMIT});
	sql(q{ALTER SYSTEM SET txsync.ledger_retention = '7d'});
	$node->stop;
	$node->start;
	$reader->quit;
	$reader = $node->background_psql('postgres');
	$reader->query_safe('BEGIN; SELECT count(*) FROM txsync.mutation');
	poll_ok(q{SELECT state = 'streaming' FROM txsync.capture}, 'capture goes on');
	is(apply(id_of(0, 'while')), 'new', 'and so do claims');
	is(sql('SELECT txsync.wait_captured(pg_current_wal_insert_lsn())'), 't', 'captured');
	$reader->quit;
	$node->restart;
	poll_ok(qq{SELECT to_regclass('txsync.mutation_$younger') IS NULL}, 'dropped later');
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

# Never wedged: rows that no line can hold are told without data and the stream goes on, in memory that does not grow with what went before.
# With TXSYNC_HEAVY=1 every reader reads everything, lines of 600 MB too, and ten million changes are told.

use strict;
use utf8;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use TxsyncClient;

start_node('large', 'logical');
$node->append_conf('postgresql.conf', <<'CONF');
shared_buffers = 16MB
max_wal_size = 8GB
autovacuum = off
CONF
$node->restart;
track_pages();
my $mb = 1024 * 1024;
my $slots = 0;

sub run_sql
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

# The server's part in what is told: all from `base` on, by a slot of its own.
sub copy_of_base
{
	my $slot = 'copy' . ++$slots;
	run_sql("SELECT pg_copy_logical_replication_slot('base', '$slot')");
	return $slot;
}

sub move_base
{
	run_sql(q{SELECT pg_replication_slot_advance('base', pg_current_wal_flush_lsn())});
	return;
}

# The most memory that a process has had, in MB; shared buffers, of which there are few, count too.
sub peak_of
{
	my ($status) = @_;
	my ($peak) = $status =~ /^VmHWM:\s+(\d+) kB$/m;
	return int($peak / 1024);
}

sub peak_of_walsender
{
	my ($slot) = @_;
	my $pid = run_sql("SELECT active_pid FROM pg_replication_slots WHERE slot_name = '$slot'");
	return peak_of(slurp_file("/proc/$pid/status"));
}

# What is told, as far as it is short: a line that is not is told by its length.
sub brief
{
	my ($line) = @_;
	return 'of ' . length $line if length $line > 10_000;
	my $change = decode_json($line);
	return join ' ', $change->{action}, $change->{entityId} // 'null', $change->{truncated} ? 'truncated' : (), map { "without $_" } @{ $change->{unchangedKeys} // [] };
}

# Three readers: each gives the lines and the peak.
my %read = (
	tail => sub {
		my ($slot, @options) = @_;
		my $tail = start_tail($slot, '--slot', $slot, map { ('-o', $_) } @options);
		wait_confirmed($slot, "$slot: read");
		my $peak = peak_of_walsender($slot);
		is(finish($tail, 'TERM'), 0, "$slot: clean end");
		return ($peak, split /\n/, text_of($slot));
	},
	pg_recvlogical => sub {
		my ($slot, @options) = @_;
		my $reader = IPC::Run::start(
			[ 'pg_recvlogical', '-d', $node->connstr('postgres'), '-S', $slot, '--start', '--no-loop', '-s', '1', '-F', '1', '-f', "$dir/$slot", map { ('-o', $_) } @options ],
			'<', \'', limit());
		wait_confirmed($slot, "$slot: read");
		my $peak = peak_of_walsender($slot);
		$reader->signal('INT');
		$reader->finish;
		return ($peak, split /\n/, text_of($slot));
	},
	functions => sub {
		my ($slot, @options) = @_;
		my $options = join '', map { ", '$_'" } map { split /=/ } @options;
		my $text = run_sql("SELECT CASE WHEN length(data) > 10000 THEN repeat('x', length(data)) ELSE data END FROM pg_logical_slot_get_changes('$slot', NULL, NULL$options);
			SELECT pg_read_file('/proc/self/status')");
		my ($lines, $status) = $text =~ /(.*?)(Name:.*)/s;
		return (peak_of($status), split /\n/, $lines);
	});

# Every reader is told the same of what has happened since `base`, within so many MB.
sub is_told
{
	my ($name, $expected, $bound, $readers, @options) = @_;
	foreach my $reader (@$readers)
	{
		my $slot = copy_of_base();
		my ($peak, @lines) = $read{$reader}->($slot, @options);
		is(join("\n", map { brief($_) } @lines), $expected, "$name: $reader @options");
		note "$name: $reader @options: peak memory $peak MB";
		cmp_ok($peak, '<', $bound, "$name: $reader @options: memory");
		run_sql("SELECT pg_drop_replication_slot('$slot')");
		unlink "$dir/$slot";
	}
	return;
}

my $heavy = $ENV{TXSYNC_HEAVY};
my @all = ('tail', 'pg_recvlogical', 'functions');
run_sql(q{SELECT pg_create_logical_replication_slot('base', 'txsync')});

# 1.2 GB of text in a row, each of its values less than 1 GB; next to nothing in the WAL.
subtest 'rows larger than any line' => sub {
	run_sql(<<"SQL");
CREATE TABLE files (id int PRIMARY KEY, name text, one bytea, other bytea);
SELECT txsync.track('files');
CREATE FUNCTION large(c text) RETURNS bytea LANGUAGE sql AS \$\$ SELECT convert_to(repeat(c, 300 * $mb), 'UTF8') \$\$;
INSERT INTO files VALUES (1, 'large', large('x'), large('y'));
INSERT INTO files VALUES (2);
UPDATE files SET name = 'new' WHERE id = 1;
UPDATE files SET id = 3 WHERE id = 1;
ALTER TABLE files REPLICA IDENTITY FULL;
UPDATE files SET name = 'newer' WHERE id = 3;
INSERT INTO files VALUES (4);
UPDATE files SET one = large('z') WHERE id = 3;
INSERT INTO files VALUES (5);
UPDATE files SET id = 6 WHERE id = 3;
DELETE FROM files WHERE id = 6;
INSERT INTO files VALUES (7);
SQL
	my $told = <<'TOLD';
create 1 truncated
create 2
update 1 without one without other
delete 1
create 3 without one without other
update 3 truncated
create 4
update 3 truncated
create 5
delete 3
create 6 truncated
delete 6
create 7
TOLD
	chomp $told;
	is_told('large', $told, 1000, $heavy ? \@all : ['tail']);
	$told =~ s/^(delete [36])$/$1 truncated/mg;
	is_told('large', $told, 1000, $heavy ? \@all : ['functions'], 'include-old=on');
	is_told('large', $told, 2000, $heavy ? \@all : ['pg_recvlogical'], 'include-old=on', 'max-record-bytes=1000MB');
	move_base();
};

# Neither palloc() nor StringInfo has room for the text of these values.
subtest 'values whose text is larger than 1 GB' => sub {
	run_sql(<<'SQL');
CREATE TABLE bits (id int PRIMARY KEY, organization_id varbit, bits varbit);
SELECT txsync.track('bits');
INSERT INTO bits SELECT 1, b, b FROM (SELECT ('x' || repeat('5', 280000000))::varbit) x(b);
INSERT INTO bits VALUES (2);
SQL
	my $told = "create 1 truncated\ncreate 2";
	is_told('bits', $told, 400, ['functions']); # a value that is too large is not even unpacked
	is_told('bits', $told, 2000, $heavy ? \@all : ['functions'], 'max-record-bytes=1000MB');
	move_base();

	run_sql(<<'SQL');
CREATE TABLE numbers (id int PRIMARY KEY, organization_id numeric[], ranges nummultirange);
SELECT txsync.track('numbers');
INSERT INTO numbers SELECT 1, array_agg(n), range_agg(numrange(n, n, '[]')) FROM (SELECT ('1e' || g)::numeric FROM generate_series(120001, 129000) g) x(n);
INSERT INTO numbers VALUES (2);
SQL
	is(run_sql('SELECT max(pg_column_size(n)) < 200000 FROM numbers n'), 't', 'a few bytes of each number');
	is_told('numbers', $told, 2000, $heavy ? \@all : ['functions']);
	move_base();
};

subtest 'lines of 600 MB' => sub {
	plan skip_all => 'without TXSYNC_HEAVY' unless $heavy;
	run_sql(q{INSERT INTO files VALUES (10, NULL, large('x')); INSERT INTO files VALUES (11)});
	my @lines = split /\n/, run_sql(sprintf q{SELECT data FROM pg_logical_slot_peek_changes('base', NULL, NULL, 'max-record-bytes', '1000MB') WHERE length(data) < 10000});
	is(scalar @lines, 1, 'one is short');
	my $length = run_sql(q{SELECT length(data) FROM pg_logical_slot_peek_changes('base', NULL, NULL, 'max-record-bytes', '1000MB') WHERE length(data) > 10000});
	cmp_ok($length, '>', 600 * $mb, 'and one is not');
	is_told('long', "of $length\ncreate 11", 3500, \@all, 'max-record-bytes=1000MB');
	move_base();
};

subtest 'a transaction larger than memory' => sub {
	run_sql("INSERT INTO pages SELECT g, repeat('big ', 262144) FROM generate_series(1, 1100) g");
	my $slot = copy_of_base();
	# What a reader keeps is his own affair.
	my $tail = IPC::Run::start([ $client, 'tail', '--slot', $slot ], '|', [ 'sh', '-c', 'trap "" TERM; wc -lc' ], '>', "$dir/counted", limit());
	wait_confirmed($slot, 'read');
	my $peak = peak_of_walsender($slot);
	$tail->signal('TERM');
	$tail->finish;
	my ($lines, $bytes) = split ' ', text_of('counted');
	is($lines, 1100, 'every line');
	cmp_ok($bytes, '>', 1100 * $mb, 'more than 1 GB');
	note "walsender: peak memory $peak MB";
	cmp_ok($peak, '<', 128, 'memory of the walsender');
	move_base();
};

subtest 'ten million changes' => sub {
	plan skip_all => 'without TXSYNC_HEAVY' unless $heavy;
	run_sql(<<'SQL');
CREATE TABLE many (id int PRIMARY KEY, organization_id text, name text);
SELECT txsync.track('many');
DO $$ BEGIN
	FOR t IN 1..10000 LOOP
		INSERT INTO many SELECT g, 'acme', 'name of ' || g FROM generate_series(t * 1000, t * 1000 + 399) g;
		UPDATE many SET name = 'new', tx = jsonb_build_object('transactionId', t || '.0000.n', 'sourceId', 's', 'changedField', 'name') WHERE id BETWEEN t * 1000 AND t * 1000 + 299;
		DELETE FROM many WHERE id BETWEEN t * 1000 AND t * 1000 + 299;
		COMMIT;
	END LOOP;
END $$;
SQL
	my $slot = copy_of_base();
	my $tail = IPC::Run::start([ $client, 'tail', '--slot', $slot ], '|', [ $^X, '-ne', 'BEGIN { $SIG{TERM} = "IGNORE"; $| = 1 } print "$.\n" if $. % 1_000_000 == 0' ],
		'>', "$dir/count", IPC::Run::timeout(3600));
	my %rss;
	foreach my $million (1, 5, 10)
	{
		wait_until("$million million", sub { text_of('count') =~ /^${million}000000$/m });
		my $pid = run_sql("SELECT active_pid FROM pg_replication_slots WHERE slot_name = '$slot'");
		($rss{$million}) = slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB$/m;
		my ($client_rss) = slurp_file("/proc/$tail->{KIDS}[0]{PID}/status") =~ /^RssAnon:\s+(\d+) kB$/m;
		note "after $million million: $rss{$million} kB, the client $client_rss kB";
	}
	cmp_ok($rss{10}, '<', $rss{1} + 4096, 'memory stays as it is');
	$tail->signal('TERM');
	$tail->finish;
};

$node->stop;
done_testing();

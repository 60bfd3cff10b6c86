# `txsync tail` of transactions that are told before their commit: what it writes is what it would have written without.

use strict;
use utf8;
use warnings FATAL => 'all';

use File::Compare;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TxsyncClient;

start_node('streaming', 'logical');
$node->append_conf('postgresql.conf', <<'CONF');
logical_decoding_work_mem = 64kB
max_prepared_transactions = 20
autovacuum = off
CONF
$node->restart;
track_pages();
$node->safe_psql('postgres', <<'SQL');
SET client_min_messages = warning;
CREATE TABLE tasks (id int, region text, name text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE tasks_here PARTITION OF tasks FOR VALUES IN ('here');
CREATE TABLE tasks_there PARTITION OF tasks FOR VALUES IN ('there');
SELECT txsync.track('tasks', id_column => 'id');
CREATE TABLE docs (id int PRIMARY KEY, organization_id text, name text);
SELECT txsync.track('docs');
INSERT INTO docs VALUES (1, 'a', 'one');
-- fails behind the row trigger, which has spoken by then, and after enough to be streamed
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO pages SELECT g, repeat('x', 600) FROM generate_series(90000, 90300) g;
	RAISE EXCEPTION 'no';
END $$;
CREATE TRIGGER zzz BEFORE UPDATE OR DELETE ON docs FOR EACH ROW WHEN (OLD.name = 'fail') EXECUTE FUNCTION fail();
CREATE PROCEDURE vain() LANGUAGE plpgsql AS $$ BEGIN
	UPDATE docs SET organization_id = 'c' WHERE id = 1;
EXCEPTION WHEN raise_exception THEN
END $$;
SELECT pg_create_logical_replication_slot('base', 'txsync'), pg_replication_origin_create('elsewhere');
SQL

my @modes = (
	[ 'streamed', '-o', 'streaming=on' ],
	[ 'streamed line by line', '-o', 'streaming=on', '-o', 'batch=off' ],
	[ 'two-phase', '-o', 'two-phase=on' ],
	[ 'streamed, two-phase', '-o', 'streaming=on', '-o', 'two-phase=on' ]);
my @more = ('-o', 'include-old=on', '-o', 'messages=*');
my $slots = 0;

# Rows of about 600 bytes, so that a hundred of them are more than the server keeps in memory.
sub insert
{
	my ($table, $from, $count) = @_;
	my $region = $table eq 'tasks' ? "CASE WHEN g % 2 = 0 THEN 'here' ELSE 'there' END, " : '';
	return "INSERT INTO $table SELECT g, ${region}g || repeat('x', 600) FROM generate_series($from, $from + $count - 1) g;\n";
}

sub run_sql
{
	my ($sql) = @_;
	$node->safe_psql('postgres', $sql);
	return;
}

# A slot of its own that begins where `base` is.
sub copy_of_base
{
	my $slot = 'copy' . ++$slots;
	run_sql("SELECT pg_copy_logical_replication_slot('base', '$slot')");
	return $slot;
}

# All that has been committed since `base`, as one run of tail writes it.
sub read_all
{
	my ($file, @args) = @_;
	my $slot = copy_of_base();
	my $tail = start_tail($file, '--slot', $slot, @args);
	wait_confirmed($slot, "$file: read");
	is(finish($tail, 'TERM'), 0, "$file: clean end");
	is(text_of("$file.err"), '', "$file: no complaint");
	run_sql("SELECT pg_drop_replication_slot('$slot')");
	return;
}

# Every mode tells the same of what has happened since `base`, which then moves on; `live` was written meanwhile.
sub all_modes_agree
{
	my ($name, $live) = @_;
	read_all("$name plain", @more);
	cmp_ok(-s "$dir/$name plain", '>', 0, "$name: something was told");
	unlike(text_of("$name plain"), qr/"control"|"xid"/, "$name: only changes");
	my $slot = copy_of_base();
	my $whole = $node->safe_psql('postgres', "SELECT data FROM pg_logical_slot_get_changes('$slot', NULL, NULL, 'messages', '*', 'include-old', 'on')");
	ok("$whole\n" eq text_of("$name plain"), "$name: what tail makes of compact lines is what the server writes whole");
	run_sql("SELECT pg_drop_replication_slot('$slot')");
	foreach my $mode (@modes)
	{
		my ($title, @options) = @$mode;
		read_all("$name $title", @more, @options);
		is(compare("$dir/$name plain", "$dir/$name $title"), 0, "$name: $title equals plain");
	}
	is(compare("$dir/$name plain", "$dir/$live"), 0, "$name: $live equals plain") if defined $live;
	run_sql(q{SELECT pg_replication_slot_advance('base', pg_current_wal_flush_lsn())});
	return;
}

subtest 'subtransactions' => sub {
	my @scripts = (
		# rolled back before anything was streamed, after, and partly; nested ones, released and not
		insert('pages', 1, 10) . 'SAVEPOINT a;' . insert('pages', 100, 10) . 'ROLLBACK TO a;' . insert('pages', 200, 300),
		insert('pages', 1000, 200) . 'SAVEPOINT a;' . insert('pages', 1200, 200) . "ROLLBACK TO a;\n" . insert('pages', 1200, 200),
		insert('pages', 2000, 200)
		  . 'SAVEPOINT a;' . insert('pages', 2200, 200)
		  . 'SAVEPOINT b;' . insert('pages', 2400, 200)
		  . 'SAVEPOINT c;' . insert('pages', 2600, 200) . 'RELEASE c;'
		  . "ROLLBACK TO b;\n" . insert('pages', 2400, 100) . 'RELEASE a;',
		insert('pages', 3000, 200) . 'SAVEPOINT a;' . insert('pages', 3200, 200) . 'SAVEPOINT b;' . insert('pages', 3400, 200) . 'ROLLBACK TO a;',
		# what a rolled back part said of the rest is not true of it
		insert('pages', 4000, 200)
		  . q{SELECT txsync.annotate('{"by": "all"}'); SAVEPOINT a; SELECT txsync.annotate('{"by": "part"}');}
		  . insert('pages', 4200, 200) . "ROLLBACK TO a;\n" . insert('pages', 4400, 200)
		  . q{SELECT pg_logical_emit_message(true, 'app', 'kept'); SAVEPOINT b; SELECT pg_logical_emit_message(true, 'app', 'dropped');}
		  . insert('pages', 4600, 200) . 'ROLLBACK TO b;' . "SELECT pg_logical_emit_message(false, 'app', 'alone');\n",
		# messages alone: streamed, and then rolled back with their savepoint; two kept ones around them
		q{INSERT INTO pages VALUES (4900, 'of many words'); SELECT pg_logical_emit_message(true, 'app', repeat('before', 20000)); SAVEPOINT a;}
		  . q{SELECT pg_logical_emit_message(true, 'app', repeat('dropped', 20000)); SAVEPOINT b; SELECT pg_logical_emit_message(true, 'app', 'dropped');}
		  . q{RELEASE b; ROLLBACK TO a; SAVEPOINT c; SELECT pg_logical_emit_message(true, 'app', repeat('released', 20000)); RELEASE c;},
		# a rolled back first half of a move between partitions, and moves of every kind
		insert('tasks', 1, 200) . q{SAVEPOINT a; UPDATE tasks SET region = 'there' WHERE id < 100; ROLLBACK TO a;}
		  . q{UPDATE tasks SET region = 'here' WHERE id > 50; UPDATE tasks SET id = -id, region = 'there' WHERE id < 20; DELETE FROM tasks WHERE id = 30;},
		q{UPDATE docs SET name = 'fail'; CALL vain(); ALTER TABLE docs DISABLE TRIGGER zzz; UPDATE docs SET organization_id = 'b'; UPDATE docs SET name = 'two';},
		# all but the rolled back part was small
		'SAVEPOINT a;' . insert('pages', 5000, 300) . 'ROLLBACK TO a;' . insert('pages', 5000, 1),
		q{TRUNCATE tasks;} . insert('tasks', 1, 200) . 'SAVEPOINT a; TRUNCATE tasks, pages; ROLLBACK TO a; TRUNCATE tasks_here;' . insert('tasks', 1000, 200),
		q{UPDATE pages SET name = 'short' WHERE id % 3 = 0; DELETE FROM pages WHERE id % 3 = 1; UPDATE pages SET id = -id WHERE id % 7 = 2;});
	run_sql("BEGIN; $_ COMMIT;") foreach @scripts;
	run_sql('BEGIN;' . insert('pages', 10000, 500) . 'ROLLBACK');
	run_sql("BEGIN; SELECT pg_replication_origin_session_setup('elsewhere');" . insert('pages', 11000, 300) . 'COMMIT');
	# the first that is streamed is a message, which brings no origin
	run_sql(q{BEGIN; SELECT pg_replication_origin_session_setup('elsewhere'), txsync.annotate('{"by": "elsewhere"}');} . insert('pages', 12000, 300) . 'COMMIT');
	run_sql(q{BEGIN; SELECT pg_replication_origin_session_setup('elsewhere'), txsync.annotate('{"by": "elsewhere"}'); TRUNCATE docs;} . insert('pages', 13000, 300) . 'COMMIT');
	all_modes_agree('subtransactions');
};

# Four sessions, each with ids of its own, do at random what they can; the same every time.
package Session
{
	sub new
	{
		my ($class, $number) = @_;
		return bless { psql => $main::node->background_psql('postgres'), first => $number * 1_000_000, next => 0, savepoints => [], prepared => 0 }, $class;
	}

	sub query
	{
		my ($self, $sql) = @_;
		$self->{psql}->query_safe($sql);
		return;
	}

	sub ids
	{
		my ($self) = @_;
		return "id BETWEEN $self->{first} AND $self->{first} + 999999";
	}

	sub change
	{
		my ($self) = @_;
		my ($ids, $part, $of) = ($self->ids, int rand 5, 3 + int rand 5);
		my $table = rand() < 0.6 ? 'pages' : 'tasks';
		my $count = rand() < 0.5 ? 3 : 120;
		$self->{next} += $count;
		my $kind = rand;
		return main::insert($table, $self->{first} + $self->{next} - $count, $count) if $kind < 0.6;
		return "UPDATE $table SET name = repeat('y', 500) || $part WHERE $ids AND id % $of = $part" if $kind < 0.75;
		return "UPDATE tasks SET region = CASE region WHEN 'here' THEN 'there' ELSE 'here' END WHERE $ids AND id % $of = $part" if $kind < 0.9;
		return "DELETE FROM $table WHERE $ids AND id % $of = $part" if $kind < 0.95;
		return qq{SELECT txsync.annotate('{"part": $part}')} if $kind < 0.97;
		return "SELECT pg_logical_emit_message(true, 'app', repeat('m', 1000))";
	}

	sub end
	{
		my ($self) = @_;
		$self->{open} = 0;
		$self->{savepoints} = [];
		my $kind = rand;
		return 'ROLLBACK' if $kind < 0.3;
		return 'COMMIT' if $kind < 0.7;
		$self->{prepared} = 1;
		return "PREPARE TRANSACTION 'of $self->{first}'";
	}

	sub decide
	{
		my ($self) = @_;
		$self->{prepared} = 0;
		my $outcome = rand() < 0.4 ? 'ROLLBACK' : 'COMMIT';
		return "$outcome PREPARED 'of $self->{first}'";
	}

	sub step
	{
		my ($self) = @_;
		my $savepoints = $self->{savepoints};
		return $self->query($self->decide) if $self->{prepared} && rand() < 0.3;
		return if $self->{prepared}; # its rows are locked
		if (!$self->{open})
		{
			$self->{open} = 1;
			return $self->query('BEGIN');
		}
		my $kind = rand;
		return $self->query($self->end) if $kind < 0.1;
		if ($kind < 0.2)
		{
			push @$savepoints, 's' . @$savepoints;
			return $self->query("SAVEPOINT $savepoints->[-1]");
		}
		if ($kind < 0.3 && @$savepoints)
		{
			my $which = int rand @$savepoints;
			my $verb = rand() < 0.6 ? 'ROLLBACK TO' : 'RELEASE';
			my $name = $savepoints->[$which];
			splice @$savepoints, $verb eq 'RELEASE' ? $which : $which + 1;
			return $self->query("$verb $name");
		}
		return $self->query($self->change);
	}
}

subtest 'interleaved transactions' => sub {
	my $seed = $ENV{TXSYNC_SEED} // 3;
	note "seed $seed";
	srand $seed;
	my $slot = copy_of_base();
	my $live = start_tail('live', '--slot', $slot, @more, '-o', 'streaming=on', '-o', 'two-phase=on');
	ok(slot_is_active($slot), 'one follows meanwhile');
	my @sessions = map { Session->new($_) } 1 .. 4;
	$sessions[ int rand @sessions ]->step foreach 1 .. $ENV{TXSYNC_STEPS} // 400;
	foreach my $session (@sessions)
	{
		$session->query($session->decide) if $session->{prepared};
		$session->query('COMMIT') if $session->{open};
		$session->{psql}->quit;
	}
	wait_confirmed($slot, 'the one that followed has all');
	is(finish($live, 'TERM'), 0, 'clean end');
	is($node->safe_psql('postgres', "SELECT stream_txns > 0 AND stream_count > stream_txns FROM pg_stat_replication_slots WHERE slot_name = '$slot'"),
		't', 'transactions were streamed');
	all_modes_agree('interleaved', 'live');
};

subtest 'a connection lost in the middle' => sub {
	my $slot = copy_of_base();
	my $tail = start_tail('lost', '--slot', $slot, @more, '-o', 'streaming=on');
	my $writer = $node->background_psql('postgres');
	$writer->query_safe('BEGIN;' . insert('pages', 30000, 300) . 'SAVEPOINT a;' . insert('pages', 31000, 300));
	my $streamed = "SELECT stream_count > 1 FROM pg_stat_replication_slots WHERE slot_name = '$slot'";
	poll_ok($streamed, 'some of it was streamed');
	$node->safe_psql('postgres', "SELECT pg_stat_reset_replication_slot('$slot'), pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '$slot'");
	wait_for_text('lost.err', qr/^txsync: connected$/m);
	$writer->query_safe('ROLLBACK TO a;' . insert('pages', 32000, 300));
	poll_ok($streamed, 'it is streamed again');
	is(text_of('lost'), '', 'nothing of it is written');
	$writer->query_safe('COMMIT');
	$writer->quit;
	wait_confirmed($slot, 'written');
	is(finish($tail, 'TERM'), 0, 'clean end');
	all_modes_agree('lost connection', 'lost');
};

subtest 'pretty' => sub {
	local $ENV{COLUMNS} = 100;
	run_sql('BEGIN; SAVEPOINT a;' . insert('pages', 20000, 300) . 'ROLLBACK TO a;' . insert('pages', 21000, 300) . 'COMMIT');
	read_all('plain for eyes', '--pretty');
	read_all('streamed for eyes', '--pretty', '-o', 'streaming=on');
	is(scalar(() = text_of('streamed for eyes') =~ /^[\d:.]{12}  create  pages\/21\d\d\d  /mg), 300, 'what committed');
	is(compare("$dir/plain for eyes", "$dir/streamed for eyes"), 0, 'streamed equals plain');
};

subtest 'prepared transactions' => sub {
	run_sql(q{SELECT pg_drop_replication_slot('base'); TRUNCATE pages; SELECT pg_create_logical_replication_slot('base', 'txsync')});
	my @args = ('--slot', 'prepared', '--status-interval', '0.05', '-o', 'two-phase=on', '-o', 'streaming=on');
	my $tail = start_tail('prepared', @args, '--create');
	ok(slot_is_active('prepared'), 'follows');
	run_sql(q{INSERT INTO pages VALUES (1, 'before')});
	wait_confirmed('prepared', 'confirmed');

	my $before = $node->safe_psql('postgres', 'BEGIN;' . insert('pages', 100, 5) . q{SELECT pg_current_wal_insert_lsn(); PREPARE TRANSACTION 'small'});
	run_sql('BEGIN;' . insert('pages', 1000, 300) . q{SAVEPOINT a;} . insert('pages', 2000, 300) . q{ROLLBACK TO a; PREPARE TRANSACTION 'large'});
	run_sql('BEGIN;' . insert('pages', 3000, 300) . q{PREPARE TRANSACTION 'in vain'});
	run_sql(q{INSERT INTO pages VALUES (2, 'since')});
	wait_for_text('prepared', qr/"since"/);
	poll_ok('SELECT write_lsn >= pg_current_wal_flush_lsn() FROM pg_stat_replication', 'everything has come');
	unlike(text_of('prepared'), qr/"entityId":"(10|[13]\d)\d\d?"/, 'nothing of them is written');
	is($node->safe_psql('postgres', "SELECT confirmed_flush_lsn <= '$before' FROM pg_replication_slots WHERE slot_name = 'prepared'"), 't', 'nothing behind the first PREPARE is confirmed');

	is(finish($tail, 'KILL'), 'signal 9', 'killed');
	run_sql(q{COMMIT PREPARED 'small'});
	$tail = start_tail('prepared', @args);
	wait_for_text('prepared', qr/"entityId":"104"/);
	run_sql(q{ROLLBACK PREPARED 'in vain'});
	is(finish($tail, 'KILL'), 'signal 9', 'killed again');
	$tail = start_tail('prepared', @args);
	ok(slot_is_active('prepared'), 'follows again');

	run_sql(q{INSERT INTO pages VALUES (3, 'before the stop')});
	wait_for_text('prepared', qr/"before the stop"/);
	# A server that stops waits for what is undecided no longer than the client does.
	$node->stop('fast');
	wait_for_text('prepared.err', qr/trying again/);
	$node->start;
	ok(slot_is_active('prepared'), 'connected again');
	poll_ok("SELECT confirmed_flush_lsn > '$before' FROM pg_replication_slots WHERE slot_name = 'prepared'", 'the first is decided');
	run_sql(q{COMMIT PREPARED 'large'});
	wait_confirmed('prepared', 'when all is decided all is confirmed');
	run_sql(q{INSERT INTO pages VALUES (4, 'end')});
	wait_for_text('prepared', qr/"end"/);
	is(finish($tail, 'TERM'), 0, 'clean end');
	is(scalar(() = text_of('prepared') =~ /"before the stop"/g), 1, 'one process writes nothing twice');
	ok(rebuilt(scalar changes_in('prepared')) eq table(), 'rebuilt state = table');

	my $changes = changes_in('prepared');
	my %seen;
	my @once = grep { !$seen{ $_->{position} }++ } @$changes;
	read_all('prepared plain');
	is(join("\n", map { $_->{position} } @once), join("\n", map { $_->{position} } @{ changes_in('prepared plain') }), 'each change comes, in commit order');
};

subtest 'prepared before two-phase was asked for' => sub {
	run_sql(q{SELECT pg_create_logical_replication_slot('late', 'txsync')});
	run_sql('BEGIN;' . insert('pages', 40000, 3) . q{PREPARE TRANSACTION 'early'});
	my $tail = start_tail('late', '--slot', 'late');
	wait_confirmed('late', 'its PREPARE is confirmed');
	is(finish($tail, 'TERM'), 0, 'clean end');
	$tail = start_tail('late', '--slot', 'late', '-o', 'two-phase=on');
	ok(slot_is_active('late'), 'follows');
	run_sql(q{COMMIT PREPARED 'early'});
	wait_confirmed('late', 'all is confirmed');
	is(finish($tail, 'TERM'), 0, 'clean end');
	is(join(' ', map { $_->{entityId} } @{ changes_in('late') }), '40000 40001 40002', 'each change comes once');
};

subtest 'a slot once followed with two-phase' => sub {
	ends_with('without it', 8, qr/^txsync: replication slot "prepared" is one with two-phase, and would lose prepared transactions without it\nHINT:  Set option "two-phase" to on\.$/,
		'tail', '--slot', 'prepared', '-o', 'two-phase=off');
	my $tail = start_tail('once', '--slot', 'prepared');
	ok(slot_is_active('prepared'), 'follows');
	run_sql('BEGIN;' . insert('pages', 50000, 3) . q{PREPARE TRANSACTION 'once'; INSERT INTO pages VALUES (50010, 'since')});
	wait_for_text('once', qr/"since"/);
	is(finish($tail, 'TERM'), 0, 'clean end');
	$tail = start_tail('once', '--slot', 'prepared', '-o', 'two-phase=on');
	ok(slot_is_active('prepared'), 'follows again');
	run_sql(q{COMMIT PREPARED 'once'});
	wait_for_text('once', qr/"entityId":"50002"/);
	is(finish($tail, 'TERM'), 0, 'nothing is lost, whether it is asked for or not');
};

subtest 'a transaction larger than memory' => sub {
	my $slot = copy_of_base();
	run_sql("SELECT pg_replication_slot_advance('$slot', pg_current_wal_flush_lsn()), pg_replication_slot_advance('base', pg_current_wal_flush_lsn())");
	my $tail = start_tail('big', '--slot', $slot, '-o', 'streaming=on');
	my $pid = $tail->{KIDS}[0]{PID};
	my $file = sub { grep { (readlink // '') =~ m{/txsync-\w{6} \(deleted\)} } glob "/proc/$pid/fd/*" };
	my $writer = $node->background_psql('postgres');
	# 200 MB of lines, and next to nothing in the WAL
	my $rows = sub { "INSERT INTO pages SELECT g, repeat('big ', 25000) FROM generate_series($_[0] + 1, $_[0] + 1000) g" };
	$writer->query_safe('BEGIN;' . $rows->(100_000));
	wait_until('a temporary file', $file);
	is(scalar $file->(), 1, 'what does not fit into memory is in a file without a name');
	$writer->query_safe('SAVEPOINT a;' . $rows->(200_000) . '; ROLLBACK TO a;' . $rows->(200_000) . '; COMMIT');
	$writer->quit;
	wait_confirmed($slot, 'written');
	is(scalar $file->(), 0, 'the file is gone');
	my ($peak) = slurp_file("/proc/$pid/status") =~ /^VmHWM:\s+(\d+) kB$/m;
	note "peak memory $peak kB";
	cmp_ok($peak, '<', 64 * 1024, 'memory stays small');
	is(finish($tail, 'TERM'), 0, 'clean end');
	read_all('big plain');
	is(compare("$dir/big plain", "$dir/big"), 0, 'equals plain');

	local $ENV{TMPDIR} = "$dir/missing";
	ends_with('no place for the file', 1, qr{^txsync: could not make the temporary file .*/missing/txsync-\w{6}: No such file or directory$},
		'tail', '--slot', 'base', '-o', 'streaming=on');
};

$node->stop;
done_testing();

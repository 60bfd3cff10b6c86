# `txsync tail` loses nothing: slots, signals, kill -9, a server that goes and comes.

use strict;
use utf8;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TxsyncClient;

start_node('tail', 'logical');
track_pages();

subtest 'slots' => sub {
	my $slots = q{SELECT count(*) FROM pg_replication_slots WHERE slot_name = 's'};
	ends_with('missing', 3, qr/^txsync: replication slot "s" does not exist\nHINT:  --create makes it.$/, 'tail', '--slot', 's');
	$node->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('other', 'test_decoding'), pg_create_physical_replication_slot('physical')});
	ends_with('other plugin', 4, qr/^txsync: replication slot "other" belongs to the output plugin "test_decoding"/, 'tail', '--slot', 'other', '--create');
	ends_with('physical', 4, qr/^txsync: replication slot "physical" is a physical slot$/, 'tail', '--slot', 'physical');
	# 15.18, and what is of its age, reads no doubled quote in the names of a replication command: a syntax error.
	ends_with('wrong option', 8, qr/^txsync: (unknown option "no"such"\nHINT:  |syntax error$)/, 'tail', '--slot', 's', '--create', '-o', 'no"such=it\'s');
	is($node->safe_psql('postgres', $slots), '0', 'a slot that was made in vain is dropped');
	foreach my $name (q{it's}, q{a "b"}, 'Upper', q{back\slash}, '')
	{
		ends_with("no such slot: $name", 3, qr/^txsync: replication slot "\Q$name\E" does not exist/, 'tail', '--slot', $name);
		ends_with("no such name: $name", 8, qr/^txsync: replication slot name "\Q$name\E" (contains invalid character|is too short)|^txsync: (zero-length|syntax error$)/,
			'tail', '--slot', $name, '--create') if $name ne '';
	}
	$node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('other'), pg_drop_replication_slot('physical')});

	my $tail = start_tail('made', '--slot', 's', '--create', '-o', 'batch=off');
	ok(slot_is_active('s'), '--create makes the slot');
	$node->safe_psql('postgres', q{INSERT INTO pages VALUES (1, 'one')});
	wait_for_text('made', qr/"one"/);
	is(finish($tail, 'TERM'), 0, 'SIGTERM: exit code 0');
	$tail = start_tail('made', '--slot', 's', '--create');
	$node->safe_psql('postgres', q{UPDATE pages SET name = 'two'});
	wait_for_text('made', qr/"two"/);
	is(finish($tail, 'INT'), 0, 'SIGINT: exit code 0');
	is(scalar @{ changes_in('made') }, 2, '--create leaves a slot that is there as it is');
	is($node->safe_psql('postgres', $slots), '1', 'the slot stays');
};

subtest 'a temporary slot' => sub {
	my $temporary = q{SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'txsync\_tail\_%' AND temporary AND active};
	my $tail = start_tail('temporary');
	poll_ok("SELECT ($temporary) = 1", 'is made');
	$node->safe_psql('postgres', q{UPDATE pages SET name = 'three'});
	wait_for_text('temporary', qr/"three"/);
	unlike(text_of('temporary'), qr/"two"/, 'starts from now');
	is(finish($tail, 'TERM'), 0, 'SIGTERM: exit code 0');
	poll_ok("SELECT ($temporary) = 0", 'is gone');

	$tail = start_tail('temporary');
	poll_ok("SELECT ($temporary) = 1", 'another one');
	$node->safe_psql('postgres', q{SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE temporary});
	is(finish($tail), 5, 'a lost connection ends it: exit code 5');
	like(text_of('temporary.err'), qr/^txsync: terminating .*\n.*nothing to resume from/, 'says why');
};

subtest 'SIGTERM confirms what was written' => sub {
	# With such an interval it is only the end that confirms.
	my $tail = start_tail('term', '--slot', 's', '--status-interval', '3600');
	ok(slot_is_active('s'), 'follows');
	$node->safe_psql('postgres', q{INSERT INTO pages SELECT g, 'term ' || g FROM generate_series(100, 5099) g});
	my $end = $node->safe_psql('postgres', 'SELECT pg_current_wal_flush_lsn()');
	wait_for_text('term', qr/"term 5099"/);
	is(finish($tail, 'TERM'), 0, 'exit code 0');
	is($node->safe_psql('postgres', "SELECT confirmed_flush_lsn >= '$end' FROM pg_replication_slots WHERE slot_name = 's'"), 't', 'confirmed');

	$tail = start_tail('term2', '--slot', 's');
	$node->safe_psql('postgres', q{DELETE FROM pages WHERE id = 1});
	wait_for_text('term2', qr/"delete"/);
	is(finish($tail, 'TERM'), 0, 'again');
	is(scalar @{ changes_in('term2') }, 1, 'nothing comes twice');
};

# Everything from here on is rebuilt from what this slot tells, and compared with the table.
$node->safe_psql('postgres', q{TRUNCATE pages; SELECT pg_create_logical_replication_slot('state', 'txsync')});

subtest 'kill -9 in the middle' => sub {
	my $kills = 0;
	foreach my $round (1 .. 5)
	{
		# Small transactions, and one that fills many messages.
		my $writer = $node->background_psql('postgres');
		my $statements = qq{
			\\echo writing
			DO \$\$ BEGIN
				FOR i IN 1..100 LOOP
					INSERT INTO pages SELECT g, 'r$round-' || g FROM generate_series($round * 10000 + i * 10, $round * 10000 + i * 10 + 9) g;
					UPDATE pages SET name = name || '!' WHERE id % 10 = 3 AND id > $round * 10000 + i * 10;
					DELETE FROM pages WHERE id = $round * 10000 + i * 10 + 5;
					COMMIT;
				END LOOP;
			END \$\$;
			UPDATE pages SET name = name || '$round' || repeat('ä', 50) WHERE id > $round * 10000;
		};
		utf8::encode($statements);
		$writer->query_until(qr/writing/, $statements);
		my $size = -s "$dir/state" // 0;
		my $tail = start_tail('state', '--slot', 'state', '--status-interval', $round % 2 ? '0.01' : '1');
		wait_until('more lines', sub { (-s "$dir/state" // 0) > $size + 5000 * $round });
		is(finish($tail, 'KILL'), 'signal 9', "killed in round $round") and $kills++;
		$writer->quit;
	}
	my $tail = start_tail('state', '--slot', 'state');
	wait_confirmed('state', 'the rest comes');
	is(finish($tail, 'TERM'), 0, 'clean end');
	my ($changes, $torn) = changes_in('state');
	note scalar(@$changes) . " lines, $torn torn, $kills kills";
	ok(rebuilt($changes) eq table(), 'rebuilt state = table');

	# What follows begins anew, with a short file.
	$node->safe_psql('postgres', 'DELETE FROM pages');
	$tail = start_tail('state', '--slot', 'state');
	wait_confirmed('state', 'the deletes come');
	is(finish($tail, 'TERM'), 0, 'clean end');
	unlink "$dir/state" or die $!;
};

subtest 'a torn line' => sub {
	append_to_file("$dir/state", '{"activityId":null,"posi');
	$node->safe_psql('postgres', q{INSERT INTO pages VALUES (1, 'behind a torn line')});
	my $tail = start_tail('state', '--slot', 'state');
	wait_for_text('state', qr/"behind a torn line"/);
	is(finish($tail, 'TERM'), 0, 'clean end');
	like(text_of('state'), qr/"posi\n\{/, 'is ended before the next one');
	ok(rebuilt(scalar changes_in('state')) eq table(), 'rebuilt state = table');
};

subtest 'the server goes and comes' => sub {
	my $tail = start_tail('state', '--slot', 'state');
	ok(slot_is_active('state'), 'follows');
	foreach my $mode ('fast', 'immediate')
	{
		$node->safe_psql('postgres', qq{INSERT INTO pages SELECT max(id) + 1, 'before $mode' FROM pages});
		wait_for_text('state', qr/"before $mode"/);
		$node->stop($mode);
		wait_for_text('state.err', qr/trying again in \d+ ms\n\z/);
		$node->start;
		$node->safe_psql('postgres', qq{INSERT INTO pages SELECT max(id) + 1, 'after $mode' FROM pages});
		wait_for_text('state', qr/"after $mode"/);
	}
	$node->safe_psql('postgres', q{SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'state'});
	$node->safe_psql('postgres', q{INSERT INTO pages SELECT max(id) + 1, 'after terminate' FROM pages});
	wait_for_text('state', qr/"after terminate"/);
	foreach my $text ('before fast', 'after fast', 'before immediate', 'after immediate', 'after terminate')
	{
		is(scalar(() = text_of('state') =~ /"\Q$text\E"/g), 1, "'$text' came once: one process forgets nothing");
	}
	is(finish($tail, 'TERM'), 0, 'clean end');
	ok(rebuilt(scalar changes_in('state')) eq table(), 'rebuilt state = table');
};

# Nothing of it is told, and decoding it takes many times the server's patience.
subtest 'a long transaction of others' => sub {
	plan skip_all => 'with assertions, any plugin takes minutes for it' if $node->safe_psql('postgres', 'SHOW debug_assertions') eq 'on';
	# Spilling to disk in one go can outlast the timeout as well.
	$node->append_conf('postgresql.conf', "wal_sender_timeout = '300ms'\nlogical_decoding_work_mem = '1MB'");
	$node->restart;
	my $tail = start_tail('others', '--slot', 's', '--status-interval', '60');
	ok(slot_is_active('s'), 'follows');
	my $log = -s $node->logfile;
	$node->safe_psql('postgres', q{CREATE TABLE others (id int); INSERT INTO others SELECT generate_series(1, 1500000); UPDATE pages SET name = 'after others'});
	wait_for_text('others', qr/"after others"/);
	is(finish($tail, 'TERM'), 0, 'clean end');
	unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile, $log), qr/replication timeout/, 'the connection is kept alive');
	$node->append_conf('postgresql.conf', "wal_sender_timeout = '60s'\nlogical_decoding_work_mem = '64MB'");
	$node->restart;
};

subtest 'a slot in use, and a slot that goes away' => sub {
	my $first = start_tail('first', '--slot', 'state');
	ok(slot_is_active('state'), 'the first holds it');
	my $second = start_tail('second', '--slot', 'state');
	wait_for_text('second.err', qr/slot "state" is active for PID \d+\ntrying again/);
	is(finish($first, 'TERM'), 0, 'the first goes');
	wait_for_text('second.err', qr/^txsync: connected$/m);
	$node->safe_psql('postgres', q{INSERT INTO pages SELECT max(id) + 1, 'for the second' FROM pages});
	wait_for_text('second', qr/"for the second"/);
	is(finish($second, 'TERM'), 0, 'the second has had it');

	$node->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('fleeting', 'txsync')});
	my $tail = start_tail('fleeting', '--slot', 'fleeting', '--create');
	ok(slot_is_active('fleeting'), 'follows');
	# The client may be back before the slot is dropped; then it is sent away again.
	$node->safe_psql('postgres', <<'SQL');
DO $$ BEGIN
	LOOP
		BEGIN
			PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'fleeting';
			PERFORM pg_drop_replication_slot('fleeting');
			EXIT;
		EXCEPTION WHEN object_in_use THEN
		END;
	END LOOP;
END $$;
SQL
	is(finish($tail), 3, 'a slot that was there and is gone is not made again');
	like(text_of('fleeting.err'), qr/replication slot "fleeting" does not exist any more$/, 'says so');
};

$node->stop;
done_testing();

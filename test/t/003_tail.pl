# The client against a real server: setup and doctor, slots, kill -9, restarts, readers that leave or sleep.

use strict;
use utf8;
use warnings FATAL => 'all';

use FindBin;
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $built = "$FindBin::RealBin/../../build/cmake/txsync";
my $client = $ENV{TXSYNC_CLIENT} // (-x $built ? $built : 'txsync');
my $dir = PostgreSQL::Test::Utils::tempdir();
my $node = PostgreSQL::Test::Cluster->new('tail');

# Waits for a condition in the test itself, as poll_query_until does for one in the server.
sub wait_until
{
	my ($what, $condition) = @_;
	foreach (1 .. 200 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if $condition->();
		usleep(5_000);
	}
	fail("timed out: $what");
	return 0;
}

sub poll_ok
{
	my ($query, $name) = @_;
	return ok($node->poll_query_until('postgres', $query), $name);
}

# A client that does not end is a failed test, not one that goes on for ever.
sub limit
{
	return IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default);
}

# Runs the client to its end: exit code, output, messages.
sub txsync
{
	my @args = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ $client, @args ], '<', \'', '>', \$out, '2>', \$err, limit());
	my $code = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
	return ($code, $out, $err);
}

sub ends_with
{
	my ($name, $code, $err_like, @args) = @_;
	my ($got, undef, $err) = txsync(@args);
	is($got, $code, "$name: exit code $code");
	like($err, $err_like, "$name: message");
	return;
}

# Starts `txsync tail` in the background; its lines are appended to a file.
sub start_tail
{
	my ($file, @args) = @_;
	return IPC::Run::start([ $client, 'tail', @args ], '<', \'', '>>', "$dir/$file", '2>>', "$dir/$file.err", limit());
}

sub finish
{
	my ($tail, $signal) = @_;
	$tail->signal($signal) if defined $signal;
	$tail->finish;
	my $status = $tail->full_result(0);
	return $status & 127 ? 'signal ' . ($status & 127) : $status >> 8;
}

sub slot_is_active
{
	my ($slot) = @_;
	return $node->poll_query_until('postgres', "SELECT active FROM pg_replication_slots WHERE slot_name = '$slot'");
}

sub text_of
{
	my ($file) = @_;
	return -e "$dir/$file" ? slurp_file("$dir/$file") : '';
}

sub wait_for_text
{
	my ($file, $pattern) = @_;
	return wait_until("$pattern in $file", sub { text_of($file) =~ $pattern });
}

# The changes in a file; whatever is no complete line of JSON is left out, and counted.
sub changes_in
{
	my ($file) = @_;
	my (@changes, $torn);
	foreach my $line (text_of($file) =~ /(.*\n?)/g)
	{
		next if $line eq '';
		my $change = $line =~ /\n\z/ ? eval { decode_json($line) } : undef;
		$change ? push(@changes, $change) : $torn++;
	}
	return wantarray ? (\@changes, $torn // 0) : \@changes;
}

# The position as three numbers, as docs/client.md has it.
sub position
{
	my ($change) = @_;
	my ($commit, $at, $row) = split /-/, $change->{position};
	return ((map { my ($high, $low) = split m{/}; (hex($high) << 32) + hex($low) } $commit, $at), $row);
}

sub is_above
{
	my ($one, $other) = @_;
	foreach my $part (0 .. 2)
	{
		return $one->[$part] > $other->[$part] if $one->[$part] != $other->[$part];
	}
	return 0;
}

# Rebuilds the table from the changes, by the recipe of docs/client.md: a position that is not above the last is skipped.
sub rebuilt
{
	my ($changes) = @_;
	my %rows;
	my $last = [ 0, 0, 0 ];
	foreach my $change (@$changes)
	{
		my $position = [ position($change) ];
		next unless is_above($position, $last);
		$last = $position;
		if ($change->{action} eq 'delete')
		{
			delete $rows{ $change->{entityId} };
		}
		else
		{
			$rows{ $change->{entityId} } = $change->{data}{name};
		}
	}
	my $text = join "\n", map { "$_|$rows{$_}" } sort { $a <=> $b } keys %rows;
	utf8::encode($text); # as psql prints it
	return $text;
}

sub table
{
	return $node->safe_psql('postgres', 'SELECT id, name FROM pages ORDER BY id');
}

sub wait_confirmed
{
	my ($slot, $name) = @_;
	my $lsn = $node->safe_psql('postgres', 'SELECT pg_current_wal_flush_lsn()');
	return poll_ok("SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = '$slot'", $name);
}

# Fewer than this would not let the tests have their slots; wal_level is setup's to mend.
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
wal_level = replica
max_wal_senders = 20
max_replication_slots = 20
max_slot_wal_keep_size = 10GB
CONF
$node->start;
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
$ENV{PGDATABASE} = 'postgres';
delete $ENV{NO_COLOR};

subtest 'arguments' => sub {
	my ($code, $out, $err) = txsync('--version');
	is($code, 0, 'version');
	my $release = $node->safe_psql('postgres', "SELECT default_version FROM pg_available_extensions WHERE name = 'txsync'");
	is($out, "txsync $release\n", 'the client is of the same release as the extension');
	foreach my $help ([ '--help' ], map { [ $_, '--help' ] } qw(tail doctor setup))
	{
		($code, $out) = txsync(@$help);
		is($code, 0, "@$help");
		like($out, qr/^Usage: txsync/m, "@$help: text");
	}
	ends_with('no command', 1, qr/^txsync: A subcommand is required/);
	ends_with('unknown option', 1, qr/^txsync: .*--what/, 'tail', '--what');
	ends_with('--create alone', 1, qr/--create requires --slot/, 'tail', '--create');
	ends_with('interval', 1, qr/status-interval/, 'tail', '--status-interval', '0');
};

subtest 'connection' => sub {
	$node->safe_psql('postgres', 'CREATE ROLE plain LOGIN; CREATE ROLE locked_out NOLOGIN');
	foreach my $command ([ 'tail', '--slot', 's' ], ['tail'], ['doctor'], ['setup'])
	{
		ends_with("@$command: no such database", 2, qr/^txsync: .*database "nowhere" does not exist$/m, @$command, '-d', 'nowhere');
		ends_with("@$command: nobody there", 2, qr/^txsync: .*No such file or directory/, @$command, '-h', "$dir/nobody");
		ends_with("@$command: may not log in", 2, qr/^txsync: .*role "locked_out" is not permitted to log in$/m, @$command, '-U', 'locked_out');
	}
	ends_with('no right to stream', 8, qr/^txsync: .*replication role/, 'tail', '-U', 'plain');
	my (undef, undef, $err) = txsync('tail', '-d', 'nowhere');
	unlike($err, qr/LOCATION|3D000/, 'nothing for developers in the message');
	ends_with('no option that libpq knows', 2, qr/invalid connection option "hsot"/, 'tail', '--slot', 's', 'hsot=x');
};

subtest 'doctor and setup' => sub {
	ends_with('doctor without extension', 7, qr/^txsync: the extension txsync is not installed in database "postgres"\nHINT:  `txsync setup`/, 'doctor');

	my $has_list = $node->safe_psql('postgres', "SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'");
	if ($has_list)
	{
		$node->safe_psql('postgres', q{ALTER SYSTEM SET output_plugin_libraries = pgoutput, "test_decoding"});
		$node->reload;
	}
	my ($code, $out, $err) = txsync('setup', $node->connstr('postgres'));
	is($code, 0, 'setup') or diag $err;
	like($out, qr/^extension txsync: created in database "postgres"$/m, 'creates the extension');
	like($out, qr/^wal_level: set to logical \(replica until the restart\)$/m, 'sets wal_level');
	like($out, qr/^error +wal_level is replica.*\n +-> ALTER SYSTEM SET wal_level/m, 'tells what doctor still finds');
	like($out, qr/^A RESTART of the server is due, for: .*\bwal_level\b/m, 'tells that a restart is due');
	if ($has_list)
	{
		like($out, qr/^output_plugin_libraries: txsync added$/m, 'allows the plugin');
		is($node->safe_psql('postgres', 'SHOW output_plugin_libraries'), 'pgoutput, test_decoding, txsync', 'keeps the list');
	}
	($code) = txsync('doctor');
	is($code, 7, 'doctor finds an error before the restart');

	$node->restart;
	is($node->safe_psql('postgres', 'SHOW wal_level'), 'logical', 'wal_level is logical after the restart');
	($code, $out, $err) = txsync('doctor');
	is($code, 0, 'doctor finds none after it') or diag $out;
	unlike($out, qr/\033/, 'no colours where there is no terminal');
	($code, $out) = txsync('setup');
	is($code, 0, 'setup again');
	like($out, qr/^extension txsync: already in database "postgres"\nwal_level: already logical\n/m, 'nothing left to do');
	like($out, qr/^no restart is due$/m, 'no restart is due');
	ends_with('doctor is not for everybody', 8, qr/permission denied for (schema|function) (txsync|doctor)/, 'doctor', '-U', 'plain');
	ends_with('setup neither', 8, qr/^txsync: permission denied/, 'setup', '-U', 'plain', '-d', 'template1');
	return unless $has_list;

	$node->safe_psql('postgres', q{ALTER SYSTEM SET output_plugin_libraries = 'pgoutput, test_decoding'});
	$node->reload;
	poll_ok(q{SELECT current_setting('output_plugin_libraries') = '"pgoutput, test_decoding"'}, 'a list in one pair of quotes');
	ends_with('plugin not allowed', 8, qr/^txsync: .*output_plugin_libraries/s, 'tail');
	($code) = txsync('setup');
	is($code, 0, 'setup of such a list');
	is($node->safe_psql('postgres', 'SHOW output_plugin_libraries'), 'pgoutput, test_decoding, txsync', 'is mended');
};

$node->safe_psql('postgres', <<'SQL');
SET client_min_messages = warning;
CREATE TABLE pages (id int PRIMARY KEY, name text);
SELECT txsync.track('pages');
SQL

subtest 'slots' => sub {
	my $slots = q{SELECT count(*) FROM pg_replication_slots WHERE slot_name = 's'};
	ends_with('missing', 3, qr/^txsync: replication slot "s" does not exist\nHINT:  --create makes it.$/, 'tail', '--slot', 's');
	$node->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('other', 'test_decoding'), pg_create_physical_replication_slot('physical')});
	ends_with('other plugin', 4, qr/^txsync: replication slot "other" belongs to the output plugin "test_decoding"/, 'tail', '--slot', 'other', '--create');
	ends_with('physical', 4, qr/^txsync: replication slot "physical" is a physical slot$/, 'tail', '--slot', 'physical');
	ends_with('wrong option', 8, qr/^txsync: unknown option "no"such"\nHINT:  /, 'tail', '--slot', 's', '--create', '-o', 'no"such=it\'s');
	is($node->safe_psql('postgres', $slots), '0', 'a slot that was made in vain is dropped');
	foreach my $name (q{it's}, q{a "b"}, 'Upper', q{back\slash}, '')
	{
		ends_with("no such slot: $name", 3, qr/^txsync: replication slot "\Q$name\E" does not exist/, 'tail', '--slot', $name);
		ends_with("no such name: $name", 8, qr/^txsync: replication slot name "\Q$name\E" (contains invalid character|is too short)|^txsync: zero-length/,
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
	like(text_of('temporary.err'), qr/^txsync: terminating connection.*\n.*nothing to resume from/, 'says why');
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

# Everything from here on is rebuilt from these two files and compared with the table.
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
	# The slot is dropped as soon as its walsender is gone; the client waits a tenth of a second at least.
	$node->safe_psql('postgres', <<'SQL');
DO $$ BEGIN
	PERFORM pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE slot_name = 'fleeting';
	PERFORM pg_drop_replication_slot('fleeting');
END $$;
SQL
	is(finish($tail), 3, 'a slot that was there and is gone is not made again');
	like(text_of('fleeting.err'), qr/replication slot "fleeting" does not exist any more$/, 'says so');
};

subtest 'readers that leave' => sub {
	my $confirmed = q{SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 's'};
	my $head = sub {
		my ($command) = @_;
		my $text = `bash -c '$command; echo \${PIPESTATUS[0]}' 2>&1`;
		return $text;
	};
	my $before = $node->safe_psql('postgres', $confirmed);
	like($head->("$client tail --slot s --status-interval 3600 | head -n 1"), qr/\A\{.*\}\n6\n\z/, '| head -n 1: one line, exit code 6, no message');
	is($node->safe_psql('postgres', $confirmed), $before, 'nothing is confirmed on account of it');
	is($head->("$client tail --slot state | true"), "6\n", 'a reader that leaves while nothing comes is noticed');
	like($head->("$client tail --slot s >/dev/full"), qr/\Atxsync: could not write to the output: No space left on device\n6\n\z/, 'a full disk');
	like($head->("$client tail --slot s >&-"), qr/\Atxsync: could not write to the output: Bad file descriptor\n6\n\z/, 'no output at all');
	is($node->safe_psql('postgres', $confirmed), $before, 'still nothing is confirmed');
};

subtest 'a reader that sleeps' => sub {
	# Enough for every buffer on the way; the server would end a connection that is silent for so long.
	local $ENV{PGOPTIONS} = '-c wal_sender_timeout=1s';
	$node->safe_psql('postgres', q{INSERT INTO pages SELECT g, repeat('z', 1000) FROM generate_series(200001, 220000) g});
	pipe(my $reader, my $writer) or die $!;
	my $tail = IPC::Run::start([ $client, 'tail', '--slot', 's', '--status-interval', '0.1' ], '<', \'', '>&' . fileno($writer), '2>', "$dir/sleeps.err", limit());
	close $writer;
	ok(slot_is_active('s'), 'follows');
	my $pid = $node->safe_psql('postgres', q{SELECT active_pid FROM pg_replication_slots WHERE slot_name = 's'});
	poll_ok("SELECT reply_time > backend_start + interval '2 seconds' FROM pg_stat_replication WHERE pid = $pid", 'the server hears from it all the while');
	$tail->signal('TERM');
	my ($lines, $long) = (0, 0);
	while (my $line = <$reader>)
	{
		$lines++;
		$long++ if $line =~ /z"\}\}\n\z/;
	}
	is(finish($tail), 0, 'ends cleanly when the reader wakes up');
	cmp_ok($lines, '>', 0, 'what was received is written');
	is(text_of('sleeps.err'), '', 'without a complaint');

	$tail = start_tail('sleeps', '--slot', 's');
	wait_confirmed('s', 'the rest comes');
	is(finish($tail, 'TERM'), 0, 'clean end');
	cmp_ok($long + (() = text_of('sleeps') =~ /z"\}\}\n/g), '>=', 20000, 'nothing is missing');
};

subtest 'pretty' => sub {
	local $ENV{COLUMNS} = 70;
	my $tail = start_tail('pretty', '--slot', 's', '--pretty');
	my $statements = <<'SQL';
INSERT INTO pages VALUES (-1, 'short'), (-2, repeat('ä漢', 100)), (-3, E'\u009b31m\u007f');
UPDATE pages SET name = 'new', tx = '{"transactionId": "1795000000000.0000.tab-1", "sourceId": "Jörg", "changedField": "name"}' WHERE id = -1;
DELETE FROM pages WHERE id = -2;
SQL
	utf8::encode($statements);
	$node->safe_psql('postgres', $statements);
	wait_for_text('pretty', qr/delete/);
	is(finish($tail, 'TERM'), 0, 'clean end');
	my $text = text_of('pretty');
	ok(utf8::decode($text), 'valid UTF-8');
	unlike($text, qr/[\x{7f}-\x{9f}\033]/, 'nothing that a terminal obeys');
	my @lines = split /\n/, $text;
	my $time = qr/\d\d:\d\d:\d\d\.\d{3}/;
	like($lines[0], qr/^$time  create  pages\/-1  \{"id":-1,"name":"short"\}$/, 'a create');
	like($lines[1], qr/^$time  create  pages\/-2  \{"id":-2,"name":"(ä漢)+ä?…$/, 'cut to the width');
	my $wide = () = $lines[1] =~ /漢/g;
	cmp_ok(length($lines[1]) + $wide, '<=', 70, 'wide characters take two columns');
	like($lines[3], qr/^$time  update  pages\/-1  name  by Jörg  v 1795000000000\.0000\./, 'an update');
	like($lines[4], qr/^$time  delete  pages\/-2$/, 'a delete');
};

$node->stop;
done_testing();

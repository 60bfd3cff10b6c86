# `txsync tail` and its readers: those that leave, those that sleep, and those with eyes.

use strict;
use utf8;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use IO::Pty;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use TxsyncClient;

start_node('output', 'logical');
track_pages();
$node->safe_psql('postgres', <<'SQL');
SELECT pg_create_logical_replication_slot('s', 'txsync');
INSERT INTO pages SELECT g, 'page ' || g FROM generate_series(1, 5000) g;
SELECT pg_create_logical_replication_slot('idle', 'txsync');
SQL

subtest 'readers that leave' => sub {
	my $confirmed = q{SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 's'};
	my $head = sub {
		my ($command) = @_;
		# A busy server takes its time to see that the client before this one left.
		$node->poll_query_until('postgres', 'SELECT NOT bool_or(active) FROM pg_replication_slots') or die 'a slot stays active';
		my $text = `bash -c '$command; echo \${PIPESTATUS[0]}' 2>&1`;
		return $text;
	};
	my $before = $node->safe_psql('postgres', $confirmed);
	like($head->("$client tail --slot s --status-interval 3600 | head -n 1"), qr/\A\{.*\}\n6\n\z/, '| head -n 1: one line, exit code 6, no message');
	is($node->safe_psql('postgres', $confirmed), $before, 'nothing is confirmed on account of it');
	is($head->("$client tail --slot idle | true"), "6\n", 'a reader that leaves while nothing comes is noticed');
	like($head->("$client tail --slot s >/dev/full"), qr/\Atxsync: could not write to the output: No space left on device\n6\n\z/, 'a full disk');
	like($head->("$client tail --slot s >&-"), qr/\Atxsync: could not write to the output: Bad file descriptor\n6\n\z/, 'no output at all');
	is($node->safe_psql('postgres', $confirmed), $before, 'still nothing is confirmed');
};

subtest 'a reader that sleeps' => sub {
	# Enough for every buffer on the way; the server would end a connection that is silent for so long.
	local $ENV{PGOPTIONS} = '-c wal_sender_timeout=3s';
	$node->safe_psql('postgres', q{INSERT INTO pages SELECT g, repeat('z', 1000) FROM generate_series(200001, 220000) g});
	pipe(my $reader, my $writer) or die $!;
	my $tail = IPC::Run::start([ $client, 'tail', '--slot', 's', '--status-interval', '0.1' ], '<', \'', '>&' . fileno($writer), '2>', "$dir/sleeps.err", limit());
	close $writer;
	ok(slot_is_active('s'), 'follows');
	my $pid = $node->safe_psql('postgres', q{SELECT active_pid FROM pg_replication_slots WHERE slot_name = 's'});
	poll_ok("SELECT reply_time > backend_start + interval '4 seconds' FROM pg_stat_replication WHERE pid = $pid", 'the server hears from it all the while');
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
	local $ENV{COLUMNS} = 70; # of the caller's terminal, which the file is not
	my $tail = start_tail('pretty', '--slot', 's', '--pretty', '-o', 'messages=app');
	my $statements = <<'SQL';
INSERT INTO pages VALUES (-1, 'short'), (-2, repeat('ä漢', 100)), (-3, E'\u009b31m\u007f');
UPDATE pages SET name = 'new', tx = '{"transactionId": "1795000000000.0000.tab-1", "sourceId": "Jörg", "changedField": "name"}' WHERE id = -1;
DELETE FROM pages WHERE id = -2;
SET session_replication_role = replica;
UPDATE pages SET tx = '[1]' WHERE id = -3;
RESET session_replication_role;
TRUNCATE pages;
SELECT pg_logical_emit_message(true, 'app', 'said');
SQL
	utf8::encode($statements);
	$node->safe_psql('postgres', $statements);
	wait_for_text('pretty', qr/event/);
	is(finish($tail, 'TERM'), 0, 'clean end');
	my $text = text_of('pretty');
	ok(utf8::decode($text), 'valid UTF-8');
	unlike($text, qr/[\x{7f}-\x{9f}\033]/, 'nothing that a terminal obeys');
	my @lines = split /\n/, $text;
	my $time = qr/\d\d:\d\d:\d\d\.\d{3}/;
	like($lines[0], qr/^$time  create  pages\/-1  \{"id":-1,"name":"short"\}$/, 'a create');
	like($lines[1], qr/^$time  create  pages\/-2  \{"id":-2,"name":"(ä漢){100}"\}$/, 'a file gets all of it');
	like($lines[3], qr/^$time  update  pages\/-1  name  by Jörg  v 1795000000000\.0000\./, 'an update');
	like($lines[4], qr/^$time  delete  pages\/-2$/, 'a delete');
	like($lines[5], qr/^$time  update  pages\/-3  no tx: tx is not an object  \{/, 'a tx that is none');
	like($lines[6], qr/^$time  truncate  pages$/, 'a truncate has no id');
	like($lines[7], qr/^$time  event   \{"prefix":"app","content":"said"\}$/, 'an event has no entity');
};

subtest 'pretty on a terminal' => sub {
	my $terminal = IO::Pty->new;
	$terminal->slave->set_winsize(24, 70);
	my $tail = IPC::Run::start([ $client, 'tail', '--slot', 's', '--pretty' ], '<', \'', '>&' . fileno($terminal->slave), '2>', "$dir/terminal.err", limit());
	$terminal->close_slave;
	my $statement = q{INSERT INTO pages VALUES (-4, repeat('ä漢', 100))};
	utf8::encode($statement);
	$node->safe_psql('postgres', $statement);
	my $line = <$terminal>;
	is(finish($tail, 'TERM'), 0, 'clean end');
	ok(utf8::decode($line), 'valid UTF-8');
	like($line, qr/\033\[32mcreate\033\[0m/, 'in colours');
	$line =~ s/\033\[[0-9]*m|\r\n$//g;
	like($line, qr/^\d\d:\d\d:\d\d\.\d{3}  create  pages\/-4  \{"id":-4,"name":"(ä漢)+ä?…$/, 'cut to the width');
	my $wide = () = $line =~ /漢/g;
	like(length($line) + $wide, qr/^(69|70)$/, 'wide characters take two columns');
};

$node->stop;
done_testing();

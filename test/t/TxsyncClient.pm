package TxsyncClient;

# What the tests of the client share: a server, the client in the foreground and in the background, its lines.

use strict;
use utf8;
use warnings FATAL => 'all';

use Exporter 'import';
use FindBin;
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw($client $dir $node start_node wait_until poll_ok limit txsync ends_with start_tail finish slot_is_active
  text_of wait_for_text changes_in rebuilt table wait_confirmed track_pages);

my $built = "$FindBin::RealBin/../../build/cmake/txsync";
our $client = $ENV{TXSYNC_CLIENT} // (-x $built ? $built : 'txsync');
our ($dir, $node);

# Starts the test's server, to which the client connects without further ado.
sub start_node
{
	my ($name, $wal_level) = @_;
	$dir = PostgreSQL::Test::Utils::tempdir(); # absolute only after the start of the test
	$node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	$node->append_conf('postgresql.conf', <<"CONF");
wal_level = $wal_level
max_wal_senders = 20
max_replication_slots = 20
max_slot_wal_keep_size = 10GB
CONF
	$node->start;
	@ENV{ 'PGHOST', 'PGPORT', 'PGDATABASE' } = ($node->host, $node->port, 'postgres');
	delete $ENV{NO_COLOR};
	return;
}

# Makes the database ready, with a tracked table `pages`.
sub track_pages
{
	my ($code, undef, $err) = txsync('setup');
	is($code, 0, 'setup') or BAIL_OUT($err);
	$node->safe_psql('postgres', <<'SQL');
SET client_min_messages = warning;
CREATE TABLE pages (id int PRIMARY KEY, name text);
SELECT txsync.track('pages');
SQL
	return;
}

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

1;

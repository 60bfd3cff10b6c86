# Workers of a consumer that break off wherever they are, fail, and take too long, while entities change, the capture worker is killed and the server
# crashes: each change is acknowledged or dead in the end, and those of an entity one after the other. What workers did is in `told`, written in the
# transactions in which they did it: its order is the order in which the consumer was locked. A model of the consumer goes through it.
#
# TXSYNC_SEED, TXSYNC_WORKERS and TXSYNC_SECONDS set what they name.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use TxsyncClient;
use WireClient;

my $seed = $ENV{TXSYNC_SEED} // int(time) % 1_000_000;
my $workers = $ENV{TXSYNC_WORKERS} // 4;
my $seconds = $ENV{TXSYNC_SECONDS} // 10;
my $attempts = 4;
my $things = 12;
note "seed $seed, $workers workers, $seconds s";
srand $seed;

start_node('consume', 'logical');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'txsync'\nfsync = off");
$node->restart;

sub sql { return $node->safe_psql('postgres', @_) }

sql(<<"SQL");
CREATE EXTENSION txsync;
CREATE TABLE things (id int PRIMARY KEY, n int NOT NULL);
CREATE TABLE told (seq bigserial, began timestamptz DEFAULT statement_timestamp(), at timestamptz DEFAULT clock_timestamp(), op text, span interval, delivery bigint, activity bigint, entity text, attempts int, data jsonb, status text);
SELECT txsync.track('things');
SELECT txsync.create_consumer('c', max_attempts => $attempts);
SQL
poll_ok(q{SELECT state = 'streaming' FROM txsync.capture}, 'streaming');

# ---- What happens

sub pick { return $_[ int rand @_ ] }

# A session that is made anew when the server has ended it.
my $session;

sub ask
{
	my ($query) = @_;
	foreach (1 .. 200)
	{
		$session //= eval { WireClient->new($node) };
		my $answer = defined $session ? $session->query($query) : undef;
		return $answer if defined $answer && ($answer->{error} // '') !~ /^(57P|08)/;
		undef $session;
		usleep 50_000;
	}
	die 'the server is gone';
}

sub consume
{
	my ($max, $lease) = @_;
	return "INSERT INTO told (op, span, delivery, activity, entity, attempts, data) SELECT 'give', '$lease', delivery_id, (change ->> 'activityId')::bigint, change ->> 'entityId', attempts, change -> 'data'"
		. " FROM txsync.consume('c', $max, '$lease') RETURNING delivery";
}

sub ack
{
	return "INSERT INTO told (op, delivery, status) SELECT 'ack', delivery_id, status FROM txsync.ack('c', '{" . join(',', @_) . "}') RETURNING status";
}

sub nack
{
	my ($delay, @ids) = @_;
	return "INSERT INTO told (op, span, delivery, status) SELECT 'nack', '$delay', delivery_id, status FROM txsync.nack('c', '{" . join(',', @ids) . "}', '$delay', 'no') RETURNING status";
}

# Sends something and does not wait for what comes of it, or takes it back.
sub break_off
{
	my ($query) = @_;
	$session //= eval { WireClient->new($node) } // return;
	return $session->query("BEGIN; $query; ROLLBACK") if rand() < 0.5;
	$session->send($query);
	usleep rand 3_000;
	$session->drop;
	undef $session;
	return;
}

# Some of the ids are done with, some fail, some are forgotten; now or later.
sub settle
{
	my (@ids) = @_;
	my (@done, @failed);
	foreach (@ids)
	{
		my $luck = rand;
		push @{ $luck < 0.65 ? \@done : \@failed }, $_ if $luck < 0.9;
	}
	usleep rand 60_000 if rand() < 0.3;
	foreach my $query (@done ? ack(@done) : (), @failed ? nack(pick('0', '20 ms'), @failed) : ())
	{
		rand() < 0.1 ? break_off($query) : ask($query);
	}
	return;
}

sub work
{
	while (1)
	{
		my $query = consume(pick(1, 3, 20), pick('15 ms', '200 ms'));
		break_off($query) if rand() < 0.1;
		my @ids = map { $_->[0] } @{ ask($query)->{rows} };
		@ids ? settle(@ids) : usleep 5_000;
	}
	return;
}

sub change
{
	while (1)
	{
		my $id = 1 + int rand $things;
		my $luck = rand;
		ask($luck < 0.1 ? "DELETE FROM things WHERE id = $id" : $luck < 0.105 ? 'TRUNCATE things'
			: "INSERT INTO things VALUES ($id, 0) ON CONFLICT (id) DO UPDATE SET n = things.n + 1");
		usleep rand 10_000;
	}
	return;
}

my %children;

sub start
{
	my ($do) = @_;
	my $child_seed = int rand 1 << 30;
	my $pid = fork // die 'cannot fork';
	if ($pid == 0)
	{
		srand $child_seed;
		eval { $do->() };
		POSIX::_exit(1);
	}
	$children{$pid} = $do;
	return;
}

sub stop
{
	my ($pid) = @_;
	kill KILL => $pid;
	waitpid $pid, 0;
	return delete $children{$pid};
}

start(\&change);
start(\&work) for 1 .. $workers;
my $end = time + $seconds;
my $crash = time + $seconds / 2;
while (time < $end)
{
	usleep 300_000;
	if (time > $crash)
	{
		$crash = $end + 1;
		$node->stop('immediate');
		$node->start;
		next;
	}
	start(stop(pick(sort keys %children)));
	my $capture = rand() < 0.2 ? sql('SELECT pid FROM txsync.capture') : '';
	sql("SELECT pg_terminate_backend($capture)") if $capture;
}
stop($_) foreach sort keys %children;

# ---- What is left is done with

poll_ok(q{SELECT state = 'streaming' FROM txsync.capture}, 'streaming');
is(sql(q{SELECT txsync.wait_captured(pg_current_wal_insert_lsn(), '60 s')}), 't', 'captured');
my $deadline = time + 60;
while (sql('SELECT unread + in_flight + waiting + behind > 0 FROM txsync.consumers') eq 't' && time < $deadline)
{
	my @ids = map { $_->[0] } @{ ask(consume(100, '1 s'))->{rows} };
	@ids ? ask(ack(@ids)) : usleep 10_000;
}
is(sql(q{SELECT c.position = s.last_id AND c.read_to = s.last_id, unread, in_flight, waiting, behind, attempts FROM txsync.consumers c, txsync.capture s}), 't|0|0|0|0|', 'nothing is left');

# ---- The model

my %changes;    # of each entity: what is neither done with nor dead, in order
my @order;      # all changes and truncations, in order
foreach (split /\n/, sql(q{SELECT id, entity_id FROM txsync.activity WHERE entity_type = 'things' ORDER BY id}))
{
	my ($id, $entity) = split /\|/, $_, -1;
	my %change = (id => $id, entity => $entity, attempts => 0, from => 0);
	push @order, \%change;
	push @{ $changes{$entity} }, \%change;
}
my %change_of = map { $_->{id} => $_ } @order;
my (%delivered, %count, @wrong, %dead, %mirror);

sub require_that
{
	my ($true, $line, $why) = @_;
	push @wrong, "$why: $line" unless $true;
	return;
}

sub settled
{
	my ($change, $how) = @_;
	$change->{settled} = $how;
	$dead{ $change->{id} } = 1 if $how eq 'dead';
	my $list = $changes{ $change->{entity} };
	@$list = grep { $_ != $change } @$list;
	return;
}

# A lease that ran out for the last time is known from what is given after it.
sub bury
{
	my ($at, @list) = @_;
	foreach my $change (@list)
	{
		settled($change, 'dead') if defined $change->{holder} && $change->{attempts} == $attempts && $at >= $change->{from};
	}
	return;
}

sub give
{
	my ($line, $told) = @_;
	my $change = $change_of{ $told->{activity} };
	my $is_truncate = $change->{entity} eq '';
	bury($told->{at}, grep { $_->{id} < $change->{id} } $is_truncate ? map { @$_ } values %changes : (@{ $changes{''} // [] }, @{ $changes{ $change->{entity} } }));
	my @before = $is_truncate ? map { @$_ } values %changes : (@{ $changes{''} // [] }, @{ $changes{ $change->{entity} } });
	require_that(!$change->{settled}, $line, 'given after it was done with');
	require_that((!grep { $_->{id} < $change->{id} } @before), $line, 'given before an earlier one was done with');
	require_that((!grep { $_->{id} > $change->{id} && defined $_->{holder} } @before), $line, 'given after a later one');
	require_that($told->{at} >= $change->{from}, $line, 'given too early');
	require_that($told->{attempts} == $change->{attempts} + 1 && $told->{attempts} <= $attempts, $line, 'miscounted');
	$count{again}++ if $told->{attempts} > 1;
	@$change{qw(holder attempts from data)} = ($told->{delivery}, $told->{attempts}, $told->{began} + $told->{span}, $told->{data});
	require_that(!exists $delivered{ $told->{delivery} }, $line, 'an id is given twice');
	$delivered{ $told->{delivery} } = $change;
	return;
}

# What somebody says of a delivery.
sub say_of
{
	my ($line, $told) = @_;
	my $change = $delivered{ $told->{delivery} };
	my $is_last = ($change->{holder} // -1) == $told->{delivery};
	my $has_it = !$change->{settled} && $is_last;
	$count{"$told->{op} $told->{status}"}++;
	return require_that(!$has_it || $told->{at} >= $change->{from}, $line, 'it is still his') if $told->{status} eq 'expired';
	my $was_dead = $told->{status} eq 'acked' && $is_last && ($change->{settled} // '') eq 'dead';
	require_that($has_it || $was_dead, $line, 'it is not his');
	delete $dead{ $change->{id} } if $was_dead;
	return if $was_dead;
	if ($told->{status} eq 'acked')
	{
		%mirror = () if $change->{entity} eq '';
		$mirror{ $change->{entity} } = $change->{data};
	}
	return settled($change, $told->{status}) if $told->{status} =~ /^(acked|dead)$/;
	require_that($change->{attempts} < $attempts, $line, 'should be dead');
	delete $change->{holder};
	$change->{from} = $told->{began} + $told->{span};
	return;
}

my @columns = qw(seq op began at span delivery activity attempts data status);
foreach my $line (split /\n/, sql(q{SELECT seq, op, extract(epoch FROM began), extract(epoch FROM at), coalesce(extract(epoch FROM span), 0), delivery, activity, attempts, data, status FROM told ORDER BY seq}))
{
	my %told;
	@told{@columns} = split /\|/, $line, -1;
	$told{op} eq 'give' ? give($line, \%told) : say_of($line, \%told);
	last if @wrong > 5;
}
bury(time, map { @$_ } values %changes);
is_deeply(\@wrong, [], 'the consumer does what its model does');
is_deeply([ map { $_->{id} } grep { !$_->{settled} } @order ], [], 'each change is acknowledged or dead');
is(sql('SELECT activity_id FROM txsync.dead_letters ORDER BY 1'), join("\n", sort { $a <=> $b } keys %dead), 'the dead letters are those that died');
cmp_ok(scalar @order, '>', 50 * $seconds, scalar(@order) . ' changes');
note join ', ', map { "$_: $count{$_}" } sort keys %count;
ok($count{$_}, "some were $_") foreach 'again', 'ack acked', 'ack expired', 'nack waiting', 'nack expired', 'nack dead';

# Who applies what he is told has the table in the end, but for what died last.
my %last;
foreach my $change (@order)
{
	$last{$_} = $change foreach $change->{entity} eq '' ? keys %last : $change->{entity};
}
foreach my $row (split /\n/, sql(q{SELECT i, to_jsonb(t) - '{tx,tx_versions}'::text[] FROM generate_series(1, 12) i LEFT JOIN things t ON t.id = i}))
{
	my ($id, $data) = split /\|/, $row, -1;
	my $last = $last{$id};
	next if !defined $last || $last->{settled} eq 'dead';
	my $told = $mirror{$id} // '';
	is($told eq 'null' ? '' : $told, $data, "entity $id as it is");
}

$node->stop;
done_testing();

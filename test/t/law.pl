# The law of catch-up: for every live cursor of every reader the state at the cursor and the changes behind it make what the reader sees in
# the tables now; every other cursor is an error that says so. Writers run random programs, readers with different rights and filters read
# random pages and keep old cursors, the changelog is compacted, capture is killed.
#
# TXSYNC_LAW=rounds makes it longer (24), TXSYNC_SEED repeats the dice of a run, though not its timing.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use CapturedDatabase;
use Consumer;
use JSON::PP;
use List::Util qw(shuffle);
use PostgreSQL::Test::Utils;
use Reader;
use Test::More;
use Time::HiRes qw(time usleep);
use WireClient;
use Writer;

my $rounds = $ENV{TXSYNC_LAW} // 24;
my $seed = srand($ENV{TXSYNC_SEED} // time);
note "TXSYNC_SEED=$seed TXSYNC_LAW=$rounds";

my @types = qw(docs masked pairs parts plain);
my %org_column = (docs => 'organization_id', masked => 'tenant_id', pairs => 'org_id', parts => 'org_id');
my $node = CapturedDatabase->new_server('law');
$node->safe_psql('postgres', slurp_file("$FindBin::RealBin/law.sql"));
my $db = CapturedDatabase->new($node, 'postgres');
$db->wait_for_state('streaming');

my @writers = map { Writer->new($node, $_) } 0 .. 1;
my $boss = Reader->new($node, 'boss', role => 'postgres');
my @readers = (
	$boss,
	Reader->new($node, 'keeper'),
	Reader->new($node, 'ann'),
	Reader->new($node, 'bob'),
	Reader->new($node, 'cyd'),
	Reader->new($node, 'guy'),
	Reader->new($node, 'boss of A', role => 'postgres', orgs => ['A']),
	Reader->new($node, 'cyd in A', role => 'cyd', orgs => [ 'A', 'Z' ]),
	Reader->new($node, 'some types', role => 'keeper', types => [qw(docs pairs)]),
	Reader->new($node, 'little', role => 'ann', types => [qw(docs parts)], orgs => [ 'A', 'B' ]),
);
$boss->rows('GRANT EXECUTE ON FUNCTION txsync.create_consumer TO ann, guy; GRANT EXECUTE ON FUNCTION txsync.emit TO keeper; GRANT SELECT ON txsync.event TO ann');
my @consumers = (
	Consumer->new($node, 'outbox', role => 'postgres'),
	Consumer->new($node, 'outbox of ann', role => 'ann'),
	Consumer->new($node, 'outbox of guy', role => 'guy', types => [qw(plain docs masked)]),
	Consumer->new($node, 'outbox of A', role => 'postgres', orgs => ['A']),
);
my ($compactor, $compacts, %count) = (WireClient->new($node), 0);
$_->{tells} = 1 foreach @writers;

sub connect_all
{
	$_->connect foreach @writers, @readers, @consumers;
	$compactor = WireClient->new($node);
	$compacts = 0;
	return;
}

# ---- What happens

sub wrong { die "$_[0]\nTXSYNC_SEED=$seed\n" }

# Locks are not waited for, and what is killed is gone; every other error of a reader is one.
sub excuse
{
	my ($reader, $branch) = @_;
	my $error = $reader->{error};
	return 1 if $error =~ /\A(?:gone|55P03|40P01|57P0.)\z/;
	if ($error =~ /\ATX/ && $reader->{message} =~ /cursor/)
	{
		may_expire($reader, $branch);
		$reader->{branches} = [ grep { $_ != $branch } @{ $reader->{branches} } ];
		return 1;
	}
	return 0;
}

# Only what is below the floor, or has a gap behind it, may have expired.
sub may_expire
{
	my ($reader, $branch) = @_;
	my $types = $branch->{types} ? Reader::array($branch->{types}) : 'NULL::text[]';
	my ($floor, $gap) = @{ $boss->rows(<<"SQL")->[0] };
SELECT (SELECT max(floor) FROM txsync.capture_state),
	(SELECT coalesce(max(id), 0) FROM txsync.activity WHERE action = 'gap' AND NOT coalesce((payload ->> 'healed')::boolean, false) AND coalesce(entity_type = ANY ($types), true))
SQL
	wrong("$reader->{name} is told $reader->{error} $reader->{message} behind activity $branch->{at}; the floor is $floor, the last gap $gap") if $branch->{at} >= $floor && $branch->{at} >= $gap;
	$count{expired}++;
	return;
}

sub read_a_page
{
	my $reader = pick(@readers);
	my $branch = pick(@{ $reader->{branches} }) // return begin($reader);
	if (rand() < 0.15)
	{
		$branch = Reader::copy($branch);
		push @{ $reader->{branches} }, $branch;
	}
	my $at = $branch->{at};
	return if defined $reader->page($branch) || excuse($reader, $branch);
	return wrong("$reader->{name} cannot read: $reader->{error} $reader->{message}");
}

sub consume
{
	my $consumer = pick(@consumers);
	$consumer->step // ($consumer->{error} =~ /\A(?:gone|55P03|40P01|57P0.)\z/ || found_again($consumer));
	return;
}

sub begin
{
	my ($reader) = @_;
	my $kind = pick(qw(begin begin_now begin_with_snapshots));
	my $branch = $reader->$kind(\@types, sub { write_some(int rand 3) });
	$count{$kind}++ if $branch;
	return;
}

sub pick { return $_[ int rand @_ ] }

sub write_some
{
	my ($steps) = @_;
	foreach (1 .. $steps)
	{
		$count{transactions}++ if pick(@writers)->step;
	}
	return;
}

# Goes on while others write, read and are killed.
sub compact
{
	if (!$compacts)
	{
		$compactor->send(q{CALL txsync.compact_changelog('0 s')});
		$compacts = 1;
		return;
	}
	my $answer = $compactor->answer;
	$compacts = 0;
	wrong("cannot compact: $answer->{error} $answer->{message}") if !$answer || $answer->{error};
	my $result = decode_json($answer->{rows}[0][0]);
	$count{'compactions'}++;
	$count{'activities that were compacted'} += $result->{rows} // 0;
	return;
}

# Old cursors expire.
sub forget
{
	compact() if $compacts;
	$boss->rows(q{ALTER SYSTEM SET txsync.changelog_retention = '1 s'}) // wrong($boss->{message});
	$boss->rows('SELECT pg_reload_conf()');
	usleep(20_000) until $compactor->query('SHOW txsync.changelog_retention')->{rows}[0][0] eq '1s';
	compact() foreach 1 .. 2;
	$boss->rows('ALTER SYSTEM RESET txsync.changelog_retention');
	$boss->rows('SELECT pg_reload_conf()');
	return;
}

# WAL is lost, with what was written in it; a reset heals that or not.
sub lose
{
	compact() if $compacts;
	$_->finish or wrong('a writer lost its server') foreach @writers;
	$boss->rows(q{SELECT txsync.wait_captured(pg_current_wal_insert_lsn(), '60 s')});
	my $slot = $db->pause;
	$boss->rows("SELECT pg_drop_replication_slot('$slot')") // wrong($boss->{message});
	# Rights that change in a gap, and events, are told by nobody.
	$_->{tells} = 0 foreach @writers;
	write_some(40);
	$_->finish foreach @writers;
	$_->{tells} = 1 foreach @writers;
	$db->resume;
	$db->wait_for_state('lost');
	my $heal = pick(qw(true false));
	$boss->rows("SELECT txsync.reset_capture($heal)") // wrong($boss->{message});
	$db->wait_for_state('streaming');
	$count{"gaps, heal $heal"}++;
	return;
}

# The WAL of a partition's TRUNCATE does not tell which rows are gone: a gap of that entity type.
sub lose_partition
{
	$boss->rows('TRUNCATE parts_' . pick(qw(x y)));
	$count{'truncates of a partition'}++;
	return;
}

sub crash
{
	if (pick(0, 1))
	{
		my $pid = $boss->rows('SELECT pid FROM txsync.capture')->[0][0] // return;
		kill 'KILL', $pid or return;
		# The postmaster ends all others.
		1 while usleep(20_000) && $boss->rows('SELECT 1');
		$node->poll_query_until('postgres', 'SELECT true') or wrong('the server does not come back');
		$count{'kills of capture'}++;
	}
	else
	{
		$node->stop('immediate');
		$node->start;
		$count{restarts}++;
	}
	return connect_all();
}

# ---- What must hold

# A consumer that has a gap before it begins anew.
sub found_again
{
	my ($consumer) = @_;
	wrong("$consumer->{name}: $consumer->{error} $consumer->{message}") if $consumer->{error} !~ /\ATX/;
	may_expire($consumer, { %{ $consumer->{branch} }, at => $boss->rows("SELECT position FROM txsync.consumers WHERE name = '$consumer->{name}'")->[0][0] });
	$_->finish foreach @writers; # they may have locks
	$consumer->rows("SELECT txsync.drop_consumer('$consumer->{name}')") // wrong($consumer->{message});
	$consumer->found or wrong($consumer->{message});
	return;
}

# All that was written is captured, and nothing is written.
sub settle
{
	$_->finish or wrong('a writer lost its server') foreach @writers;
	my $captured = $boss->rows(q{SELECT txsync.wait_captured(pg_current_wal_insert_lsn(), '60 s')});
	wrong("not captured: " . ($boss->{message} // 'timeout')) if !$captured || $captured->[0][0] ne 't';
	return;
}

sub explain_difference
{
	my ($reader, $branch, $difference) = @_;
	my %keys = map { /\A(\S+) (.*?): / ? ("$1 $2" => 1) : () } split /\n/, $difference;
	my @activities = map {
		my ($type, $id) = split / /, $_, 2;
		map { join ' ', map { $_ // '-' } @$_ } @{ $boss->rows("SELECT id, action, entity_type, entity_id, org_id, old_org_id, changed_keys, xid FROM txsync.activity WHERE entity_type = '$type' AND (entity_id = '$id' OR entity_id IS NULL) ORDER BY id") }
	} sort keys %keys;
	my @trace = map { s/long long.*/long/r } @{ $branch->{trace} };
	@trace = @trace[ -60 .. -1 ] if @trace > 60;
	return join "\n", "$reader->{name}'s state is not what the tables show, filter " . encode_json([ @$branch{qw(types orgs)} ]) . ", cursor $branch->{cursor}:",
		(map { s/(?:long ){10,}/long.../gr } $difference), 'the activities:', @activities, 'what it was told:', @trace;
}

# Who may read events has been told all since his first; others none.
sub check_events
{
	my ($reader, $branch) = @_;
	my @told = sort { $a <=> $b } keys %{ $branch->{events} };
	return if !@told;
	wrong("$reader->{name} is told events") if $reader->{role} !~ /\A(?:postgres|ann)\z/ || $branch->{types} || $branch->{orgs};
	my @missing = grep { !$branch->{events}{$_} } map { $_->[0] } @{ $boss->rows("SELECT id FROM txsync.activity WHERE action = 'event' AND id BETWEEN $told[0] AND $branch->{at}") };
	wrong("$reader->{name} is not told events @missing") if @missing;
	$count{'events told'} += @told;
	return;
}

sub check_branch
{
	my ($reader, $old) = @_;
	my $branch = Reader::copy($old);
	if (rand() < 0.2)
	{
		my $orgs = $branch->{orgs} ? [ $branch->{orgs}[0] ] : pick(undef, ['B']);
		my $types = $branch->{types} ? [ $branch->{types}[0] ] : pick(undef, [qw(docs plain masked)]);
		$reader->narrow($branch, $types, $orgs, sub { my ($key) = @_; decode_json($branch->{state}{$key}{data})->{ $org_column{ (split / /, $key)[0] } // '' } }) if $reader->{role} ne 'guy';
	}
	if (!$reader->catch_up($branch))
	{
		return if excuse($reader, $old);
		return wrong("$reader->{name} cannot read: $reader->{error} $reader->{message}");
	}
	my $difference = $reader->difference($branch);
	wrong(explain_difference($reader, $branch, $difference)) if $difference ne '';
	check_events($reader, $branch);
	$count{'cursors that held'}++;
	return $branch;
}

# Every branch, as a copy: the old ones stay where they are, some of them for long.
sub check_all
{
	settle();
	compact() foreach 1 .. pick(0, 2);
	my $emitted = $boss->rows(<<'SQL')->[0];
SELECT count(*) FILTER (WHERE n = 0), count(*) FILTER (WHERE n > 1), (SELECT max(floor) FROM txsync.capture_state)
FROM (SELECT count(e.id) AS n FROM said LEFT JOIN txsync.event e USING (key) GROUP BY said.key) k
SQL
	wrong("events: $emitted->[0] are missing, $emitted->[1] are there twice") if $emitted->[1] || ($emitted->[0] && !$emitted->[2]);
	foreach my $consumer (@consumers)
	{
		$consumer->drain // found_again($consumer);
		my $difference = $consumer->difference($consumer->{branch});
		wrong(explain_difference($consumer, $consumer->{branch}, $difference)) if $difference ne '';
		$count{'consumers that held'}++;
	}
	foreach my $reader (@readers)
	{
		my @branches = @{ $reader->{branches} }; # what expires leaves the list
		my @done = map { check_branch($reader, $_) } @branches;
		my @kept = shuffle(@{ $reader->{branches} }, grep { $_ } @done);
		$reader->{branches} = [ grep { join(' ', map { @{ $_ // [] } } @$_{qw(types orgs)}) eq join(' ', map { @{ $_ // [] } } @$reader{qw(types orgs)}) } @kept ];
		splice @{ $reader->{branches} }, 6;
		my $new = $reader->begin_with_snapshots(\@types, sub { }) // next;
		check_branch($reader, $new);
	}
	return;
}

# ---- The run

begin($_) foreach @readers;
my @crashes = map { 1 + int rand $rounds } 1 .. 1 + $rounds / 15;
foreach my $round (1 .. $rounds)
{
	foreach (1 .. 60)
	{
		my $dice = rand;
		if ($dice < 0.6) { write_some(1 + int rand 4) }
		elsif ($dice < 0.88) { read_a_page() }
		elsif ($dice < 0.97) { consume() }
		elsif ($dice < 0.985) { begin(pick(@readers)) }
		else { compact() }
	}
	forget() if $round % 7 == 0;
	lose() if $round % 11 == 0;
	lose_partition() if $round % 13 == 0;
	crash() if grep { $_ == $round } @crashes;
	check_all() if $round % 3 == 0 || $round == $rounds;
}

$count{changes} += $_->{changes} // 0, $count{pages} += $_->{pages} // 0 foreach @readers;
$count{deliveries} += $_->{deliveries} // 0, $count{'repeated deliveries'} += $_->{repeated} // 0 foreach @consumers;
note join ', ', map { "$_: $count{$_}" } sort keys %count;
cmp_ok($count{$_} // 0, '>', 0, "$_: $count{$_}") foreach 'transactions', 'cursors that held', 'changes', 'pages', 'consumers that held', 'repeated deliveries', 'events told', qw(begin begin_now begin_with_snapshots);

$node->stop;
done_testing();

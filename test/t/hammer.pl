# The concurrency hammer: every transactionId is sent several times by clients that break off wherever they are, and each is applied
# once. Each transaction notes in `applied` what it did; in the end that, what the clients were told, the rows, their versions, the
# ledger and the changelog must agree.
#
# TXSYNC_HEAVY=1: 64 clients, 10,000 ids. TXSYNC_CLIENTS, TXSYNC_IDS and TXSYNC_SEED set what they name. TXSYNC_SOAK=seconds: 50
# requests a second without breaks, in which no process of the server may grow.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use List::Util qw(max shuffle sum0);
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use TxsyncClient;
use WireClient;

my $soak = $ENV{TXSYNC_SOAK} // 0;
my $rate = 50;
my $clients = $ENV{TXSYNC_CLIENTS} // ($ENV{TXSYNC_HEAVY} ? 64 : 8);
my $ids = $ENV{TXSYNC_IDS} // ($soak ? $soak * $rate / 3 : $ENV{TXSYNC_HEAVY} ? 10_000 : 1_500);
my $seed = $ENV{TXSYNC_SEED} // int(time) % 1_000_000;
my $limit = $soak + ($ENV{TXSYNC_HEAVY} ? 900 : 3 * $PostgreSQL::Test::Utils::timeout_default);
my $things = 8;
note "seed $seed, $clients clients, $ids ids";
srand $seed;

start_node('hammer', 'logical');
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'txsync'
max_connections = @{[ 3 * $clients + 50 ]}
deadlock_timeout = 20ms
CONF
$node->restart;

sub sql { return $node->safe_psql('postgres', @_) }

# `applied` has no unique index, so that a double shows.
sql(<<"SQL");
CREATE EXTENSION txsync;
CREATE TABLE things (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, name text, body text);
CREATE TABLE applied (id text COLLATE "C", attempt text, way text, thing int, field text, expected text);
CREATE TABLE told (id text COLLATE "C", attempt text, verdict text, result text);
SELECT txsync.track('things');
SQL
poll_ok(q{SELECT state = 'streaming' FROM txsync.capture}, 'streaming');
sql(qq{INSERT INTO things (id, tx) SELECT g, jsonb_build_object('transactionId', 'c' || g, 'sourceId', 'creator') FROM generate_series(1, $things) g});

# ---- What is sent, by whom, in which order

sub pick { return $_[ int rand @_ ] }

# A mutation: what all that send its id agree on. Half of the ids are a clock's.
sub make_mutation
{
	my ($number) = @_;
	my ($first, @others) = shuffle 1 .. $things;
	my $conditional = rand() < 0.35;
	# The ledger keeps a digest of ops: who sends them by other means is another request.
	return {
		by_ops => rand() < 0.4,
		id => $number % 2 ? "hammer-$number" : sprintf('%d.%04d.hammer', 1000 * int(time), $number),
		field => pick(qw(n name body)),
		conditional => $conditional,
		things => [ $first, !$conditional && rand() < 0.2 ? $others[0] : () ],
	};
}

# The times at which an id is sent, together or far apart. Whoever sends it last does so until there is an answer.
sub make_sends
{
	my ($mutation) = @_;
	my $at = rand;
	my $together = 2 * $clients / (3 * $ids);
	my @times = sort { $a <=> $b } $at, map { rand() < 0.6 ? $at + rand $together : rand } 2 .. 1 + int rand 5;
	my @sends = map { { mutation => $mutation, time => $_, seed => int rand 1 << 30 } } @times;
	$sends[-1]{insists} = 1;
	return @sends;
}

my @sends = sort { $a->{time} <=> $b->{time} } map { make_sends(make_mutation($_)) } 1 .. $ids;
$sends[$_]{number} = $_ foreach 0 .. $#sends;

# ---- A client

# Where it breaks off: so many statements it has sent, the last of them with or without waiting for the answer.
sub make_fault
{
	return if $soak || rand() < 0.6;
	return { how => pick(qw(drop terminate)), step => 1 + int rand 4, unread => rand() < 0.6 };
}

package Attempt
{
	my %known = map { $_ => 1 } qw(TX001 TX003 40001 40P01);

	# Runs a statement. Dies with an SQLSTATE, or with "broken".
	sub step
	{
		my ($self, $sql) = @_;
		my $fault = $self->{fault};
		my $breaks = $fault && ++$self->{steps} == $fault->{step};
		$self->{connection}->send($sql);
		my $answer = $breaks && $fault->{unread} ? undef : $self->{connection}->answer;
		if ($breaks)
		{
			my $how = $fault->{how};
			$self->{connection}->$how;
			die "broken\n";
		}
		die "the server is gone\n" unless $answer;
		return $answer->{rows} unless $answer->{error};
		$self->{connection}->query('ROLLBACK') if $answer->{status} ne 'I';
		die "$answer->{error}\n" if $known{ $answer->{error} };
		die "$answer->{error}: $answer->{message}\n";
	}

	# Of the tx that plain SQL sets, which has a member more: the same tx as the row's would say that it was only carried over.
	sub tx
	{
		my ($self, %more) = @_;
		my $mutation = $self->{mutation};
		my %tx = (transactionId => $self->{id}, sourceId => 'hammer', changedField => $mutation->{field}, %more);
		return "'{" . join(', ', map { qq("$_": ) . (defined $tx{$_} ? qq("$tx{$_}") : 'null') } sort keys %tx) . "}'";
	}

	sub update
	{
		my ($self, $tx) = @_;
		my $field = $self->{mutation}{field};
		my $value = $field eq 'n' ? 'n + 1' : "'$self->{id}'";
		return "UPDATE things SET $field = $value" . ($tx ? ", tx = $tx" : '') . ' WHERE id IN (' . join(',', @{ $self->{mutation}{things} }) . ')';
	}

	sub columns
	{
		my ($self) = @_;
		my $expected = defined $self->{version} ? "'$self->{version}'" : 'NULL';
		return "'$self->{id}', '$self->{label}', '$self->{way}', id, '$self->{mutation}{field}', $expected";
	}

	sub note_applied
	{
		my ($self) = @_;
		return "INSERT INTO applied SELECT " . $self->columns . ' FROM unnest(ARRAY[' . join(',', @{ $self->{mutation}{things} }) . ']) id';
	}

	sub commit
	{
		my ($self) = @_;
		$self->step('COMMIT');
		return 'applied';
	}

	sub begin
	{
		my ($self) = @_;
		return main::pick('BEGIN', 'BEGIN', 'BEGIN', 'BEGIN', 'BEGIN ISOLATION LEVEL REPEATABLE READ');
	}

	# The version that a client would know: that of the field, or nothing of one that was never updated.
	sub read_version
	{
		my ($self) = @_;
		my $thing = $self->{mutation}{things}[0];
		my $version = $self->{connection}->query("SELECT txsync.field_versions('things', '$thing') -> 'fields' ->> '$self->{mutation}{field}'") // die "the server is gone\n";
		$self->{version} = $version->{rows}[0][0];
		$self->{expected} = $self->{version} eq "c$thing" && rand() < 0.5 ? undef : $self->{version};
		return;
	}

	# ---- The ways to send

	sub declared
	{
		my ($self) = @_;
		my $mutation = $self->{mutation};
		# Plain SQL names the row that it came to first.
		my $named = @{ $mutation->{things} } == 1 && ($mutation->{conditional} || rand() < 0.5) ? ", 'things', '$mutation->{things}[0]'" : '';
		my $tx = $self->tx($mutation->{conditional} ? (expectedTransactionId => $self->{expected}) : ());
		my $rows = $self->step($self->begin . "; SELECT txsync.begin_mutation($tx$named)");
		my $answer = $rows->[0][0];
		if ($answer !~ /\A\{"status": "new"\}\z/)
		{
			die "strange answer: $answer\n" unless $answer =~ /"status": "duplicate"/ && $answer =~ /"entity": \{[^{}]*"id": (\d+)/ && grep { $_ == $1 } @{ $mutation->{things} };
			($self->{result}) = $answer =~ /"result": \{"attempt": "([^"]+)"\}/;
			$self->step('COMMIT');
			return 'duplicate';
		}
		$self->step($self->update);
		$self->step($self->note_applied . qq(; SELECT txsync.finish_mutation('{"attempt": "$self->{label}"}')));
		return $self->commit;
	}

	sub plain
	{
		my ($self) = @_;
		$self->step($self->begin);
		$self->step($self->update($self->tx(attempt => $self->{label})));
		$self->step($self->note_applied);
		return $self->commit;
	}

	sub statement
	{
		my ($self) = @_;
		$self->step('WITH u AS (' . $self->update($self->tx(attempt => $self->{label})) . ' RETURNING id) INSERT INTO applied SELECT ' . $self->columns . ' FROM u');
		return 'applied';
	}

	sub checked
	{
		my ($self) = @_;
		my $expected = defined $self->{expected} ? "'$self->{expected}'" : 'NULL';
		my $rows = $self->step($self->begin . "; SELECT has_conflict FROM txsync.check_field_conflict('things', '$self->{mutation}{things}[0]', '$self->{mutation}{field}', $expected)");
		if ($rows->[0][0] eq 't')
		{
			$self->step('ROLLBACK');
			return 'conflict';
		}
		$self->step($self->update($self->tx(attempt => $self->{label})));
		$self->step($self->note_applied);
		return $self->commit;
	}

	# The mutation's op on one of its things, as jsonb.
	sub op
	{
		my ($self, $thing) = @_;
		my $mutation = $self->{mutation};
		my $change = $mutation->{field} eq 'n' ? '"operation": "increment", "value": 1' : qq("value": "$self->{id}");
		my $expects = $mutation->{conditional} ? ', "expectedTransactionId": ' . (defined $self->{expected} ? qq("$self->{expected}") : 'null') : '';
		return qq({"transactionId": "$self->{id}", "sourceId": "hammer", "entityType": "things", "entityId": "$thing", "action": "update", "changedField": "$mutation->{field}", $change$expects});
	}

	# A call, and where it has applied something a note of that: in one statement, or in one transaction.
	sub call
	{
		my ($self, $call, $verdict) = @_;
		my $things = join ',', @{ $self->{mutation}{things} };
		if (rand() < 0.5)
		{
			return $self->step("WITH c AS MATERIALIZED (SELECT $call AS r), v AS MATERIALIZED (SELECT $verdict AS verdict FROM c), n AS (INSERT INTO applied SELECT "
				  . $self->columns . " FROM v, unnest(ARRAY[$things]) id WHERE verdict = 'applied') SELECT verdict FROM v")->[0][0];
		}
		my $said = $self->step($self->begin . "; SELECT $verdict FROM (SELECT $call AS r OFFSET 0) c")->[0][0];
		$self->step($self->note_applied) if $said eq 'applied';
		$self->commit;
		return $said;
	}

	sub mutate
	{
		my ($self) = @_;
		return $self->call("txsync.mutate('" . $self->op($self->{mutation}{things}[0]) . "')", q{CASE WHEN r -> 'data' = 'null' THEN 'no data' WHEN r ? 'duplicate' THEN 'duplicate' ELSE 'applied' END});
	}

	# With an op behind it, at times, that is rejected: what was done before it is then done again.
	sub ops
	{
		my ($self) = @_;
		my @ops = map { $self->op($_) } @{ $self->{mutation}{things} };
		my $count = @ops;
		push @ops, $self->op(0) =~ s/"transactionId": "[^"]*"/"transactionId": "none-$self->{label}"/r if rand() < 0.3;
		return $self->call("txsync.apply_ops('[" . join(', ', @ops) . "]')", "(SELECT string_agg(DISTINCT s ->> 'status', ' ') FROM jsonb_array_elements(r) WITH ORDINALITY x(s, n) WHERE n <= $count)");
	}

	sub ways
	{
		my ($self) = @_;
		my $mutation = $self->{mutation};
		return @{ $mutation->{things} } == 1 ? qw(mutate ops) : 'ops' if $mutation->{by_ops};
		return $mutation->{conditional} ? qw(declared declared checked) : qw(declared declared plain statement);
	}

	sub run
	{
		my ($class, %self) = @_;
		my $self = bless \%self, $class;
		my $way = $self->{way} = main::pick($self->ways);
		my $verdict = eval {
			$self->read_version if $self->{mutation}{conditional};
			$self->$way;
		};
		chomp($verdict = $@) unless defined $verdict;
		my %meaning = (TX001 => 'conflict', TX003 => 'duplicate', 40001 => 'again', '40P01' => 'again');
		return ($meaning{$verdict} // $verdict, $self->{result});
	}
}

# One send, to its end; `tell` is told what came of each attempt.
sub perform
{
	my ($client, $send, $tell) = @_;
	srand $send->{seed};
	my $mutation = $send->{mutation};
	my ($id, $fault) = ($mutation->{id}, make_fault());
	foreach my $try (1 .. 10_000)
	{
		my $label = "$send->{number}.$try";
		$client->{connection} //= WireClient->new($node, application_name => 'hammer');
		my ($verdict, $result) = Attempt->run(connection => $client->{connection}, mutation => $mutation, id => $id, label => $label, fault => $fault);
		$tell->($id, $label, $verdict, $result);
		return if $verdict eq 'applied' || $verdict eq 'duplicate';
		if ($verdict eq 'broken')
		{
			undef $client->{connection};
			return unless $send->{insists};
		}
		elsif ($verdict eq 'conflict')
		{
			$id = "$mutation->{id}-$label"; # another decision is another mutation
		}
		elsif ($verdict ne 'again')
		{
			return;
		}
		undef $fault unless $verdict eq 'again';
	}
	die "no end of send $send->{number}";
}

# Sends each send of this client, and writes what it was told into a file.
sub run_client
{
	my ($number, $start) = @_;
	alarm $limit;
	my %client;
	open my $log, '>', "$dir/told.$number" or die;
	my $tell = sub { print $log join("\t", map { $_ // '\N' } @_), "\n" or die };
	for (my $i = $number; $i < @sends; $i += $clients)
	{
		if ($soak)
		{
			my $early = $start + $i / $rate - time;
			usleep(1e6 * $early) if $early > 0;
		}
		perform(\%client, $sends[$i], $tell);
	}
	close $log or die;
	return;
}

# ---- The run

# The private memory of each of the server's processes, in kB.
sub memory
{
	my %size;
	foreach my $line (split /\n/, sql(q{SELECT pid, backend_type FROM pg_stat_activity WHERE application_name = 'hammer' OR backend_type LIKE 'txsync%'}))
	{
		my ($pid, $type) = split /\|/, $line;
		my ($size) = slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m;
		$size{"$type $pid"} = $size;
	}
	return \%size;
}

my $start = time;
my @children;
foreach my $number (0 .. $clients - 1)
{
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		eval { run_client($number, $start); 1 } or print STDERR $@;
		POSIX::_exit($@ ? 1 : 0);
	}
	push @children, $pid;
}
my @memory;
foreach my $tenth ($soak ? 1 .. 9 : ())
{
	my $early = $start + $soak * $tenth / 10 - time;
	usleep(1e6 * $early) if $early > 0;
	push @memory, memory();
	note sprintf 'memory at %d %%: %d kB in all, %d kB the largest', 10 * $tenth, sum0(values %{ $memory[-1] }), max(values %{ $memory[-1] });
}
my $failed = grep { waitpid($_, 0); $? != 0 } @children;
my $seconds = time - $start;
is($failed, 0, 'no client failed');
sql(join "\n", map { "COPY told FROM '$dir/told.$_';" } 0 .. $clients - 1);
sql('ANALYZE applied, told');
poll_ok('SELECT txsync.wait_captured(pg_current_wal_insert_lsn())', 'captured');

note sprintf '%d sends in %.1f s', scalar @sends, $seconds;
note sql(q{SELECT verdict, count(*) FROM told GROUP BY 1 ORDER BY 2 DESC});
note sql(q{SELECT way, count(DISTINCT id) AS ids, count(*) AS rows FROM applied GROUP BY 1 ORDER BY 1});
if ($soak)
{
	my ($first, $last) = @memory[ 1, -1 ];
	my @grown = grep { $last->{$_} - ($first->{$_} // 0) > 1024 } sort keys %$last;
	is_deeply([ map { "$_: " . ($first->{$_} // 0) . " kB, then $last->{$_} kB" } @grown ], [], 'no process of the server grows');
	note sprintf '%.1f requests/s', @sends / $seconds;
}

# ---- What must be true

sub none
{
	my ($name, $query) = @_;
	return is(sql("SELECT * FROM ($query) q LIMIT 5"), '', $name);
}

none('no strange answer', q{SELECT * FROM told WHERE verdict NOT IN ('applied', 'duplicate', 'conflict', 'again', 'broken')});
is(sql('SELECT count(DISTINCT verdict) FROM told'), '5', 'all kinds of answers') unless $soak;
my $lost = sql(q{SELECT count(DISTINCT id) FROM applied JOIN told USING (id, attempt) WHERE verdict = 'broken'});
cmp_ok($lost, '>', 0, 'some lost the answer') unless $soak;
note "$lost ids were applied, and the answer lost";
is(sql(q{SELECT string_agg(DISTINCT way, ' ' ORDER BY way) FROM applied}), 'checked declared mutate ops plain statement', 'in all ways');

none('each id was applied once', q{SELECT id, thing, count(*) FROM applied GROUP BY 1, 2 HAVING count(*) > 1});
none('by one attempt', q{SELECT id, count(DISTINCT attempt) FROM applied GROUP BY 1 HAVING count(DISTINCT attempt) > 1});
none('no id was told to be new twice', q{SELECT id, count(*) FROM told WHERE verdict = 'applied' GROUP BY 1 HAVING count(*) > 1});
none('who was told that it is applied, applied it', q{SELECT id, attempt FROM told WHERE verdict = 'applied' EXCEPT SELECT id, attempt FROM applied});
none('duplicates are of what was applied', q{SELECT id FROM told WHERE verdict = 'duplicate' EXCEPT SELECT id FROM applied});
none('and get its result', q{
	SELECT t.id, t.attempt, t.result, a.attempt, a.way FROM told t JOIN (SELECT DISTINCT id, attempt, way FROM applied) a USING (id)
	WHERE t.verdict = 'duplicate' AND t.result IS NOT NULL AND (a.way <> 'declared' OR t.result <> a.attempt)});
none('what was applied and never told was broken off', q{
	SELECT id, attempt FROM applied EXCEPT SELECT id, attempt FROM told WHERE verdict IN ('applied', 'broken')});
my $unconditional = join ', ', map { "('$_->{mutation}{id}')" } grep { $_->{insists} && !$_->{mutation}{conditional} } @sends;
none('what somebody insisted on is applied', "VALUES $unconditional EXCEPT SELECT id FROM applied");

none('counters', q{
	SELECT t.id, t.n, count(a) FROM things t LEFT JOIN applied a ON a.thing = t.id AND a.field = 'n'
	GROUP BY t.id HAVING t.n <> count(a)});
none('texts have the version that they say', q{
	SELECT t.id, field, value, version FROM things t, LATERAL (VALUES ('name', name), ('body', body)) f (field, value),
		LATERAL (SELECT txsync.field_versions('things', t.id::text) -> 'fields' ->> field AS version) v
	WHERE version <> coalesce(value, 'c' || t.id)});
none('row versions', q{
	SELECT t.id, count(a), txsync.field_versions('things', t.id::text) -> 'rowVersion' FROM things t LEFT JOIN applied a ON a.thing = t.id
	GROUP BY t.id HAVING (txsync.field_versions('things', t.id::text) ->> 'rowVersion')::int <> 1 + count(a)});
my $accepted = q{SELECT DISTINCT id FROM applied UNION SELECT 'c' || id FROM things};
none('no id is missing in the ledger', "($accepted) EXCEPT SELECT transaction_id FROM txsync.mutation");
none('the ledger has no other', "SELECT transaction_id FROM txsync.mutation EXCEPT ($accepted)");
none('nor any twice', 'SELECT transaction_id FROM txsync.mutation GROUP BY 1 HAVING count(*) > 1');

none('no two expected the same version', q{
	SELECT thing, field, expected, count(*) FROM applied WHERE expected IS NOT NULL GROUP BY 1, 2, 3 HAVING count(*) > 1});
my $chain = q{
	SELECT a.*, lag(id, 1, 'c' || thing) OVER (PARTITION BY thing, field ORDER BY activity) AS before
	FROM (SELECT DISTINCT ON (l.id, l.thing) l.*, a.id AS activity FROM applied l
		JOIN txsync.activity a ON a.tx ->> 'transactionId' = l.id AND a.entity_id = l.thing::text ORDER BY l.id, l.thing, a.id) a};
none('who expected a version came right after it', "SELECT * FROM ($chain) c WHERE expected IS NOT NULL AND expected <> before");
none('versions are those of the last change', qq{
	SELECT DISTINCT ON (thing, field) thing, field, id FROM ($chain) c ORDER BY thing, field, activity DESC} =~ s/\A\s*(.*)\z/SELECT * FROM ($1) c WHERE id <> txsync.field_versions('things', thing::text) -> 'fields' ->> field/sr);

my $told = q{SELECT tx ->> 'transactionId', entity_id FROM txsync.activity WHERE action IN ('create', 'update')};
my $written = q{SELECT id, thing::text FROM applied UNION ALL SELECT 'c' || id, id::text FROM things};
none('the changelog misses nothing', "($written) EXCEPT ALL ($told)");
none('and has nothing else', "($told) EXCEPT ALL ($written)");

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal|unexpected EOF within/, 'the server is well');
done_testing();

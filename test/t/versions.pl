# The row trigger against a model: random programs of plain SQL, mutations, savepoints, deletes and changes of keys; after each statement what the
# rows say of their history is what the model says. TXSYNC_SEED repeats a run, TXSYNC_STATEMENTS makes it longer.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Storable qw(dclone);
use Test::More;
use TxsyncClient;

my $seed = srand($ENV{TXSYNC_SEED} // 42);
my $statements = $ENV{TXSYNC_STATEMENTS} // 1500;
my @fields = qw(a b c);
note "TXSYNC_SEED=$seed TXSYNC_STATEMENTS=$statements";

start_node('versions', 'logical');
$node->safe_psql('postgres', q{
	CREATE EXTENSION txsync;
	CREATE TABLE plain (id int PRIMARY KEY, a text, b text, c text, updated_at timestamptz);
	SELECT txsync.track('plain');
});

# ---- The model: what is in the table, what was deleted, and what the transaction has said. An id of the server's is 'server <transaction>'.

my %world = (rows => {}, tombs => {}, mutation => undef, ended => 0);
my ($transaction, $next_id) = (0, 0);
my %declared; # the field that an id's tx names, if any
my (@savepoints, $before);

sub pick { return $_[ int rand @_ ] }
sub fresh_id { return rand() < 0.5 ? 'id-' . ++$next_id : (1700000000000 + int rand 1e12) . sprintf('.%04d.n%d', int rand 9999, ++$next_id) }
sub server_id { return "server $transaction" }

# Whose a write is: the mutation's, that of the tx in the statement, that of the row if this transaction gave it that; or nobody's.
sub author
{
	my ($tx, $row) = @_;
	return $world{mutation} if defined $world{mutation};
	return $tx if defined $tx;
	return $row->{tx} if $row && defined $row->{tx} && $row->{written} == $transaction && !$world{ended};
	return undef;
}

sub create
{
	my ($id, $values, $tx) = @_;
	my $author = author($tx);
	my $id_of_it = $author // server_id();
	$world{rows}{$id} = { values => $values, tx => $author, written => $transaction, creator => $id_of_it, last => $id_of_it, version => 1 + ($world{tombs}{$id} // 0), fields => {} };
	return;
}

sub update
{
	my ($id, $values, $tx) = @_;
	my $row = $world{rows}{$id};
	my $author = author($tx, $row);
	$row->{last} = $author // server_id();
	my $is_carried_on = !defined $world{mutation} && !defined $tx;
	my $declared = defined $author ? ($is_carried_on ? $row->{declared} : $declared{$author}) : undef;
	$row->{declared} = $declared;
	$row->{fields}{$declared} = $row->{last} if defined $declared;
	for my $field (keys %$values) {
		$row->{fields}{$field} = $row->{last} if $row->{values}{$field} ne $values->{$field};
		$row->{values}{$field} = $values->{$field};
	}
	@$row{qw(tx written)} = ($author, $transaction);
	$row->{version}++;
	return;
}

sub remove
{
	my ($id) = @_;
	my $row = delete $world{rows}{$id};
	$world{tombs}{$id} = $row->{version} + 1;
	return;
}

sub change_key
{
	my ($id, $new, $tx) = @_;
	my $row = $world{rows}{$id};
	my $author = author($tx, $row);
	my $last = $author // server_id();
	remove($id);
	$world{rows}{$new} = { values => $row->{values}, tx => $author, written => $transaction, creator => $last, last => $last, version => 1 + ($world{tombs}{$new} // 0), fields => {} };
	return;
}

sub history
{
	my ($id) = @_;
	my $row = $world{rows}{$id} or return undef;
	my %known = map { my $version = $row->{fields}{$_} // $row->{creator}; defined $version ? ($_ => $version) : () } @fields;
	return { last => $row->{last}, rowVersion => $row->{version}, fields => \%known };
}

# ---- The program, and beside it what is expected

my (@program, @expected);

sub say_sql { push @program, "$_[0];"; return }

sub expect
{
	my ($id) = @_;
	push @program, "SELECT 'history ' || coalesce(txsync.field_versions('plain', '$id')::text, 'null');";
	push @expected, { id => $id, history => dclone({ h => history($id) }), after => $program[-2] };
	return;
}

sub tx_of
{
	my ($id) = @_;
	return undef if !defined $id;
	$declared{$id} = pick(@fields) if rand() < 0.5;
	return qq('{"transactionId": "$id", "sourceId": "model", "changedField": ) . (defined $declared{$id} ? qq("$declared{$id}") : 'null') . "}'";
}

sub random_values { return { map { $_ => pick(qw(0 1 2)) } grep { rand() < 0.5 } @fields } }
sub maybe_tx { return !defined $world{mutation} && rand() < 0.4 ? fresh_id() : undef }

sub assign
{
	my ($values, $tx) = @_;
	my @set = ('updated_at = now()', map { "$_ = '$values->{$_}'" } sort keys %$values);
	push @set, 'tx = ' . tx_of($tx) if defined $tx;
	return join ', ', @set;
}

my %steps = (
	create => sub {
		my ($id) = grep { !$world{rows}{$_} } map { 1 + int rand 12 } 1 .. 5;
		return if !defined $id;
		my ($tx, %values) = (maybe_tx(), map { $_ => pick(qw(0 1 2)) } @fields);
		say_sql("INSERT INTO plain (id, a, b, c, tx) VALUES ($id, '$values{a}', '$values{b}', '$values{c}', " . (tx_of($tx) // 'NULL') . ')');
		create($id, \%values, $tx);
		expect($id);
	},
	update => sub {
		my $id = pick(keys %{ $world{rows} }) // return;
		my ($tx, $values) = (maybe_tx(), random_values());
		say_sql('UPDATE plain SET ' . assign($values, $tx) . " WHERE id = $id");
		update($id, $values, $tx);
		expect($id);
	},
	update_all => sub {
		my ($tx, $values) = (maybe_tx(), random_values());
		say_sql('UPDATE plain SET ' . assign($values, $tx));
		update($_, $values, $tx) for keys %{ $world{rows} };
		expect($_) for sort keys %{ $world{rows} };
	},
	# As applications that save whole rows do it.
	save => sub {
		my $id = pick(keys %{ $world{rows} }) // return;
		my $values = random_values();
		my $set = join ', ', map { "$_ = '$values->{$_}'" } sort keys %$values;
		say_sql('UPDATE plain SET a = s.a, b = s.b, c = s.c, tx = s.tx, tx_versions = s.tx_versions' . ($set ? " FROM (SELECT id, tx, tx_versions, "
				. join(', ', map { defined $values->{$_} ? "'$values->{$_}'::text AS $_" : $_ } @fields) . " FROM plain) s" : ' FROM plain s') . " WHERE plain.id = s.id AND plain.id = $id");
		update($id, $values, undef);
		expect($id);
	},
	upsert => sub {
		my ($id, $tx, %values) = (1 + int rand 12, maybe_tx(), map { $_ => pick(qw(0 1 2)) } @fields);
		return if !defined $tx && !defined $world{mutation};
		say_sql("INSERT INTO plain (id, a, b, c, tx) VALUES ($id, '$values{a}', '$values{b}', '$values{c}', " . (tx_of($tx) // 'NULL')
				. ') ON CONFLICT (id) DO UPDATE SET a = excluded.a, b = excluded.b, c = excluded.c, tx = excluded.tx');
		$world{rows}{$id} ? update($id, \%values, $tx) : create($id, \%values, $tx);
		expect($id);
	},
	remove => sub {
		my $id = pick(keys %{ $world{rows} }) // return;
		say_sql("DELETE FROM plain WHERE id = $id");
		remove($id);
		expect($id);
	},
	key => sub {
		my $id = pick(keys %{ $world{rows} }) // return;
		my ($new) = grep { !$world{rows}{$_} } map { 1 + int rand 12 } 1 .. 5;
		return if !defined $new;
		my $tx = maybe_tx();
		say_sql('UPDATE plain SET ' . assign({}, $tx) . ", id = $new WHERE id = $id");
		change_key($id, $new, $tx);
		expect($_) for $id, $new;
	},
	mutation => sub {
		my $id = fresh_id();
		say_sql('SELECT txsync.begin_mutation(' . tx_of($id) . ')');
		@world{qw(mutation ended)} = ($id, 0);
	},
	end => sub {
		return if !defined $world{mutation};
		say_sql('SELECT txsync.end_mutation()');
		@world{qw(mutation ended)} = (undef, 1);
	},
	savepoint => sub {
		return if @savepoints > 3;
		push @savepoints, dclone(\%world);
		say_sql('SAVEPOINT s' . @savepoints);
	},
	back => sub {
		return if !@savepoints;
		my $depth = 1 + int rand @savepoints;
		say_sql("ROLLBACK TO s$depth");
		%world = %{ dclone($savepoints[ $depth - 1 ]) };
		splice @savepoints, $depth;
	},
	release => sub {
		return if !@savepoints;
		my $depth = 1 + int rand @savepoints;
		say_sql("RELEASE s$depth");
		splice @savepoints, $depth - 1;
	},
);
my @weights = qw(create create update update update update update_all save save upsert remove key mutation end savepoint back release);

while (@program < $statements) {
	$transaction++;
	@savepoints = ();
	$before = dclone(\%world);
	say_sql('BEGIN');
	$steps{ pick(@weights) }->() for 1 .. 1 + int rand 8;
	my $commits = rand() < 0.8;
	say_sql($commits ? 'COMMIT' : 'ROLLBACK');
	%world = %$before if !$commits;
	@world{qw(mutation ended)} = (undef, 0);
}
expect($_) for 1 .. 12;

# ---- Run, and compare

my ($status, $out, $err) = $node->psql('postgres', join("\n", 'SET txsync.empty_mutation = off;', @program), on_error_stop => 1);
is($err, '', 'the program runs');
my @told = $out =~ /^history (.*)$/mg;
is(scalar @told, scalar @expected, 'each check has its answer');

# The server's ids are known when they are met, and are never two transactions'.
my (%name, %meaning);
sub same_id
{
	my ($told, $expected) = @_;
	return !defined $told && !defined $expected if !defined $told || !defined $expected;
	return $told eq $expected if $expected !~ /^server /;
	$name{$expected} //= $told;
	$meaning{$told} //= $expected;
	return $name{$expected} eq $told && $meaning{$told} eq $expected;
}

sub same_history
{
	my ($told, $expected) = @_;
	return !defined $told && !defined $expected if !defined $told || !defined $expected;
	my @names = sort keys %{ $expected->{fields} };
	return $told->{rowVersion} == $expected->{rowVersion} && same_id($told->{last}, $expected->{last}) && "@names" eq join(' ', sort keys %{ $told->{fields} })
		&& !grep { !same_id($told->{fields}{$_}, $expected->{fields}{$_}) } @names;
}

my $wrong = 0;
for my $i (0 .. $#expected) {
	my ($expected, $told) = ($expected[$i]{history}{h}, JSON::PP->new->allow_nonref->decode($told[$i] // 'null'));
	next if same_history($told, $expected);
	diag("$expected[$i]{after}\nid $expected[$i]{id}: ", explain({ told => $told, expected => $expected })) if $wrong++ < 3;
}
is($wrong, 0, @expected . ' histories are as the model says');
is($node->safe_psql('postgres', 'SELECT id, a, b, c FROM plain ORDER BY id'),
	join("\n", map { my $row = $world{rows}{$_}; join '|', $_, map { $row->{values}{$_} } @fields } sort { $a <=> $b } keys %{ $world{rows} }), 'and so are the data');

done_testing();

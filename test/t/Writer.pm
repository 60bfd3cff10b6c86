package Writer;

# A session that writes at random: transactions of all kinds of changes to the tables of law.sql, one statement at a step, so that
# those of several writers are open at the same time. What a statement meets (a row that is not there, a lock) does not matter.

use strict;
use warnings FATAL => 'all';

use JSON::PP;
use WireClient;

my $json = JSON::PP->new->canonical;
my $ids = 12;
my $declared = 0;

# What names a row, how an id is spelled in it, and which column is the organization's.
my %tables = (
	plain => { key => ['id'], id => sub { $_[0] } },
	docs => { key => ['id'], id => sub { "'doc $_[0]'" }, org => 'organization_id' },
	parts => { key => ['id'], id => sub { $_[0] }, org => 'org_id' },
	pairs => { key => [ 'l', 'r' ], id => sub { ($_[0] % 3, "'" . ($_[0] % 2 ? qq(") : '\\') . $_[0] . "'") }, org => 'org_id' },
	masked => { key => ['id'], id => sub { sprintf "'00000000-0000-0000-0000-%012x'", $_[0] }, org => 'tenant_id' },
);
my @names = sort keys %tables;

sub pick { return $_[ int rand @_ ] }
sub org { return pick(qw('A' 'A' 'B' 'B' 'C' NULL)) }

# `number` tells writers apart where two of them must not make the same entity.
sub new
{
	my ($class, $node, $number) = @_;
	my $self = bless { node => $node, number => $number, steps => [] }, $class;
	$self->connect;
	return $self;
}

sub connect
{
	my ($self) = @_;
	$self->{session} = WireClient->new($self->{node}, user => 'keeper', options => '-c lock_timeout=30ms -c client_min_messages=error -c txsync.empty_mutation=off -c standard_conforming_strings=on');
	$self->{steps} = [];
	return;
}

# ---- Statements

sub value
{
	my ($table, $column) = @_;
	return pick(qw(0 1 2 3 NULL)) if $column eq 'n';
	return pick(q('{"x": 1}'), q('[]'), 'NULL') if $column eq 'b' && $table eq 'masked';
	return pick(q('one'), q('two'), q('"th\\ree"'), 'NULL', q(repeat('long ', 700)));
}

# An entity's row by its key; of those that two writers could make at once each makes its own.
sub place
{
	my ($table, $number) = @_;
	my @values = $tables{$table}{id}->($number);
	return join ' AND ', map { "$tables{$table}{key}[$_] = $values[$_]" } 0 .. $#values;
}

sub number
{
	my ($self, $table) = @_;
	my $number = 1 + int rand $ids;
	$number += ($number + $self->{number}) % 2 if $table eq 'parts';
	return $number;
}

sub create
{
	my ($self, $table) = @_;
	my $number = $self->number($table);
	my %row = map { $_ => value($table, $_) } qw(a b n);
	@row{ @{ $tables{$table}{key} } } = $tables{$table}{id}->($number);
	$row{ $tables{$table}{org} } = org() if $tables{$table}{org};
	$row{kind} = pick(qw('x' 'y')) if $table eq 'parts';
	$row{shared} = rand() < 0.05 ? 'true' : 'false' if $table eq 'docs';
	$row{secret} = "'secret'" if $table eq 'masked';
	my @columns = sort keys %row;
	my $or_else = rand() < 0.3 && $table ne 'parts' ? sprintf('(%s) DO UPDATE SET a = excluded.a, n = excluded.n', join ', ', @{ $tables{$table}{key} }) : 'DO NOTHING';
	return sprintf 'INSERT INTO %s (%s) SELECT %s WHERE NOT EXISTS (SELECT FROM parts WHERE %s) ON CONFLICT %s', $table, join(', ', @columns),
		join(', ', map { $row{$_} } @columns), $table eq 'parts' ? place($table, $number) : 'false', $or_else;
}

sub update
{
	my ($self, $table) = @_;
	my @columns = grep { rand() < 0.4 } qw(a b n);
	push @columns, 'updated_at' if $table eq 'plain' && rand() < 0.3;
	push @columns, 'secret' if $table eq 'masked' && rand() < 0.3;
	@columns = 'a' if !@columns;
	my %special = (updated_at => 'now()', secret => "md5(random()::text)");
	my $where = rand() < 0.1 ? 'n = ' . int rand 4 : place($table, $self->number($table));
	return "UPDATE $table SET " . join(', ', map { "$_ = " . ($special{$_} // value($table, $_)) } @columns) . " WHERE $where";
}

sub remove
{
	my ($self, $table) = @_;
	return "DELETE FROM $table WHERE " . (rand() < 0.1 ? 'n = ' . int rand 4 : place($table, $self->number($table)));
}

sub change_key
{
	my ($self, $table) = @_;
	my ($from, $to) = map { $self->number($table) } 1 .. 2;
	my @values = $tables{$table}{id}->($to);
	my $set = join ', ', map { "$tables{$table}{key}[$_] = $values[$_]" } 0 .. $#values;
	return "UPDATE $table SET $set WHERE " . place($table, $from) . " AND NOT EXISTS (SELECT FROM $table WHERE " . place($table, $to) . ')';
}

sub change_org
{
	my ($self) = @_;
	my $table = pick(grep { $tables{$_}{org} } @names);
	return "UPDATE $table SET $tables{$table}{org} = " . org() . (rand() < 0.3 ? ', n = ' . value($table, 'n') : '') . ' WHERE ' . place($table, $self->number($table));
}

# From one organization to the next.
sub wander
{
	my ($self) = @_;
	my $table = pick(grep { $tables{$_}{org} } @names);
	my $place = place($table, $self->number($table));
	return map { "UPDATE $table SET $tables{$table}{org} = " . org() . " WHERE $place" } 1 .. 2 + int rand 2;
}

sub change_partition
{
	my ($self) = @_;
	return 'UPDATE parts SET kind = ' . pick(qw('x' 'y')) . (rand() < 0.3 ? ', org_id = ' . org() : '') . ' WHERE ' . place('parts', $self->number('parts'));
}

sub share
{
	my ($self) = @_;
	return 'UPDATE docs SET shared = ' . pick(qw(true false)) . ' WHERE ' . place('docs', $self->number('docs'));
}

sub empty
{
	return 'TRUNCATE ' . (rand() < 0.2 ? 'plain, pairs' : pick(@names));
}

# One that changes a few entities several times.
sub rewrite
{
	my ($self, $table) = @_;
	my $place = place($table, $self->number($table));
	return map { "UPDATE $table SET n = $_ WHERE $place" } 1 .. 2 + int rand 3;
}

sub emit
{
	return sprintf q{WITH s AS (INSERT INTO said VALUES ('event %d') RETURNING key) SELECT txsync.emit('news', key, '{"a": 1}') FROM s}, ++$declared;
}

sub dml
{
	my ($self) = @_;
	return $self->emit if $self->{tells} && rand() < 0.04;
	my $table = pick(@names);
	my $kind = pick(qw(create create create create update update update update remove remove change_key change_org change_org wander wander change_partition rewrite), rand() < 0.1 ? 'share' : 'update');
	return $self->$kind($table);
}

# ---- Ops

sub id_text
{
	my ($table, $number) = @_;
	my @texts = map { /\A'(.*)'\z/ ? $1 : "$_" } $tables{$table}{id}->($number);
	return @texts > 1 ? $json->encode(\@texts) : $texts[0];
}

sub op
{
	my ($self) = @_;
	my $table = pick(@names);
	my %op = (transactionId => 'op ' . ++$declared, sourceId => 'writer', entityType => $table, entityId => id_text($table, $self->number($table)));
	my $action = $table eq 'parts' ? pick(qw(update delete)) : pick(qw(create update update update delete));
	my $value = pick('by an op', undef);
	return { %op, action => $action, data => { a => $value, $tables{$table}{org} ? ($tables{$table}{org} => pick(qw(A B C))) : () } } if $action eq 'create';
	return { %op, action => $action } if $action eq 'delete';
	return { %op, action => $action, changedField => 'n', operation => 'increment', value => 1 } if rand() < 0.3;
	return { %op, action => $action, changedField => 'a', value => $value };
}

sub apply_ops
{
	my ($self) = @_;
	my $ops = $json->encode([ map { $self->op } 1 .. 1 + int rand 4 ]);
	return "SELECT txsync.apply_ops(\$ops\$$ops\$ops\$)";
}

# ---- Rights

# Of what an organization has nothing may come or go meanwhile: those who lock nothing have to look again.
sub change_membership
{
	my ($self) = @_;
	my ($role, $org, $active) = (pick(qw(ann bob cyd guy)), pick(qw(A B)), pick(qw(true false)));
	my @tables = ([ 'docs', 'organization_id' ], [ 'masked', 'tenant_id' ]);
	return ('LOCK TABLE docs, masked IN SHARE ROW EXCLUSIVE MODE',
		"INSERT INTO member VALUES ('$role', '$org', $active) ON CONFLICT (role, org) DO UPDATE SET active = excluded.active",
		map { "SELECT txsync.reshare('$_->[0]', array_agg(id::text)) FROM $_->[0] WHERE $_->[1] = '$org' HAVING count(*) > 0" } @tables);
}

sub change_columns
{
	my ($self) = @_;
	my ($table, $column) = @{ pick([qw(plain b)], [qw(plain n)], [qw(parts a)], [qw(parts org_id)], [qw(masked n)], [qw(docs b)], [qw(docs organization_id)]) };
	return ("LOCK TABLE $table IN SHARE ROW EXCLUSIVE MODE", pick("GRANT SELECT ($column) ON $table TO guy", "REVOKE SELECT ($column) ON $table FROM guy"),
		"SELECT txsync.reshare('$table', array_agg(id::text)) FROM $table HAVING count(*) > 0");
}

# ---- Transactions

sub program
{
	my ($self) = @_;
	my $kind = rand;
	return ($self->empty) if $kind < 0.03;
	return $self->apply_ops if $kind < 0.15;
	return ('BEGIN', ($self->{tells} && $kind < 0.19 ? $self->change_membership : $self->change_columns), 'COMMIT') if $self->{tells} && $kind < 0.21;
	return $self->dml if $kind < 0.4;
	my @steps = ('BEGIN');
	push @steps, sprintf q{SELECT txsync.begin_mutation('{"transactionId": "declared %d", "sourceId": "writer"}')}, ++$declared if rand() < 0.3;
	foreach (1 .. 1 + int rand 8)
	{
		push @steps, $self->dml;
		push @steps, 'SAVEPOINT s' if rand() < 0.2;
		push @steps, pick('ROLLBACK TO s', 'RELEASE s') if rand() < 0.2 && grep { $_ eq 'SAVEPOINT s' } @steps;
		push @steps, $self->empty if rand() < 0.01;
	}
	return (@steps, pick(qw(COMMIT COMMIT COMMIT COMMIT ROLLBACK)));
}

# Goes one statement on. Returns whether a transaction has ended; undef if the server is gone.
sub step
{
	my ($self) = @_;
	$self->{steps} = [ $self->program ] if !@{ $self->{steps} };
	my $sql = shift @{ $self->{steps} };
	my $answer = $self->{session}->query($sql) // return;
	die "$answer->{error}: $answer->{message}\n$sql" if $answer->{error} && "$answer->{error} $answer->{message}" !~ /\A(?:55P03|40P01|40001|3B001|57\w\w\w|XX000 tuple concurrently) /;
	if ($answer->{error})
	{
		# Most often what was done before is not lost.
		$self->{steps} = [ $answer->{status} eq 'I' ? () : 'ROLLBACK' ];
		push @{ $self->{ran} }, "-- $answer->{error}: $answer->{message}";
	}
	push @{ $self->{ran} }, $sql;
	return !@{ $self->{steps} };
}

# To the end of what is open.
sub finish
{
	my ($self) = @_;
	while (@{ $self->{steps} })
	{
		return 0 if !defined $self->step;
	}
	return 1;
}

1;

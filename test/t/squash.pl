# What squash_ops() leaves of a queue does what the queue would: random queues of a client that has seen the table, applied as they are, squashed,
# and squashed in pieces, each to the same rows. TXSYNC_SEED repeats a run, TXSYNC_QUEUES makes it longer.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use TxsyncClient;

my $seed = srand($ENV{TXSYNC_SEED} // 42);
my $queues = $ENV{TXSYNC_QUEUES} // 400;
note "TXSYNC_SEED=$seed TXSYNC_QUEUES=$queues";

start_node('squash', 'logical');

# applied() undoes what it does: the next one finds the same rows.
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION txsync;
CREATE TABLE items (id text PRIMARY KEY, title text, rank int, list text[], meta jsonb, parent text REFERENCES items);
SELECT txsync.track('items');
INSERT INTO items (id, title, rank, list, meta, tx)
	SELECT id, 'first', 1, '{a,b}', '["a"]', jsonb_build_object('transactionId', 'init-' || id, 'sourceId', 's') FROM unnest('{e1,e2,e3}'::text[]) id;
CREATE TABLE queue (n int PRIMARY KEY, ops jsonb);
CREATE FUNCTION applied(ops jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	results jsonb;
	data jsonb;
BEGIN
	results := txsync.apply_ops(ops);
	SELECT jsonb_agg(to_jsonb(i) - 'tx' - 'tx_versions' ORDER BY id) INTO data FROM items i;
	RAISE SQLSTATE 'UNDO1';
EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
	RETURN jsonb_build_object('data', data, 'failed', (SELECT jsonb_agg(r - 'entity' - 'versions' - 'inverse') FROM jsonb_array_elements(results) r WHERE r ->> 'status' <> 'applied'));
END $$;
-- A part of a queue that was squashed, and what came behind it.
CREATE FUNCTION in_pieces(ops jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT txsync.squash_ops(txsync.squash_ops(coalesce(jsonb_agg(op ORDER BY n) FILTER (WHERE n <= jsonb_array_length(ops) / 2), '[]'))
		|| coalesce(jsonb_agg(op ORDER BY n) FILTER (WHERE n > jsonb_array_length(ops) / 2), '[]'))
	FROM jsonb_array_elements(ops) WITH ORDINALITY x(op, n)
$$;
SQL

sub pick { return $_[ int rand @_ ] }

# ---- What the client has seen, with its own ops: for each entity the version of each field, its last id, and which entity it refers to

my %seen;

sub seen_at_first
{
	%seen = map { $_ => { created => "init-$_", last => "init-$_", fields => {}, version => 1 } } qw(e1 e2 e3);
	return;
}

sub referred { my ($id) = @_; return grep { $_ ne $id && ($seen{$_}{parent} // '') eq $id } keys %seen }

# A value for the field, and the operation. What may leave the field as it is may leave its version, too: that is not known then.
my $values = 0;

sub change
{
	my ($id, $field) = @_;
	my $value = ++$values;
	my %item = (item => pick(qw(a b c d)));
	%item = (%item, place => pick(qw(prepend append before after)), anchor => pick(qw(a b c))) if rand() < 0.5;
	return (sure => 1, value => "title $value") if $field eq 'title';
	if ($field eq 'parent')
	{
		my $parent = pick(undef, keys %seen);
		$seen{$id}{parent} = $parent;
		return (value => $parent);
	}
	return (operation => pick(qw(listInsert listInsert listRemove)), value => \%item) if rand() < 0.7 && ($field eq 'list' || $field eq 'meta');
	return (sure => 1, value => [ "item $value", map { pick(qw(a b c)) } 1 .. int rand 3 ]) if $field ne 'rank';
	return (sure => 1, rand() < 0.6 ? (operation => 'increment', value => pick(1, 2, -3)) : (value => 1000 * $value));
}

sub op
{
	my ($transaction) = @_;
	my $id = pick(map { "e$_" } 1 .. 6);
	my %op = (transactionId => $transaction, sourceId => 's', entityType => 'items', entityId => $id);
	my $entity = $seen{$id};
	if (!$entity)
	{
		my %data = (title => pick('new', undef), rank => int rand 5, list => ['n']);
		my $parent = pick(undef, keys %seen);
		$data{parent} = $parent if defined $parent;
		$seen{$id} = { created => $transaction, last => $transaction, fields => {}, parent => $parent };
		return { %op, action => 'create', data => \%data };
	}
	if (rand() < 0.12 && !referred($id))
	{
		delete $seen{$id};
		$op{expectedTransactionId} = $entity->{last} if $entity->{last} && rand() < 0.5;
		return { %op, action => 'delete' };
	}
	my $field = pick(qw(title title rank rank list meta parent));
	my $version = exists $entity->{fields}{$field} ? $entity->{fields}{$field} : pick($entity->{created}, 'null');
	$op{expectedTransactionId} = $version eq 'null' ? undef : $version if $version && rand() < 0.4;
	$op{expectedVersion} = $entity->{version} if $entity->{version} && rand() < 0.01;
	%op = (%op, action => 'update', changedField => $field, change($id, $field));
	my $sure = delete $op{sure};
	$entity->{fields}{$field} = $entity->{last} = $sure ? $transaction : '';
	$entity->{version} = $sure && $entity->{version} ? $entity->{version} + 1 : 0;
	return \%op;
}

sub queue
{
	my ($n) = @_;
	seen_at_first();
	my @ops;
	my $length = 2 + int rand 40;
	for my $i (1 .. $length)
	{
		push @ops, op("q$n-$i");
	}
	return \@ops;
}

my $json = JSON::PP->new->canonical;
my $file = PostgreSQL::Test::Utils::tempdir() . '/queues';
PostgreSQL::Test::Utils::append_to_file($file, join('', map { "$_\t" . $json->encode(queue($_)) . "\n" } 1 .. $queues));
$node->safe_psql('postgres', "\\copy queue FROM '$file'");

is($node->safe_psql('postgres', q{SELECT n, ops, failed FROM queue, LATERAL (SELECT applied(ops) -> 'failed' AS failed) a WHERE failed <> 'null' ORDER BY jsonb_array_length(ops), n LIMIT 1}),
	'', 'every op of a queue is applied');

for my $how ('txsync.squash_ops', 'in_pieces')
{
	# Who counts writes of a row does not see them squashed before.
	my $counts = $how eq 'in_pieces' ? 'true' : 'false';
	is( $node->safe_psql('postgres', qq{
		SELECT n, ops, squashed, one, other FROM queue, LATERAL (SELECT $how(ops) AS squashed) s, LATERAL (SELECT applied(ops) AS one, applied(squashed) AS other) a
		WHERE one IS DISTINCT FROM other AND NOT ($counts AND ops \@? '\$[*].expectedVersion') ORDER BY jsonb_array_length(ops), n LIMIT 1}),
		'', "$how leaves what the queue would");
	cmp_ok($node->safe_psql('postgres', "SELECT 100 * sum(jsonb_array_length($how(ops))) / sum(jsonb_array_length(ops)) FROM queue"), '<', 90, 'and is shorter');
}

# A queue that squashing takes long over: whether each entity can go at all is looked for in all that is between its creation and its deletion.
$node->safe_psql('postgres', <<'SQL');
INSERT INTO queue SELECT 0, jsonb_agg(jsonb_build_object('transactionId', 't' || i, 'sourceId', 's', 'entityType', 'items', 'entityId', 'f' || i % 30000,
	'action', CASE WHEN i < 30000 THEN 'create' ELSE 'delete' END, 'data', '{}'::jsonb) ORDER BY i) FROM generate_series(0, 59999) i;
SQL
my ($status, undef, $error) = $node->psql('postgres', <<'SQL');
\set VERBOSITY sqlstate
SET statement_timeout = '500ms';
SELECT jsonb_array_length(txsync.squash_ops(ops)) FROM queue WHERE n = 0;
SQL
like($error, qr/57014/, 'squashing can be cancelled');

$node->stop;
done_testing();

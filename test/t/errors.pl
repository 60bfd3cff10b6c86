# docs/errors.md against src/api/errors.h, and against what a server says: each error, its SQLSTATE and the members of its DETAIL.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use TxsyncClient;

# ---- The page and the code

my %documented;
foreach my $row (slurp_file("$ENV{TXSYNC_SOURCE}/docs/errors.md") =~ /^\| (TX.*) \|$/mg)
{
	my ($sqlstate, $code, $status, $members) = split /\s*\|\s*/, $row;
	ok(!exists $documented{$sqlstate}, "$sqlstate stands there once");
	my %optional = map { $_ => 1 } $members =~ /\(`(\w+)`\)/g;
	my @required = grep { !$optional{$_} } $members =~ /`(\w+)`/g;
	$documented{$sqlstate} = { code => $code =~ s/`//gr, status => $status, required => \@required, optional => \%optional };
}

my %coded;
my $header = slurp_file("$ENV{TXSYNC_SOURCE}/src/api/errors.h");
while ($header =~ /ErrorKind k(\w+)\{MAKE_SQLSTATE\(([^)]*)\), "(\w+)", (\d+)\}/g)
{
	my ($name, $characters, $code, $status) = ($1, $2, $3, $4);
	my $sqlstate = join '', $characters =~ /'(.)'/g;
	ok(!exists $coded{$sqlstate}, "$sqlstate is one error's");
	$coded{$sqlstate} = "$code $status";
	is(uc($name =~ s/(?<=.)(?=[A-Z])/_/gr), $code, "$code is named after its code");
}
cmp_ok(scalar keys %coded, '>=', 13, 'the code has errors');
my %told = map { $_ => "$documented{$_}{code} $documented{$_}{status}" } keys %documented;
is_deeply(\%told, \%coded, 'the page has the errors of the code: SQLSTATE, code, httpStatus');

# ---- What a server says

start_node('errors', 'logical');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'txsync'");
$node->restart;
$node->safe_psql('postgres', <<'SQL');
SET client_min_messages = warning;
CREATE EXTENSION txsync;
CREATE TABLE pages (id text PRIMARY KEY, name text, body text, n int, secret text, updated_at timestamptz);
SELECT txsync.track('pages', strategies => '{"body": "lww"}', hidden => '{secret}');
INSERT INTO pages (id, name, tx) VALUES ('a', 'a', '{"transactionId": "a1", "sourceId": "t"}'), ('gone', 'g', '{"transactionId": "g1", "sourceId": "t"}');
UPDATE pages SET name = 'b', tx = '{"transactionId": "a2", "sourceId": "t", "changedField": "name"}' WHERE id = 'a';
DELETE FROM pages WHERE id = 'gone';
CREATE TABLE pairs (a int, b int, PRIMARY KEY (a, b));
SELECT txsync.track('pairs');
INSERT INTO txsync.mutation_floor VALUES (CURRENT_DATE);
SQL
poll_ok(q{SELECT state = 'streaming' FROM txsync.capture}, 'streaming');
is($node->safe_psql('postgres', q{SELECT txsync.wait_captured(pg_current_wal_insert_lsn())}), 't', 'captured');

my %met; # by SQLSTATE: the optional members that it came with

# A DETAIL has what the page says, and nothing else.
sub detail_holds
{
	my ($sqlstate, $detail, $name) = @_;
	my $page = $documented{$sqlstate};
	my %members = %$detail;
	is(delete $members{code}, $page->{code}, "$name: code");
	is(delete $members{httpStatus}, $page->{status}, "$name: httpStatus");
	$met{$sqlstate}{$_} = 1 for '', grep { exists $members{$_} } keys %{ $page->{optional} };
	delete @members{ keys %{ $page->{optional} } };
	is_deeply([ sort keys %members ], [ sort @{ $page->{required} } ], "$name: members");
	return;
}

# The last statement fails; returns the DETAIL.
sub fails
{
	my ($sqlstate, $name, $sql) = @_;
	my (undef, $out, $err) = $node->psql('postgres', $sql, on_error_stop => 1, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	my ($got) = $err =~ /ERROR:  (\w{5}): /;
	is($got, $sqlstate, "$name: $sqlstate") or diag("$out$err");
	my ($json) = $err =~ /^DETAIL:  (.*)$/m;
	my $detail = eval { decode_json($json // '') };
	ok(defined $detail, "$name: its DETAIL is JSON") or return {};
	like($err, qr/^HINT:  \w.*[.?}]$/m, "$name: a HINT");
	detail_holds($sqlstate, $detail, $name);
	return $detail;
}

sub tx
{
	my ($id, $more) = @_;
	return q('{"transactionId": ") . $id . q(", "sourceId": "t") . (defined $more ? ", $more" : '') . q(}');
}

sub begin { return 'BEGIN; SELECT txsync.begin_mutation(' . join(', ', @_) . '); ' }

# An op with an id of its own, as a JSON text.
my $ops = 0;

sub op
{
	my %members = (transactionId => 'o' . ++$ops, sourceId => 't', entityType => 'pages', entityId => 'a', action => 'update', changedField => 'name', value => 'x', @_);
	delete @members{ grep { !defined $members{$_} } keys %members };
	return JSON::PP->new->canonical->encode(\%members);
}

sub mutate { return q{SELECT txsync.mutate('} . op(@_) . q{')} }

my $a = q('pages', 'a');
my $conflict = fails('TX001', 'a version that is not expected', begin(tx('c1', '"changedField": "name", "expectedTransactionId": "a1"'), $a));
is_deeply([ @$conflict{qw(field expectedTransactionId serverTransactionId)} ], [ 'name', 'a1', 'a2' ], 'who is who');
fails('TX001', 'no one field', begin(tx('c1', '"expectedTransactionId": null'), $a));
fails('TX001', 'an op', mutate(expectedTransactionId => 'a1'));
fails('TX001', 'an op on what was deleted', mutate(entityId => 'gone'));
fails('TX002', 'a row version', mutate(expectedVersion => 1));
fails('TX003', 'plain SQL', 'UPDATE pages SET tx = ' . tx('a1'));
fails('TX003', 'a write behind a duplicate', begin(tx('a1')) . q{UPDATE pages SET name = 'x'});
fails('TX004', 'another request', begin(tx('a1', '"changedField": "name"')));
fails('TX004', 'another op', mutate(transactionId => 'a1'));
fails('TX005', 'another tx', begin(tx('m1')) . 'UPDATE pages SET tx = ' . tx('m2'));
is(fails('TX005', 'a malformed one', begin(tx('m1')) . q{UPDATE pages SET tx = '1'})->{transactionId}, undef, 'which has no id');
is(fails('TX006', 'no object', begin(q{'[]'}))->{member}, undef, 'no one member');
is(fails('TX006', 'a member', begin(q{'{"transactionId": "x"}'}))->{member}, 'sourceId', 'which one');
is(fails('TX006', 'a field', begin(tx('x', '"changedField": "x"'), q{'pages'}))->{member}, 'changedField', 'which one');
is(fails('TX006', 'a member of an op', mutate(sourceId => undef))->{member}, 'sourceId', 'which one');
fails('TX007', 'a text', q{SELECT 'x'::txsync.hlc});
fails('TX007', 'a node', q{SELECT txsync.create_transaction_id('')});
fails('TX007', 'an op on a field where the last write wins', mutate(changedField => 'body'));
fails('TX008', 'an id of 1970', begin(tx('1000.0000.t')));
fails('TX008', 'in plain SQL', 'UPDATE pages SET tx = ' . tx('1000.0000.t'));
fails('TX009', 'a client that is behind', 'SET txsync.stream_behind_limit = 0; ' . mutate(streamOffset => 0));
fails('TX010', 'a far future', q{SELECT txsync.hlc_observe('99999999999999.0000.t')});
fails('TX011', 'no such type', q{SELECT txsync.field_versions('x', 'a')});
fails('TX011', 'of an op', mutate(entityType => 'x'));
fails('TX012', 'no such field', q{SELECT txsync.check_field_conflict('pages', 'a', 'x', NULL)});
fails('TX012', 'a field without versions', q{SELECT txsync.check_field_conflict('pages', 'a', 'updated_at', NULL)});
fails('TX012', 'of an op', mutate(changedField => 'x'));
fails('TX013', 'no row', 'SET txsync.empty_mutation = error; ' . begin(tx('e1')) . 'COMMIT');
is(fails('TX014', 'no action', mutate(action => undef))->{member}, 'action', 'which member');
fails('TX015', 'an id', mutate(changedField => 'id'));
fails('TX015', 'a hidden field', mutate(changedField => 'secret'));
fails('TX016', 'no such entity', mutate(entityId => 'x'));
fails('TX018', 'no array', q{SELECT txsync.field_versions('pairs', '1')});
fails('TX018', 'of an op', mutate(entityType => 'pairs', entityId => '[1, 2]', action => 'delete', changedField => undef, value => undef));


# Cursors, of a changelog that is what a row of capture_state says.
sub fetch { return 'SELECT txsync.fetch_changes(' . join(', ', @_) . ')' }
my $cursor = $node->safe_psql('postgres', q{SELECT txsync.fetch_changes('now', entity_types => '{pages}') ->> 'cursor'});
my $last = $node->safe_psql('postgres', 'SELECT last_id FROM txsync.capture');
my $next = $node->safe_psql('postgres', q{INSERT INTO pairs VALUES (1, 1), (2, 2); SELECT txsync.snapshot('pairs', max => 1) ->> 'next'});
fails('TX019', 'no cursor', fetch(q{'x'}));
fails('TX019', 'half a cursor', fetch(q{left('} . $cursor . q{', 30)}));
fails('TX019', 'a page of another type', qq{SELECT txsync.snapshot('pages', '$next')});
my $ahead = fails('TX021', 'a far activity', fetch(q{'} . ($last + 1000) . q{'}));
is($ahead->{activityId}, $last + 1000, 'which one');
is(fails('TX023', 'more types', fetch("'$cursor'", q{entity_types => '{pages,pairs}'}))->{argument}, 'entity_types', 'which argument');
is(fails('TX023', 'organizations', fetch(q{(SELECT txsync.fetch_changes(organizations => '{o}') ->> 'cursor')}))->{argument}, 'organizations', 'which argument');
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', q{SET client_min_messages = warning; CREATE EXTENSION txsync; CREATE TABLE pages (id int PRIMARY KEY); SELECT txsync.track('pages')});
my (undef, undef, $foreign) = $node->psql('other', fetch("'$cursor'"), extra_params => [ '-v', 'VERBOSITY=verbose' ]);
like($foreign, qr/ERROR:  TX020: .*^HINT:  Read what there is with txsync\.snapshot\(\)/ms, 'a cursor of another database');
detail_holds('TX020', decode_json($foreign =~ /^DETAIL:  (.*)$/m), 'a cursor of another database');
# The floor is to be above the page's cursor, however fast capture was.
$node->safe_psql('postgres', 'INSERT INTO pairs VALUES (3, 3); SELECT txsync.wait_captured(pg_current_wal_insert_lsn())');
$node->safe_psql('postgres', 'SELECT txsync.pause()');
poll_ok(q{SELECT pid IS NULL FROM txsync.capture}, 'paused');
$node->safe_psql('postgres', 'UPDATE txsync.capture_state SET floor = last_id');
fails('TX022', 'below the floor', fetch(q{'start'}));
fails('TX022', 'a page of a snapshot whose cursor has expired', qq{SELECT txsync.snapshot('pairs', '$next')});
$node->safe_psql('postgres', 'UPDATE txsync.capture_state SET floor = 0; SELECT txsync.resume()');

# By default an empty mutation is a WARNING, without a DETAIL.
my (undef, undef, $warning) = $node->psql('postgres', begin(tx('e2')) . 'COMMIT', extra_params => [ '-v', 'VERBOSITY=verbose' ]);
like($warning, qr/^(?:psql:\S+ )?WARNING:  TX013: /m, 'a WARNING');
unlike($warning, qr/^DETAIL/m, 'without a DETAIL');

# ---- In results of apply_ops() the members stand beside the others

sub results
{
	my $array = join ', ', @_;
	return decode_json($node->safe_psql('postgres', "SET txsync.stream_behind_limit = 0; SELECT txsync.apply_ops('[$array]')"));
}

# Each of class TX has what the page says, but for httpStatus and the op's own transactionId.
my %status_of = (TX001 => 'conflict', TX002 => 'conflict', TX009 => 'deferred');
my @results = @{ results(
		op(expectedTransactionId => 'a1'), op(expectedVersion => 1), op(transactionId => 'a1'), op(sourceId => undef), op(changedField => 'body'), op(transactionId => '1000.0000.t'),
		op(entityType => 'x'), op(changedField => 'x'), op(action => undef), op(changedField => 'id'), op(entityId => 'x'),
		op(transactionId => 'g', changedField => 'n', value => 1), op(transactionId => 'g', changedField => 'n', value => 'many'), op(streamOffset => 0)) };
my @expected = qw(TX001 TX002 TX004 TX006 TX007 TX008 TX011 TX012 TX014 TX015 TX016 TX017 22P02 TX009);
is_deeply([ map { $_->{sqlstate} } @results ], \@expected, 'results have the SQLSTATEs');
foreach my $result (grep { $_->{sqlstate} =~ /^TX/ } @results)
{
	my ($sqlstate, $page) = ($result->{sqlstate}, $documented{ $result->{sqlstate} });
	my %members = %$result;
	is($members{status}, $status_of{$sqlstate} // 'rejected', "$sqlstate in a result: status");
	is($members{code}, $page->{code}, "$sqlstate in a result: code");
	delete @members{ qw(status sqlstate message code transactionId), keys %{ $page->{optional} } };
	delete $members{entity} if $result->{status} eq 'conflict';
	is_deeply([ sort keys %members ], [ grep { $_ ne 'transactionId' } sort @{ $page->{required} } ], "$sqlstate in a result: members");
	$met{$sqlstate}{''} = 1;
}
is($results[11]{cause}, '22P02', 'what the rejection of a mutation was for');

is_deeply([ sort keys %met ], [ sort keys %documented ], 'each of the errors has been met');
foreach my $sqlstate (sort keys %documented)
{
	is_deeply([ grep { !$met{$sqlstate}{$_} } keys %{ $documented{$sqlstate}{optional} } ], [], "$sqlstate: its optional members, too");
}

$node->stop;
done_testing();

# Shows a tracked table as the target of native logical replication: the subscriber's own stream tells each change as the publisher's
# does, with its tx and organization, and with its origin.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tables = <<'SQL';
CREATE EXTENSION txsync;
CREATE TABLE pages (id int PRIMARY KEY, org_id int, name text, body text);
ALTER TABLE pages ALTER body SET STORAGE external;
CREATE TABLE full_pages (id int PRIMARY KEY, org_id int, name text, body text);
ALTER TABLE full_pages REPLICA IDENTITY FULL;
CREATE TABLE tasks (id int, state text, PRIMARY KEY (id, state)) PARTITION BY LIST (state);
CREATE TABLE tasks_open PARTITION OF tasks FOR VALUES IN ('open');
CREATE TABLE tasks_done PARTITION OF tasks FOR VALUES IN ('done');
SELECT txsync.track('pages'), txsync.track('full_pages'), txsync.track('tasks', id_column => 'id');
SELECT pg_create_logical_replication_slot('stream', 'txsync');
CREATE FUNCTION tx(id text, field text DEFAULT NULL) RETURNS jsonb LANGUAGE sql IMMUTABLE
	RETURN jsonb_build_object('transactionId', id, 'sourceId', 'tab-1', 'changedField', field);
SQL

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
foreach my $node ($publisher, $subscriber)
{
	$node->init(allows_streaming => 'logical');
	$node->start;
	$node->safe_psql('postgres', $tables);
}

# The stream of a node: what differs between the two is taken out of the lines, the origins are counted by name.
sub stream_of
{
	my ($node) = @_;
	my $lines = $node->safe_psql('postgres', q{SELECT data FROM pg_logical_slot_get_changes('stream', NULL, NULL)});
	my %origins;
	foreach my $line (split /\n/, $lines)
	{
		$origins{ $line =~ /"origin":"([^"]*)"/ ? $1 : 'local' }++;
	}
	$lines =~ s/"position":"[^"]*",|,"origin":"[^"]*"//g;
	# The WAL of a delete that declares nothing has no id for the subscriber: its own trigger gives one.
	$lines =~ s/("action":"delete",.*?"tx":null,"version":)"\d{13}\.\d{4,}\.[0-9a-z-]+"/$1"own"/g;
	return ($lines, \%origins);
}

# Writes on the publisher, and compares the two streams; returns the one that both tell.
sub replicated
{
	my ($what, $origin, $writes) = @_;
	$publisher->safe_psql('postgres', $writes);
	$publisher->wait_for_catchup('sub');
	my ($sent) = stream_of($publisher);
	my ($received, $origins) = stream_of($subscriber);
	is($received, $sent, "$what: the subscriber's stream tells what the publisher's does, at the same committedAt");
	is_deeply([ keys %$origins ], [$origin], "$what: with its origin");
	return $received;
}

# The initial copy
$publisher->safe_psql('postgres', q{INSERT INTO pages VALUES (1, 7, 'copied', NULL, tx('1000.0000.a')), (2, 8, 'copied', repeat('x', 10000), NULL)});
my ($sent) = stream_of($publisher);
$publisher->safe_psql('postgres', 'CREATE PUBLICATION pub FOR ALL TABLES');
my $publisher_at = $publisher->connstr . ' dbname=postgres';
# What is applied must be flushed before it is confirmed: the slot's functions read no further.
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION sub CONNECTION '$publisher_at' PUBLICATION pub WITH (synchronous_commit = on)");
$subscriber->wait_for_subscription_sync($publisher, 'sub');
my $origin = 'pg_' . $subscriber->safe_psql('postgres', 'SELECT oid FROM pg_subscription');
my ($received, $origins) = stream_of($subscriber);
is($received =~ s/"committedAt":"[^"]*"//gr, $sent =~ s/"committedAt":"[^"]*"//gr, 'the initial copy: creates with their tx');
# The copy has an origin of its own, which is gone when it has ended.
is(scalar(grep { !/^(unknown|pg_\d+_\d+)$/ } keys %$origins), 0, 'the initial copy: not local') or diag explain $origins;

# Changes
my $told = replicated('inserts', $origin, q{INSERT INTO pages VALUES (3, 7, 'plain', NULL, NULL), (4, NULL, 'declared', NULL, tx('1000.0001.a'))});
like($told, qr/"entityId":"4".*"version":"1000\.0001\.a"/, 'an insert tells its tx');

$told = replicated('updates', $origin, <<'SQL');
UPDATE pages SET name = 'undeclared' WHERE id = 1;
UPDATE pages SET name = 'declared', tx = tx('1000.0002.a', 'name') WHERE id = 1;
UPDATE pages SET name = 'the old tx again', tx = tx('1000.0002.a', 'name') WHERE id = 1;
BEGIN;
UPDATE pages SET name = 'a', tx = tx('1000.0003.a', 'name') WHERE id = 1;
UPDATE pages SET org_id = 9, tx = tx('1000.0003.a', 'org_id') WHERE id = 1;
COMMIT;
UPDATE pages SET name = 'unchanged' WHERE id = 2;
SQL
is(join(' ', map { s/.*"version":(?:"\d{13}\.\d{4,}\.[0-9a-z-]+"|"1000\.(\d+)\.a").*/$1 \/\/ '-'/er } split /\n/, $told), '- 0002 - 0003 0003 -', 'updates tell their tx, and no other');
like($told, qr/"organizationId":"9".*"old":\{"org_id":7\}/, 'an update tells the old organization');
like($told, qr/"entityId":"2".*"unchangedKeys":\["body"\]/, 'an update tells what is not in the WAL');
is($subscriber->safe_psql('postgres', 'SELECT * FROM pages ORDER BY id'), $publisher->safe_psql('postgres', 'SELECT * FROM pages ORDER BY id'),
	'the rows have the same tx');

$told = replicated('deletes', $origin, <<'SQL');
DELETE FROM pages WHERE id = 2;
BEGIN;
UPDATE pages SET tx = tx('1000.0004.a', 'name') WHERE id = 1;
DELETE FROM pages WHERE id = 1;
COMMIT;
SQL
like($told, qr/"entityId":"2","organizationId":"8","action":"delete"/, 'a delete tells its organization');
like($told, qr/"organizationId":"9","action":"delete".*"version":"1000\.0004\.a"/, 'a delete tells its tx');

$told = replicated('a change of key', $origin, q{UPDATE pages SET id = 5, org_id = 10, tx = tx('1000.0005.a', 'id') WHERE id = 3});
like($told, qr/"organizationId":"7","action":"delete".*\n.*"organizationId":"10","action":"create".*"oldKey":\{"id":3\}/, 'a change of key tells both');

$told = replicated('replica identity full', $origin, <<'SQL');
INSERT INTO full_pages VALUES (1, 7, 'one', repeat('y', 10000));
UPDATE full_pages SET name = 'two', tx = tx('1000.0006.a', 'name');
UPDATE full_pages SET org_id = 8;
DELETE FROM full_pages;
SQL
like($told, qr/"changedKeys":\["org_id"\],"tx":null/, 'an update tells what it changed');

# A move between partitions is replicated as a delete and an insert, and nothing in the WAL says more.
$publisher->safe_psql('postgres', q{INSERT INTO tasks VALUES (1, 'open'); UPDATE tasks SET state = 'done', tx = tx('1000.0007.a', 'state')});
$publisher->wait_for_catchup('sub');
my ($moved) = stream_of($subscriber);
is(join(' ', $moved =~ /"action":"(\w+)"/g), 'create delete create', 'a move between partitions: a delete and a create');
stream_of($publisher);

# What the subscriber writes itself
$subscriber->safe_psql('postgres', q{INSERT INTO pages VALUES (100, 7, 'own', NULL, tx('1000.0008.b')); UPDATE pages SET name = 'own too', tx = tx('1000.0008.b')  WHERE id = 100});
my ($own, $own_origins) = stream_of($subscriber);
is_deeply($own_origins, { local => 2 }, 'own writes have no origin');
like($own, qr/"name":"own too"/, 'own writes are told');
unlike($own, qr/"action":"update".*"version":"1000\.0008\.b"/, 'and the trigger is over them');

$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION sub');
$_->stop foreach $subscriber, $publisher;
done_testing();

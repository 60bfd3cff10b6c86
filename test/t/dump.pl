# Shows that tracking is part of the tables: it survives pg_dump in every form, CREATE DATABASE … TEMPLATE and DROP DATABASE.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init(allows_streaming => 'logical');
$node->start;
my $dir = PostgreSQL::Test::Utils::tempdir;

# What must come back: the tracking, the triggers' firing mode and dependency, the rows with their tx.
my $tracking = q{SELECT * FROM txsync.entities ORDER BY entity_type};
my $triggers = q{
	SELECT g.tgrelid::regclass, g.tgenabled, e.extname FROM pg_trigger g
	LEFT JOIN pg_depend d ON d.classid = 'pg_trigger'::regclass AND d.objid = g.oid AND d.deptype = 'x' LEFT JOIN pg_extension e ON e.oid = d.refobjid
	WHERE g.tgname = 'zz_txsync' ORDER BY g.tgrelid::regclass::text};
my $rows = q{SELECT id, name, tx, tx_versions FROM pages ORDER BY id; SELECT * FROM "S p"."it's ""\ 頁" ORDER BY 1; SELECT * FROM tasks ORDER BY id};

sub state_of
{
	my ($db, @queries) = @_;
	return $node->safe_psql($db, join ';', @queries);
}

# Runs a command of PostgreSQL against a database of the node; a failure ends the test.
sub run_on
{
	my ($db, @command) = @_;
	$node->run_log([ @command, '-d', $node->connstr($db) ]) or die "failed: @command";
}

# pg_dump with these options | psql
sub copy_into
{
	my ($db, @options) = @_;
	run_on('source', 'pg_dump', @options, '-f', "$dir/dump.sql");
	run_on($db, 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-o', "$dir/log", '-f', "$dir/dump.sql");
}

# What a slot of the database tells of some writes.
sub told_by
{
	my ($db, $writes) = @_;
	$node->safe_psql($db, "SELECT pg_create_logical_replication_slot('s_$db', 'txsync')");
	$writes->();
	my $told = $node->safe_psql($db, qq{
		SELECT concat_ws(' ', d ->> 'action', d ->> 'entityType', d ->> 'entityId', d -> 'tx' ->> 'transactionId')
		FROM pg_logical_slot_get_changes('s_$db', NULL, NULL) WITH ORDINALITY s(lsn, xid, line, n), LATERAL (SELECT line::jsonb AS d) j ORDER BY n});
	$node->safe_psql($db, "SELECT pg_drop_replication_slot('s_$db')");
	return $told;
}

sub check_copy
{
	my ($db, $how) = @_;
	is(state_of($db, $tracking), state_of('source', $tracking), "$how: the tables are tracked as before");
	is(state_of($db, $triggers), state_of('source', $triggers), "$how: the triggers are always on and go with the extension");
	is(state_of($db, $rows), state_of('source', $rows), "$how: the rows keep their tx");
	my $told = told_by($db, sub { $node->safe_psql($db, <<'SQL') });
UPDATE pages SET name = 'three' WHERE id = 1;
DELETE FROM "S p"."it's ""\ 頁";
UPDATE tasks SET state = 'done' WHERE id = 1;
SQL
	is($told, qq{update pages 1\ndelete it's "\\ 頁 ["a'","1"]\nupdate o'tasks\\ 1}, "$how: changes flow");
	is(state_of($db, 'SELECT tx FROM pages WHERE id = 1'), '', "$how: the trigger is at work");
}

$node->safe_psql('postgres', "CREATE DATABASE $_ TEMPLATE template0") foreach qw(source plain custom1 custom2 part data);
$node->safe_psql('source', <<'SQL');
CREATE EXTENSION txsync;
CREATE ROLE app;
CREATE TABLE pages (id int PRIMARY KEY, org_id int, gone int, name text, secret text, seen_at date);
ALTER TABLE pages DROP gone, OWNER TO app;
CREATE SCHEMA "S p";
CREATE TABLE "S p"."it's ""\ 頁" (b int, "a ""'\" text, PRIMARY KEY ("a ""'\", b));
CREATE TABLE tasks (id int, state text, PRIMARY KEY (id, state)) PARTITION BY LIST (state);
CREATE TABLE tasks_open PARTITION OF tasks FOR VALUES IN ('open');
CREATE TABLE tasks_done PARTITION OF tasks FOR VALUES IN ('done');
CREATE FUNCTION "S p".may_see(entity_id text, org_id text) RETURNS boolean LANGUAGE sql RETURN true;
SELECT txsync.track('pages', hidden => '{secret}', bookkeeping => '{seen_at}', strategies => '{"name": "lww"}', notify => 'full',
                    delete_visible => '"S p".may_see(text, text)'),
       txsync.track('"S p"."it''s ""\ 頁"', bookkeeping => '{}'),
       txsync.track('tasks', entity_type => 'o''tasks\', id_column => 'id');
INSERT INTO pages VALUES (1, 7, 'one', 'sesame', NULL, '{"transactionId": "1000.0000.a", "sourceId": "tab-1"}'), (2, 7, 'plain', NULL, NULL, NULL);
UPDATE pages SET name = 'two', tx = '{"transactionId": "1000.0001.a", "sourceId": "tab-1", "changedField": "name"}' WHERE id = 1;
INSERT INTO "S p"."it's ""\ 頁" VALUES (1, 'a''');
INSERT INTO tasks VALUES (1, 'open', '{"transactionId": "1000.0002.a", "sourceId": "tab-1"}'), (2, 'done', NULL);
SQL

like(state_of('source', $triggers), qr/^"S p".*\|A\|txsync\npages\|A\|txsync\ntasks\|A\|txsync\ntasks_done\|A/, 'what is to come back');

# Whole dumps
copy_into('plain');
check_copy('plain', 'plain format');
# The key by which a database knows its cursors is its own.
my $key = state_of('source', q{SELECT encode(key, 'hex') FROM txsync.secret});
like($key, qr/^[0-9a-f]{64}$/, 'there is a key');
unlike(slurp_file("$dir/dump.sql"), qr/$key/, 'which no dump has');
my $cursor = state_of('source', q{SELECT txsync.fetch_changes('now') ->> 'cursor'});
like(($node->psql('plain', "SELECT txsync.fetch_changes('$cursor')", extra_params => [ '-v', 'VERBOSITY=verbose' ]))[2], qr/ERROR:  TX020: /, 'so cursors from before are foreign');
run_on('source', 'pg_dump', '-Fc', '-f', "$dir/custom");
foreach my $jobs (1, 2)
{
	run_on("custom$jobs", 'pg_restore', '--exit-on-error', '-j', $jobs, "$dir/custom");
	check_copy("custom$jobs", "custom format, -j $jobs");
}

# Dumps of a part
copy_into('part', '-T', 'pages');
is(state_of('part', 'SELECT entity_type FROM txsync.entities ORDER BY 1'), qq{it's "\\ 頁\no'tasks\\}, 'without a table: the others are tracked');
copy_into('part', '-t', 'pages');
check_copy('part', 'a table that came later');

copy_into('data', '-s');
is(state_of('data', $tracking), state_of('source', $tracking), 'schema only: the tables are tracked');
# As rows from elsewhere: their ids are claimed already, in the ledger that comes along.
my $told = told_by('data', sub { local $ENV{PGOPTIONS} = '-c session_replication_role=replica'; copy_into('data', '-a') });
is(join("\n", sort split /\n/, $told), <<"TOLD" =~ s/\n$//r, 'data only, into tracked tables: creates with their tx');
create it's "\\ 頁 ["a'","1"]
create o'tasks\\ 1 1000.0002.a
create o'tasks\\ 2
create pages 1 1000.0001.a
create pages 2
TOLD
check_copy('data', 'data only');

# --disable-triggers ends in ENABLE TRIGGER ALL, which forgets that ours is ENABLE ALWAYS.
$node->safe_psql('data', 'TRUNCATE pages, tasks');
copy_into('data', '-a', '-t', 'pages', '-t', 'tasks*', '--disable-triggers');
my $fires = q{FROM txsync.doctor() WHERE finding LIKE '%does not fire for every write'};
is(state_of('data', "SELECT count(*) $fires"), 3, 'data only with --disable-triggers: doctor() sees it');
$node->safe_psql('data', state_of('data', "SELECT remedy $fires"));
is(state_of('data', $triggers), state_of('source', $triggers), 'and its remedy mends it');

# The end of the extension, and of databases
$node->safe_psql('plain', 'DROP EXTENSION txsync');
is(state_of('plain', 'SELECT count(*) FROM pages', $triggers), 2, 'DROP EXTENSION after a restore leaves the table, without a trigger');
$node->safe_psql('postgres', 'CREATE DATABASE clone TEMPLATE source');
check_copy('clone', 'a clone');
$node->safe_psql('clone', "SELECT pg_create_logical_replication_slot('left', 'txsync')");
$node->safe_psql('postgres', 'DROP DATABASE clone');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots'), 0, 'DROP DATABASE takes the slot along');
$node->safe_psql('postgres', 'DROP DATABASE source WITH (FORCE)');
is(state_of('custom1', 'SELECT count(*) FROM txsync.entities'), 3, 'the copies are on their own');

$node->stop;
done_testing();

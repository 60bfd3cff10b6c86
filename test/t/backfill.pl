# backfill() and verify(): the changelog comes to know what the tables hold, whoever writes or is killed meanwhile.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use CapturedDatabase;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = CapturedDatabase->new_server('backfill');
my $db = CapturedDatabase->create($node, 'filled');
$db->wait_for_state('streaming');

# What the changelog does not know, or knows but is not there, or was told twice. That the first thing told of a row from
# before is an update is as it should be.
sub agrees
{
	my ($name) = @_;
	$db->captured_ok;
	return is($db->sql(q{SELECT what, entity_type, left(entity_id, 40), org_id FROM oracle.difference WHERE what !~ '^(update|delete) after nothing' LIMIT 10}), '', $name);
}

sub verify
{
	my ($table) = @_;
	return $db->sql("CALL txsync.verify('$table')");
}

# Rows that come while nobody looks.
sub unseen
{
	my ($table, $sql, %track) = @_;
	my $id = $track{id} ? ", id_column => '$track{id}'" : '';
	return $db->sql("SELECT txsync.untrack('$table'); $sql; SELECT txsync.track('$table'$id)");
}

subtest 'every kind of id' => sub {
	unseen('pairs', q{INSERT INTO pairs SELECT g, 'b"' || g, nullif('o' || g % 3, 'o0') FROM generate_series(1, 3000) g});
	unseen('parts', q{INSERT INTO parts SELECT g, CASE WHEN g % 2 = 0 THEN 'a' ELSE 'b' END, 'o' FROM generate_series(1, 500) g}, id => 'id');
	unseen('texts', q{INSERT INTO texts VALUES (E'\u9801 "x"', 1), ('', NULL)});
	unseen('longs', q{INSERT INTO longs SELECT g || repeat(' long', 20000), 'o' FROM generate_series(1, 5) g}, id => 'id');
	$db->sql(q{INSERT INTO pairs VALUES (0, 'told', 'o')});
	like(verify('pairs'), qr/"differing": 3000,/, 'not told');
	foreach my $table (qw(pairs parts texts longs nothing))
	{
		$db->sql("CALL txsync.backfill('$table')");
		like(verify($table), qr/"differing": 0,/, "$table: verified");
	}
	agrees('told');
	is($db->sql(q{SELECT string_agg(DISTINCT action || ' ' || (tx IS NULL) || ' ' || (changed_keys IS NULL), ', ') FROM txsync.activity}), 'create true true', 'as creates without tx');
	my $last = $db->sql('SELECT max(id) FROM txsync.activity');
	$db->sql("CALL txsync.backfill('pairs')");
	$db->captured_ok;
	is($db->sql('SELECT max(id) FROM txsync.activity'), $last, 'again: there is nothing to tell');
	is($db->sql(q{SELECT relation, phase, pid IS NULL, blocks_done = blocks_total, rows_read, rows_told FROM txsync.progress_backfill WHERE relation = 'pairs'::regclass}),
		'pairs|done|t|t|3001|0', 'its progress');
	$db->sql('TRUNCATE parts');
	unseen('parts', q{INSERT INTO parts VALUES (7, 'a', 'o')}, id => 'id');
	$db->sql(q{CALL txsync.backfill('parts')});
	agrees('what came behind a truncate');
};

subtest 'what verify finds' => sub {
	$db->captured_ok;
	$db->sql(q{DELETE FROM txsync.activity WHERE entity_type = 'pairs' AND entity_id LIKE '["1",%'});
	$db->sql(q{UPDATE txsync.activity SET org_id = 'other' WHERE entity_type = 'pairs' AND entity_id LIKE '["2",%'});
	unseen('pairs', q{DELETE FROM pairs WHERE a = 3; INSERT INTO pairs VALUES (-1, 'new', 'o')});
	$db->sql(q{UPDATE pairs SET n = 1 WHERE a = 4});
	$db->captured_ok;
	$db->sql(q{UPDATE txsync.activity SET row_version = 99 WHERE entity_type = 'pairs' AND action = 'update'});
	my $found = q{SELECT string_agg(concat_ws(' ', d ->> 'entityId', d -> 'table', d -> 'changelog'), E'\n' ORDER BY d ->> 'entityId' COLLATE "C") FROM jsonb_array_elements((SELECT detail FROM txsync.sync_log WHERE sync_type = 'verify' ORDER BY id DESC LIMIT 1) -> 'differences') d};
	verify('pairs');
	is($db->sql($found), join("\n",
			'["-1","new"] {"rowVersion": 1, "organizationId": "o"} null',
			'["1","b\"1"] {"rowVersion": 1, "organizationId": "o1"} null',
			'["2","b\"2"] {"rowVersion": 1, "organizationId": "o2"} {"rowVersion": null, "organizationId": "other"}',
			'["3","b\"3"] null {"rowVersion": null, "organizationId": null}',
			'["4","b\"4"] {"rowVersion": 2, "organizationId": "o1"} {"rowVersion": 99, "organizationId": "o1"}'),
		'each of them, and nothing else');
	is($db->sql(q{SELECT status, code, records_synced, detail ->> 'differing' FROM txsync.sync_log WHERE sync_type = 'verify' ORDER BY id DESC LIMIT 1}), 'ERROR|DIFFERENCES|3001|5', 'in the log');
	$db->sql(q{CALL txsync.backfill('pairs')});
	like(verify('pairs'), qr/"differing": 3,/, 'backfill() tells what was not told, and touches nothing else');
	$db->sql(q{UPDATE pairs SET n = n + 1 WHERE a IN (2, 4)});
	$db->sql(q{INSERT INTO pairs VALUES (3, 'b"3')});
	like(verify('pairs'), qr/"differing": 0,/, 'until they are written again');
};

subtest 'ids that the table cannot have any more' => sub {
	$db->sql(q{CREATE TABLE retyped (id text PRIMARY KEY); SELECT txsync.track('retyped'); INSERT INTO retyped VALUES ('1'), ('two'), ('3')});
	$db->captured_ok;
	$db->sql(q{ALTER TABLE retyped ALTER id TYPE int USING CASE id WHEN 'two' THEN 2 ELSE id::int END});
	like(verify('retyped'), qr/\A\{"entities": 3, "differing": 2, "entityType": "retyped", "differences": \[\{"table": \{"rowVersion": 1, "organizationId": null\}, "entityId": "2", "changelog": null\}, \{"table": null, "entityId": "two", "changelog": \{"rowVersion": 1, "organizationId": null\}\}\]\}\z/, 'are told as what does not agree');
	$db->sql('DROP TABLE retyped');
};

subtest 'who may, and when' => sub {
	$db->fails_with(q{BEGIN; CALL txsync.backfill('pairs')}, qr/2D000: txsync\.backfill\(\) cannot run inside a transaction block/, 'backfill in a block');
	$db->fails_with(q{BEGIN; CALL txsync.verify('pairs')}, qr/2D000: txsync\.verify\(\) cannot run/, 'verify in a block');
	$db->fails_with(q{DO $$BEGIN EXECUTE 'CALL txsync.backfill(''pairs'')'; END$$; SELECT 1}, qr/2D000/, 'where it cannot commit');
	$db->fails_with(q{SET default_transaction_isolation = 'repeatable read'; CALL txsync.verify('pairs')}, qr/25000: .* READ COMMITTED only/, 'repeatable read');
	$db->fails_with(q{CALL txsync.backfill(NULL)}, qr/22004: relation must not be null/, 'null');
	$db->fails_with(q{CALL txsync.verify('parts_a')}, qr/42809: "parts_a" is a partition/, 'a partition');
	$db->sql('CREATE TABLE untracked (id int PRIMARY KEY)');
	$db->fails_with(q{CALL txsync.backfill('untracked')}, qr/55000: table "untracked" is not tracked\nHINT:  SELECT txsync\.track\('public\.untracked'\)/, 'untracked');
	$db->fails_with(q{CALL txsync.verify('untracked')}, qr/55000: table "untracked" is not tracked/, 'untracked, too');
	$db->sql('CREATE ROLE someone; CREATE ROLE holder; GRANT ALL ON pairs TO someone; GRANT CREATE ON SCHEMA public TO holder');
	$db->fails_with(q{SET ROLE someone; CALL txsync.backfill('pairs')}, qr/42501: must be owner of table "pairs"/, 'not the owner');
	is($db->sql('SET ROLE someone; SELECT count(*) FROM txsync.progress_backfill'), '0', 'nor may he look');
	$db->sql('ALTER TABLE pairs OWNER TO holder; ALTER TABLE pairs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY');
	unseen('pairs', q{INSERT INTO pairs VALUES (-2, 'new', 'o')});
	$db->sql(q{SET ROLE holder; CREATE FUNCTION public.left(text, int) RETURNS text LANGUAGE sql AS 'SELECT $1 || (1/0)'; SET search_path = public, pg_catalog; CALL txsync.backfill('pairs')});
	like($db->sql(q{SET ROLE holder; SET search_path = public, pg_catalog; CALL txsync.verify('pairs')}), qr/"differing": 0,/, 'the owner, who needs nothing more');
	$db->fails_with(q{SET ROLE holder; SELECT txsync.verified('pairs')}, qr/55000: this session is not verifying table/, 'nobody says that a table is verified');
	$db->fails_with(q{SET ROLE holder; SELECT txsync.verify_piece('pairs', false)}, qr/55000: this session is not verifying table/, 'in the middle');
	$db->fails_with(q{SET ROLE holder; SELECT txsync.verify_piece('pairs', true); SELECT txsync.verified('pairs')}, qr/55000: verify\(\) has not come to its end/, 'but verify()');
	$db->pause;
	$db->fails_with(q{CALL txsync.backfill('pairs')}, qr/55000: capture is paused\nHINT:  txsync\.resume/, 'paused');
	$db->fails_with(q{CALL txsync.verify('pairs')}, qr/55000: capture is paused/, 'paused, too');
	$db->resume;
	$db->wait_for_state('streaming');
};

subtest 'two share the work' => sub {
	$db->sql('CREATE TABLE halves (id int PRIMARY KEY, pad text)');
	$db->sql(q{INSERT INTO halves SELECT g, repeat('x', 500) FROM generate_series(1, 20000) g});
	$db->sql(q{SELECT txsync.track('halves')});
	my @calls = map { IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('filled'), '-c', q{CALL txsync.backfill('halves')} ]) } (1, 2);
	ok($_->finish, 'a call') foreach @calls;
	$db->captured_ok;
	is($db->sql(q{SELECT count(*), count(DISTINCT entity_id) FROM txsync.activity WHERE entity_type = 'halves'}), '20000|20000', 'each row once');
	is($db->sql(q{SELECT phase, blocks_done = blocks_total, rows_read, rows_told FROM txsync.progress_backfill WHERE relation = 'halves'::regclass}), 'done|t|20000|20000', 'its progress');
};

sub phase_is { return "SELECT phase = '$_[0]' AND (pid IS NOT NULL) = (phase = 'running') FROM txsync.progress_backfill WHERE relation = 'items'::regclass" }

# Rows from before, writers of every kind, and neither the session nor the worker lives long.
subtest 'among writers and kills' => sub {
	$db->sql('CREATE TABLE items (id int PRIMARY KEY, org_id text, n int DEFAULT 0, pad text)');
	$db->sql(q{INSERT INTO items SELECT g, 'o' || g % 5, 0, repeat('x', 1500) FROM generate_series(1, 12000) g});
	$db->sql(q{SELECT txsync.track('items')});
	my $script = $node->basedir . '/writers.sql';
	append_to_file($script, <<'SQL');
\set op random(1, 7)
\set id random(1, 12000)
\if :op = 1
DELETE FROM items WHERE id = :id;
\elif :op = 2
INSERT INTO items VALUES (:id, 'new') ON CONFLICT (id) DO UPDATE SET n = items.n + 1;
\elif :op = 3
UPDATE items SET n = n + 1 WHERE id = :id;
\elif :op = 4
UPDATE items SET org_id = 'o' || random(), n = n + 1 WHERE id = :id;
\elif :op = 5
\set id :id * (2 * random(0, 1) - 1)
DO $$ BEGIN UPDATE items SET id = -id WHERE id = :id; EXCEPTION WHEN unique_violation THEN NULL; END $$;
\elif :op = 6
BEGIN;
DELETE FROM items WHERE id = :id;
INSERT INTO items VALUES (:id, 'again') ON CONFLICT DO NOTHING;
COMMIT;
\else
BEGIN;
DELETE FROM items WHERE id = :id;
\sleep 5 ms
ROLLBACK;
\endif
SQL
	my $said = $node->basedir . '/writers.log'; # a pipe would be full sometime
	my $writers = IPC::Run::start([ 'pgbench', '-n', '-c', '3', '-T', '600', '-R', '2000', '-f', $script, '-d', $node->connstr('filled') ], '>', '/dev/null', '2>', $said);
	my $calls = 0;
	while ($calls++ < 100)
	{
		my $call = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('filled'), '-c', q{SET application_name = 'filler'}, '-c', q{CALL txsync.backfill('items')} ], '2>', \my $why);
		if ($calls <= 6)
		{
			sleep(0.05 + rand(0.1));
			$db->poll_ok(phase_is('running'), 'running') if $calls == 1;
			$db->sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'filler'});
			$db->poll_ok(phase_is('interrupted'), 'interrupted') if $calls == 1;
			$db->sql(q{SELECT pg_terminate_backend(pid) FROM txsync.capture}) if $calls == 3;
		}
		last if $call->finish;
		like($why, qr/terminating connection|server closed|capture is/, 'killed') or last;
	}
	cmp_ok($calls, '>', 3, "in $calls calls");
	like(verify('items'), qr/"differing": 0,/, 'verified while they write');
	$writers->signal('INT');
	$writers->finish;
	unlike(slurp_file($said), qr/error|aborted/, 'they wrote all the time');
	$db->captured_ok;
	is($db->sql(<<'SQL'), '', 'told, once, and nothing else');
WITH told AS (
    SELECT entity_id, org_id, action, lag(action) OVER w AS before, lead(id) OVER w IS NULL AS last
    FROM txsync.activity WHERE entity_type = 'items' AND action IN ('create', 'update', 'delete') WINDOW w AS (PARTITION BY entity_id ORDER BY id)
)
SELECT 'differs', entity_id, t.org_id, i.id, i.org_id FROM (SELECT * FROM told WHERE last AND action <> 'delete') t FULL JOIN items i ON i.id::text = t.entity_id
WHERE t.entity_id IS NULL OR i.id IS NULL OR t.org_id IS DISTINCT FROM i.org_id
UNION ALL SELECT action || ' after ' || before, entity_id, org_id, NULL, NULL FROM told WHERE (action = 'create') = (before <> 'delete')
LIMIT 10
SQL
	like(verify('items'), qr/"differing": 0,/, 'verified');
	cmp_ok($db->sql(q{SELECT count(*) FROM txsync.activity WHERE entity_type = 'items' AND action = 'delete'}), '>', 50, 'rows went meanwhile');
	cmp_ok($db->sql(q{SELECT rows_told FROM txsync.progress_backfill WHERE relation = 'items'::regclass}), '>', 6000, 'most were told by backfill()');
	is($db->sql('SELECT count(*) FROM items'), $db->sql(q{SELECT count(*) FROM (SELECT DISTINCT ON (entity_id) action FROM txsync.activity WHERE entity_type = 'items' ORDER BY entity_id, id DESC) l WHERE action <> 'delete'}), 'as many as there are');
};

$node->stop;
done_testing();

# Shows that docs/change.schema.json describes the stream: changes of every kind, from the SQL functions and from a walsender,
# and control lines go through python3-jsonschema, and lines that were falsified are refused.
use strict;
use warnings;
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('schema');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 2');
$node->start;

# Returns what the validator says of the lines: line number => complaint.
sub complaints
{
	my ($in, $out, $err) = (join('', map { "$_\n" } @_), '', '');
	IPC::Run::run(
		[ '/usr/bin/python3', "$FindBin::Bin/validate.py", "$ENV{TXSYNC_SOURCE}/docs/change.schema.json" ],
		'<', \$in, '>', \$out, '2>', \$err);
	my %said = $out =~ /^(\d+): (.*)$/mg;
	die "validate.py: $err" if $err ne '' or ($? >> 8) != (%said ? 1 : 0);
	return %said;
}

$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION txsync;
CREATE FUNCTION tx(id text, field text DEFAULT NULL) RETURNS jsonb LANGUAGE sql IMMUTABLE
	RETURN jsonb_build_object('transactionId', id, 'sourceId', 'tab-1', 'changedField', field, 'more', 1);
CREATE TABLE pages (id int PRIMARY KEY, org_id int, name text, body text);
ALTER TABLE pages ALTER body SET STORAGE external;
CREATE TABLE "Página \ ""頁""" ("the ""id""" text, n int, "a	b" text, secret text, PRIMARY KEY ("the ""id""", n));
CREATE TABLE tasks (id int, state text, PRIMARY KEY (id, state)) PARTITION BY LIST (state);
CREATE TABLE tasks_open PARTITION OF tasks FOR VALUES IN ('open');
CREATE TABLE tasks_done PARTITION OF tasks FOR VALUES IN ('done');
SELECT txsync.track('pages'), txsync.track('"Página \ ""頁"""', hidden => '{secret}'), txsync.track('tasks', id_column => 'id');
SELECT pg_create_logical_replication_slot(name, 'txsync') FROM unnest('{polled,streamed,prepared}'::text[]) name;
SELECT pg_replication_origin_create('north / 1');
SQL

$node->safe_psql('postgres', <<'SQL');
INSERT INTO pages VALUES (1, 7, 'plain');
INSERT INTO pages (id, org_id, name, tx) VALUES (2, 7, 'declared', tx('1000.0000.a', 'name')), (3, NULL, 'x', tx('1000.0001.a'));
UPDATE pages SET name = 'undeclared' WHERE id = 2;
UPDATE pages SET name = 'declared', tx = tx('1000.0002.a', 'name') WHERE id = 2;
UPDATE pages SET org_id = 8 WHERE id = 2;
UPDATE pages SET org_id = NULL, tx = tx('1000.0003.a', 'org_id') WHERE id = 2;
UPDATE pages SET id = 20, tx = tx('1000.0004.a', 'id') WHERE id = 2;
DELETE FROM pages WHERE id = 1;
BEGIN;
UPDATE pages SET tx = tx('1000.0005.a', 'name') WHERE id = 20;
DELETE FROM pages WHERE id = 20;
COMMIT;
INSERT INTO pages VALUES (4, 7, 'long', repeat('x', 10000));
UPDATE pages SET name = 'toast unchanged' WHERE id = 4;
UPDATE pages SET id = 5 WHERE id = 4;
SET session_replication_role = replica;
UPDATE pages SET tx = '{"transactionId": 1}' WHERE id = 5;
RESET session_replication_role;
ALTER TABLE pages REPLICA IDENTITY FULL;
UPDATE pages SET name = 'keys', org_id = 9, tx = tx('1000.0006.a', 'name') WHERE id = 5;
UPDATE pages SET name = 'keys' WHERE id = 5;
UPDATE pages SET id = 6 WHERE id = 5;
SELECT txsync.reshare('pages', '{6}');
DELETE FROM pages;
INSERT INTO "Página \ ""頁""" VALUES (E'tab\t"quote" \\ ñ \u0001 😀', -1, E'\u2028\nline', 'sesame');
UPDATE "Página \ ""頁""" SET n = 2;
DELETE FROM "Página \ ""頁""";
INSERT INTO tasks VALUES (1, 'open');
UPDATE tasks SET state = 'done';
UPDATE tasks SET state = 'open', tx = tx('1000.0007.a', 'state');
UPDATE tasks SET state = 'done', id = 2;
COPY tasks (id, state) FROM stdin;
10	open
11	open
\.
BEGIN;
SELECT txsync.begin_mutation(tx('1000.0009.a', 'name')), txsync.emit('mail "1"', 'k', '[1]'), txsync.end_mutation(), txsync.emit('bare', NULL, NULL);
COMMIT;
SELECT pg_replication_origin_session_setup('north / 1');
INSERT INTO tasks (id, state, tx) VALUES (3, 'open', tx('1000.0008.b'));
DELETE FROM tasks WHERE id = 3;
SQL

my $end = $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
my $polled = $node->safe_psql('postgres', q{SELECT data FROM pg_logical_slot_get_changes('polled', NULL, NULL)});
my $streamed = $node->pg_recvlogical_upto('postgres', 'streamed', $end, $PostgreSQL::Test::Utils::timeout_default);
chomp $streamed;
my @lines = split /\n/, $polled;
is($streamed, $polled, 'the walsender sends what the SQL function returns');
is_deeply({ complaints(@lines) }, {}, scalar(@lines) . ' lines are as the schema says');

my @short = split /\n/, $node->safe_psql('postgres', <<'SQL');
DO $$ BEGIN
	PERFORM pg_logical_emit_message(true, 'app', text) FROM unnest(ARRAY['short', repeat('long', 1000)]) text;
	INSERT INTO pages VALUES (20, 7, repeat('long', 1000));
END $$;
SELECT data FROM pg_logical_slot_get_changes('polled', NULL, NULL, 'messages', '*', 'max-record-bytes', '1kB');
SQL
is_deeply([ map { /"truncated":true/ ? 'truncated' : 'whole' } @short ], [ 'whole', 'truncated', 'truncated' ], 'events and rows that are too large');
is_deeply({ complaints(@short) }, {}, 'are as the schema says, too');

$node->safe_psql('postgres', <<'SQL');
SELECT pg_replication_slot_advance(slot, pg_current_wal_insert_lsn()) FROM unnest('{polled,prepared}'::text[]) slot;
BEGIN;
INSERT INTO pages SELECT g, 7, 'kept', repeat('x', 500) FROM generate_series(1000, 1300) g;
SAVEPOINT a;
INSERT INTO pages SELECT g, 7, 'rolled back', repeat('x', 500) FROM generate_series(2000, 2300) g;
SELECT txsync.emit('mail', 'rolled back', '{}');
ROLLBACK TO a;
SAVEPOINT b;
SELECT txsync.emit('mail', 'kept', '"said"');
RELEASE b;
SELECT pg_logical_emit_message(true, 'app', 'said'), pg_logical_emit_message(true, 'app', '\x00'::bytea);
TRUNCATE tasks_open;
TRUNCATE tasks;
COMMIT;
SELECT pg_logical_emit_message(false, 'app', 'alone');
BEGIN;
INSERT INTO pages VALUES (3000);
SELECT txsync.emit('mail', 'prepared', '{}');
PREPARE TRANSACTION 'kept';
BEGIN;
INSERT INTO pages VALUES (3001);
PREPARE TRANSACTION 'in vain';
COMMIT PREPARED 'kept';
ROLLBACK PREPARED 'in vain';
SQL
my @in_progress = split /\n/, $node->safe_psql('postgres', <<'SQL');
SET logical_decoding_work_mem = '64kB';
SELECT data FROM pg_logical_slot_get_changes('prepared', NULL, NULL, 'messages', '*', 'streaming', 'on', 'two-phase', 'on');
SELECT data FROM pg_logical_slot_get_changes('polled', NULL, NULL, 'messages', '*', 'compact', 'on') WHERE data LIKE '{"control"%';
SQL
is_deeply({ complaints(@in_progress) }, {}, 'so are ' . scalar(@in_progress) . ' lines of transactions in progress, prepared ones and compact lines');
push @lines, @short, @in_progress;

# What the stream must have shown for the above to mean anything.
my %kind = (
	'create' => qr/"action":"create".*"tx":null,"version":"\d{13}\.\d{4,}\.[0-9a-z-]+","rowVersion":1,"data":\{/,
	'create with tx' => qr/"action":"create".*"changedField":null\},"version":"1000\.0001\.a"/,
	'update' => qr/"action":"update".*"tx":null,"version":"\d{13}\.\d{4,}\.[0-9a-z-]+","rowVersion":2/,
	'update with tx' => qr/"action":"update".*"changedField":"name"\},"version":"1000\.0002\.a"/,
	'delete' => qr/"action":"delete".*"tx":null,"version":"\d{13}\.\d{4,}\.[0-9a-z-]+","rowVersion":\d+,"data":null\}/,
	'delete with tx' => qr/"organizationId":null,"action":"delete".*"version":"1000\.0005\.a"/,
	'key change' => qr/"action":"create".*"oldKey":\{"id":2\}/,
	'key change of what is not in the WAL' => qr/"entityId":"5".*"action":"create".*"unchangedKeys":\["body"\],"oldKey":/,
	'change of organization' => qr/"organizationId":"8","action":"update".*"old":\{"org_id":7\}/,
	'partition move' => qr/"entityType":"tasks".*"action":"update".*"version":"1000\.0007\.a"/,
	'unchanged TOAST' => qr/"action":"update".*"unchangedKeys":\["body"\]/,
	'changed keys' => qr/"changedKeys":\["org_id","name"\]/,
	'no changed keys' => qr/"changedKeys":\[\]/,
	'bad tx' => qr/"tx":null.*"txError":"transactionId must be a text/,
	'odd names' => qr/"entityType":"Página \\\\ \\"頁\\"","entityId":"\[.*"a\\tb":/,
	'COPY' => qr/-0","committedAt".*"entityType":"tasks","entityId":"11"/,
	'origin' => qr/"version":"1000\.0008\.b".*"origin":"north \/ 1"/,
	'deleted at an origin' => qr/"action":"delete".*"origin":"north \/ 1"/,
	'truncate' => qr/"entityType":"tasks".*"action":"truncate".*"data":null/,
	'gap' => qr/"entityType":"tasks".*"action":"gap".*"data":null/,
	'event' => qr/"entityType":null.*"action":"event".*"data":\{"prefix":"app","content":"said"\}/,
	'event of emit' => qr/"entityType":"mail \\"1\\"","entityId":"k","organizationId":null,"action":"event","changedKeys":null,"tx":\{"transactionId":"1000\.0009\.a","sourceId":"tab-1","changedField":null\},"version":null,"rowVersion":null,"data":\[1\]/,
	'event without key and payload' => qr/"entityType":"bare","entityId":null.*"action":"event".*"data":null/,
	'event in progress' => qr/"position":"0\/0-\S+","committedAt":null,"entityType":"mail","entityId":"kept".*"data":"said","xid":\d+\}$/m,
	'event prepared' => qr/"entityType":"mail","entityId":"prepared".*"xid":\d+\}$/m,
	'visibility' => qr/"entityType":"pages","entityId":"6","organizationId":"9","action":"visibility"/,
	'event of bytes' => qr/"action":"event".*"contentBase64":"AA=="/,
	'event outside of any transaction' => qr/"position":"(\S+)-\1-0","committedAt":null.*"content":"alone"\}\}$/m,
	'in progress' => qr/"position":"0\/0-\S+","committedAt":null.*"action":"create".*"xid":\d+\}$/m,
	(map { $_ => qr/^\{"control":"$_","xid":\d+[,}]/m } qw(begin start stop abort commit prepare commitPrepared rollbackPrepared)),
	'abort of a part' => qr/^\{"control":"abort","xid":\d+,"subxid":\d+\}$/m);
my $shown = join "\n", @lines;
like($shown, $kind{$_}, "shown: $_") foreach sort keys %kind;
unlike($polled, qr/sesame|"tx":\{"transactionId":"1000\.0004\.a"[^}]*"id"/, 'hidden: never; changedField of a key change: null');

# Each of these is one of the lines above (by kind) with one thing wrong in it.
my @false = (
	[ 'create', 'a member is missing', sub { s/"rowVersion":1,// } ],
	[ 'create', 'rowVersion 0', sub { s/"rowVersion":1/"rowVersion":0/ } ],
	[ 'create', 'rowVersion as a text', sub { s/"rowVersion":1/"rowVersion":"1"/ } ],
	[ 'create', 'an empty version', sub { s/"version":"[^"]*"/"version":""/ } ],
	[ 'truncate', 'version of a truncate', sub { s/"version":null/"version":"1"/ } ],
	[ 'event', 'rowVersion of an event', sub { s/"rowVersion":null/"rowVersion":1/ } ],
	[ 'create', 'a member is unknown', sub { s/}$/,"note":1}/ } ],
	[ 'create', 'a member stands twice', sub { s/"activityId":null/$&,$&/ } ],
	[ 'create', 'it is not JSON', sub { s/}$// } ],
	[ 'create', 'a number is NaN', sub { s/"data":\{/$&"x":NaN,/ } ],
	[ 'create', 'a byte is not UTF-8', sub { s/plain/\xff/ } ],
	[ 'create', 'position in two parts', sub { s/-\d+(","committedAt)/$1/ } ],
	[ 'create', 'position in small letters', sub { s/"position":"/$&a/ } ],
	[ 'create', 'committedAt in milliseconds', sub { s/\d{3}Z"/Z"/ } ],
	[ 'create', 'committedAt without Z', sub { s/(\d{6})Z"/$1"/ } ],
	[ 'create', 'unknown action', sub { s/"create"/"upsert"/ } ],
	[ 'create', 'entityId as a number', sub { s/"entityId":"(\d+)"/"entityId":$1/ } ],
	[ 'create', 'empty entityType', sub { s/"entityType":"pages"/"entityType":""/ } ],
	[ 'create', 'changedKeys of a create', sub { s/"changedKeys":null/"changedKeys":[]/ } ],
	[ 'update', 'version as a number', sub { s/"version":"[^"]*"/"version":1/ } ],
	[ 'create with tx', 'tx without version', sub { s/"version":"[^"]*"/"version":null/ } ],
	[ 'create with tx', 'changedField of a create', sub { s/"changedField":null/"changedField":"name"/ } ],
	[ 'create with tx', 'tx without changedField', sub { s/,"changedField":null// } ],
	[ 'create with tx', 'more in tx', sub { s/"changedField":null/$&,"more":1/ } ],
	[ 'create with tx', 'tx and txError', sub { s/}$/,"txError":"x"}/ } ],
	[ 'delete', 'data of a delete', sub { s/"data":null/"data":{}/ } ],
	[ 'delete', 'oldKey of a delete', sub { s/}$/,"oldKey":{"id":1}}/ } ],
	[ 'key change', 'oldKey of an update', sub { s/"action":"create"/"action":"update"/ } ],
	[ 'unchanged TOAST', 'unchangedKeys without a name', sub { s/\["body"\]/[]/ } ],
	[ 'changed keys', 'a name that stands twice', sub { s/\["org_id",/["name",/ } ],
	[ 'create', 'xid of what has committed', sub { s/}$/,"xid":731}/ } ],
	[ 'in progress', 'neither time nor xid', sub { s/,"xid":\d+// } ],
	[ 'truncate', 'entityId of a truncate', sub { s/"entityId":null/"entityId":"1"/ } ],
	[ 'gap', 'data of a gap', sub { s/"data":null/"data":{}/ } ],
	[ 'event', 'entityId of a message', sub { s/"entityId":null/"entityId":"1"/ } ],
	[ 'event of emit', 'version of an event', sub { s/"version":null/"version":"1000.0009.a"/ } ],
	[ 'event of emit', 'changedField of an event', sub { s/"changedField":null/"changedField":"name"/ } ],
	[ 'visibility', 'tx of what only others see', sub { s/"tx":null/"tx":{"transactionId":"1","sourceId":"s","changedField":null}/ } ],
	[ 'visibility', 'data of what only others see', sub { s/"data":null/"data":{}/ } ],
	[ 'visibility', 'nobody that others see', sub { s/"entityId":"[^"]*"/"entityId":null/ } ],
	[ 'event', 'an event without content', sub { s/,"content":"said"// } ],
	[ 'start', 'unknown control', sub { s/start/pause/ } ],
	[ 'stop', 'control without xid', sub { s/,"xid":\d+// } ],
	[ 'stop', 'a change that is a control', sub { s/}$/,"action":"create"}/ } ],
	[ 'begin', 'begin without time', sub { s/,"committedAt":"[^"]*"// } ],
	[ 'begin', 'begin with subxid', sub { s/}$/,"subxid":731}/ } ],
	[ 'commit', 'commit without LSN', sub { s/"commitLsn":"[^"]*",// } ],
	[ 'abort', 'abort with a time', sub { s/}$/,"committedAt":"2026-11-21T09:00:00.123456Z"}/ } ],
	[ 'prepare', 'prepare without gid', sub { s/,"gid":"[^"]*"// } ],
	[ 'commitPrepared', 'commitPrepared without gid', sub { s/"gid":"[^"]*",// } ]);
my @falsified;
foreach my $case (@false)
{
	my ($kind, $name, $falsify) = @$case;
	local ($_) = grep { /$kind{$kind}/ } @lines;
	$falsify->() or die "nothing to falsify: $name";
	push @falsified, $_;
}
my %refused = complaints(@falsified);
ok($refused{ $_ + 1 }, "refused: $false[$_][1]") foreach 0 .. $#false;

$node->stop;
done_testing();

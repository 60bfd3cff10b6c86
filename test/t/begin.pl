# How capture begins: with what the tables hold, while others write, and by itself as soon as what was in its way is gone.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use CapturedDatabase;
use Crash;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $dir = PostgreSQL::Test::Utils::tempdir();
my $node = CapturedDatabase->new_server('begin', conf => <<'CONF');
max_worker_processes = 1
max_logical_replication_workers = 0
CONF

sub set_conf
{
	my ($conf, $how) = @_;
	$node->append_conf('postgresql.conf', $conf);
	$node->$how;
	return;
}

# Runs a script in so many sessions until stop_writers().
sub start_writers
{
	my ($db, $clients, $script) = @_;
	my $file = "$dir/$db->{name}.sql";
	unlink $file;
	PostgreSQL::Test::Utils::append_to_file($file, $script);
	return IPC::Run::start(
		[ 'pgbench', '-n', '-c', $clients, '-T', '60', '-R', '400', '-f', $file, $node->connstr($db->{name}) ],
		'<', \'', '>', \my $out, '2>', \my $err);
}

# No transaction of theirs is under way any more, and none has failed if they are to have lived.
sub stop_writers
{
	my ($db, $writers, $lived) = @_;
	ok($writers->pumpable, 'the writers were left alone') if $lived;
	$writers->kill_kill;
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'pgbench'");
	return;
}

# A table of which each write is noted by the writer itself, from track() on; and what the changelog lacks of that or has beyond it.
my $note = <<'SQL';
CREATE TABLE oracle.note (n bigint GENERATED ALWAYS AS IDENTITY, xid xid, action text, entity_id text);
CREATE FUNCTION oracle.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO oracle.note (xid, action, entity_id) VALUES (pg_current_xact_id()::xid,
		CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'update' ELSE 'delete' END, coalesce(NEW.id, OLD.id));
	RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON notes FOR EACH ROW EXECUTE FUNCTION oracle.note();
CREATE VIEW oracle.noted AS SELECT xid::text, string_agg(action || ' ' || entity_id, ',' ORDER BY n) AS what FROM oracle.note GROUP BY 1;
CREATE VIEW oracle.told AS SELECT xid::text, string_agg(action || ' ' || entity_id, ',' ORDER BY id) AS what FROM txsync.activity WHERE xid <> '0' GROUP BY 1;
SELECT txsync.track('notes');
SQL

my $notes = <<'SQL';
\set id random(1, 200)
BEGIN;
INSERT INTO notes (id) VALUES (:id) ON CONFLICT (id) DO UPDATE SET n = notes.n + 1;
SAVEPOINT s;
DELETE FROM notes WHERE id = :id + 1;
ROLLBACK TO s;
DELETE FROM notes WHERE id = (:id * 7) % 200;
COMMIT;
SQL

subtest 'no place for a worker' => sub {
	my $log = -s $node->logfile;
	my $db = CapturedDatabase->create($node, 'waiting');
	usleep(3_000_000);
	my $oid = $db->sql('SELECT oid FROM pg_database WHERE datname = current_database()');
	my $text = slurp_file($node->logfile, $log);
	my $told = () = $text =~ /WARNING:  no background worker is free to capture database $oid/g;
	ok($told > 0 && $told < 10, 'the log tells, but not all the time') or diag("$told times");
	like($text, qr/HINT:  Consider increasing max_worker_processes\./, 'and what to do');
	is($db->sql('SELECT state, pid, last_error FROM txsync.capture'), 'starting||', 'it is about to start');
	like($db->health, qr/\Adegraded: capture waits for a worker: see max_worker_processes/, 'health() tells why');
	$db->sql($CapturedDatabase::rows);
	set_conf('max_worker_processes = 20', 'restart');
	$db->wait_for_state('streaming');
	$db->is_whole('goes on by itself');
	is($db->health, 'ok: ', 'healthy');
};

subtest 'a plugin that is not allowed' => sub {
	my $db = CapturedDatabase->new($node, 'waiting');
	plan skip_all => 'the server does not know output_plugin_libraries' unless $db->sql(q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'});
	$db->sql('DELETE FROM txsync.sync_log');
	set_conf(q{output_plugin_libraries = 'pgoutput, test_decoding'}, 'restart');
	$db->poll_ok(q{SELECT last_error ~ 'plugin' AND state = 'starting' FROM txsync.capture}, 'the plugin list is noted');
	like($db->health, qr/\Afailing: capture failed: .*plugin/, 'health() tells');
	$db->sql($CapturedDatabase::changes);
	set_conf(q{output_plugin_libraries = 'pgoutput, test_decoding, txsync'}, 'reload');
	$db->wait_for_state('streaming');
	$db->is_whole('goes on by itself');
	is($db->sql(q{SELECT count(*), min(status), min(code) FROM txsync.sync_log}), '1|ERROR|CAPTURE_FAILED', 'one entry in the log');
	is($db->health, 'ok: ', 'healthy');
	$db->drop;
};

subtest 'initial records' => sub {
	set_conf(q{shared_preload_libraries = ''}, 'restart');
	my $quiet = CapturedDatabase->create($node, 'quiet');
	my $busy = CapturedDatabase->create($node, 'busy');
	$quiet->sql($CapturedDatabase::rows);
	is($quiet->sql('SELECT state FROM txsync.capture'), 'off', 'not preloaded');
	like($quiet->health, qr/\Afailing: capture is off/, 'health() tells');
	# Ids whose text depends on settings, a column that old rows do not have.
	$quiet->sql(q{
		ALTER DATABASE quiet SET datestyle = 'German';
		ALTER DATABASE quiet SET intervalstyle = 'sql_standard';
		ALTER DATABASE quiet SET timezone = 'Asia/Kolkata';
		ALTER DATABASE quiet SET extra_float_digits = -15;
		ALTER DATABASE quiet SET bytea_output = 'escape';
		CREATE TABLE moments (d date, t timestamptz, i interval, f float8, b bytea, n int, PRIMARY KEY (d, t, i, f, b));
		INSERT INTO moments VALUES ('2026-12-31', '2026-12-31 23:59:59.9+00', '1 day 2 h', 1.0 / 3, '\\x00ff', 1);
		SELECT txsync.track('moments');
		CREATE TABLE aged (id int PRIMARY KEY);
		INSERT INTO aged VALUES (1), (2);
		ALTER TABLE aged ADD org_id text DEFAULT 'old';
		SELECT txsync.track('aged');
	});
	$busy->sql($CapturedDatabase::rows);
	$busy->sql(q{
		INSERT INTO pairs SELECT g, 'p', 'o' || g % 7 FROM generate_series(10, 800) g;
		INSERT INTO parts SELECT g, 'a', NULL FROM generate_series(10, 800) g;
		INSERT INTO texts SELECT 't' || g, g FROM generate_series(1, 800) g;
	});
	set_conf("shared_preload_libraries = 'txsync'\ntxsync.capture = off", 'restart');
	my $script = <<'SQL';
\set number random(1, 400)
\set id :number * 2 + :client_id
INSERT INTO pairs VALUES (:id, 'p', 'new') ON CONFLICT (a, b) DO UPDATE SET org_id = 'o' || pairs.n % 3, n = pairs.n + 1;
UPDATE parts SET kind = CASE kind WHEN 'a' THEN 'b' ELSE 'a' END, org_id = kind WHERE id = :id;
DELETE FROM texts WHERE id = 't' || :id;
INSERT INTO texts VALUES ('t' || (:number * 14 % 800 + :client_id), 1) ON CONFLICT DO NOTHING;
UPDATE pairs SET a = a + 1000 WHERE a = :id + 10 AND NOT EXISTS (SELECT FROM pairs WHERE a = :id + 1010);
SQL
	# Killed while it waits for a transaction that is older than its slot, and before what it has written is committed.
	my $long = $busy->psql;
	$long->query_safe('BEGIN; SELECT pg_current_xact_id()');
	foreach my $where (q{SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query = 'creating the replication slot' AND wait_event = 'transactionid'},
		q{SELECT pid FROM pg_locks WHERE relation = 'txsync.capture_state'::regclass AND NOT granted})
	{
		my $writers = start_writers($busy, 2, $script);
		my $blocker = $busy->psql;
		$blocker->query_safe('BEGIN; LOCK txsync.capture_state IN SHARE MODE');
		set_conf('txsync.capture = on', 'reload');
		$busy->poll_ok("SELECT count(*) = 1 FROM ($where) w", 'in the middle of it');
		my $pid = $busy->sql($where);
		set_conf('txsync.capture = off', 'reload');
		crash($node, $pid) or die 'the worker is gone';
		$_->quit foreach grep { defined } $blocker, $long;
		undef $long;
		$writers->kill_kill;
	}
	my $writers = start_writers($busy, 2, $script);
	usleep(300_000);
	set_conf('txsync.capture = on', 'reload');
	$_->wait_for_state('streaming') foreach $quiet, $busy;
	usleep(1_000_000);
	stop_writers($busy, $writers, 1);
	$busy->is_whole('whole, whoever writes meanwhile');
	is($busy->sql(q{SELECT bool_and(action = 'create' AND tx IS NULL AND xid = '0') AND count(*) > 2000 FROM txsync.activity WHERE commit_lsn = (SELECT commit_lsn FROM txsync.activity WHERE id = 1)}),
		't', 'first what was there');
	$quiet->captured_ok;
	is($quiet->sql(q{SELECT count(*), count(DISTINCT (entity_type, entity_id)), bool_and(action = 'create' AND tx IS NULL), count(DISTINCT (commit_lsn, change_lsn, k)), count(DISTINCT epoch) FROM txsync.activity}),
		'19|19|t|19|1', 'one create for each row');
	is($quiet->sql(q{SELECT string_agg(concat_ws(' ', entity_type, entity_id, org_id), ', ' ORDER BY id) FROM txsync.activity WHERE entity_type IN ('aged', 'nothing')}),
		'aged 1 old, aged 2 old', 'with what they do not store; none where there is none');
	$quiet->sql(q{UPDATE moments SET n = 2; DELETE FROM moments});
	$quiet->is_whole('whole, where nobody writes');
	is($quiet->sql(q{SELECT count(*), count(DISTINCT entity_id) FROM txsync.activity WHERE entity_type = 'moments'}), '3|1', 'ids are told as they were recorded');
	$_->drop foreach $quiet, $busy;
};

subtest 'CREATE EXTENSION while busy' => sub {
	my $db = CapturedDatabase->new($node, 'extended');
	$node->safe_psql('postgres', 'CREATE DATABASE extended');
	$db->sql('CREATE TABLE notes (id int PRIMARY KEY, n int DEFAULT 0)');
	$db->sql(q{SELECT pg_create_logical_replication_slot('reference', 'test_decoding')});
	my $writers = start_writers($db, 4, $notes);
	my $long = $db->psql;
	$long->query_safe('BEGIN; SELECT pg_current_xact_id()');
	$db->sql('CREATE EXTENSION txsync');
	$db->add_oracle;
	$db->sql("BEGIN; LOCK notes IN ACCESS EXCLUSIVE MODE; $note; COMMIT");
	$db->poll_ok(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database() AND query = 'creating the replication slot'}, 'the slot waits');
	is($db->sql('SELECT state FROM txsync.capture'), 'starting', 'for a long transaction');
	is($db->health, 'degraded: capture is starting', 'health() tells');
	usleep(500_000);
	$long->query_safe('COMMIT');
	$long->quit;
	$db->wait_for_state('streaming');
	usleep(500_000);
	stop_writers($db, $writers, 1);
	$db->is_whole('whole');
	# What came before the slot is in the initial records; what comes then is told, with nothing left out.
	$db->sql(q{
		CREATE TABLE oracle.committed AS SELECT row_number() OVER () AS n, convert_from(substr(data, 7), 'UTF8') AS xid
		FROM pg_logical_slot_get_binary_changes('reference', NULL, NULL, 'skip-empty-xacts', '1') WHERE substr(data, 1, 6) = 'BEGIN '});
	is($db->sql(q{SELECT count(*) > 50, count(*) FILTER (WHERE t.xid IS NULL) > 50, count(*) FILTER (WHERE t.what <> o.what),
			max(c.n) FILTER (WHERE t.xid IS NULL) < min(c.n) FILTER (WHERE t.xid IS NOT NULL)
		FROM oracle.noted o JOIN oracle.committed c USING (xid) LEFT JOIN oracle.told t USING (xid)}),
		't|t|0|t', 'everything from some commit on is told');
	is($db->sql(q{SELECT count(*) FROM oracle.told LEFT JOIN oracle.noted o USING (xid) WHERE o.xid IS NULL}), '0', 'and nothing else');
	$db->sql(q{SELECT pg_drop_replication_slot('reference')});
	$db->drop;
};

# Files below a folder do not grow while a flag is there.
sub full_disk_library
{
	my $source = "$dir/full.c";
	PostgreSQL::Test::Utils::append_to_file($source, <<'C');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int is_full(int file, off_t end)
{
	char link[64], path[PATH_MAX];
	const char *folder = getenv("FULL_FOLDER"), *flag = getenv("FULL_FLAG");
	struct stat now;
	ssize_t size;
	if (folder == NULL || flag == NULL || access(flag, F_OK) != 0)
		return 0;
	snprintf(link, sizeof link, "/proc/self/fd/%d", file);
	size = readlink(link, path, sizeof path - 1);
	if (size < 0 || strncmp(path, folder, strlen(folder)) != 0 || fstat(file, &now) != 0 || end <= now.st_size)
		return 0;
	errno = ENOSPC;
	return 1;
}

static size_t size_of(const struct iovec *parts, int count)
{
	size_t size = 0;
	while (count-- > 0)
		size += parts++->iov_len;
	return size;
}

#define NEXT(name, ...) ((ssize_t (*)(__VA_ARGS__)) dlsym(RTLD_NEXT, #name))
#define PWRITE(name) \
	ssize_t name(int file, const void *bytes, size_t size, off_t at) \
	{ return is_full(file, at + size) ? -1 : NEXT(name, int, const void *, size_t, off_t)(file, bytes, size, at); }
#define PWRITEV(name) \
	ssize_t name(int file, const struct iovec *parts, int count, off_t at) \
	{ return is_full(file, at + size_of(parts, count)) ? -1 : NEXT(name, int, const struct iovec *, int, off_t)(file, parts, count, at); }
#define FALLOCATE(name) \
	int name(int file, off_t at, off_t size) \
	{ return is_full(file, at + size) ? ENOSPC : (int) NEXT(name, int, off_t, off_t)(file, at, size); }

PWRITE(pwrite)
PWRITE(pwrite64)
PWRITEV(pwritev)
PWRITEV(pwritev64)
FALLOCATE(posix_fallocate)
FALLOCATE(posix_fallocate64)
C
	IPC::Run::run([ $ENV{CC} // 'cc', '-shared', '-fPIC', '-w', '-o', "$dir/full.so", $source, '-ldl' ]) or die 'could not compile';
	return "$dir/full.so";
}

subtest 'a full disk' => sub {
	my ($folder, $flag) = ("$dir/small", "$dir/full");
	mkdir $folder or die $!;
	$node->stop;
	{
		local @ENV{qw(LD_PRELOAD FULL_FOLDER FULL_FLAG)} = (full_disk_library(), $folder, $flag);
		$node->start;
	}
	my $db = CapturedDatabase->create_bare($node, 'filled');
	$db->sql('CREATE TABLE notes (id int PRIMARY KEY, n int DEFAULT 0)');
	$db->sql($note);
	$db->wait_for_state('streaming');
	$db->sql('INSERT INTO notes VALUES (-1)');
	$db->captured_ok;
	my $partition = $db->sql(q{SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'txsync.activity'::regclass});
	$db->sql("CREATE TABLESPACE small LOCATION '$folder'");
	$db->sql("ALTER TABLE $partition SET TABLESPACE small");

	my $writers = start_writers($db, 4, $notes);
	usleep(300_000);
	PostgreSQL::Test::Utils::append_to_file($flag, 'full');
	$db->poll_ok(q{SELECT last_error ~ 'No space left on device' AND restarts > 1 FROM txsync.capture}, 'it fails, again and again');
	my $noted = $db->sql('SELECT count(*) FROM oracle.note');
	usleep(500_000);
	like($db->health, qr/\Afailing: capture failed: .*No space left on device/, 'health() tells');
	is($db->sql(q{SELECT count(*), min(status), min(code) FROM txsync.sync_log}), '1|ERROR|CAPTURE_FAILED', 'one entry in the log');
	cmp_ok($db->sql('SELECT count(*) FROM oracle.note'), '>', $noted, 'writers write');
	unlink $flag;
	$db->wait_for_state('streaming');
	usleep(300_000);
	stop_writers($db, $writers, 1);
	$db->is_whole('whole');
	is($db->sql('SELECT count(*) FROM ((TABLE oracle.noted EXCEPT ALL TABLE oracle.told) UNION ALL (TABLE oracle.told EXCEPT ALL TABLE oracle.noted)) d'),
		'0', 'everything is told once');
	is($db->health, 'ok: ', 'healthy');
	$db->drop;
};

$node->stop;
done_testing();

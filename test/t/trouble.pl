# What keeps capture from going on does so only as long as it lasts; and what others may do to a database keeps it from nothing.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use CapturedDatabase;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = CapturedDatabase->new_server('trouble');

sub set_conf
{
	my ($conf, $how) = @_;
	$node->append_conf('postgresql.conf', $conf);
	$node->$how;
	return;
}

subtest 'tables that inherit' => sub {
	set_conf('txsync.capture = off', 'reload');
	my $db = CapturedDatabase->create_bare($node, 'inherited');
	$db->sql(q{
		CREATE TABLE parent (id int PRIMARY KEY);
		CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
		SELECT txsync.track('parent'), txsync.track('child');
		INSERT INTO parent VALUES (1), (2);
		INSERT INTO child VALUES (2), (3);
	});
	set_conf('txsync.capture = on', 'reload');
	$db->wait_for_state('streaming');
	$db->is_whole('each under its own name');
	$db->drop;
};

subtest 'health() after an error' => sub {
	my $db = CapturedDatabase->create($node, 'mended');
	$db->wait_for_state('streaming');
	set_conf(q{output_plugin_libraries = 'pgoutput, test_decoding'}, 'restart');
	$db->poll_ok(q{SELECT last_error ~ 'plugin' FROM txsync.capture}, 'noted');
	set_conf(q{output_plugin_libraries = 'pgoutput, test_decoding, txsync'}, 'reload');
	$db->wait_for_state('streaming');
	$db->captured_ok;
	is($db->health, 'ok: ', 'healthy, though nothing was written since');
	$db->drop;
};

subtest 'wait_captured() where nobody flushes' => sub {
	my $db = CapturedDatabase->create_bare($node, 'waiting');
	$db->wait_for_state('streaming');
	# pg_logical_emit_message(false, …) is WAL that no commit flushes.
	is($db->sql(q{SELECT txsync.wait_captured(pg_logical_emit_message(false, 'x', 'y'), '5 s')}), 't', 'not only the next time that somebody commits');
	$db->drop;
};

# A changelog that cannot be written.
subtest 'an error that stays' => sub {
	my $db = CapturedDatabase->create($node, 'stays');
	$db->wait_for_state('streaming');
	$db->sql('INSERT INTO nothing VALUES (1)');
	$db->captured_ok;
	$db->sql(q{ALTER TABLE txsync.capture_state ADD CHECK (last_id < 2)});
	my $log = -s $node->logfile;
	$db->sql('INSERT INTO nothing VALUES (2)');
	usleep(5_000_000);
	my $failed = () = slurp_file($node->logfile, $log) =~ /ERROR:  new row for relation "capture_state" violates/g;
	cmp_ok($failed, '>', 1, 'it is tried again');
	cmp_ok($failed, '<', 9, 'later each time');
	ok(slurp_file($node->logfile) !~ /terminated by signal/, 'no crash');
	$db->sql(q{ALTER TABLE txsync.capture_state DROP CONSTRAINT capture_state_last_id_check});
	$db->drop;
};

subtest 'what others do' => sub {
	my $db = CapturedDatabase->create_bare($node, 'shared');
	$db->sql(q{
		CREATE TABLE notes (id text PRIMARY KEY, org_id text);
		SELECT txsync.track('notes');
	});
	$db->wait_for_state('streaming');
	my $random = q{(SELECT string_agg(md5(g::text), '') FROM generate_series(1, %d) g)};
	$db->sql(sprintf "INSERT INTO notes SELECT ${random}, $random", 80, 400);
	$db->captured_ok('values that no index holds');

	# A partition is made where nobody may make tables.
	$db->sql(q{
		CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no DDL today'; END $$;
		CREATE EVENT TRIGGER refuse ON ddl_command_start EXECUTE FUNCTION refuse();
		INSERT INTO notes SELECT g, 'o' FROM generate_series(1, 25000) g;
	});
	$db->captured_ok('event triggers stay out of it');
	$db->sql('DROP EVENT TRIGGER refuse');
	is($db->sql(q{SELECT count(*) FROM pg_inherits WHERE inhparent = 'txsync.activity'::regclass}), '2', 'a partition of its own');

	# An index that CREATE INDEX CONCURRENTLY has left behind.
	$db->sql(q{
		CREATE INDEX unfinished ON txsync.activity_1 (version);
		UPDATE pg_index SET indisready = false, indisvalid = false WHERE indexrelid = 'txsync.unfinished'::regclass;
		INSERT INTO notes VALUES ('indexed');
	});
	$db->captured_ok('an index that is not ready');

	# Operators that fit better than the server's own, and settings.
	$db->sql(q{
		CREATE TABLE stolen (by name);
		CREATE FUNCTION steal(numeric, int) RETURNS numeric LANGUAGE sql AS 'INSERT INTO stolen VALUES (current_user); SELECT 0::numeric';
		CREATE FUNCTION steal(oid, int) RETURNS boolean LANGUAGE sql AS 'INSERT INTO stolen VALUES (current_user); SELECT true';
		CREATE OPERATOR public.* (FUNCTION = steal, LEFTARG = numeric, RIGHTARG = int);
		CREATE OPERATOR public.= (FUNCTION = steal, LEFTARG = oid, RIGHTARG = int);
		ALTER DATABASE shared SET search_path = public, pg_catalog;
		ALTER DATABASE shared SET default_transaction_read_only = on;
		ALTER DATABASE shared SET default_transaction_isolation = 'serializable';
		ALTER DATABASE shared SET synchronous_commit = off;
		ALTER DATABASE shared SET statement_timeout = 1;
	});
	local $ENV{PGOPTIONS} = '-c search_path=pg_catalog -c default_transaction_read_only=off -c statement_timeout=0';
	$db->sql("SELECT txsync.pause()");
	$db->poll_ok("SELECT pid IS NULL FROM txsync.capture", 'paused');
	$db->sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = 'shared'; SELECT txsync.resume()");
	$db->poll_ok("SELECT state = 'lost' FROM txsync.capture", 'lost');
	$db->sql("SELECT txsync.reset_capture(true)");
	$db->poll_ok("SELECT state = 'streaming' FROM txsync.capture", 'goes on');
	is($db->sql("SELECT count(*) FROM public.stolen"), '0', 'with operators of its own');
	$node->safe_psql('postgres', 'ALTER DATABASE shared RESET ALL');
	$db->drop;
};

subtest 'wal_level' => sub {
	my $db = CapturedDatabase->new($node, 'unready');
	set_conf('wal_level = replica', 'restart');
	$node->safe_psql('postgres', 'CREATE DATABASE unready');
	$db->sql('CREATE EXTENSION txsync');
	$db->poll_ok(q{SELECT last_error ~ 'wal_level' AND state = 'starting' FROM txsync.capture}, 'wal_level is noted');
	usleep(500_000);
	like($db->health, qr/\Afailing: capture failed: .*wal_level/, 'health() tells');
	is($db->sql(q{SELECT count(*), min(status), min(code) FROM txsync.sync_log}), '1|ERROR|CAPTURE_FAILED', 'one entry in the log');
	ok(slurp_file($node->logfile) !~ /terminated by signal/, 'no crash');
	set_conf('wal_level = logical', 'restart');
	$db->wait_for_state('streaming');
	is($db->health, 'ok: ', 'healthy');
	$db->drop;
};

$node->stop;
done_testing();

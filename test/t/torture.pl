# Every change is in the changelog once, and in commit order, whatever is killed: what each writer's triggers noted in the writer's own
# transaction is what the changelog must say. TXSYNC_KILLS says how often something is killed.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Crash;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use TxsyncClient;

my $kills = $ENV{TXSYNC_KILLS} // 6;
my $clients = 8;

start_node('torture', 'logical');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'txsync'\nrestart_after_crash = on\nmax_prepared_transactions = 20");
$node->restart;

sub sql { return $node->safe_psql('postgres', @_) }

sql(q{
	CREATE EXTENSION txsync;
	CREATE SEQUENCE ids START 1001;
	CREATE TABLE notes (id bigint PRIMARY KEY DEFAULT nextval('ids'), org_id text, body text, n int DEFAULT 0);
	CREATE TABLE log (n bigint GENERATED ALWAYS AS IDENTITY, xid xid DEFAULT pg_current_xact_id()::xid, said text);
	CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF TG_OP = 'TRUNCATE' THEN
			INSERT INTO log (said) VALUES ('truncate');
		ELSIF TG_OP = 'UPDATE' AND NEW.id = OLD.id THEN
			INSERT INTO log (said) VALUES ('update ' || NEW.id || ' ' || coalesce(NEW.tx ->> 'transactionId', ''));
		ELSE
			IF TG_OP <> 'INSERT' THEN
				INSERT INTO log (said) VALUES ('delete ' || OLD.id || ' ' || coalesce(NEW.tx ->> 'transactionId', ''));
			END IF;
			IF TG_OP <> 'DELETE' THEN
				INSERT INTO log (said) VALUES ('create ' || NEW.id || ' ' || coalesce(NEW.tx ->> 'transactionId', ''));
			END IF;
		END IF;
		RETURN NULL;
	END $$;
	CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON notes FOR EACH ROW EXECUTE FUNCTION note();
	CREATE TRIGGER note_truncate AFTER TRUNCATE ON notes FOR EACH STATEMENT EXECUTE FUNCTION note();
	SELECT txsync.track('notes');
});
poll_ok(q{SELECT state = 'streaming' FROM txsync.capture}, 'streaming');
sql(q{INSERT INTO notes (id, org_id, body) SELECT g, 'o' || g % 7, 'body' FROM generate_series(1, 200) g});

my %scripts = (
	# Short and long transactions, savepoints, both of which may end in a rollback.
	rows => [ 60, <<'END' ],
\set id random(1, 200)
\set many random(0, 20)
\set doubt random(0, 9)
BEGIN;
UPDATE notes SET n = n + 1, tx = jsonb_build_object('transactionId', txsync.create_transaction_id(), 'sourceId', 'tab') WHERE id = :id;
SAVEPOINT a;
DELETE FROM notes WHERE id BETWEEN :id AND :id + 3;
ROLLBACK TO a;
UPDATE notes SET org_id = 'o' || :many WHERE id = :id;
INSERT INTO notes (body) SELECT 'x' FROM generate_series(1, :many);
DELETE FROM notes WHERE id = (SELECT max(id) FROM notes) AND id > 1000;
\if :doubt
COMMIT;
\else
ROLLBACK;
\endif
END
	keys => [ 15, <<'END' ],
\set id random(1, 200)
UPDATE notes SET id = nextval('ids') WHERE id = :id;
INSERT INTO notes (id, body) VALUES (:id, 'again') ON CONFLICT (id) DO UPDATE SET body = 'again';
END
	copy => [ 15, <<'END' ],
COPY notes (body) FROM PROGRAM 'seq 30';
END
	prepared => [ 8, <<'END' ],
\set id random(1, 200)
\set name random(1, 1000000000)
\set doubt random(0, 1)
BEGIN;
UPDATE notes SET body = 'prepared' WHERE id = :id;
INSERT INTO notes (body) VALUES ('prepared');
PREPARE TRANSACTION 'p:name';
\if :doubt
COMMIT PREPARED 'p:name';
\else
ROLLBACK PREPARED 'p:name';
\endif
END
	ddl => [ 2, <<'END' ],
ALTER TABLE notes ADD COLUMN IF NOT EXISTS extra text DEFAULT 'more';
ALTER TABLE notes DROP COLUMN IF EXISTS extra;
ALTER TABLE notes ALTER COLUMN n TYPE bigint;
END
	empty => [ 1, <<'END' ],
BEGIN;
TRUNCATE notes;
INSERT INTO notes (id, body) SELECT g, 'body' FROM generate_series(1, 200) g;
COMMIT;
END
);
my @files;
foreach my $name (sort keys %scripts)
{
	my ($weight, $text) = @{ $scripts{$name} };
	PostgreSQL::Test::Utils::append_to_file("$dir/$name.sql", $text);
	push @files, '-f', "$dir/$name.sql\@$weight";
}

# Those of clients that were killed in between hold their locks until somebody decides.
sub decide_prepared
{
	my @left = split /\n/, sql('SELECT gid FROM pg_prepared_xacts');
	sql((rand > 0.5 ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$_'") foreach @left;
	return;
}

my %killed;
foreach my $i (1 .. $kills)
{
	my $bench = IPC::Run::start([ 'pgbench', '-n', '-c', $clients, '-T', '60', '--max-tries=100', @files, $node->connstr('postgres') ], '>', \my $out, '2>', \my $err);
	usleep(300_000 + int rand 700_000);
	my $what = (qw(server worker backend))[ $i % 3 ];
	if ($what eq 'server')
	{
		$node->stop('immediate');
		$node->start;
		$killed{server}++;
	}
	else
	{
		my $whom = $what eq 'worker' ? q{backend_type = 'txsync capture'} : q{backend_type = 'client backend' AND pid <> pg_backend_pid()};
		my $pid = sql("SELECT pid FROM pg_stat_activity WHERE $whom ORDER BY random() LIMIT 1");
		$killed{$what} += crash($node, $pid) if $pid;
	}
	$bench->kill_kill;
	decide_prepared();
}
note join ', ', map { "$_: $killed{$_}" } sort keys %killed;
cmp_ok($killed{$_} // 0, '>', 0, "a $_ was killed") foreach qw(server worker backend);

poll_ok('SELECT txsync.wait_captured(pg_current_wal_insert_lsn())', 'captured');
is(sql(q{SELECT count(*) FROM txsync.activity WHERE epoch <> (SELECT epoch FROM txsync.capture)}), '0', 'one epoch');
is(sql(q{SELECT count(*) FROM txsync.sync_log WHERE status = 'CRITICAL'}), '0', 'no gap');
cmp_ok(sql('SELECT count(*) FROM log'), '>', 1000, 'much was written');
is(sql(q{SELECT string_agg(DISTINCT split_part(said, ' ', 1), ' ') FROM log}), 'create delete truncate update', 'of all kinds');

# A transaction on each line: what it did, in its order.
my $transactions = q{SELECT xid::text, string_agg(said, ',' ORDER BY n) FROM %s GROUP BY xid::text};
my $told = q{(SELECT id AS n, xid, CASE action WHEN 'truncate' THEN action ELSE action || ' ' || entity_id || ' ' || coalesce(tx ->> 'transactionId', '') END AS said FROM txsync.activity) a};
my ($oracle, $changelog) = map { sprintf $transactions, $_ } 'log', $told;
is(sql("SELECT count(*) FROM (($oracle) EXCEPT ALL ($changelog)) d"), '0', 'nothing is missing');
is(sql("SELECT count(*) FROM (($changelog) EXCEPT ALL ($oracle)) d"), '0', 'nothing is told twice');
is(sql(q{SELECT count(*) FROM (SELECT commit_lsn, lag(commit_lsn) OVER (ORDER BY id) AS before FROM txsync.activity) d WHERE before > commit_lsn}), '0', 'in commit order');
is(sql(q{SELECT count(*) FROM (SELECT FROM txsync.activity GROUP BY commit_lsn, change_lsn, k HAVING count(*) > 1) d}), '0', 'each at a position of its own');

$node->stop;
done_testing();

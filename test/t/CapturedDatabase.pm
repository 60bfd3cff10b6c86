package CapturedDatabase;

# A database with the extension, and an oracle: what its tables hold, and what its changelog says that they hold.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# A few rows in every table.
our $rows = <<'SQL';
INSERT INTO pairs VALUES (1, 'x', 'o1'), (2, 'y', 'o2'), (3, 'z', 'o3'), (4, 'w', NULL);
INSERT INTO parts VALUES (1, 'a', 'o1'), (2, 'a', 'o2'), (3, 'b', NULL), (4, 'b', 'o4');
INSERT INTO texts VALUES ('"quoted"', 1), (E'it''s \\ \u9801', 2), ('three', NULL);
INSERT INTO longs SELECT g || repeat(' long', 2000), 'o' || g FROM generate_series(1, 3) g;
INSERT INTO hiding VALUES (1, 's', 'o1'), (2, 's', NULL);
SQL

# What happens to them in a gap.
our $changes = <<'SQL';
INSERT INTO pairs VALUES (5, 'gap', 'o5');
UPDATE pairs SET n = 1 WHERE a = 1;
UPDATE pairs SET org_id = 'new' WHERE a = 2;
DELETE FROM pairs WHERE a = 3;
UPDATE parts SET kind = 'b' WHERE id = 1;
BEGIN; SAVEPOINT s; UPDATE parts SET n = 1 WHERE id = 3; RELEASE s; SAVEPOINT s; UPDATE parts SET n = 1 WHERE id = 4; ROLLBACK TO s; COMMIT;
UPDATE texts SET id = 'drei' WHERE id = 'three';
UPDATE texts SET n = 1 WHERE id = '"quoted"';
DELETE FROM texts WHERE id = '"quoted"';
INSERT INTO texts VALUES ('"quoted"', 1);
UPDATE longs SET n = 1 WHERE organization_id = 'o1';
DELETE FROM longs WHERE organization_id = 'o2';
TRUNCATE hiding;
INSERT INTO hiding VALUES (2, 't', 'o2');
INSERT INTO nothing VALUES (1);
DELETE FROM nothing;
SQL

# What healing makes of it, sorted.
our $healed = <<'SQL';
create pairs ["5","gap"] o5
create texts drei
delete hiding 1 o1
delete longs 2 long long long lon o2
delete pairs ["3","z"] o3
delete texts three
update hiding 2 o2 <
update longs 1 long long long lon o1
update pairs ["1","x"] o1
update pairs ["2","y"] new <o2
update parts 1 o1
update parts 3
update texts "quoted" 1
SQL
chomp $healed;

# Makes a server that captures; `conf` is added to its settings, `init` are arguments of init().
sub new_server
{
	my ($class, $name, %param) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(
		allows_streaming => 'logical',
		extra => [ '--encoding=UTF8', '--locale=C', '--wal-segsize=1' ],
		%{ $param{init} // {} });
	$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'txsync'
restart_after_crash = on
max_connections = 40
max_worker_processes = 20
max_replication_slots = 20
max_slot_wal_keep_size = 10GB
autovacuum = off
@{[ $param{conf} // '' ]}
CONF
	$node->start;
	return $node;
}

# The database of this name on a server, whether it is there yet or not.
sub new
{
	my ($class, $node, $name) = @_;
	return bless { node => $node, name => $name }, $class;
}

# Creates it, with tables in which every kind of name of an entity is there, tracked and empty.
sub create
{
	my ($class, $node, $name) = @_;
	my $self = $class->create_bare($node, $name);
	$self->sql(<<'SQL');
CREATE TABLE pairs (a int, b text, org_id text, n int DEFAULT 0, PRIMARY KEY (a, b));
CREATE TABLE parts (id int, kind text, org_id text, n int DEFAULT 0, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a');
CREATE TABLE parts_b PARTITION OF parts FOR VALUES IN ('b');
CREATE TABLE texts (id text PRIMARY KEY, tenant_id int, n int DEFAULT 0);
CREATE TABLE longs (id text NOT NULL, organization_id text, n int DEFAULT 0);
ALTER TABLE longs REPLICA IDENTITY FULL, ALTER id SET STORAGE EXTERNAL;
CREATE TABLE hiding (id int PRIMARY KEY, secret text, org_id text);
CREATE TABLE nothing (id int PRIMARY KEY);
SELECT txsync.track('pairs');
SELECT txsync.track('parts', id_column => 'id');
SELECT txsync.track('texts');
SELECT txsync.track('longs', id_column => 'id');
SELECT txsync.track('hiding', hidden => '{secret}');
SELECT txsync.track('nothing');
SQL
	return $self;
}

# Creates it with rows that are captured.
sub create_captured
{
	my ($class, $node, $name) = @_;
	my $self = $class->create($node, $name);
	$self->sql($rows);
	$self->wait_for_state('streaming');
	$self->is_whole('whole before');
	$self->settle;
	return $self;
}

# Creates it with the extension and nothing else but the oracle.
sub create_bare
{
	my ($class, $node, $name) = @_;
	my $self = $class->new($node, $name);
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$self->sql('CREATE EXTENSION txsync');
	$self->add_oracle;
	return $self;
}

# Views: entities that the tables hold, and those that the changelog knows; what is in only one of them; activities that
# contradict the one before.
sub add_oracle
{
	my ($self) = @_;
	$self->sql(<<'SQL');
CREATE SCHEMA oracle;
CREATE FUNCTION oracle.rows() RETURNS TABLE (entity_type text, entity_id text, org_id text) LANGUAGE plpgsql AS $$
DECLARE
	e record;
	ids text;
BEGIN
	FOR e IN SELECT * FROM txsync.entities LOOP
		SELECT string_agg(format(CASE cardinality(e.id_columns) WHEN 1 THEN '%I::text' ELSE 'to_json(%I::text)' END, c), $c$ || ',' || $c$) INTO ids
		FROM unnest(e.id_columns) c;
		IF cardinality(e.id_columns) > 1 THEN
			ids := format('%L || %s || %L', '[', ids, ']');
		END IF;
		RETURN QUERY EXECUTE format('SELECT %L::text COLLATE "C", (%s) COLLATE "C", (%s) COLLATE "C" FROM %s%s', e.entity_type, ids,
			CASE WHEN e.org_column IS NULL THEN 'NULL::text' ELSE quote_ident(e.org_column) || '::text' END,
			(SELECT CASE relkind WHEN 'r' THEN 'ONLY ' END FROM pg_class WHERE oid = e.relation), e.relation);
	END LOOP;
END $$;
CREATE VIEW oracle.history AS
SELECT a.*, lag(a.action) OVER w AS before, lead(a.id) OVER w AS next
FROM (SELECT *, count(*) FILTER (WHERE action = 'truncate') OVER (PARTITION BY entity_type ORDER BY id) AS era FROM txsync.activity WHERE action IN ('create', 'update', 'delete', 'truncate')) a
WHERE a.action <> 'truncate' WINDOW w AS (PARTITION BY a.entity_type, a.era, a.entity_id ORDER BY a.id);
CREATE VIEW oracle.known AS
SELECT h.entity_type, h.entity_id, h.org_id FROM oracle.history h
WHERE h.next IS NULL AND h.action <> 'delete'
AND h.era = (SELECT count(*) FROM txsync.activity a WHERE a.entity_type = h.entity_type AND a.action = 'truncate');
CREATE VIEW oracle.difference AS
SELECT 'not told' AS what, d.* FROM (SELECT * FROM oracle.rows() EXCEPT ALL SELECT * FROM oracle.known) d
UNION ALL
SELECT 'not there', d.* FROM (SELECT * FROM oracle.known EXCEPT ALL SELECT * FROM oracle.rows()) d
UNION ALL
SELECT format('%s after %s', action, coalesce(before, 'nothing')), entity_type, entity_id, org_id FROM oracle.history
WHERE (action = 'create') = (coalesce(before, 'delete') <> 'delete');
SQL
	return;
}

sub node
{
	my ($self) = @_;
	return $self->{node};
}

sub sql
{
	my ($self, @query) = @_;
	return $self->{node}->safe_psql($self->{name}, @query);
}

sub psql
{
	my ($self) = @_;
	return $self->{node}->background_psql($self->{name});
}

sub fails_with
{
	my ($self, $query, $error, $name) = @_;
	my (undef, undef, $stderr) = $self->{node}->psql($self->{name}, $query, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	return like($stderr, $error, $name);
}

sub poll_ok
{
	my ($self, $query, $name) = @_;
	return ok($self->{node}->poll_query_until($self->{name}, $query), $name);
}

sub wait_for_state
{
	my ($self, $state) = @_;
	return $self->poll_ok("SELECT state = '$state' FROM txsync.capture", "$state ($self->{name})");
}

# Returns the slot's name, once there is nobody who uses it.
sub pause
{
	my ($self) = @_;
	$self->sql('SELECT txsync.pause()');
	$self->poll_ok(q{SELECT pid IS NULL AND NOT EXISTS (SELECT FROM pg_replication_slots WHERE active AND database = current_database()) FROM txsync.capture}, 'paused');
	return $self->slot;
}

sub resume
{
	my ($self) = @_;
	$self->sql('SELECT txsync.resume()');
	return;
}

sub slot
{
	my ($self) = @_;
	return $self->sql(q{SELECT 'txsync_' || oid FROM pg_database WHERE datname = current_database()});
}

sub captured_ok
{
	my ($self) = @_;
	return is($self->sql(q{SELECT txsync.wait_captured(pg_current_wal_flush_lsn(), '60 s')}), 't', 'captured');
}

# All that committed is in the changelog, each thing once.
sub is_whole
{
	my ($self, $name) = @_;
	$self->captured_ok;
	return is($self->sql(q{SELECT what, entity_type, left(entity_id, 40), org_id FROM oracle.difference LIMIT 10}), '', $name);
}

sub epoch
{
	my ($self) = @_;
	return $self->sql('SELECT epoch FROM txsync.capture');
}

sub health
{
	my ($self) = @_;
	return $self->sql(q{SELECT status || ': ' || array_to_string(reasons, '; ') FROM txsync.health()});
}

# It stopped in front of a gap, and says so, once, and why.
sub is_lost
{
	my ($self, $why) = @_;
	$self->wait_for_state('lost');
	like(
		$self->sql(q{SELECT sync_type, status, code, error_message, detail ? 'from' AND detail ? 'to' AND NOT (detail -> 'healed')::boolean FROM txsync.sync_log WHERE status = 'CRITICAL'}),
		qr/\Acapture\|CRITICAL\|GAP\|$why: what was committed since is not in the changelog\|t\z/, 'one entry in the log');
	return like($self->health, qr{\Afailing: there is a gap from [0-9A-F]+/[0-9A-F]+ to [0-9A-F]+/[0-9A-F]+: $why: .*reset_capture}, 'health() tells');
}

sub heal
{
	my ($self) = @_;
	my $epoch = $self->epoch;
	$self->sql('SELECT txsync.reset_capture(heal => true)');
	$self->wait_for_state('streaming');
	$self->is_whole('healed');
	is($self->sql("SELECT epoch > $epoch FROM txsync.capture"), 't', 'a new epoch');
	return is($self->health, 'ok: ', 'healthy');
}

# What healing told: all that changed in the gap, and nothing else.
sub is_healed
{
	my ($self, @more) = @_;
	return is($self->behind_the_gap, join("\n", sort split(/\n/, $healed), @more), 'what changed in the gap, and nothing else');
}

# What the changelog says behind its last gap, a line for each activity, sorted.
sub behind_the_gap
{
	my ($self) = @_;
	return $self->sql(<<'SQL');
SELECT string_agg(line, E'\n' ORDER BY line COLLATE "C")
FROM (SELECT concat_ws(' ', action, entity_type, left(entity_id, 20), org_id, CASE WHEN old_org_null THEN '<' ELSE '<' || old_org_id END, changed_keys) AS line
	FROM txsync.activity WHERE id > (SELECT max(id) FROM txsync.activity WHERE action = 'gap')) l
SQL
}

# Until the rows that are there count as older than what comes now: healing tells nothing of them. The server says which
# transactions run at a checkpoint, and the worker notes it with the next change but one.
sub settle
{
	my ($self) = @_;
	my $now = $self->sql('SELECT pg_current_xact_id()');
	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		$self->sql('CHECKPOINT');
		foreach (1 .. 2)
		{
			$self->sql('INSERT INTO nothing VALUES (0)');
			$self->sql('DELETE FROM nothing');
			$self->sql('SELECT txsync.wait_captured(pg_current_wal_flush_lsn())');
		}
		return if $self->sql("SELECT horizon::text::bigint > $now FROM txsync.capture_state WHERE epoch = (SELECT epoch FROM txsync.capture)") eq 't';
	}
	fail('settled');
	return;
}

sub drop
{
	my ($self) = @_;
	$self->{node}->psql($self->{name}, 'SELECT txsync.pause()');
	$self->{node}->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_replication_slots WHERE active AND database = '$self->{name}'");
	$self->{node}->safe_psql('postgres', "DROP DATABASE $self->{name}");
	return;
}

1;

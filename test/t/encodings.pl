# Databases in other encodings than UTF-8: what a walsender sends is valid UTF-8 and valid JSON all the same, and what the SQL
# functions return is text in the database's encoding that parses as jsonb; and all of it is captured.

use strict;
use utf8;
use warnings FATAL => 'all';

use Encode qw(decode encode);
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('encodings');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'txsync'");
$node->start;
my $json = JSON::PP->new->utf8;

# Runs SQL, given and answered as bytes in `encoding`.
sub sql
{
	my ($database, $encoding, $sql) = @_;
	local $ENV{PGCLIENTENCODING} = $encoding;
	my ($out, $err);
	IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database) ], '<', \$sql, '>', \$out, '2>', \$err)
	  or die "$database: $err";
	chomp $out;
	return $out;
}

# A fresh database with a slot, both named for the encoding.
sub make_database
{
	my ($encoding) = @_;
	my $database = lc $encoding;
	$node->safe_psql('postgres', "CREATE DATABASE $database ENCODING '$encoding' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
	sql($database, $encoding, "CREATE EXTENSION txsync; SELECT pg_create_logical_replication_slot('$database', 'txsync');");
	$node->poll_query_until($database, q{SELECT state = 'streaming' FROM txsync.capture}) or BAIL_OUT("$database: nothing is captured");
	return $database;
}

# The lines as the SQL functions return them: bytes in the database's encoding.
sub peek
{
	my ($database) = @_;
	return split /\n/, sql($database, uc $database, "SELECT data FROM pg_logical_slot_peek_changes('$database', NULL, NULL)");
}

# The lines as a walsender sends them, whatever the client says of its encoding; each is held to be UTF-8 and JSON.
sub stream
{
	my ($database) = @_;
	my $file = $node->basedir . "/$database.lines";
	my $end = sql($database, uc $database, 'SELECT pg_current_wal_lsn()');
	unlink $file; # pg_recvlogical appends
	local $ENV{PGCLIENTENCODING} = $database =~ /^(utf8|mule_internal)$/ ? 'LATIN1' : 'UTF8';
	PostgreSQL::Test::Utils::system_or_bail(
		'pg_recvlogical', '-d', $node->connstr($database), '-S', $database, '--start', '--no-loop', '-E', $end, '-s', '1', '-F', '0', '-f', $file);
	my @lines = split /\n/, slurp_file($file);
	is(scalar(grep { my $line = $_; !eval { decode('UTF-8', $line, Encode::FB_CROAK) } } @lines), 0, "$database: what is streamed is UTF-8");
	return map { $json->decode($_) } @lines;
}

# Characters that an encoding has, in all the places where text can stand.
my %has = (
	latin1 => join('', map { chr } 0xa0 .. 0xff) . "\x{80}\x{9f} plain",
	euc_jp => '日本語、ひらがな、カタカナ、ｱｲｳ─丂 plain');

foreach my $database (map { make_database($_) } 'LATIN1', 'EUC_JP')
{
	my $text = $has{$database};
	my $name = substr($text, 0, 9);
	sql($database, 'UTF8', encode('UTF-8', <<"SQL"));
CREATE TYPE "label $name" AS ENUM ('$name', 'other');
CREATE TYPE "row $name" AS ("inner $name" text, plain int);
CREATE TABLE "table $name" (id text PRIMARY KEY, organization_id text, "column $name" text, plain text, j json, jb jsonb, e "label $name", r "row $name",
	a text[], l xml, q tsvector, n name, v varchar(20), c char(200), hidden text);
SELECT txsync.track('"table $name"', tx => false, hidden => '{hidden}', entity_type => 'type $name');
INSERT INTO "table $name" SELECT '$name', '$name', t, 'plain', json_build_object(t, t), jsonb_build_object(t, t), '$name', ROW(t, 1)::"row $name", ARRAY[t, 'plain'],
	xml(t), array_to_tsvector(ARRAY[t]), '$name', '$name', t, t FROM (VALUES ('$text')) x(t);
INSERT INTO "table $name" (id, plain) VALUES ('long', repeat('$text', 2000) || 'x');
SQL
	my @expected = map { $json->decode($_) }
	  split /\n/, sql($database, 'UTF8', encode('UTF-8', qq{SELECT to_jsonb(t) - 'hidden' FROM "table $name" t ORDER BY id = 'long'}));

	my @peeked = peek($database);
	is(scalar(grep { /[^ -~]/ } @peeked), 0, "$database: what the functions return is ASCII");
	is_deeply([ map { $json->decode($_)->{data} } @peeked ], \@expected, "$database: and says the same as to_jsonb");
	my $parsed = encode('UTF-8', <<"SQL");
SELECT count(*), bool_and(line -> 'data' = to_jsonb(t) - 'hidden' AND line ->> 'entityType' = 'type $name')
FROM (SELECT data::jsonb AS line FROM pg_logical_slot_peek_changes('$database', NULL, NULL)) l JOIN "table $name" t ON t.id = line ->> 'entityId'
SQL
	is(sql($database, 'UTF8', $parsed), '2|t', "$database: and so it is in the database itself");
	is(sql($database, 'UTF8', "SELECT string_agg(convert_from(data, '$database'), '') = (SELECT string_agg(data, '')
		FROM pg_logical_slot_peek_changes('$database', NULL, NULL)) FROM pg_logical_slot_peek_binary_changes('$database', NULL, NULL)"),
		't', "$database: the binary functions return the same");

	my @streamed = stream($database);
	is_deeply([ map { $_->{data} } @streamed ], \@expected, "$database: what is streamed says the same as to_jsonb");
	is_deeply([ @{ $streamed[0] }{qw(entityType entityId organizationId)} ], [ "type $name", $name, $name ], "$database: names and ids");
	is_deeply($streamed[0], $json->decode($peeked[0]), "$database: stream and functions tell the same");
	is_deeply([ sort keys %{ $streamed[0]{data}{r} } ], [ "inner $name", 'plain' ], "$database: names within values");
}

# What to_jsonb refuses: the database has no such character.
sql('latin1', 'UTF8', q{CREATE TABLE t (id int PRIMARY KEY, j json); SELECT txsync.track('t', tx => false); INSERT INTO t VALUES (1, '["\u20ac", "\u00e9"]')});
is_deeply((stream('latin1'))[0]{data}{j}, [ '€', 'é' ], 'an escape that the encoding has no character for is kept');

# A line is as long as it is sent: here the functions write three bytes for one of the database.
sql('latin1', 'UTF8', q{INSERT INTO t VALUES (2, to_json(repeat(U&'\00e9', 200)))});
foreach my $case ([ 1024, 't', 'a line that is too long as ASCII goes without data' ], [ 2048, 'f', 'one that is not goes whole' ])
{
	my ($max, $truncated, $name) = @$case;
	is(sql('latin1', 'UTF8', qq{SELECT data LIKE '%"truncated":true%' FROM pg_logical_slot_peek_changes('latin1', NULL, NULL, 'max-record-bytes', '$max')
		WHERE data LIKE '%"entityType":"t","entityId":"2"%'}), $truncated, $name);
}

# EUC_JP has room for characters that Unicode does not have. An error would stop the stream for ever.
sql('euc_jp', 'EUC_JP', <<"SQL");
CREATE TABLE t (id int PRIMARY KEY, t text, a text[]);
SELECT txsync.track('t', tx => false);
INSERT INTO t SELECT 1, t, ARRAY[t] FROM (VALUES ('a\xa9\xa1b\xc6\xfc\xa9\xa1')) x(t);
INSERT INTO t SELECT 2, repeat('\xc6\xfc', 40000) || '\xa9\xa1' || repeat('\xc6\xfc', 40000);
SQL
my @euc = stream('euc_jp');
is_deeply($euc[0]{data}, { id => 1, t => "a\x{fffd}b日\x{fffd}", a => ["a\x{fffd}b日\x{fffd}"] }, 'a character that Unicode has not becomes U+FFFD');
is($euc[1]{data}{t}, '日' x 40000 . "\x{fffd}" . '日' x 40000, 'only that one');

# SQL_ASCII says nothing of its bytes.
my $unknown = make_database('SQL_ASCII');
my $bytes = "\xe9 \xc3\xa9 \xf0\x9f\x90\x98 \xf0\x9f\x90 \xc0\x80 \xed\xa0\x80 \xff";
my $meaning = "\x{fffd} é 🐘 \x{fffd}\x{fffd}\x{fffd} \x{fffd}\x{fffd} \x{fffd}\x{fffd}\x{fffd} \x{fffd}";
sql($unknown, 'SQL_ASCII', <<"SQL");
CREATE TYPE label AS ENUM ('label $bytes');
CREATE TABLE "table $bytes" (id text PRIMARY KEY, "column $bytes" text, j json, jb jsonb, e label, a text[], n name, c "char");
SELECT txsync.track('"table $bytes"', tx => false, entity_type => 'type $bytes');
INSERT INTO "table $bytes" VALUES ('$bytes', '$bytes', '{"$bytes": 1}', '{"$bytes": ["$bytes"]}', 'label $bytes', ARRAY['$bytes'], '$bytes', 'c');
SQL
my @raw = peek($unknown);
is(sql($unknown, 'SQL_ASCII', "SELECT count(data::jsonb) FROM pg_logical_slot_peek_changes('$unknown', NULL, NULL)"), '1', 'SQL_ASCII: lines parse as jsonb');
my ($told) = stream($unknown);
is_deeply($told, $json->decode($raw[0]), 'SQL_ASCII: stream and functions tell the same');
is_deeply(
	$told->{data},
	{   id => $meaning, "column $meaning" => $meaning, j => { $meaning => 1 }, jb => { $meaning => [$meaning] }, e => "label $meaning", a => [$meaning],
		n => $meaning, c => 'c' },
	'SQL_ASCII: what is UTF-8 is kept, other bytes become U+FFFD');
is_deeply([ @$told{qw(entityType entityId)} ], [ "type $meaning", $meaning ], 'SQL_ASCII: names and ids');

# From MULE_INTERNAL there is no conversion at all; version 19 has no such databases.
if ($node->safe_psql('postgres', q{SELECT pg_char_to_encoding('MULE_INTERNAL')}) >= 0)
{
	my $mule = make_database('MULE_INTERNAL');
	sql($mule, 'MULE_INTERNAL', "CREATE TABLE t (id int PRIMARY KEY, t text); SELECT txsync.track('t'); INSERT INTO t VALUES (1, 'a\x81\xe9b')");
	is((stream($mule))[0]{data}{t}, "a\x{fffd}b", 'MULE_INTERNAL: ASCII is kept, other characters become U+FFFD');
}

# All databases share the roles, whose names are in the encoding of whatever database they were made in.
sql('latin1', 'LATIN1', qq{CREATE ROLE "r\xf6le"});
my $utf8 = make_database('UTF8');
sql($utf8, 'UTF8', <<'SQL');
CREATE TABLE roles (id int PRIMARY KEY, r regrole, a aclitem[]);
SELECT txsync.track('roles', tx => false);
INSERT INTO roles SELECT 1, oid, ARRAY[makeaclitem(oid, oid, 'SELECT', false)] FROM pg_roles WHERE rolname LIKE 'r%le';
SQL
is(sql($utf8, 'UTF8', "SELECT count(data::jsonb) FROM pg_logical_slot_peek_changes('$utf8', NULL, NULL)"), '1', 'UTF8: a role of another encoding');
is_deeply((stream($utf8))[0]{data}{r}, "\"r\x{fffd}le\"", 'UTF8: its name is made valid');

# They share the names of the origins, too.
sql('latin1', 'LATIN1', qq{SELECT pg_replication_origin_create('origin \xf6')});
foreach my $case ([ $utf8, "\x{fffd}" ], [ 'latin1', "\x{f6}" ], [ 'euc_jp', "\x{fffd}" ])
{
	my ($database, $meaning) = @$case;
	my $encoding = uc $database;
	sql($database, $encoding, <<'SQL');
SELECT pg_replication_origin_session_setup(roname) FROM pg_replication_origin;
CREATE TABLE replicated (id int PRIMARY KEY);
SELECT txsync.track('replicated', tx => false);
INSERT INTO replicated VALUES (1);
SQL
	like((peek($database))[-1], qr/"origin":"origin [^"]+"/, "$database: an origin of another encoding");
	is((stream($database))[-1]{origin}, "origin $meaning", "$database: its name is made valid");
}

# Texts come into the changelog from UTF-8: what the database has no character for becomes a question mark.
sql('euc_jp', 'EUC_JP', "CREATE TABLE odd (id text PRIMARY KEY); SELECT txsync.track('odd', tx => false); INSERT INTO odd VALUES ('a\xa9\xa1b\xc6\xfc')");
sql('mule_internal', 'MULE_INTERNAL', "CREATE TABLE odd (id text PRIMARY KEY); SELECT txsync.track('odd'); INSERT INTO odd VALUES ('a\x81\xe9b')")
  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_database WHERE datname = 'mule_internal'});
my $captured = q{SELECT txsync.wait_captured(pg_current_wal_insert_lsn(), '1 min'),
	(SELECT count(*) > 0 FROM txsync.activity), (SELECT count(*) FROM txsync.sync_log)};
foreach my $database (split /\n/, $node->safe_psql('postgres', q{SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')}))
{
	is($node->safe_psql($database, $captured), 't|t|0', "$database: everything is captured");
	next unless $database =~ /euc_jp|mule_internal/;
	my $id = $node->safe_psql($database, q{SELECT encode(convert_to(entity_id, current_database()), 'escape') FROM txsync.activity WHERE entity_type = 'odd'});
	is($id, $database eq 'euc_jp' ? 'a?b\306\374' : 'a?b', "$database: and in its own encoding");
}

$node->stop;
done_testing();

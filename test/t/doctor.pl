# Shows that doctor() sees what a server lacks, and that each remedy, run as it stands, mends it.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Small segments, so that a slot falls behind soon. wal_level = replica.
my $node = PostgreSQL::Test::Cluster->new('doctor');
$node->init(allows_streaming => 1, extra => ['--wal-segsize=1']);
$node->start;
my $has_list = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'});

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

# The findings that match, as `severity: finding`, one a line; of all, those in the way of this test's start are left out.
sub findings
{
	my ($like) = @_;
	return sql("SELECT severity || ': ' || finding FROM txsync.doctor() WHERE finding ~ '$like'");
}

# Runs a finding's remedy as psql would run it when it is pasted.
sub mend
{
	my ($like) = @_;
	my $remedy = sql("SELECT remedy FROM txsync.doctor() WHERE finding ~ '$like'");
	note("remedy: $remedy");
	sql($remedy);
	return $remedy;
}

# Settings that a reload brings are not everywhere at once.
sub wait_for
{
	my ($condition, $what) = @_;
	ok($node->poll_query_until('postgres', "SELECT $condition"), $what);
}

sql('CREATE EXTENSION txsync; CREATE TABLE pages (id int PRIMARY KEY)');

# ---- wal_level: track() works before it is right, and tells what is missing
my ($code, $out, $err) = $node->psql('postgres', q{SELECT entity_type FROM txsync.track('pages')});
is($out, 'pages', 'wal_level = replica: track() works');
like($err, qr/NOTICE:  still missing: wal_level is replica: changes are not decoded\nHINT:  ALTER SYSTEM SET wal_level = 'logical'; -- then/,
	'and tells what is missing, with the statement');
sql('INSERT INTO pages VALUES (0); DELETE FROM pages');
is(findings('wal_level'), 'error: wal_level is replica: changes are not decoded', 'doctor() tells it as well');
mend('wal_level');
is(findings('wal_level'), 'error: wal_level is replica: changes are not decoded', 'until the restart');
$node->restart;
is(findings('wal_level'), '', 'wal_level is mended');
($code, $out, $err) = $node->psql('postgres', q{SELECT txsync.track('pages')});
is($err, '', 'track() has nothing to tell any more');

# ---- output_plugin_libraries
SKIP:
{
	skip 'this minor has no output_plugin_libraries', 9 if !$has_list;
	my $listed = q{(SELECT 'txsync' = ANY (string_to_array(replace(setting, ' ', ''), ',')) FROM pg_settings WHERE name = 'output_plugin_libraries')};
	my $reloaded = q{(SELECT setting FROM pg_settings WHERE name = 'output_plugin_libraries') %s '%s'};
	foreach my $case (
		[ q{'pgoutput', 'test_decoding'}, 'pgoutput, test_decoding', 'does not list txsync: the server refuses its output plugin' ],
		[ q{''}, '', 'does not list txsync: the server refuses its output plugin' ],
		[ q{'pgoutput, test_decoding, txsync'}, '"pgoutput, test_decoding, txsync"', 'is one element, "pgoutput, test_decoding, txsync": the server refuses every plugin in it' ])
	{
		my ($list, $setting, $finding) = @$case;
		sql("ALTER SYSTEM SET output_plugin_libraries = $list; SELECT pg_reload_conf()");
		wait_for(sprintf($reloaded, '=', $setting), "the list is $list");
		is(findings('output_plugin_libraries'), "error: output_plugin_libraries $finding", 'doctor() tells it');
		($code, $out, $err) = $node->psql('postgres', q{SELECT txsync.track('pages')});
		like($err, qr/NOTICE:  still missing: output_plugin_libraries .*\nHINT:  ALTER SYSTEM SET output_plugin_libraries = /, 'track() does');
		mend('output_plugin_libraries');
		wait_for($listed, 'the remedy lists it');
		is(findings('output_plugin_libraries'), '', 'mended');
	}
}

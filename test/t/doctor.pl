# Shows that doctor() sees what a server lacks, and that each remedy, run as it stands, mends it.
use strict;
use warnings;
use IPC::Run;
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

# The findings that match, one a line.
sub findings
{
	return sql("SELECT severity || ': ' || finding FROM txsync.doctor() WHERE finding ~ '$_[0]'");
}

# Runs the remedy of the finding that matches, as it stands.
sub mend
{
	my $remedy = sql("SELECT remedy FROM txsync.doctor() WHERE finding ~ '$_[0]'");
	note("remedy: $remedy");
	sql($remedy);
}

# What psql says on standard error.
sub said
{
	my (undef, undef, $said) = $node->psql('postgres', $_[0]);
	return $said =~ s/^psql:<stdin>:\d+: //mgr;
}

# What a reload brings is not there at once.
sub wait_for_setting
{
	my ($name, $value) = @_;
	$node->poll_query_until('postgres', "SELECT setting = '$value' FROM pg_settings WHERE name = '$name'") or die "$name never was $value";
}

sql('CREATE EXTENSION txsync; CREATE TABLE pages (id int PRIMARY KEY)');
my $track = q{SELECT entity_type FROM txsync.track('pages')};
my $make_slot = q{SELECT pg_create_logical_replication_slot('ours', 'txsync')};

# wal_level: track() works before it is right, and tells what is missing.
my $finding = 'error: wal_level is replica: changes are not decoded';
like(said($track), qr/^NOTICE:  still missing: wal_level is replica: changes are not decoded\nHINT:  ALTER SYSTEM SET wal_level = 'logical'; -- then/m,
	'wal_level = replica: track() tells it, with the statement');
is(sql('SELECT entity_type FROM txsync.entities'), 'pages', 'and works');
sql('INSERT INTO pages VALUES (0); DELETE FROM pages');
is(findings('wal_level'), $finding, 'doctor() tells it as well');
mend('wal_level');
is(findings('wal_level'), "$finding; logical is set, and a restart is due", 'the remedy takes a restart, and nothing else');
is(sql("SELECT remedy FROM txsync.doctor() WHERE finding ~ 'wal_level'"), '-- restart the server', 'which is then the remedy');
$node->restart;
is(findings('wal_level'), '', 'after which wal_level is mended');
is(said($track), 'NOTICE:  capture is off: changes of table "pages" are not in the changelog yet', 'and track() has nothing else to tell than that there is no changelog');

# output_plugin_libraries
SKIP:
{
	skip 'this minor has no output_plugin_libraries', 15 unless $has_list;
	my $whole = q{"pgoutput, test_decoding, txsync"};
	my $not_listed = 'output_plugin_libraries does not list txsync: the server refuses its output plugin';
	foreach my $case (
		[ q{'pgoutput', 'test_decoding'}, 'pgoutput, test_decoding', $not_listed, 'pgoutput, test_decoding, txsync' ],
		[ q{''}, '""', $not_listed, 'txsync' ],
		[ qq{'pgoutput, test_decoding, txsync'}, $whole, "output_plugin_libraries is one element, $whole: the server refuses every plugin in it",
			'pgoutput, test_decoding, txsync' ])
	{
		my ($list, $setting, $what, $mended) = @$case;
		sql("ALTER SYSTEM SET output_plugin_libraries = $list; SELECT pg_reload_conf()");
		wait_for_setting('output_plugin_libraries', $setting);
		like(said($make_slot), qr/^ERROR: .*txsync/m, "output_plugin_libraries = $list: the server refuses");
		is(findings('output_plugin_libraries'), "error: $what", 'doctor() tells it');
		like(said($track), qr/^NOTICE:  still missing: \Q$what\E\nHINT:  ALTER SYSTEM SET output_plugin_libraries = /m, 'track() tells it');
		mend('output_plugin_libraries');
		wait_for_setting('output_plugin_libraries', $mended);
		is(findings('output_plugin_libraries'), '', 'mended');
		is(said("$make_slot; SELECT pg_drop_replication_slot('ours')"), '', 'the server accepts');
	}
}

# Slots: ours without a reader, one whose WAL is gone, and another plugin's.
is(findings('slot'), '', 'no slot, no finding');
sql("$make_slot; SELECT pg_create_logical_replication_slot('theirs', 'test_decoding')");
like(findings('slot'), qr/^warning: slot ours has no reader and retains [0-9]+ (bytes|kB) of WAL$/, 'a slot without a reader; not one of another plugin');
sql('INSERT INTO pages VALUES (1)');
my ($read, $complaint) = ('', '');
my $timeout = IPC::Run::timer($PostgreSQL::Test::Utils::timeout_default);
my $reader = IPC::Run::start(
	[ 'txsync', 'tail', '-d', $node->connstr('postgres'), '--slot', 'ours' ], '<', \undef, '>', \$read, '2>', \$complaint, $timeout);
ok(pump_until($reader, $timeout, \$read, qr/"entityId":"1"/), 'a reader comes, and gets what there was');
is(findings('slot'), '', 'with a reader it is no finding');
$reader->signal('TERM');
ok($reader->finish, 'the reader goes');
$node->poll_query_until('postgres', q{SELECT NOT active FROM pg_replication_slots WHERE slot_name = 'ours'}) or die 'the slot stays active';
like(findings('slot'), qr/^warning: slot ours has no reader/, 'and leaves one without');

sql(q{ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'; SELECT pg_reload_conf()});
wait_for_setting('max_slot_wal_keep_size', 1);
sql(q{SELECT pg_logical_emit_message(false, '', ''); SELECT pg_switch_wal()}) for 1 .. 4;
sql('CHECKPOINT');
$node->poll_query_until('postgres', q{SELECT wal_status = 'lost' FROM pg_replication_slots WHERE slot_name = 'ours'}) or die 'the slot keeps its WAL';
is(findings('slot'), 'error: slot ours has lost WAL that it needed', 'a slot that lost its WAL, and that alone');
mend('lost WAL');
is(findings('slot'), '', 'its remedy drops it');
sql("$make_slot");
mend('no reader');
is(sql('SELECT slot_name FROM pg_replication_slots'), 'theirs', 'the remedy of one without a reader drops it too');

# Preloading: with what is preloaded already
$finding = 'info: the library is not preloaded: the changelog needs it, tracking and the stream do not, and each session has a clock of its own';
is(findings('preloaded'), $finding, 'not preloaded');
mend('preloaded');
is(findings('preloaded'), "$finding; it is set, and a restart is due", 'preloaded from the next start on');
$node->restart;
is(sql('SHOW shared_preload_libraries'), 'txsync', 'preloaded alone');
is(findings(''), '', 'nothing is left to find');

# Capture, whose slot is not one without a reader, whatever becomes of it
sub wait_for_state
{
	$node->poll_query_until('postgres', "SELECT state = '$_[0]' FROM txsync.capture") or die "capture never was $_[0]";
}
wait_for_state('streaming');
my $its_slot = qr/; its slot retains [0-9]+ (bytes|kB) of WAL/;
sql('SELECT txsync.pause()');
$node->poll_query_until('postgres', q{SELECT NOT bool_or(active) FROM pg_replication_slots}) or die 'the slot stays active';
like(findings(''), qr/^warning: capture is paused$its_slot$/, 'paused');
mend('paused');
wait_for_state('streaming');
is(findings(''), '', 'its remedy resumes');
sql('ALTER SYSTEM SET txsync.capture = off; SELECT pg_reload_conf()');
wait_for_state('off');
like(findings(''), qr/^warning: capture is off by the setting txsync\.capture$its_slot$/, 'off');
is(sql(q{SELECT remedy FROM txsync.doctor()}), 'ALTER SYSTEM RESET txsync.capture; SELECT pg_reload_conf();', 'where ALTER SYSTEM set it');
sql('ALTER SYSTEM RESET txsync.capture');
$node->append_conf('postgresql.conf', 'txsync.capture = off');
$node->reload;
$node->poll_query_until('postgres', q{SELECT remedy LIKE '%= on;%' FROM txsync.doctor()}) or die 'no other remedy where another file has it';
mend('off by the setting');
wait_for_state('streaming');
is(findings(''), '', 'its remedy turns it on');
sql('SELECT txsync.pause()');
$node->poll_query_until('postgres', q{SELECT NOT bool_or(active) FROM pg_replication_slots}) or die 'the slot stays active';
sql(q{SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE plugin = 'txsync'; SELECT txsync.resume()});
wait_for_state('lost');
like(findings(''), qr/^error: the changelog has a gap from [0-9A-F\/]+ to [0-9A-F\/]+, and capture has stopped: [^\n]+$/, 'a gap');
mend('gap');
wait_for_state('streaming');
is(findings(''), '', 'its remedy goes on behind it');

sql("ALTER SYSTEM SET shared_preload_libraries = auto_explain");
$node->restart;
sql("ALTER SYSTEM SET shared_preload_libraries = auto_explain, 'pg_stat_statements'");
like(findings(''), qr/^warning: the library is not preloaded: .*; capture is off$its_slot$/, 'others are preloaded, or will be; the slot of capture was left behind');
mend('preloaded');
$node->restart;
is(sql('SHOW shared_preload_libraries'), 'auto_explain, pg_stat_statements, txsync', 'preloaded with others');
is(findings(''), '', 'nothing is left to find');
sql("$make_slot; INSERT INTO pages VALUES (2)");
like(sql(q{SELECT data FROM pg_logical_slot_get_changes('ours', NULL, NULL)}), qr/^\{.*"entityId":"2".*\}$/, 'changes flow from a preloaded library');

$node->stop;
done_testing();

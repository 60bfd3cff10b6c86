# The client's arguments and connection; a database that becomes ready by `txsync setup`.

use strict;
use utf8;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TxsyncClient;

start_node('setup', 'replica');

subtest 'arguments' => sub {
	my ($code, $out, $err) = txsync('--version');
	is($code, 0, 'version');
	my $release = $node->safe_psql('postgres', "SELECT default_version FROM pg_available_extensions WHERE name = 'txsync'");
	is($out, "txsync $release\n", 'the client is of the same release as the extension');
	foreach my $help ([ '--help' ], map { [ $_, '--help' ] } qw(tail doctor setup))
	{
		($code, $out) = txsync(@$help);
		is($code, 0, "@$help");
		like($out, qr/^(?:Usage: )?txsync.*OPTIONS/m, "@$help: text");
	}
	ends_with('no command', 1, qr/^txsync: A subcommand is required/);
	ends_with('unknown command', 1, qr/^txsync: no command or option "tial"\nHINT:  The commands are tail, doctor and setup;/, 'tial', '--slot', 's');
	ends_with('-h', 1, qr/^txsync: no command or option "-h"\nHINT:  .*help is --help/, '-h');
	ends_with('-h of a command', 1, qr/^txsync: --host: .*\nHINT:  .*-h is the host/, 'tail', '-h');
	ends_with('unknown option', 1, qr/^txsync: .*--what/, 'tail', '--what');
	ends_with('--create alone', 1, qr/--create requires --slot/, 'tail', '--create');
	ends_with('interval', 1, qr/status-interval/, 'tail', '--status-interval', '0');
	ends_with('compact', 1, qr/^txsync: the plugin option "compact" is tail's own: .*\nHINT:  Leave it out/, 'tail', '--slot', 's', '--create', '-o', 'compact=off', '-h', '/nowhere');
};

subtest 'connection' => sub {
	$node->safe_psql('postgres', 'CREATE ROLE plain LOGIN; CREATE ROLE locked_out NOLOGIN');
	foreach my $command ([ 'tail', '--slot', 's' ], ['tail'], ['doctor'], ['setup'])
	{
		ends_with("@$command: no such database", 2, qr/^txsync: .*database "nowhere" does not exist$/m, @$command, '-d', 'nowhere');
		ends_with("@$command: nobody there", 2, qr/^txsync: .*No such file or directory/, @$command, '-h', "$dir/nobody");
		ends_with("@$command: may not log in", 2, qr/^txsync: .*role "locked_out" is not permitted to log in$/m, @$command, '-U', 'locked_out');
	}
	ends_with('no right to stream', 8, qr/^txsync: .*(replication role|permission denied to start WAL sender)(.*\n)+HINT:  ALTER ROLE "plain" REPLICATION;/, 'tail', '-U', 'plain');
	my (undef, undef, $err) = txsync('tail', '-d', 'nowhere');
	unlike($err, qr/LOCATION|3D000/, 'nothing for developers in the message');
	ends_with('no option that libpq knows', 2, qr/invalid connection option "hsot"/, 'tail', '--slot', 's', 'hsot=x');
};

subtest 'doctor and setup' => sub {
	ends_with("wal_level, @$_", 8, qr/^txsync: wal_level is replica: changes are not decoded\nHINT:  `txsync setup`/, @$_) foreach ['tail'], [ 'tail', '--slot', 's', '--create' ];
	ends_with('doctor without extension', 7, qr/^txsync: the extension txsync is not installed in database "postgres"\nHINT:  `txsync setup`/, 'doctor');

	my $has_list = $node->safe_psql('postgres', "SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'");
	if ($has_list)
	{
		$node->safe_psql('postgres', q{ALTER SYSTEM SET output_plugin_libraries = pgoutput, "test_decoding"});
		$node->reload;
	}
	my ($code, $out, $err) = txsync('setup', $node->connstr('postgres'));
	is($code, 0, 'setup') or diag $err;
	like($out, qr/^extension txsync: created in database "postgres"$/m, 'creates the extension');
	like($out, qr/^wal_level: set to logical \(replica until the restart\)$/m, 'sets wal_level');
	like($out, qr/^error +wal_level is replica.*a restart is due\n +-> -- restart the server$/m, 'tells what doctor still finds');
	like($out, qr/^A RESTART of the server is due, for: .*\bwal_level\b/m, 'tells that a restart is due');
	if ($has_list)
	{
		like($out, qr/^output_plugin_libraries: txsync added$/m, 'allows the plugin');
		is($node->safe_psql('postgres', 'SHOW output_plugin_libraries'), 'pgoutput, test_decoding, txsync', 'keeps the list');
	}
	($code) = txsync('doctor');
	is($code, 7, 'doctor finds an error before the restart');

	$node->restart;
	is($node->safe_psql('postgres', 'SHOW wal_level'), 'logical', 'wal_level is logical after the restart');
	($code, $out, $err) = txsync('doctor');
	is($code, 0, 'doctor finds none after it') or diag $out;
	unlike($out, qr/\033/, 'no colours where there is no terminal');
	($code, $out) = txsync('setup');
	is($code, 0, 'setup again');
	like($out, qr/^extension txsync: already in database "postgres"\nwal_level: already logical\n/m, 'nothing left to do');
	like($out, qr/^no restart is due$/m, 'no restart is due');
	ends_with('doctor is not for everybody', 8, qr/permission denied for function doctor\nHINT:  GRANT EXECUTE ON FUNCTION txsync\.doctor\(\) TO "plain";$/, 'doctor', '-U', 'plain');
	ends_with('setup neither', 8, qr/^txsync: permission denied.*\nHINT:  .*superuser/, 'setup', '-U', 'plain', '-d', 'template1');
	$node->safe_psql('postgres', 'ALTER SYSTEM SET wal_level = replica');
	$node->restart;
	ends_with('where the extension is', 8, qr/^txsync: permission denied to set parameter "wal_level"\nHINT:  setup takes a superuser/, 'setup', '-U', 'plain');
	$node->safe_psql('postgres', 'ALTER SYSTEM SET wal_level = logical');
	$node->restart;
	return unless $has_list;

	$node->safe_psql('postgres', q{ALTER SYSTEM SET output_plugin_libraries = 'pgoutput, test_decoding'});
	$node->reload;
	poll_ok(q{SELECT current_setting('output_plugin_libraries') = '"pgoutput, test_decoding"'}, 'a list in one pair of quotes');
	ends_with('plugin not allowed', 8, qr/^txsync: .*output_plugin_libraries/s, 'tail');
	($code) = txsync('setup');
	is($code, 0, 'setup of such a list');
	is($node->safe_psql('postgres', 'SHOW output_plugin_libraries'), 'pgoutput, test_decoding, txsync', 'is mended');
};

$node->stop;
done_testing();

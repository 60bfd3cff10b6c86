# Clients as applications have them: the npm driver pg, a query builder, an ORM (test/npm). Their packages are where scripts/check has
# put them, in test/npm/node_modules.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TxsyncClient;

my $tests = "$FindBin::RealBin/../npm";
my @files = map { "$tests/$_.test.js" } qw(driver knex drizzle);
ok(-d "$tests/node_modules/pg", 'the packages are there') or BAIL_OUT('no test/npm/node_modules: scripts/check makes it');

start_node('npm', 'logical');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'txsync'");
$node->restart;
$ENV{PGUSER} = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql('postgres', 'CREATE EXTENSION txsync');
poll_ok(q{SELECT state = 'streaming' FROM txsync.capture}, 'streaming');

# Without a terminal, each version of node has its own idea of how to report.
IPC::Run::run([ 'node', '--test', '--test-reporter=tap', @files ], '<', \'', '>', \my $out, '2>&1', limit());
my $status = $? >> 8;
is($status, 0, 'node --test') or diag($out);
my ($passed) = $out =~ /^# pass (\d+)$/m;
my ($failed) = $out =~ /^# fail (\d+)$/m;
is($failed, 0, 'no test failed');
cmp_ok($passed, '>', 25, 'tests ran');
note $out;

# Of each id that was claimed the changelog has something to tell, but for the one that was claimed for nothing.
poll_ok('SELECT txsync.wait_captured(pg_current_wal_insert_lsn())', 'captured');
is( $node->safe_psql('postgres', q{
		SELECT count(*) FROM txsync.mutation m
		WHERE NOT EXISTS (SELECT FROM txsync.activity a WHERE a.tx ->> 'transactionId' = m.transaction_id)}),
	'1', 'the changelog has every id that was claimed for a row');
is($node->safe_psql('postgres', q{
		SELECT tx ->> 'transactionId' FROM txsync.activity WHERE tx IS NOT NULL
		EXCEPT SELECT transaction_id FROM txsync.mutation}),
	'', 'and no other');

$node->stop;
done_testing();

# The README's tour does what it says.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Steps;
use Test::More;
use TxsyncClient;

my ($tour) = document('README.md') =~ /^## A tour in five minutes\n(.*?)^## /ms;

start_node('tour', 'logical');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'txsync'");
$node->restart;
$node->safe_psql('postgres', 'CREATE EXTENSION txsync');
$node->poll_query_until('postgres', q{SELECT state = 'streaming' FROM txsync.capture}) or die 'capture does not begin';

my $tail = start_tail('seen', '--pretty');
$node->poll_query_until('postgres', 'SELECT active FROM pg_replication_slots WHERE temporary') or die 'the client does not follow';
steps_hold($node, $tour, error_stop => 1);

# What the section "Follow" shows, but for the time.
my ($shown) = $tour =~ /^```\n((?:\d\d:\d\d:\d\d\..*\n)+)^```\n/m;
$shown =~ s/^[0-9:.]+//mg;
wait_for_text('seen', qr/update  pages\/2 .*"We are open"/);
is(finish($tail, 'TERM'), 0, 'clean end');
my $seen = text_of('seen') =~ s/^[0-9:.]+//mgr;
like($seen, qr/^\Q$shown\E/m, 'and a client that follows writes it');
$node->stop;
done_testing();

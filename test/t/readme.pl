# The README's tour does what it says.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use Steps;
use Test::More;

my ($tour) = document('README.md') =~ /^## A tour in five minutes\n(.*?)^## /ms;

my $node = PostgreSQL::Test::Cluster->new('tour');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'txsync'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION txsync');
$node->poll_query_until('postgres', q{SELECT state = 'streaming' FROM txsync.capture}) or die 'capture does not begin';
steps_hold($node, $tour, error_stop => 1);
$node->stop;
done_testing();

# The tutorial's endpoint does what it says, errors included.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use Steps;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('tutorial');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'txsync'");
$node->start;
steps_hold($node, document('docs/tutorial.md'));
$node->stop;
done_testing();

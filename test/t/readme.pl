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
$node->start;
steps_hold($node, $tour, error_stop => 1);
$node->stop;
done_testing();

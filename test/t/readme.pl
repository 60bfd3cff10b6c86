# The README's tour does what it says: each block of SQL, run in turn in one session, prints the block of text behind it.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $readme = slurp_file("$ENV{TXSYNC_SOURCE}/README.md");
my ($tour) = $readme =~ /^## A tour in five minutes\n(.*?)^## /ms;
my @steps;
while ($tour =~ /^```sql\n(.*?)^```\n(?:```text\n(.*?)^```\n)?/msg)
{
	push @steps, { sql => $1, text => $2 // '' };
}
cmp_ok(scalar @steps, '>=', 5, 'the tour has its steps');

my $node = PostgreSQL::Test::Cluster->new('tour');
$node->init(allows_streaming => 'logical');
$node->start;

my $script = join "\n", map { "$_->{sql}\\echo ==end of step" } @steps;
my $output = '';
my $result = IPC::Run::run [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ], '<', \$script, '>&', \$output;
ok($result, 'the tour runs') or diag($output);

# What differs from run to run; the width of a table's column follows from it.
sub comparable
{
	my ($text) = @_;
	$text =~ s/"position":"[^"]*"/"position":"…"/g;
	$text =~ s/"committedAt":"[^"]*"/"committedAt":"…"/g;
	$text =~ s/"version":"\d{13}\.\d{4,}\.[0-9a-z-]+"/"version":"…"/g;
	$text =~ s/-{3,}/---/g;
	$text =~ s/ +/ /g;
	$text =~ s/^ | $//mg;
	return $text;
}

my @printed = split /^==end of step\n/m, $output, -1;
is(comparable($printed[$_]), comparable($steps[$_]{text}), 'step ' . ($_ + 1)) for 0 .. $#steps;

$node->stop;
done_testing();

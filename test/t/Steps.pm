package Steps;

# Documents whose blocks of SQL, run in turn in one session, print the block of text behind each.

use strict;
use utf8;
use warnings FATAL => 'all';

use Encode qw(decode encode);
use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(document steps_hold);

# A document of the tree.
sub document
{
	my ($name) = @_;
	return decode('UTF-8', slurp_file("$ENV{TXSYNC_SOURCE}/$name"));
}

# What differs from run to run; the width of a table's column follows from it.
sub comparable
{
	my ($text) = @_;
	$text =~ s/"position":"[^"]*"/"position":"…"/g;
	$text =~ s/"committedAt":"[^"]*"/"committedAt":"…"/g;
	$text =~ s/\b[0-9]{13}\.[0-9]{4,}\.[0-9a-z]{8,}(?:-[0-9a-z]+)+/the server's id/g;
	$text =~ s/-{3,}/---/g;
	$text =~ s/ +/ /g;
	$text =~ s/^ | $//mg;
	return $text;
}

# Runs the steps of a text on a server, and compares what they print. `error_stop`: whether no step may fail.
sub steps_hold
{
	my ($node, $text, %params) = @_;
	my @steps;
	while ($text =~ /^```sql\n(.*?)^```\n(?:```text\n(.*?)^```\n)?/msg)
	{
		push @steps, { sql => $1, text => $2 // '' };
	}
	cmp_ok(scalar @steps, '>=', 5, 'there are steps');
	my $script = encode('UTF-8', join "\n", map { "$_->{sql}\\echo ==end of step" } @steps);
	my $output = '';
	my $stop = $params{error_stop} ? 1 : 0;
	my $result = IPC::Run::run [ 'psql', '-X', '-q', '-v', "ON_ERROR_STOP=$stop", '-d', $node->connstr('postgres') ], '<', \$script, '>&', \$output;
	ok($result, 'they run') or diag($output);
	my @printed = split /^==end of step\n/m, decode('UTF-8', $output), -1;
	foreach my $i (0 .. $#steps)
	{
		is(encode('UTF-8', comparable($printed[$i] // '')), encode('UTF-8', comparable($steps[$i]{text})), 'step ' . ($i + 1));
	}
	return;
}

1;

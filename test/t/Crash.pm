package Crash;

# A process of the server that dies, and the whole server with it.

use strict;
use warnings FATAL => 'all';

use Exporter 'import';

our @EXPORT = qw(crash);

# Kills a process of the server with -9, and waits until the server has come back. False if there is no such process.
sub crash
{
	my ($node, $pid) = @_;
	my $log = -s $node->logfile;
	kill 'KILL', $pid or return 0;
	$node->wait_for_log(qr/database system is ready to accept connections/, $log);
	return 1;
}

1;

package WireClient;

# A session that speaks the wire protocol itself, over the server's Unix socket: it can break off wherever it likes, and many fit on
# a machine.

use strict;
use warnings FATAL => 'all';

use IO::Socket::UNIX;

# Dies if there is no connection to be had. `settings` are the session's own.
sub new
{
	my ($class, $node, %settings) = @_;
	my $path = $node->host . '/.s.PGSQL.' . $node->port;
	my $socket = IO::Socket::UNIX->new(Peer => $path) or die "cannot connect to $path: $!";
	my $self = bless { node => $node, socket => $socket }, $class;
	my %startup = (user => $ENV{PGUSER} // scalar getpwuid $<, database => 'postgres', %settings);
	my $message = pack('N', 3 << 16) . join('', map { pack 'Z* Z*', $_, $startup{$_} } sort keys %startup) . "\0";
	$self->put(pack('N', 4 + length $message) . $message);
	my $answer = $self->answer // die 'the server has closed a new connection';
	die "cannot connect: $answer->{message}" if $answer->{error};
	return $self;
}

sub put
{
	my ($self, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	while (length $bytes)
	{
		my $sent = syswrite($self->{socket}, $bytes) // return;
		substr($bytes, 0, $sent, '');
	}
	return;
}

sub get
{
	my ($self, $size) = @_;
	my $bytes = '';
	while (length $bytes < $size)
	{
		return unless sysread $self->{socket}, $bytes, $size - length $bytes, length $bytes;
	}
	return $bytes;
}

# Sends statements without waiting for what comes of them.
sub send
{
	my ($self, $sql) = @_;
	return $self->put(pack 'a N Z*', 'Q', 5 + length $sql, $sql);
}

# What came of all that the last send() sent: { rows, status } or also { error (an SQLSTATE), message }; undef if the server is gone.
sub answer
{
	my ($self) = @_;
	my %answer = (rows => []);
	while (1)
	{
		my $head = $self->get(5) // return;
		my ($type, $size) = unpack 'a N', $head;
		my $body = $size > 4 ? $self->get($size - 4) // return : '';
		if ($type eq 'D')
		{
			my ($columns, $at, @row) = (unpack('n', $body), 2);
			foreach (1 .. $columns)
			{
				my $length = unpack 'l>', substr $body, $at, 4;
				push @row, $length < 0 ? undef : substr $body, $at + 4, $length;
				$at += 4 + ($length < 0 ? 0 : $length);
			}
			push @{ $answer{rows} }, \@row;
		}
		elsif ($type eq 'E')
		{
			my %field = map { substr($_, 0, 1) => substr $_, 1 } grep { length } split /\0/, $body;
			@answer{qw(error message)} = @field{qw(C M)};
			return \%answer if $field{V} eq 'FATAL';
		}
		elsif ($type eq 'K')
		{
			$self->{pid} = unpack 'N', $body;
		}
		elsif ($type eq 'Z')
		{
			$answer{status} = $body;
			return \%answer;
		}
	}
}

sub query
{
	my ($self, $sql) = @_;
	$self->send($sql);
	return $self->answer;
}

# Breaks off without a word: the server notices when it next reads or writes.
sub drop
{
	my ($self) = @_;
	close $self->{socket};
	return;
}

# Has the server end the session.
sub terminate
{
	my ($self) = @_;
	my $other = WireClient->new($self->{node});
	$other->query("SELECT pg_terminate_backend($self->{pid})");
	$other->drop;
	return $self->drop;
}

1;

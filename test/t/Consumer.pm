package Consumer;

# A consumer of the outbox with two workers, which acknowledge what they get, refuse it, or forget it. What they were given makes the same
# state as a reader's changes.

use strict;
use warnings FATAL => 'all';

use JSON::PP;
use Time::HiRes ();
use parent 'Reader';
use WireClient;

my $json = JSON::PP->new->canonical->allow_nonref;

sub new
{
	my ($class, $node, $name, %param) = @_;
	my $self = $class->SUPER::new($node, $name, %param);
	$self->found or die "$self->{error} $self->{message}";
	return $self;
}

sub connect
{
	my ($self) = @_;
	$self->SUPER::connect;
	$self->{workers} = [ map { WireClient->new($self->{node}, user => $self->{role}, options => '-c lock_timeout=1s') } 1 .. 2 ];
	return;
}

# From now on, with what the role sees. Deliveries that workers have: by id, { key, activity, until }.
sub found
{
	my ($self) = @_;
	my %filter = ($self->{types} ? (entityTypes => $self->{types}) : (), $self->{orgs} ? (organizations => $self->{orgs}) : ());
	$self->rows("SELECT txsync.create_consumer('$self->{name}', '@{[ $json->encode(\%filter) ]}')") // return;
	$self->begin_now // return;
	$self->{branch} = pop @{ $self->{branches} };
	@$self{qw(open done)} = ({}, {});
	return 1;
}

# Asks as a worker.
sub work
{
	my ($self, $sql) = @_;
	local $self->{session} = Reader::pick(@{ $self->{workers} });
	return $self->rows($sql);
}

sub take
{
	my ($self, $max, $lease_ms) = @_;
	my $now = Time::HiRes::time();
	my $rows = $self->work("SELECT delivery_id, attempts, change FROM txsync.consume('$self->{name}', $max, '$lease_ms ms')") // return;
	my %in_page;
	foreach my $row (@$rows)
	{
		my ($delivery, $attempts, $change) = ($row->[0], $row->[1], $json->decode($row->[2]));
		my $key = Reader::key($change->{entityType}, $change->{entityId} // '');
		die "$self->{name}: $key is given twice at a time\n" if $in_page{$key}++ || grep { $_->{key} eq $key && $_->{until} > $now + 1 } values %{ $self->{open} };
		die "$self->{name}: $key goes back to activity $change->{activityId}\n" if $change->{activityId} <= ($self->{done}{$key} // 0);
		$self->apply($self->{branch}, $change);
		$self->{open}{$delivery} = { key => $key, activity => $change->{activityId}, until => $now + $lease_ms / 1000 };
		$self->{deliveries}++;
		$self->{repeated}++ if $attempts > 1;
	}
	return scalar @$rows;
}

sub ack
{
	my ($self, @ids) = @_;
	return 1 if !@ids;
	my $rows = $self->work("SELECT delivery_id, status FROM txsync.ack('$self->{name}', '{@{[ join ',', @ids ]}}')") // return;
	foreach my $row (@$rows)
	{
		my $delivery = delete $self->{open}{ $row->[0] };
		die "$self->{name}: ack() of $row->[0]: $row->[1]\n" if $row->[1] eq 'unknown' || ($row->[1] eq 'expired' && $delivery->{until} > Time::HiRes::time() + 1);
		$self->{done}{ $delivery->{key} } = $delivery->{activity} if $row->[1] eq 'acked';
	}
	return 1;
}

# One thing that its workers may do.
sub step
{
	my ($self) = @_;
	my @open = keys %{ $self->{open} };
	my $dice = rand;
	return $self->take(Reader::pick(1, 3, 10, 100), Reader::pick(100, 60_000)) if $dice < 0.5 || !@open;
	return $self->ack(grep { rand() < 0.7 } @open) if $dice < 0.85;
	my @some = grep { rand() < 0.5 } @open or return 1;
	$self->work("SELECT txsync.nack('$self->{name}', '{@{[ join ',', @some ]}}', '@{[ Reader::pick(0, 20) ]} ms', 'no')") // return;
	delete @{ $self->{open} }{@some};
	return 1;
}

# Until nothing is left to do.
sub drain
{
	my ($self) = @_;
	while (1)
	{
		$self->ack(keys %{ $self->{open} }) // return;
		my $given = $self->take(1000, 60_000) // return;
		next if $given;
		my $left = $self->rows("SELECT unread + in_flight + waiting + behind, dead FROM txsync.consumers WHERE name = '$self->{name}'") // return;
		die "$self->{name}: dead letters\n" if $left->[0][1];
		return 1 if !$left->[0][0];
		Time::HiRes::usleep(20_000);
	}
}

1;

package Reader;

# A session of a role that catches up, and what it knows: branches, each a cursor with the state that the reader has there. Some are
# old. To read is to apply each change to the state; by the law that makes it what the tables show to the role.

use strict;
use warnings FATAL => 'all';

use JSON::PP;
use WireClient;

my $json = JSON::PP->new->canonical->allow_nonref;

sub pick { return $_[ int rand @_ ] }

# `types` and `orgs` are its filter, undef for all.
sub new
{
	my ($class, $node, $name, %param) = @_;
	my $self = bless { node => $node, name => $name, role => $name, branches => [], %param }, $class;
	$self->connect;
	return $self;
}

sub connect
{
	my ($self) = @_;
	$self->{session} = WireClient->new($self->{node}, user => $self->{role}, options => '-c lock_timeout=100ms');
	return;
}

# ---- SQL

sub array
{
	my ($list) = @_;
	return $list ? "ARRAY[" . join(', ', map { "'$_'" } @$list) . ']::text[]' : 'NULL';
}

# The rows, or nothing: then `error` says why, `gone` if the server is.
sub rows
{
	my ($self, $sql) = @_;
	my $answer = $self->{session}->query($sql);
	@$self{qw(error message)} = $answer ? @$answer{qw(error message)} : ('gone', 'the server is gone');
	return if $self->{error};
	return $answer->{rows};
}

sub json
{
	my ($self, $sql) = @_;
	my $rows = $self->rows($sql) // return;
	return $json->decode($rows->[0][0]);
}

# ---- States: entity type and id in one text => { data, versions }

sub key { return "$_[0] $_[1]" }

sub is_in
{
	my ($value, $list) = @_;
	return !$list || (defined $value && grep { $_ eq $value } @$list);
}

# What the tables show to the role now, of what the filter wants: text of the data by key.
sub seen
{
	my ($self, $filter) = @_;
	my $rows = $self->rows('SELECT entity_type, entity_id, organization_id, data FROM seen()') // return;
	return { map { key(@$_) => $json->encode($json->decode($_->[3])) } grep { is_in($_->[0], $filter->{types}) && is_in($_->[2], $filter->{orgs}) } @$rows };
}

# What versions the role sees now of these entities: text by key.
sub versions
{
	my ($self, @keys) = @_;
	my %versions;
	while (my @some = splice @keys, 0, 1 + int rand 100)
	{
		my $pointers = $json->encode([ map { my ($type, $id) = split / /, $_, 2; { entityType => $type, entityId => $id } } @some ]);
		my $entities = $self->json("SELECT txsync.get_entities(\$p\$$pointers\$p\$)") // return;
		die "get_entities() gives @{[ scalar @$entities ]} of @{[ scalar @some ]}" if @$entities != @some;
		$versions{ $some[$_] } = $entities->[$_] foreach 0 .. $#some;
	}
	return \%versions;
}

# ---- Branches

sub branch
{
	my ($self, $cursor, $state, %more) = @_;
	push @{ $self->{branches} }, { cursor => $cursor, state => $state, types => $self->{types}, orgs => $self->{orgs}, at => 0, trace => [], events => {}, %more };
	return $self->{branches}[-1];
}

sub copy
{
	my ($branch) = @_;
	return { %$branch, state => { %{ $branch->{state} } }, trace => [ @{ $branch->{trace} } ], events => { %{ $branch->{events} } } };
}

# What is odd about a change in itself, whatever the tables hold.
sub oddity
{
	my ($self, $branch, $change) = @_;
	return 'its action' if $change->{action} !~ /\A(?:create|update|delete|truncate|event|visibility)\z/;
	return 'it is not of the filter' if !is_in($change->{entityType}, $branch->{types});
	return 'a truncate has data' if $change->{action} eq 'truncate' && defined $change->{data};
	my $all = join ' ', keys %{ $change->{data} // {} }, @{ $change->{changedKeys} // [] };
	return 'what is hidden' if $change->{action} ne 'event' && $all =~ /\b(?:secret|tx|tx_versions)\b/;
	return 'changedKeys that the role may not read' if $self->{may_read} && grep { !$self->{may_read}{ $change->{entityType} }{$_} } @{ $change->{changedKeys} // [] };
	return;
}

sub apply
{
	my ($self, $branch, $change) = @_;
	my $odd = $self->oddity($branch, $change);
	die "$self->{name} is told a change with something odd, $odd: " . $json->encode($change) . "\n" if $odd;
	push @{ $branch->{trace} }, join ' ', map { $_ // '-' } @$change{qw(activityId action entityType entityId organizationId)}, defined $change->{data} ? 'data' : 'none';
	my ($type, $state) = ($change->{entityType}, $branch->{state});
	if ($change->{action} eq 'event')
	{
		$branch->{events}{ $change->{activityId} } = $change->{entityId};
	}
	elsif ($change->{action} eq 'truncate')
	{
		delete @$state{ grep { /\A\Q$type\E / } keys %$state };
	}
	elsif (defined $change->{data})
	{
		$state->{ key($type, $change->{entityId}) } = { data => $json->encode($change->{data}), versions => $json->encode($change->{versions}) };
	}
	else
	{
		delete $state->{ key($type, $change->{entityId}) };
	}
	return;
}

# Reads a page. Returns whether there is more; undef and `error` if there was none.
sub page
{
	my ($self, $branch) = @_;
	my $max = pick(1, 2, 3, 5, 10, 30, 100, 1000);
	my $latest = pick(qw(true false));
	my $page = $self->json("SELECT txsync.fetch_changes('$branch->{cursor}', $max, "
			. join(', ', array($branch->{types}), array($branch->{orgs})) . ", $latest)") // return;
	die "a page of more than $max" if @{ $page->{changes} } > $max;
	die "$self->{name}: hasMore, but its cursor stands still: $branch->{cursor}" if $page->{hasMore} && $page->{cursor} eq $branch->{cursor};
	foreach my $change (@{ $page->{changes} })
	{
		die "$self->{name} is told activity $change->{activityId} behind $branch->{at}\n" if $change->{activityId} <= $branch->{at};
		$branch->{at} = $change->{activityId};
		$self->apply($branch, $change);
	}
	push @{ $branch->{trace} }, "-- max $max, latest $latest: @{[ scalar @{ $page->{changes} } ]} changes";
	$branch->{cursor} = $page->{cursor};
	# An activity's id is a cursor, too.
	$branch->{cursor} = $branch->{at} if !$page->{hasMore} && @{ $page->{changes} } && !$branch->{types} && !$branch->{orgs} && rand() < 0.1;
	$self->{changes} += @{ $page->{changes} };
	$self->{pages}++;
	return $page->{hasMore} ? 1 : 0;
}

# To the end of what there is.
sub catch_up
{
	my ($self, $branch) = @_;
	foreach (1 .. 100_000)
	{
		my $more = $self->page($branch) // return 0;
		return 1 if !$more;
	}
	die "$self->{name} never comes to the end of its changes";
}

# ---- How to begin

# All from the start, with nothing.
sub begin
{
	my ($self) = @_;
	return $self->branch('start', {});
}

# From now on, with what the tables hold after the cursor was taken.
sub begin_now
{
	my ($self) = @_;
	my $page = $self->json("SELECT txsync.fetch_changes('now', 1, " . join(', ', array($self->{types}), array($self->{orgs})) . ')') // return;
	my $state = $self->seen($self) // return;
	my $versions = $self->versions(keys %$state) // return;
	return $self->branch($page->{cursor}, { map { $_ => { data => $state->{$_}, versions => $json->encode($versions->{$_}{versions}) } } keys %$state });
}

# With snapshots of all types, page by page; `between` is called in between. The cursor is the first one's, since that is the oldest.
sub begin_with_snapshots
{
	my ($self, $types, $between) = @_;
	my ($cursor, %state);
	foreach my $type (grep { is_in($_, $self->{types}) } @$types)
	{
		my $after = 'NULL';
		do
		{
			my $page = $self->json("SELECT txsync.snapshot('$type', $after, @{[ pick(1, 3, 5, 20, 100) ]})") // return;
			$cursor //= $page->{cursor};
			foreach my $entity (grep { is_in($_->{organizationId}, $self->{orgs}) } @{ $page->{entities} })
			{
				$state{ key($type, $entity->{entityId}) } = { data => $json->encode($entity->{data}), versions => $json->encode($page->{versions}{ $entity->{entityId} }) };
			}
			$after = defined $page->{next} ? "'$page->{next}'" : undef;
			$between->();
		} while (defined $after);
	}
	return if !defined $cursor;
	return $self->branch($cursor, \%state);
}

# ---- The law

# What is wrong with the branch's state; nothing if it is what the role sees now.
sub difference
{
	my ($self, $branch) = @_;
	my $seen = $self->seen($branch) // return "cannot look: $self->{message}";
	my $state = $branch->{state};
	my $versions = $self->versions(sort keys %{ { %$seen, %$state } }) // return "get_entities(): $self->{message}";
	my @wrong;
	foreach my $key (sort keys %$versions)
	{
		my ($entity, $has) = ($versions->{$key}, $state->{$key});
		push @wrong, "$key: get_entities() has " . $json->encode($entity->{data}) . ", the table " . ($seen->{$key} // 'nothing')
			if $self->wants($branch, $entity) && (defined $entity->{data} ? $json->encode($entity->{data}) : '') ne ($seen->{$key} // '');
		push @wrong, "$key: the reader has " . ($has ? $has->{data} : 'nothing') . ', the table ' . ($seen->{$key} // 'nothing') if ($has ? $has->{data} : '') ne ($seen->{$key} // '');
		push @wrong, "$key: the reader has versions $has->{versions}, the table " . $json->encode($entity->{versions})
			if $has && $seen->{$key} && $has->{versions} ne $json->encode($entity->{versions});
	}
	return join "\n", @wrong;
}

# get_entities() knows no filter.
sub wants
{
	my ($self, $branch, $entity) = @_;
	return !defined $entity->{data} || is_in($entity->{organizationId}, $branch->{orgs});
}

# What a narrower filter leaves of a branch.
sub narrow
{
	my ($self, $branch, $types, $orgs, $org_of) = @_;
	my $state = $branch->{state};
	delete @$state{ grep { !is_in((split / /)[0], $types) || !is_in($org_of->($_), $orgs) } keys %$state };
	@$branch{qw(types orgs)} = ($types, $orgs);
	return $branch;
}

1;

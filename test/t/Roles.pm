package Roles;

# The roles of law.sql and two more, nobody and mallory, each with a session; what they ask, and what they are told.

use strict;
use warnings FATAL => 'all';

use CapturedDatabase;
use Exporter 'import';
use FindBin;
use JSON::PP;
use PostgreSQL::Test::Utils;
use WireClient;

our @EXPORT = qw($node $db $json @roles start_roles ask get rows page captured);
our ($node, $db);
our $json = JSON::PP->new->canonical->allow_nonref;
our @roles = qw(postgres keeper ann bob cyd guy nobody);
my %session;

sub start_roles
{
	my ($name) = @_;
	$node = CapturedDatabase->new_server($name);
	$node->safe_psql('postgres', slurp_file("$FindBin::RealBin/law.sql"));
	$node->safe_psql('postgres', 'CREATE ROLE nobody LOGIN; CREATE ROLE mallory LOGIN');
	$db = CapturedDatabase->new($node, 'postgres');
	$db->wait_for_state('streaming');
	%session = map { $_ => WireClient->new($node, user => $_, options => '-c client_min_messages=warning') } @roles, 'mallory';
	return;
}

# The first value of the last row, or the error as `SQLSTATE message`.
sub ask
{
	my ($role, $sql) = @_;
	my $answer = $session{$role}->query($sql) // die "the server is gone: $sql";
	return "$answer->{error} $answer->{message}" if $answer->{error};
	return $answer->{rows}[-1] ? $answer->{rows}[-1][0] : undef;
}

# As ask(), of what must not fail.
sub get
{
	my ($role, $sql) = @_;
	my $rows = rows($role, $sql);
	return $rows->[-1] ? $rows->[-1][0] : undef;
}

sub rows
{
	my ($role, $sql) = @_;
	my $answer = $session{$role}->query($sql) // die "the server is gone: $sql";
	die "$role: $sql\n$answer->{error} $answer->{message}\n" if $answer->{error};
	return $answer->{rows};
}

sub page
{
	my ($role, $cursor, $more) = @_;
	return $json->decode(get($role, "SELECT txsync.fetch_changes('$cursor'" . ($more // '') . ')'));
}

sub captured
{
	return get('postgres', q{SELECT txsync.wait_captured(pg_current_wal_insert_lsn(), '60 s')}) eq 't' || die 'not captured';
}

1;

# What the catalog has stands in docs/: functions, relations, settings, options of the plugin.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TxsyncClient;

my $folder = ($ENV{TXSYNC_SOURCE} // "$FindBin::RealBin/../..") . '/docs';
my $docs = join '', map { slurp_file($_) } glob("$folder/*.md");

# Its functions, whose headings begin with code, are too many for that.
my ($contents, $sections) = slurp_file("$folder/reference.md") =~ /\A(.*?\n)(## .*)/s;
is_deeply([ $contents =~ /\[([^\]]+)\]\(#/g ], [ $sections =~ /^###? ((?!`|CALL ).+)$/mg ], 'the reference lists its sections');

start_node('documented', 'logical');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'txsync'\ntxsync.capture = off");
$node->restart;
$node->safe_psql('postgres', 'CREATE EXTENSION txsync');

# Names that are no code in docs/, or whose pattern is not.
sub stand
{
	my ($what, $pattern, @names) = @_;
	cmp_ok(scalar @names, '>', 0, "there are $what");
	my @missing = grep { my $name = quotemeta; $docs !~ $pattern->($name) } @names;
	return is_deeply(\@missing, [], "$what stand in docs/");
}

sub rows { return split /\n/, $node->safe_psql('postgres', @_) }

my $member = q{EXISTS (SELECT FROM pg_depend d WHERE d.objid = o.oid AND d.classid = o.tableoid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'txsync'))};
# Types, operators and casts are called by other names.
stand('functions', sub { qr/\b$_[0]\(/ }, rows(qq{
	SELECT DISTINCT proname FROM pg_proc o WHERE $member
		AND NOT EXISTS (SELECT FROM pg_type t WHERE o.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend))
		AND NOT EXISTS (SELECT FROM pg_operator p WHERE p.oprcode = o.oid)
		AND NOT EXISTS (SELECT FROM pg_amproc p WHERE p.amproc = o.oid)
		AND NOT EXISTS (SELECT FROM pg_cast c WHERE c.castfunc = o.oid) ORDER BY 1}));
stand('relations', sub { qr/\b$_[0]\b/ }, rows(qq{SELECT relname FROM pg_class o WHERE $member AND relkind IN ('r', 'p', 'v', 'm') ORDER BY 1}));
stand('settings', sub { qr/`$_[0]`/ }, rows(q{SELECT name FROM pg_settings WHERE name LIKE 'txsync.%' ORDER BY 1}));

# The plugin tells its options to whoever names another.
$node->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('s', 'txsync')});
my (undef, undef, $err) = $node->psql('postgres', q{SELECT * FROM pg_logical_slot_peek_changes('s', NULL, NULL, 'no such option', 'x')});
my ($options) = $err =~ /^HINT:.*?: (.*)\.$/m;
stand('options of the plugin', sub { qr/`$_[0]`/ }, split /, /, $options // '');

$node->stop;
done_testing();

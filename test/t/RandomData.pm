package RandomData;

# Types and random values of them. A type is a hash: `name` as in a column's definition, `value` a function that returns the text
# which the type's input function reads, and where ranges can be made of it `pair`, a function that returns two such texts in order;
# `no_literal` if no default may be a literal of it. Everything follows from srand(), on any machine.

use strict;
use utf8;
use warnings FATAL => 'all';

use Encode qw(encode);
use Exporter 'import';

our @EXPORT = qw($major %builtin %no_value %catalog_value below chance pick text_of_length identifier quote_identifier literal copy_field
  builtin_type array_of composite range_of multirange_of domain_of enum random_builtin);

# Set by the test: the server's major version.
our $major = 15;

# ---- Dice

sub below
{
	my ($n) = @_;
	return int(rand($n));
}

sub chance
{
	my ($probability) = @_;
	return rand() < $probability;
}

sub pick
{
	my @choices = @_;
	return $choices[ below(scalar @choices) ];
}

sub some
{
	my ($least, $most, $make) = @_;
	return map { $make->() } 1 .. $least + below($most - $least + 1);
}

sub digits
{
	my ($least, $most) = @_;
	return join '', some($least, $most, sub { below(10) });
}

# ---- SQL

sub quote_identifier
{
	my ($name) = @_;
	$name =~ s/"/""/g;
	return qq{"$name"};
}

sub literal
{
	my ($text) = @_;
	return 'NULL' unless defined $text;
	$text =~ s/'/''/g;
	return "'$text'" unless $text =~ /[\\\r]/;
	$text =~ s/\\/\\\\/g;
	$text =~ s/\r/\\r/g;
	return "E'$text'";
}

sub copy_field
{
	my ($text) = @_;
	return '\N' unless defined $text;
	my %escapes = ("\\" => '\\\\', "\n" => '\n', "\r" => '\r', "\t" => '\t');
	$text =~ s/([\\\n\r\t])/$escapes{$1}/g;
	return $text;
}

# A member of a literal of an array, a composite or a range.
sub quoted_member
{
	my ($text) = @_;
	$text =~ s/(["\\])/\\$1/g;
	return qq{"$text"};
}

# ---- Texts

my @characters = (
	('a' .. 'z') x 2,
	('0' .. '9', ' ') x 2,
	split(//, q("\\/'{}[]<>&=:;@#%$-_.~,)),
	"\t", "\n", "\r", "\b", "\f", (map { chr } 1 .. 31), "\x7f", "\x80", "\xa0",
	qw(é ß ą Ω ж 頁 한 🐘 👩‍👧), "\x{301}", "\x{2028}", "\x{2029}", "\x{feff}", "\x{d7ff}", "\x{e000}", "\x{ffff}", "\x{10ffff}");
my @words = ('NULL', 'null', '\u0041', '\n', '\\\\x', '=>', '</script>', '-infinity', "''", '""', '{}', '€' x 5);

sub text_of_length
{
	my ($length) = @_;
	return substr(join('', map { rand() < 0.95 ? $characters[ rand @characters ] : $words[ rand @words ] } 1 .. $length), 0, $length);
}

# Now and then one that is TOASTed, compressed or not.
sub text
{
	return text_of_length(below(20)) unless chance(0.01);
	return chance(0.5) ? text_of_length(3000 + below(5000)) : text_of_length(10) x below(2000);
}

# At most 63 bytes, since PostgreSQL would cut it, and not empty.
sub identifier
{
	my $name = 'c' . text_of_length(below(30));
	chop $name while length(encode('UTF-8', $name)) > 63;
	return $name;
}

sub bytes
{
	return '\x' . join '', map { sprintf '%02x', below(256) } 1 .. (chance(0.01) ? 5000 : below(20));
}

# ---- Numbers

sub integer
{
	my ($bits) = @_;
	my ($most, $least) = map { sprintf $_, 2**($bits - 1) } '%.0f', '-%.0f';
	substr($most, -1) -= 1;
	return pick(0, 1, -1, $least, $most) if chance(0.2);
	return sprintf '%d', pick(1, -1) * int(2**rand($bits - 1));
}

sub unsigned
{
	my ($bits) = @_;
	return pick(0, 1, $bits == 32 ? '4294967295' : '18446744073709551615') if chance(0.2);
	return sprintf '%u', int(2**rand($bits));
}

sub float
{
	my ($bits) = @_;
	return pick(qw(NaN Infinity -Infinity 0 -0 1 0.1 -1.5 1e15 1e16 1e6 1e-4 1e-5 123456.7 16777216 33554432)) if chance(0.3);
	return pick(qw(5e-324 2.2250738585072014e-308 -1.7976931348623157e308 9007199254740993 1e21 1e22)) if $bits == 64 && chance(0.1);
	return pick(qw(1e-45 1.17549435e-38 -3.4028235e38 9.9999998e9)) if $bits == 32 && chance(0.1);
	return sprintf '%.*f', below(7), rand(2e6) - 1e6 if chance(0.3);
	my $number = unpack($bits == 64 ? 'd' : 'f', join '', map { chr below(256) } 1 .. $bits / 8);
	return 'NaN' if $number != $number;
	return abs($number) == 9**9**9 ? 'Infinity' : sprintf $bits == 64 ? '%.17g' : '%.9g', $number;
}

sub numeric
{
	return pick(qw(NaN Infinity -Infinity 0 0.0000 -0.1 1e20 1e-20 9999 10000 9999.9999 0.0001 -0.00001 1e-1000 -1e1000)) if chance(0.2);
	return pick('1e131071', '-1.5e-16382', '9' x 1000 . '.' . '9' x 1000, '0.' . '0' x 999 . '1') if chance(0.002);
	return pick('', '-') . (digits(0, 30) || 0) . '.' . digits(0, 20);
}

sub money
{
	return pick('-92233720368547758.08', '92233720368547758.07', '0', '-0.01') if chance(0.2);
	return pick('', '-') . digits(1, 15) . '.' . digits(2, 2);
}

sub ordered
{
	my ($one, $other) = @_;
	return $one <= $other ? ($one, $other) : ($other, $one);
}

# ---- Dates and times

sub day
{
	my ($last_year) = @_;
	my $year = chance(0.6) ? 1900 + below(200) : chance(0.5) ? 1 + below(4713) : 1 + below($last_year);
	my $bc = $year <= 4713 && chance(0.3) ? ' BC' : '';
	my $day = sprintf '%04d-%02d-%02d', $year, 1 + below(12), 1 + below(28);
	return ($day, $bc);
}

sub date
{
	return pick('infinity', '-infinity', '4714-11-24 BC', '5874897-12-31', '0001-01-01 BC', '0001-12-31 BC', '0001-01-01',
		'1999-12-31', '2000-02-29', '1900-02-28', '1600-02-29', '9999-12-31', '10000-01-01', '1582-10-10') if chance(0.2);
	return join '', day(5874896);
}

sub fraction
{
	return chance(0.5) ? '' : sprintf '.%0*d', 6, chance(0.5) ? below(1_000_000) : below(1000) * 1000;
}

sub clock
{
	return pick('00:00:00', '23:59:59.999999', '12:00:00', '00:00:00.000001') if chance(0.2);
	return sprintf('%02d:%02d:%02d', below(24), below(60), below(60)) . fraction();
}

sub zone
{
	return pick('Z', '+00', '-00:30', '+15:59:59', '-15:59', '+05:45', sprintf('%+03d', below(27) - 13));
}

sub timestamp
{
	my ($zone) = @_;
	return pick('infinity', '-infinity', '4714-11-24 00:00:00+00 BC', '294276-12-31 23:59:59.999999+00', '0001-12-31 23:59:59.999999+00 BC',
		'0001-01-01 00:00:00+00', '1999-12-31 23:59:59.999999+00', '2000-01-01 00:00:00+00') if chance(0.2);
	my ($day, $bc) = day(294275);
	$day =~ s/^4713/4712/; # a zone must not lead beyond the first of all days
	return "$day " . clock() . $zone . $bc;
}

sub interval
{
	return pick('0', '178000000 years', '-178000000 years', '1 mon -1 day', '-1 mons +1 day -00:00:00.000001', '2562047788:00:54.775807',
		'-2562047788:00:54.775807', '-1 year +1 mon', $major >= 17 ? qw(infinity -infinity) : ()) if chance(0.3);
	my @parts = map { chance(0.4) ? (below(2000) - 1000) . " $_" : () } qw(years mons days hours minutes);
	push @parts, pick('', '-') . below(100) . fraction() . ' seconds' if !@parts || chance(0.5);
	return join ' ', @parts;
}

# Two of what sorts as its text.
sub sorted_texts
{
	my ($make) = @_;
	return sub { sort $make->(), $make->() };
}

my $plain_date = sub { sprintf '%04d-%02d-%02d', 1000 + below(9000), 1 + below(12), 1 + below(28) };
my $plain_timestamp = sub { $plain_date->() . ' ' . clock() };

# ---- JSON, XML and other texts with a grammar

sub json_string
{
	my $text = text_of_length(below(8));
	my %short = ('"' => '\"', '\\' => '\\\\', "\n" => '\n', "\r" => '\r', "\t" => '\t', "\b" => '\b', "\f" => '\f', '/' => '\/');
	my $escape = sub {
		my ($character) = @_;
		return $short{$character} if exists $short{$character} && chance(0.7);
		return join '', map { sprintf pick('\u%04x', '\u%04X'), $_ } unpack 'n*', encode('UTF-16BE', $character);
	};
	$text =~ s/([\x00-\x1f"\\])/$escape->($1)/ge;
	$text =~ s/([^\x00-\x7f])/chance(0.2) ? $escape->($1) : $1/ge;
	return qq{"$text"};
}

sub json_space
{
	return chance(0.7) ? '' : pick(' ', "\n", "\r\n", "\t", "\r", "\n    ", '  ');
}

sub json
{
	my ($depth) = @_;
	my $kind = below($depth > 0 ? 8 : 6);
	my $in_space = sub { json_space() . $_[0] . json_space() };
	return $in_space->(json_string()) if $kind < 2;
	return $in_space->(pick('0', '-0', '1', '-1.50', '1e5', '1E+05', '2.0e-7', '12345678901234567890.123', '0.0', '1e300', digits(1, 1) . '.' . digits(1, 20)))
	  if $kind < 4;
	return $in_space->(pick('true', 'false', 'null')) if $kind < 6;
	return $in_space->('[' . (join(',', some(0, 4, sub { json($depth - 1) })) || json_space()) . ']') if $kind == 6;
	my @keys = (json_string(), '"a"', '"a"', '"b"', '""');
	return $in_space->('{' . (join(',', some(0, 4, sub { $in_space->(pick(@keys)) . ':' . json($depth - 1) })) || json_space()) . '}');
}

sub xml_text
{
	my $text = text_of_length(below(12));
	$text =~ s/[\x00-\x08\x0b-\x1f\x{ffff}]//g;
	$text =~ s/([&<>"])/'&#' . ord($1) . ';'/ge;
	return $text;
}

sub xml
{
	my $element = '<a b="' . xml_text() . '">' . xml_text() . '</a>';
	return pick($element, xml_text(), '', qq{<?xml version="1.0" encoding="UTF-8"?>$element}, "<!-- c -->\n$element<b/>", '<![CDATA[ <&" ]]>',
		qq{<?xml version="1.1" standalone="yes"?><é/>}, '<?pi "x"?>');
}

sub lexeme
{
	my $word = text_of_length(1 + below(8));
	$word =~ s/(['\\])/$1$1/g;
	return "'$word'";
}

sub tsvector
{
	my $positions = sub { chance(0.5) ? '' : ':' . join ',', some(1, 3, sub { (1 + below(16383)) . pick('', 'A' .. 'D') }) };
	return join ' ', some(0, 5, sub { lexeme() . $positions->() });
}

sub tsquery
{
	my ($depth) = @_;
	return lexeme() . pick('', ':*', ':A', ':*BD') if $depth == 0 || chance(0.3);
	return pick('', '!') . '(' . tsquery($depth - 1) . pick(' & ', ' | ', ' <-> ', ' <7> ') . tsquery($depth - 1) . ')';
}

sub jsonpath
{
	my $key = json_string();
	return pick(
		'$', 'strict $.a[*]', 'lax $.** {2 to last}.type()', '$.x + -1.50 * $"a b"', '$[0, 2 to last].size()', '$ ? (exists (@.a) && !(@.b == null))',
		"\$.$key", "\$ ? (@ starts with $key)", "\$ ? (\@.$key like_regex \"^a.\\\"\" flag \"iq\")", '$.a.datetime("HH24:MI")', '(1 + 2) % 3');
}

# ---- Networks, geometry and the rest

sub ipv4
{
	return join '.', map { below(256) } 1 .. 4;
}

sub ipv6
{
	return pick('::', '::1', '::ffff:' . ipv4(), '2001:db8::' . sprintf('%x', below(65536)), join ':', map { sprintf '%x', below(65536) } 1 .. 8);
}

sub inet
{
	return chance(0.5) ? ipv4() . pick('', '/' . below(33)) : ipv6() . pick('', '/' . below(129));
}

sub cidr
{
	return pick(below(256) . '.0.0.0/8', ipv4(), '10.' . below(256) . '.0.0/16', '0.0.0.0/0', '::/0', '2001:db8::/32', ipv6() . '/128');
}

sub octets
{
	my ($count) = @_;
	return join ':', map { sprintf '%02x', below(256) } 1 .. $count;
}

sub point
{
	return '(' . float(64) . ',' . float(64) . ')';
}

sub small_point
{
	return '(' . (below(2000) / 8 - 100) . ',' . (below(2000) / 16 - 50) . ')';
}

sub points
{
	return join ',', some(1, 5, \&point);
}

sub snapshot
{
	my $xmin = 1 + below(1000);
	my @running = map { $xmin + 2 * $_ } 0 .. below(5);
	return "$xmin:" . ($running[-1] + 1 + below(9)) . ':' . join ',', @running;
}

sub acl_item
{
	my @roles = ('pg_monitor', '"odd ""é"" role"');
	return pick('', @roles) . '=' . pick('', qw(r r*w arwdDxt X* UC CTc)) . '/' . pick(@roles);
}

# An object by its name, by a number that nobody has, or none. Those of the schema `hostile` are the test's.
sub object
{
	my @names = @_;
	return sub { pick(@names, '0', '999999', '4294967295') };
}

# ---- The built-in types, by the names that pg_type has

our %builtin = (
	'bool' => sub { pick('t', 'f') },
	bytea => \&bytes,
	'char' => sub { pick('', 'a', '"', '\\', ' ', "\x01", "\n", '\200', '\377') },
	name => \&identifier,
	int2 => sub { integer(16) },
	int4 => sub { integer(32) },
	int8 => sub { integer(64) },
	int2vector => sub { join ' ', some(0, 4, sub { integer(16) }) },
	oidvector => sub { join ' ', some(0, 4, sub { unsigned(32) }) },
	regproc => object('pg_catalog.now', 'pg_catalog.pg_typeof', 'hostile.now', 'hostile.to_jsonb', 'hostile."odd é"'),
	regprocedure => object('pg_catalog.lower(text)', 'hostile.lower(pg_catalog.text)', 'hostile."odd é"(hostile.text,integer[])'),
	regoper => object('pg_catalog.||/', 'hostile.<<<'),
	regoperator => object('pg_catalog.=(integer,integer)', 'pg_catalog.-(NONE,integer)', 'hostile.=(integer,integer)', 'hostile.<<<(hostile.text,bigint)'),
	regclass => object('pg_catalog.pg_class', 'hostile.pg_class', 'hostile."Odd ""é"" table"', 'information_schema.tables'),
	regtype => object('integer', 'pg_catalog."char"', 'pg_catalog.text', 'hostile.text', 'hostile.text[]', 'hostile."odd é"', 'varchar', '-'),
	regrole => object('pg_monitor', '"odd ""é"" role"'),
	regnamespace => object('hostile', 'pg_catalog', '"odd ""é"" schema"'),
	regcollation => object('pg_catalog."C"', 'hostile."odd é"'),
	regconfig => object('pg_catalog.english', 'hostile.english'),
	regdictionary => object('pg_catalog.simple', 'hostile.simple'),
	oid => sub { unsigned(32) },
	tid => sub { '(' . unsigned(32) . ',' . below(65536) . ')' },
	xid => sub { unsigned(32) },
	xid8 => sub { unsigned(64) },
	cid => sub { unsigned(32) },
	text => \&text,
	varchar => \&text,
	bpchar => \&text,
	refcursor => \&text,
	json => sub { json(3) },
	jsonb => sub { json(3) },
	jsonpath => \&jsonpath,
	xml => \&xml,
	point => \&point,
	lseg => sub { '[' . point() . ',' . point() . ']' },
	path => sub { chance(0.5) ? '[' . points() . ']' : '(' . points() . ')' },
	box => sub { '(' . point() . ',' . point() . ')' },
	polygon => sub { '(' . join(',', some(1, 5, \&small_point)) . ')' },
	line => sub { '{' . join(',', 1 + below(100), map { below(2000) / 8 - 100 } 1 .. 2) . '}' },
	circle => sub { '<' . point() . ',' . below(10000) / 7 . '>' },
	float4 => sub { float(32) },
	float8 => sub { float(64) },
	numeric => \&numeric,
	money => \&money,
	macaddr => sub { octets(6) },
	macaddr8 => sub { octets(8) },
	inet => \&inet,
	cidr => \&cidr,
	aclitem => \&acl_item,
	date => \&date,
	time => sub { chance(0.1) ? '24:00:00' : clock() },
	timetz => sub { clock() . zone() },
	timestamp => sub { timestamp('') },
	timestamptz => sub { timestamp(zone()) },
	interval => \&interval,
	bit => sub { join '', some(1, 20, sub { below(2) }) },
	varbit => sub { join '', some(0, 20, sub { below(2) }) },
	uuid => sub { join '', map { sprintf '%04x', below(65536) } 1 .. 8 },
	pg_lsn => sub { sprintf '%X/%X', unsigned(32), unsigned(32) },
	tsvector => \&tsvector,
	tsquery => sub { chance(0.1) ? '' : tsquery(3) },
	txid_snapshot => \&snapshot,
	pg_snapshot => \&snapshot,
	cardinal_number => sub { below(2**31) },
	character_data => \&text,
	sql_identifier => \&identifier,
	time_stamp => sub { $plain_timestamp->() },
	yes_or_no => sub { pick('YES', 'NO') });

my %pairs = (
	int4 => sub { ordered(map { below(2_000_000_000) - 1_000_000_000 } 1 .. 2) },
	int8 => sub { ordered(map { below(2**50) - 2**49 } 1 .. 2) },
	numeric => sub { ordered(map { pick('', '-') . digits(1, 8) . '.' . digits(1, 5) } 1 .. 2) },
	float8 => sub { ordered(map { rand(2e9) - 1e9 } 1 .. 2) },
	text => sub { sort map { text_of_length(below(10)) } 1 .. 2 },
	date => sorted_texts($plain_date),
	timestamp => sorted_texts($plain_timestamp),
	timestamptz => sorted_texts($plain_timestamp));

foreach my $range ([ int4 => 'int4' ], [ int8 => 'int8' ], [ num => 'numeric' ], [ date => 'date' ], [ ts => 'timestamp' ], [ tstz => 'timestamptz' ])
{
	my ($prefix, $subtype) = @$range;
	my $type = range_of("${prefix}range", { pair => $pairs{$subtype} });
	$builtin{"${prefix}range"} = $type->{value};
	$builtin{"${prefix}multirange"} = multirange_of('', $type)->{value};
}

# Types without an input function of which the catalogs have values, and those of which no column can have one.
our %catalog_value = (
	pg_node_tree => 'SELECT adbin FROM pg_catalog.pg_attrdef',
	pg_ndistinct => 'SELECT stxdndistinct FROM pg_catalog.pg_statistic_ext_data',
	pg_dependencies => 'SELECT stxddependencies FROM pg_catalog.pg_statistic_ext_data',
	pg_mcv_list => 'SELECT stxdmcv FROM pg_catalog.pg_statistic_ext_data');
our %no_value = (
	gtsvector => 'no input function; lives in GiST indexes',
	pg_brin_bloom_summary => 'no input function; lives in BRIN indexes',
	pg_brin_minmax_multi_summary => 'no input function; lives in BRIN indexes');

# ---- Types made of types

sub builtin_type
{
	my ($name) = @_;
	my $schema = $name =~ /^(cardinal_number|character_data|sql_identifier|time_stamp|yes_or_no)$/ ? 'information_schema' : 'pg_catalog';
	return {
		name => "$schema." . quote_identifier($name),
		value => $builtin{$name},
		pair => $pairs{$name},
		delimiter => $name eq 'box' ? ';' : ',',
		no_literal => $name eq 'regrole',
	};
}

# With a modifier: its name and its values.
my @modified = (
	[ 'varchar(5)' => sub { text_of_length(below(6)) } ],
	[ 'char(4)' => sub { text_of_length(below(5)) } ],
	[ 'numeric(12, 2)' => sub { pick('', '-') . digits(1, 9) . '.' . digits(1, 4) } ],
	[ 'numeric(3, -2)' => sub { below(90000) } ],
	[ 'numeric(3, 5)' => sub { '0.00' . digits(3, 3) } ],
	[ 'bit(5)' => sub { join '', map { below(2) } 1 .. 5 } ],
	[ 'varbit(9)' => sub { join '', some(0, 9, sub { below(2) }) } ],
	[ 'timestamp(3)' => $plain_timestamp ],
	[ 'time(0)' => \&clock ],
	[ 'timestamptz(0)' => $plain_timestamp ],
	[ 'interval day to second(2)' => sub { below(100) . ' days ' . clock() } ]);

sub random_builtin
{
	return builtin_type(pick(sort keys %builtin)) if chance(0.9);
	my ($name, $value) = @{ pick(@modified) };
	return { name => $name, value => $value, delimiter => ',' };
}

sub maybe_null
{
	my ($type) = @_;
	return chance(0.15) ? undef : $type->{value}->();
}

sub array_literal
{
	my ($type, @sizes) = @_;
	my $size = shift @sizes;
	my $member = sub {
		return array_literal($type, @sizes) if @sizes;
		my $value = maybe_null($type);
		return defined $value ? quoted_member($value) : 'NULL';
	};
	return '{' . join($type->{delimiter} // ',', map { $member->() } 1 .. $size) . '}';
}

sub array_of
{
	my ($type) = @_;
	my $value = sub {
		return '{}' if chance(0.1);
		my @sizes = chance(0.7) ? 1 + below(5) : map { 1 + below(3) } 1 .. 1 + below(3);
		my $bounds = chance(0.8) ? '' : join('', map { my $low = below(10) - 5; "[$low:" . ($low + $_ - 1) . ']' } @sizes) . '=';
		return $bounds . array_literal($type, @sizes);
	};
	return { name => "$type->{name}\[]", value => $value, is_array => 1 };
}

# The attributes, [name, type], may change.
sub composite
{
	my ($name, $attributes) = @_;
	my $value = sub {
		return '(' . join(',', map { my $value = maybe_null($_->[1]); defined $value ? quoted_member($value) : '' } @$attributes) . ')';
	};
	return { name => $name, value => $value, attributes => $attributes };
}

sub domain_of
{
	my ($name, $type) = @_;
	return { %$type{qw(value pair delimiter is_array no_literal)}, name => $name };
}

# The labels may change, but not their order.
sub enum
{
	my ($name, $labels) = @_;
	my $pair = sub { @$labels[ ordered(below(scalar @$labels), below(scalar @$labels)) ] };
	return { name => $name, value => sub { pick(@$labels) }, pair => $pair, labels => $labels };
}

sub range_of
{
	my ($name, $type) = @_;
	my $value = sub {
		return 'empty' if chance(0.1);
		my ($low, $high) = map { chance(0.1) ? '' : quoted_member($_) } $type->{pair}->();
		return pick('[', '(') . "$low,$high" . pick(']', ')');
	};
	return { name => $name, value => $value };
}

sub multirange_of
{
	my ($name, $range) = @_;
	return { name => $name, value => sub { '{' . join(',', some(0, 3, $range->{value})) . '}' } };
}

1;

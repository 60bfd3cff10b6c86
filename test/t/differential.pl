# The law of docs/format.md: data, parsed as jsonb, equals to_jsonb(row) under pinned settings, minus tx and hidden columns; for
# every built-in type, and for random rows of random tables of random types, whatever the reader's settings are.
#
#   TXSYNC_ROWS   how many random changes at least (20000)
#   TXSYNC_SEED   what everything random follows from (1)
#   TXSYNC_EPOCH  the one epoch to run, to see a difference again

use strict;
use utf8;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use List::Util qw(min);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RandomData;
use Test::More;

my $rows = $ENV{TXSYNC_ROWS} // 20_000;
my $seed = $ENV{TXSYNC_SEED} // 1;

my $node = PostgreSQL::Test::Cluster->new('differential');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', "log_statement = none\nautovacuum = off\nmax_wal_size = 4GB\n");

# A locale whose money looks otherwise, where the machine has what it takes to make one.
my $locales = $node->basedir . '/locales';
mkdir $locales;
my @odd_money;
if (run_log([ 'localedef', '-i', 'de_DE', '-f', 'UTF-8', "$locales/de_DE.UTF-8" ]))
{
	$ENV{LOCPATH} = $locales;
	@odd_money = (lc_monetary => 'de_DE.UTF-8');
}
else
{
	note 'no localedef: lc_monetary stays as it is';
}
$node->start;
my $database = 'diff';
$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'");
($major) = $node->safe_psql($database, 'SHOW server_version_num') =~ /^(\d+)\d{4}$/;

# ---- Sessions

# The law's settings; PGOPTIONS overrides what the database and the role have.
my $law = '-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres -c extra_float_digits=1 -c bytea_output=hex -c lc_monetary=C'
  . ' -c search_path=pg_catalog -c client_min_messages=warning -c client_encoding=UTF8 -c array_nulls=on -c quote_all_identifiers=off'
  . ' -c standard_conforming_strings=on -c xmloption=content -c xmlbinary=base64 -c default_text_search_config=pg_catalog.simple';

# Runs SQL under the law's settings.
sub lawful
{
	my ($sql) = @_;
	local $ENV{PGOPTIONS} = $law;
	utf8::encode($sql);
	my $result = $node->safe_psql($database, $sql);
	utf8::decode($result);
	return $result;
}

# Settings that the stream must not heed, by turns.
my @odd = (
	{   @odd_money, TimeZone => 'Asia/Kathmandu', DateStyle => 'German', IntervalStyle => 'iso_8601', extra_float_digits => -15, bytea_output => 'escape',
		search_path => 'hostile, pg_catalog', quote_all_identifiers => 'on', xmlbinary => 'hex', xmloption => 'document',
		standard_conforming_strings => 'off', array_nulls => 'off', client_encoding => 'LATIN1', default_text_search_config => 'hostile.english' },
	{   TimeZone => '<+03:30>-03:30', DateStyle => 'SQL, DMY', IntervalStyle => 'postgres_verbose', extra_float_digits => 3, bytea_output => 'escape',
		search_path => '"odd ""é"" schema", hostile, public_extensions', quote_all_identifiers => 'on', client_encoding => 'SQL_ASCII',
		transform_null_equals => 'on', lc_messages => 'C' },
	{   TimeZone => 'America/St_Johns', DateStyle => 'Postgres, MDY', IntervalStyle => 'sql_standard', extra_float_digits => 0, search_path => '',
		bytea_output => 'escape', client_encoding => 'UTF8' });

sub settings
{
	my ($prefix, $settings) = @_;
	return join '', map { my $value = /^search_path$/ ? $settings->{$_} || "''" : "'$settings->{$_}'"; "$prefix SET $_ = $value;\n" } sort keys %$settings;
}

my $read = q{INSERT INTO diff.lines (line) SELECT data FROM pg_catalog.pg_logical_slot_get_changes('differential', NULL, NULL);};

# Reads what the slot has into diff.lines.
sub read_by_function
{
	my ($statements) = @_;
	my $sql = $statements . $read;
	utf8::encode($sql);
	$node->safe_psql($database, $sql, extra_params => [ '-U', 'reader' ]);
	return;
}

sub read_by_walsender
{
	my @options = @_;
	my $file = $node->basedir . '/lines';
	my $end = lawful('SELECT pg_current_wal_lsn()');
	unlink $file;
	PostgreSQL::Test::Utils::system_or_bail(
		'pg_recvlogical', '-d', $node->connstr($database), '-U', 'reader', '-S', 'differential', '--start', '--no-loop', '-E', $end,
		'-s', '1', '-F', '0', '-f', $file, map { ('-o', $_) } @options);
	lawful("COPY diff.lines (line) FROM '$file' (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02', ENCODING 'UTF8')");
	return;
}

sub in_session
{
	my ($settings) = @_;
	return read_by_function(settings('', $settings));
}

sub by_role
{
	my ($settings) = @_;
	lawful(settings('ALTER ROLE reader', $settings));
	read_by_function('');
	lawful('ALTER ROLE reader RESET ALL');
	return;
}

sub by_database
{
	my ($settings) = @_;
	my $whose = "ALTER DATABASE $database";
	lawful(settings($whose, $settings));
	read_by_function('');
	lawful("$whose RESET ALL");
	return;
}

sub by_walsender
{
	my ($settings) = @_;
	lawful(settings('ALTER ROLE reader', $settings));
	read_by_walsender('batch=' . pick('on', 'off'));
	lawful('ALTER ROLE reader RESET ALL');
	return;
}

my @readers = ([ session => \&in_session ], [ role => \&by_role ], [ database => \&by_database ], [ walsender => \&by_walsender ]);

# Reads what was written, in the way that the turn asks for, and holds it against what was expected.
sub compare
{
	my ($turn, $name) = @_;
	my ($how, $reader) = @{ $readers[ $turn % @readers ] };
	my $settings = $odd[ int($turn / @readers) % @odd ];
	$reader->($settings);
	my ($count, $came, $differences) = split /\|/, lawful(<<'SQL');
SELECT (SELECT count(*) FROM diff.expected), (SELECT count(*) FROM diff.lines), (SELECT count(*) FROM diff.differences)
SQL
	my $same = $count > 0 && $came == $count && $differences == 0;
	ok($same, "$name: $count changes, $came lines; settings of $how, $settings->{TimeZone}");
	if ($same)
	{
		lawful('TRUNCATE diff.expected, diff.lines');
	}
	else
	{
		my $examples = lawful('TABLE diff.differences LIMIT 5');
		utf8::encode($examples);
		diag "$differences differences, such as\n$examples";
	}
	return $count;
}

my $setup = slurp_file("$FindBin::RealBin/differential.sql");
utf8::decode($setup);
lawful($setup);

# ---- Every built-in type

# A table with a column for each of the types, [column, type, values...]: values are literals or subqueries, null where they run out.
sub write_each
{
	my ($table, @columns) = @_;
	my $definition = join ', ', map { quote_identifier($_->[0]) . " $_->[1]" } @columns;
	my $script = "CREATE TABLE catalogs.$table (id int PRIMARY KEY, $definition);\n" . "SELECT txsync.track('catalogs.$table', tx => false);\n";
	my $most = 0;
	foreach my $column (@columns)
	{
		$most = $#$column - 1 if $most < $#$column - 1;
	}
	foreach my $row (1 .. $most)
	{
		my $values = join ",\n", map { $_->[ $row + 1 ] // 'NULL' } @columns;
		$script .= "INSERT INTO catalogs.$table SELECT $row, $values;\n"
		  . "INSERT INTO diff.expected (entity, id, data) SELECT '$table', id, to_jsonb(t) FROM catalogs.$table t WHERE id = $row;\n";
	}
	lawful($script);
	return;
}

subtest 'every built-in type' => sub {
	srand($seed);
	my %listed = map { $_ => 1 } keys %builtin, keys %catalog_value, keys %no_value;
	my @types = split /\n/, lawful(<<'SQL');
SELECT typname FROM pg_type
WHERE typnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND typtype NOT IN ('p', 'c')
	AND NOT EXISTS (SELECT FROM pg_type element WHERE element.typarray = pg_type.oid)
SQL
	is(join(' ', grep { !$listed{$_} } @types), '', 'test/t/RandomData.pm knows all types of the server');
	note "not tested: $_: $no_value{$_}" foreach sort keys %no_value;

	my @scalars = map {
		my $type = builtin_type($_);
		[ $_, $type->{name}, map { literal($type->{value}->()) . "::$type->{name}" } 1 .. 25 ]
	} sort keys %builtin;
	my @arrays = map {
		my $type = array_of(builtin_type($_));
		[ $_, $type->{name}, map { literal($type->{value}->()) . "::$type->{name}" } 1 .. 10 ]
	} sort keys %builtin;
	my @stored = map { [ $_, "pg_catalog.$_", "($catalog_value{$_} LIMIT 1)" ] } sort keys %catalog_value;
	write_each(scalars => @scalars);
	write_each(arrays => @arrays);
	write_each(stored => @stored);
	is(lawful('SELECT count(*) FROM catalogs.stored, LATERAL jsonb_each(to_jsonb(stored)) WHERE value = $$null$$'), '0', 'the catalogs have values');
	compare(0, 'scalars, arrays, and what only the catalogs have');
};

subtest 'rows of the system catalogs' => sub {
	my @relations = split /\n/, lawful(<<'SQL');
SELECT relname FROM pg_class
WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v') AND relname !~ '^pg_(stat|file|hba|ident|config|shmem|backend|dsm)'
	AND NOT EXISTS (SELECT FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid WHERE attrelid = pg_class.oid AND attnum > 0 AND typtype = 'p')
SQL
	write_each(catalog_rows => map {
		my $name = $_;
		[ $name, "pg_catalog.$name", map { "(SELECT x FROM pg_catalog.$name x LIMIT 1 OFFSET $_)" } 0, 3 ]
	} @relations);
	compare(1, scalar(@relations) . ' row types');
};

# ---- Random types

# Makes an epoch's types: appends their DDL to the script, and returns them.
sub make_types
{
	my ($schema, $script) = @_;
	my @types = map { { name => "public_extensions.$_", value => $_ eq 'hstore' ? \&hstore : sub { text_of_length(below(9)) } } } 'hstore', 'citext';
	my $name = sub { "$schema." . quote_identifier(@types . identifier()) };
	my $any = sub {
		my $type = chance(0.4) ? pick(@types) : random_builtin();
		return !$type->{is_array} && chance(0.2) ? array_of($type) : $type;
	};
	foreach my $kind (qw(enum composite domain range composite domain enum range composite domain composite domain))
	{
		my $type;
		if ($kind eq 'enum')
		{
			my %labels = map { identifier() => 1 } 1 .. 2 + below(4);
			my @labels = sort keys %labels;
			$type = enum($name->(), \@labels);
			$$script .= "CREATE TYPE $type->{name} AS ENUM (" . join(', ', map { literal($_) } @labels) . ");\n";
		}
		elsif ($kind eq 'composite')
		{
			my %names = map { identifier() => 1 } 1 .. 1 + below(5);
			my @attributes = map { [ $_, $any->() ] } sort keys %names;
			$type = composite($name->(), \@attributes);
			$$script .= "CREATE TYPE $type->{name} AS (" . join(', ', map { quote_identifier($_->[0]) . " $_->[1]{name}" } @attributes) . ");\n";
			change_composite($type, $any->(), $script) if chance(0.5);
		}
		elsif ($kind eq 'domain')
		{
			my $base = $any->();
			$type = domain_of($name->(), $base);
			$$script .= "CREATE DOMAIN $type->{name} AS $base->{name} " . pick('', 'CHECK (length(VALUE::text) >= 0)') . ";\n";
		}
		else
		{
			my $subtype = pick(grep { $_->{pair} } @types, map { builtin_type($_) } qw(int4 numeric float8 text date timestamptz));
			my $range = range_of($name->(), $subtype);
			$type = multirange_of($name->() =~ s/.$/m"/r, $range);
			my $collation = $subtype->{name} =~ /"text"$/ ? ', COLLATION = "C"' : '';
			$$script .= "CREATE TYPE $range->{name} AS RANGE (SUBTYPE = $subtype->{name}$collation, MULTIRANGE_TYPE_NAME = $type->{name});\n";
			push @types, $range;
		}
		push @types, $type;
	}
	return @types;
}

sub hstore
{
	return join ', ', map { join '=>', map { my $text = $_; $text =~ s/(["\\])/\\$1/g; qq{"$text"} } text_of_length(below(6)), text_of_length(below(9)) } 0 .. below(5) if chance(0.7);
	return pick('', 'a=>NULL', '""=>""', 'a=>1, b=>NULL, "NULL"=>"NULL"', 'k=>' . 'x' x 5000, 'true=>t, null=>NULL');
}

# Another attribute comes, and perhaps one goes.
sub change_composite
{
	my ($type, $added, $script) = @_;
	my $attributes = $type->{attributes};
	my $name = identifier();
	return if grep { $_->[0] eq $name } @$attributes;
	$$script .= "ALTER TYPE $type->{name} ADD ATTRIBUTE " . quote_identifier($name) . " $added->{name};\n";
	push @$attributes, [ $name, $added ];
	return if chance(0.3);
	my ($dropped) = splice @$attributes, below(scalar @$attributes), 1;
	$$script .= "ALTER TYPE $type->{name} DROP ATTRIBUTE " . quote_identifier($dropped->[0]) . ";\n";
	return;
}

sub change_enum
{
	my ($type, $script) = @_;
	my ($labels, $label) = ($type->{labels}, identifier());
	return if grep { $_ eq $label } @$labels;
	my $at = below(@$labels + 1);
	if ($at == @$labels)
	{
		$$script .= "ALTER TYPE $type->{name} ADD VALUE " . literal($label) . ";\n";
	}
	else
	{
		$$script .= "ALTER TYPE $type->{name} RENAME VALUE " . literal($labels->[$at]) . ' TO ' . literal($label) . ";\n";
	}
	$labels->[$at] = $label;
	return;
}

# ---- Random tables. A table: name, columns (name, type, hidden), ids that are in use, script so far.

sub make_table
{
	my ($schema, $name, @types) = @_;
	my %table = (entity => $name, name => "$schema.$name", columns => [], ids => [], next_id => 1, virtual => []);
	$table{script} = "CREATE TABLE $table{name} (id bigint PRIMARY KEY);\n";
	my $column = sub {
		my $type = chance(0.5) ? pick(@types) : random_builtin();
		return !$type->{is_array} && chance(0.2) ? array_of($type) : $type;
	};
	$table{new_type} = $column;
	add_column(\%table) foreach 0 .. 1 + below(10);
	drop_column(\%table) if chance(0.4);
	$table{script} .= "ALTER TABLE $table{name} ADD stored_one bigint GENERATED ALWAYS AS (id * 2) STORED;\n" if chance(0.2);
	if ($major >= 18 && chance(0.3))
	{
		$table{script} .= "ALTER TABLE $table{name} ADD virtual_one bigint GENERATED ALWAYS AS (id * 2) VIRTUAL;\n";
		push @{ $table{virtual} }, 'virtual_one';
	}
	track(\%table);
	$table{script} .= "ALTER TABLE $table{name} REPLICA IDENTITY FULL;\n" if chance(0.3);
	return \%table;
}

# Rows that are there get the default, which is not written into them.
sub add_column
{
	my ($table) = @_;
	my ($name, $type) = (identifier(), $table->{new_type}->());
	return if grep { $_->{name} eq $name } @{ $table->{columns} };
	my $value = literal($type->{value}->());
	# A large one would not fit into the row of pg_attribute that keeps it.
	my $default = chance(0.4) && !$type->{no_literal} && length($value) < 1000 ? " DEFAULT $value" : '';
	my %column = (name => $name, type => $type, hidden => chance(0.1), not_null => $default ne '' && chance(0.5));
	my $not_null = $column{not_null} ? ' NOT NULL' : '';
	my $storage = chance(0.1) && $type->{name} =~ /"(text|bytea|json)"$/ ? "ALTER TABLE $table->{name} ALTER " . quote_identifier($name) . " SET STORAGE EXTERNAL;\n" : '';
	$table->{script} .= "ALTER TABLE $table->{name} ADD " . quote_identifier($name) . " $type->{name}$default$not_null;\n$storage";
	push @{ $table->{columns} }, \%column;
	return;
}

sub drop_column
{
	my ($table) = @_;
	my ($dropped) = splice @{ $table->{columns} }, below(scalar @{ $table->{columns} }), 1;
	$table->{script} .= "ALTER TABLE $table->{name} DROP " . quote_identifier($dropped->{name}) . ";\n" if $dropped;
	return;
}

sub hidden
{
	my ($table) = @_;
	return 'ARRAY[' . join(', ', map { literal($_->{name}) } grep { $_->{hidden} } @{ $table->{columns} }) . ']::name[]';
}

sub track
{
	my ($table) = @_;
	$table->{tx} //= chance(0.5) ? 'true' : 'false';
	$table->{script} .= "SELECT txsync.track('$table->{name}', tx => $table->{tx}, hidden => " . hidden($table) . ");\n";
	return;
}

# ---- Random statements. Each tells in the same transaction what to_jsonb gives for its rows.

sub expect
{
	my ($table, $ids, %what) = @_;
	my $virtual = join ',', 'tx', 'tx_versions', @{ $table->{virtual} };
	my $data = $what{gone} ? 'NULL' : "to_jsonb(t) - '{$virtual}'::text[] - " . hidden($table) . '::text[]';
	# What the row says of its versions is what the stream says; of a delete the id is not known before.
	my $versions = "txsync.field_versions('$table->{entity}', t.id::text)";
	$versions = $table->{tx} ne 'true' ? 'NULL' : $what{gone} ? "jsonb_build_object('rowVersion', ($versions -> 'rowVersion')::int + 1)" : "$versions - 'fields'";
	my $kept = 'ARRAY[' . join(', ', map { literal($_->{name}) } @{ $what{kept} // [] }) . ']::text[]';
	return "INSERT INTO diff.expected (entity, id, data, kept, versions) SELECT '$table->{entity}', id, $data, $kept, $versions FROM $table->{name} t"
	  . ' WHERE id IN (' . join(',', @$ids) . ");\n";
}

sub random_value
{
	my ($column) = @_;
	return chance(0.15) && !$column->{not_null} ? undef : $column->{type}{value}->();
}

sub insert
{
	my ($table) = @_;
	my @columns = @{ $table->{columns} };
	my $names = join ', ', 'id', map { quote_identifier($_->{name}) } @columns;
	my $count = chance(0.3) ? 1 : 1 + below(40);
	my @ids = map { $table->{next_id}++ } 1 .. $count;
	push @{ $table->{ids} }, @ids;
	if (chance(0.5))
	{
		my $lines = join '', map { join("\t", $_, map { copy_field(random_value($_)) } @columns) . "\n" } @ids;
		return "COPY $table->{name} ($names) FROM STDIN;\n$lines\\.\n" . expect($table, \@ids);
	}
	my $values = join ",\n", map { '(' . join(', ', $_, map { literal(random_value($_)) } @columns) . ')' } @ids;
	return "INSERT INTO $table->{name} ($names) VALUES $values;\n" . expect($table, \@ids);
}

sub some_ids
{
	my ($table) = @_;
	my $ids = $table->{ids};
	my $from = below(scalar @$ids);
	return @$ids[ $from .. min($#$ids, $from + below(8)) ];
}

sub update
{
	my ($table) = @_;
	my (@columns, @kept);
	push @{ chance(0.4) ? \@columns : \@kept }, $_ foreach @{ $table->{columns} };
	return insert($table) unless @columns && @{ $table->{ids} };
	my @ids = some_ids($table);
	my $assignments = join ', ', map { quote_identifier($_->{name}) . ' = ' . literal(random_value($_)) } @columns;
	return "UPDATE $table->{name} SET $assignments WHERE id IN (" . join(',', @ids) . ");\n" . expect($table, \@ids, kept => \@kept);
}

sub remove
{
	my ($table) = @_;
	return insert($table) unless @{ $table->{ids} };
	my @ids = some_ids($table);
	my %gone = map { $_ => 1 } @ids;
	@{ $table->{ids} } = grep { !$gone{$_} } @{ $table->{ids} };
	return expect($table, \@ids, gone => 1) . "DELETE FROM $table->{name} WHERE id IN (" . join(',', @ids) . ");\n";
}

sub change_schema
{
	my ($table, @types) = @_;
	my $kind = below(4);
	add_column($table) if $kind == 0;
	drop_column($table) if $kind == 1;
	# A hidden column that is no more withholds the data, and a new one is told until it is hidden.
	track($table) if $kind < 2;
	my @composites = grep { $_->{attributes} } @types;
	my @enums = grep { $_->{labels} } @types;
	change_composite(pick(@composites), random_builtin(), \$table->{script}) if $kind == 2;
	change_enum(pick(@enums), \$table->{script}) if $kind == 3;
	return;
}

# A transaction that may roll back, a part of it at least; what it does to the ids then has not happened.
sub transaction
{
	my ($table) = @_;
	my $statement = sub { my $kind = rand(); $kind < 0.5 ? insert($table) : $kind < 0.85 ? update($table) : remove($table) };
	my $undone = sub {
		my @ids = @{ $table->{ids} };
		my $sql = $statement->();
		$table->{ids} = \@ids;
		return $sql;
	};
	return "BEGIN;\n" . $undone->() . "ROLLBACK;\n" if chance(0.03);
	return $statement->() =~ s/^/BEGIN;\n/r . "COMMIT;\n" if chance(0.5);
	my $script = "BEGIN;\n" . $statement->();
	$script .= "SAVEPOINT s;\n" . $undone->() . "ROLLBACK TO s;\n" if chance(0.1);
	$script .= $statement->() foreach 0 .. below(3);
	return "${script}COMMIT;\n";
}

sub epoch
{
	my ($number) = @_;
	srand($seed * 1_000_003 + $number);
	my $schema = "e$number";
	my $script = "CREATE SCHEMA $schema;\n";
	my @types = make_types($schema, \$script);
	foreach my $n (1 .. 3)
	{
		my $table = make_table($schema, "t$n", @types);
		foreach (1 .. 25)
		{
			change_schema($table, @types) if chance(0.1);
			$table->{script} .= transaction($table);
		}
		$script .= $table->{script};
	}
	lawful($script);
	my $count = compare($number, "epoch $number");
	lawful("DROP SCHEMA $schema CASCADE");
	return $count;
}

note "PostgreSQL $major, TXSYNC_SEED=$seed TXSYNC_ROWS=$rows";
if (defined $ENV{TXSYNC_EPOCH})
{
	epoch($ENV{TXSYNC_EPOCH});
}
else
{
	my ($done, $number) = (0, 0);
	$done += epoch($number++) while $done < $rows && Test::More->builder->is_passing;
	note "$done random changes in $number epochs";
}

$node->stop;
done_testing();

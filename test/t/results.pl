# apply_ops() of rows that are large: results never keep what was applied from being told, and memory does not grow with the batch.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TxsyncClient;

start_node('results', 'logical');

sub sql { return $node->safe_psql('postgres', @_) }

my $mb = 1 << 20;
sql(<<"SQL");
CREATE EXTENSION txsync;
SET client_min_messages = error;
CREATE TABLE large (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, body text);
CREATE TABLE small (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
SELECT txsync.track('large'), txsync.track('small');
INSERT INTO large (id, body) SELECT g, repeat('x', 20 * $mb) FROM generate_series(1, 2) g;
INSERT INTO small VALUES (1);
CREATE FUNCTION op(id text, type text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS \$\$
	SELECT jsonb_build_object('transactionId', id, 'sourceId', 's', 'entityType', type, 'entityId', '1', 'action', 'update', 'changedField', 'n', 'operation', 'increment', 'value', 1) || more
\$\$;
CREATE FUNCTION told(results jsonb) RETURNS TABLE (status text, truncated text, has_entity boolean, has_inverse boolean, versions boolean) LANGUAGE sql AS \$\$
	SELECT r ->> 'status', r ->> 'truncated', r ? 'entity', r ? 'inverse', r ? 'versions' FROM jsonb_array_elements(results) WITH ORDINALITY x(r, n) ORDER BY n
\$\$;
SQL

# Three of 20 MB are told; a fourth is too much, what is small is not, nor what fails.
is(sql(q{SELECT * FROM told(txsync.apply_ops((SELECT jsonb_agg(op('a' || g, 'large')) FROM generate_series(1, 5) g) || op('a6', 'small') || op('a7', 'large', '{"expectedTransactionId": "a4"}') || op('a8', 'nothing')))}),
	join("\n", ('applied||t|t|t') x 3, ('applied|true|f|f|f') x 2, 'applied||t|t|t', 'conflict|true|f|f|f', 'rejected||f|f|f'), 'results of large rows');
is(sql('SELECT n FROM large WHERE id = 1'), '5', 'and all was applied');
is(sql(q{SELECT * FROM told(txsync.apply_ops((SELECT jsonb_agg(op('a' || g, 'large')) FROM generate_series(1, 5) g)))}), join("\n", ('duplicate||t|f|t') x 3, ('duplicate|true|f|f|f') x 2), 'duplicates');

# The inverse of a set has the value that was there.
is(sql(q{SELECT * FROM told(txsync.apply_ops(jsonb_build_array(op('b1', 'large', '{"changedField": "body", "operation": "set", "value": "short"}'), op('b2', 'large')))) }),
	join("\n", 'applied||t|t|t', 'applied||t|t|t'), 'what is undone is content');
is(sql(q{SELECT count(*), count(*) FILTER (WHERE result ->> 'truncated' = 'true') FROM jsonb_array_elements(txsync.apply_ops((SELECT jsonb_agg(op('c' || g, 'large', jsonb_build_object('changedField', 'body', 'operation', 'set',
	'value', repeat('y', 30000000 + g)))) FROM generate_series(1, 4) g))) result}), '4|3', 'results that count with it');

# The peak of a backend's memory. Each of the ops reads, and in part writes, a row of 20 MB.
sub peak
{
	my ($statement) = @_;
	my $session = $node->background_psql('postgres');
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	$session->query_safe("SELECT count(*) FROM ($statement) s");
	my ($peak) = slurp_file("/proc/$pid/status") =~ /^VmHWM:\s+(\d+)/m;
	$session->quit;
	return $peak / 1024;
}

sql("UPDATE large SET body = repeat('z', 20 * $mb) WHERE id = 1");
my $few = peak(q{SELECT txsync.apply_ops((SELECT jsonb_agg(op('d' || g, 'large')) FROM generate_series(1, 4) g))});
foreach my $case (['applied', 'e', '{}'], ['conflicts', 'f', '{"expectedTransactionId": "none"}'], ['rejected', 'g', '{"value": 2147483647}'])
{
	my ($name, $prefix, $more) = @$case;
	my $many = peak(qq{SELECT txsync.apply_ops((SELECT jsonb_agg(op('$prefix' || g, 'large', '$more')) FROM generate_series(1, 25) g))});
	note sprintf 'peak of 4 ops: %.0f MB, of 25: %.0f MB', $few, $many;
	cmp_ok($many, '<', $few + 200, "$name: memory does not grow with the batch");
}

$node->stop;
done_testing();

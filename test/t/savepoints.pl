# One transaction of 20,000 savepoints, half of them rolled back: what tail tells is what the table came to, with the annotations that hold.

use strict;
use utf8;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TxsyncClient;

start_node('savepoints', 'logical');
$node->append_conf('postgresql.conf', <<'CONF');
logical_decoding_work_mem = 64kB
autovacuum = off
CONF
$node->restart;
track_pages();

# `log` is written by a trigger, so that it keeps what the savepoints leave of the changes; `said` is the annotation that holds.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE log (n int GENERATED ALWAYS AS IDENTITY, line text);
CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO log (line) VALUES (concat_ws('|', CASE TG_OP WHEN 'INSERT' THEN 'create' ELSE lower(TG_OP) END, coalesce(NEW.id, OLD.id), NEW.name, (SELECT said FROM saying)));
	RETURN NULL;
END $$;
CREATE TRIGGER log AFTER INSERT OR UPDATE OR DELETE ON pages FOR EACH ROW EXECUTE FUNCTION log();
CREATE TABLE saying (said int);
INSERT INTO saying VALUES (NULL);
CREATE FUNCTION say(n int) RETURNS void LANGUAGE sql AS $$
	SELECT txsync.annotate(CASE WHEN n IS NULL THEN '{}' ELSE jsonb_build_object('n', n) END);
	UPDATE saying SET said = n;
$$;
SELECT pg_create_logical_replication_slot('plain', 'txsync'), pg_create_logical_replication_slot('streamed', 'txsync');
-- Each round is a savepoint: some say something, some hold another, a half comes to nothing.
DO $$
DECLARE
	n int;
BEGIN
	FOR n IN 1..20000 LOOP
		BEGIN
			IF n % 3 = 0 THEN PERFORM say(n); END IF;
			IF n % 50 = 0 THEN PERFORM say(NULL); END IF;
			INSERT INTO pages VALUES (n, 'p' || n);
			IF n % 5 = 0 THEN UPDATE pages SET name = name || '!' WHERE id = n - 1; END IF;
			IF n % 7 = 0 THEN DELETE FROM pages WHERE id = n - 3; END IF;
			IF n % 11 = 0 THEN
				BEGIN
					PERFORM say(-n);
					INSERT INTO pages VALUES (-n, 'inner');
					IF n % 2 = 0 THEN RAISE SQLSTATE 'ZZZZZ'; END IF;
				EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
				END;
				UPDATE pages SET name = 'after' WHERE id = n;
			END IF;
			IF n % 4 < 2 THEN RAISE SQLSTATE 'ZZZZZ'; END IF;
		EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
		END;
	END LOOP;
END $$;
SQL

my $log = $node->safe_psql('postgres', 'SELECT line FROM log ORDER BY n');
cmp_ok(scalar(() = $log =~ /\n/g), '>', 10000, 'enough is left');
foreach my $slot ('plain', 'streamed')
{
	my $tail = start_tail($slot, '--slot', $slot, $slot eq 'streamed' ? ('-o', 'streaming=on') : ());
	wait_confirmed($slot, "$slot: read");
	is($node->safe_psql('postgres', "SELECT stream_txns FROM pg_stat_replication_slots WHERE slot_name = '$slot'"), $slot eq 'streamed' ? '1' : '0', "$slot: how");
	is(finish($tail, 'TERM'), 0, "$slot: clean end");
	is(text_of("$slot.err"), '', "$slot: no complaint");
	my $changes = changes_in($slot);
	my $told = join "\n", map { join '|', grep { defined } $_->{action}, $_->{entityId}, $_->{data} ? $_->{data}{name} : undef, $_->{annotation} ? $_->{annotation}{n} : undef } @$changes;
	ok($told eq $log, "$slot: what is told is what the triggers saw");
	ok(rebuilt($changes) eq table(), "$slot: rebuilt state = table");
}
is(text_of('plain'), text_of('streamed'), 'both are the same');

$node->stop;
done_testing();

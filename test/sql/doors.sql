-- The two doors of src/pg, shown by the extension in test/doors: whatever goes wrong below them, every destructor runs, the
-- error keeps its parts, and the backend goes on.
CREATE EXTENSION txsync_doors;
SELECT pg_backend_pid() AS pid \gset
\pset format unaligned
\pset tuples_only on

-- The parts of the error that a statement ends in, and what it left behind.
CREATE FUNCTION caught(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    a text; b text; c text; d text; e text; f text; g text; h text; i text; j text;
BEGIN
    PERFORM doors.state();
    EXECUTE statement;
    RETURN NEXT 'no error';
    RETURN NEXT doors.state();
EXCEPTION WHEN OTHERS OR query_canceled THEN
    GET STACKED DIAGNOSTICS a = RETURNED_SQLSTATE, b = MESSAGE_TEXT, c = PG_EXCEPTION_DETAIL, d = PG_EXCEPTION_HINT,
        e = SCHEMA_NAME, f = TABLE_NAME, g = COLUMN_NAME, h = PG_DATATYPE_NAME, i = CONSTRAINT_NAME, j = PG_EXCEPTION_CONTEXT;
    -- This function's own part of the context is left out.
    j := regexp_replace(j, '(^|\n)SQL statement "[^\n]*"\nPL/pgSQL function caught.*', '');
    RETURN QUERY SELECT format('%s: %s', name, value)
        FROM unnest(ARRAY['SQLSTATE', 'MESSAGE', 'DETAIL', 'HINT', 'SCHEMA', 'TABLE', 'COLUMN', 'TYPE', 'CONSTRAINT', 'CONTEXT'],
            ARRAY[a, b, c, d, e, f, g, h, i, j]) AS _ (name, value)
        WHERE value <> '';
    RETURN NEXT doors.state();
END $$;

-- Nothing goes wrong.
SELECT caught($$SELECT doors.fail('none')$$);
SELECT caught($$SELECT doors.nest('none', 3)$$);

-- A Failure keeps its parts; those that it does not have stay away.
SELECT caught($$SELECT doors.fail('failure')$$);
SELECT caught($$SELECT doors.fail('short failure')$$);

-- Any other exception becomes an error too: with its text, as out of memory, or as an internal error.
SELECT caught($$SELECT doors.fail('exception')$$);
SELECT caught($$SELECT doors.fail('bad_alloc')$$);
SELECT caught($$SELECT doors.fail('int')$$);

-- So do an exception that no guarded call was around, and one that was thrown while another one was handled.
SELECT caught($$SELECT doors.fail('exception', 0)$$);
SELECT caught($$SELECT doors.fail('translated')$$);

-- PostgreSQL's own errors pass the C++ frames unharmed: raised with all parts, and by a constraint.
SELECT caught($$SELECT doors.fail('ereport')$$);
SELECT caught($$SELECT doors.fail('elog')$$);
SELECT caught($$SELECT doors.fail('key')$$);

-- An exception leaves while the server's stacks lead into a frame that goes: through a guarded call, and straight to the door.
SELECT caught($$SELECT doors.fail('litter')$$);
SELECT caught($$SELECT doors.fail('litter', 0)$$);

-- C++ that calls SQL that calls C++ and so on: each level is once in the context.
SELECT caught($$SELECT doors.nest('failure', 3)$$);
SELECT caught($$SELECT doors.nest('exception', 1)$$);
SELECT caught($$SELECT doors.nest('key', 2)$$);

-- C++ may catch a C++ exception and go on.
SELECT caught($$SELECT doors.recover('exception')$$);
SELECT doors.recover('exception'), doors.recover('litter');
SELECT caught($$SELECT doors.recover('ereport')$$);

-- The same without a subtransaction, twice: what the first error restores is what the second one needs.
SELECT doors.fail('failure');
SELECT doors.fail('failure');
SELECT doors.nest('ereport', 1);
SELECT doors.state();
SELECT doors.nest('int', 1);
SELECT doors.state();

-- Work goes on in the transaction around the subtransaction that failed.
CREATE TABLE survivors (what text);
BEGIN;
INSERT INTO survivors VALUES ('before');
DO $$
BEGIN
    INSERT INTO survivors VALUES ('in the middle');
    PERFORM doors.nest('exception', 2);
EXCEPTION WHEN internal_error THEN
    INSERT INTO survivors VALUES ('in the handler');
END $$;
INSERT INTO survivors VALUES ('after');
COMMIT;
SELECT what FROM survivors;

-- A thousand errors leave nothing either; each passes more levels than the server's own stack of errors has room for.
SELECT fault, count(*) FILTER (WHERE line LIKE 'SQLSTATE%') AS errors,
    count(*) FILTER (WHERE line LIKE '% 0 alive, no exception, stacks as before') AS clean
    FROM unnest('{failure,exception,int,ereport,key}'::text[]) AS fault, generate_series(1, 200),
        LATERAL caught(format('SELECT doors.nest(%L, 6)', fault)) AS line
    GROUP BY fault ORDER BY fault COLLATE "C";

-- A loop in C++ ends when the statement's time is over, also below several levels.
SET statement_timeout = '300ms';
SELECT caught($$SELECT doors.fail('spin')$$);
SELECT caught($$SELECT doors.nest('spin', 2)$$);
SELECT doors.fail('spin');
RESET statement_timeout;
SELECT doors.state();

-- What is built in a memory context lives as long as that does: to the end of the transaction,
BEGIN;
SELECT doors.construct('none');
SELECT doors.state();
COMMIT;
SELECT doors.state();
-- to an error that is none of ours,
BEGIN;
SELECT doors.construct('none');
SELECT doors.construct('none');
SELECT doors.state();
SELECT 1 / 0;
ROLLBACK;
SELECT doors.state();
-- or to the end of the subtransaction.
BEGIN;
SELECT doors.construct('none');
SELECT caught($$SELECT doors.construct('none'), doors.fail('ereport')$$);
COMMIT;
SELECT doors.state();

-- When its constructor fails, what it had built is gone at once, and is not destroyed again with the context.
BEGIN;
SELECT caught($$SELECT doors.construct('exception')$$);
SELECT caught($$SELECT doors.construct('key')$$);
COMMIT;
SELECT doors.construct('elog');
SELECT doors.state();

SELECT pg_backend_pid() = :pid AS same_backend;
DROP FUNCTION caught;
DROP TABLE survivors;
DROP EXTENSION txsync_doors;

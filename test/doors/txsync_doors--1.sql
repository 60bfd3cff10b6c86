\echo Use "CREATE EXTENSION txsync_doors" to load this file. \quit

CREATE SCHEMA doors;

-- Two rows of one insert break this key.
CREATE TABLE doors.taken (n int CONSTRAINT taken_once PRIMARY KEY);

-- Commits the named fault below so many C++ frames, each with an object, and each reached through a guarded call.
CREATE FUNCTION doors.fail(fault text, frames int DEFAULT 3) RETURNS void
    LANGUAGE c AS 'MODULE_PATHNAME', 'doors_fail';

-- The same below so many levels of C++ that calls SQL that calls C++.
CREATE FUNCTION doors.nest(fault text, levels int) RETURNS void
    LANGUAGE c AS 'MODULE_PATHNAME', 'doors_nest';

-- A level's SQL. With two statements it is not inlined.
CREATE FUNCTION doors.step(fault text, levels int) RETURNS void
    LANGUAGE sql AS 'SELECT; SELECT doors.nest(fault, levels)';

-- Commits the fault, catches it in C++ and goes on there; returns the number of rows that SQL gave after that.
CREATE FUNCTION doors.recover(fault text) RETURNS bigint
    LANGUAGE c AS 'MODULE_PATHNAME', 'doors_recover';

-- Builds an object in the (sub)transaction's memory; the fault is committed by its constructor.
CREATE FUNCTION doors.construct(fault text) RETURNS void
    LANGUAGE c AS 'MODULE_PATHNAME', 'doors_construct';

-- What the faults before left behind in this backend.
CREATE FUNCTION doors.state() RETURNS text
    LANGUAGE c AS 'MODULE_PATHNAME', 'doors_state';

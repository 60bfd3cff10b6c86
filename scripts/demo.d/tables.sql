-- The table of the demo, as an application has it, and beside it what the demo knows of the history.
CREATE TABLE pages (
    name text PRIMARY KEY,
    version text,
    distribution text,
    urgency text,
    changes text,
    closes int[],
    licence text, -- long, and no edit touches it after the first: it is not in the WAL of those
    edits int,
    modified_at timestamptz
);
CREATE EXTENSION txsync;

CREATE SCHEMA demo;
CREATE TABLE demo.entry (
    page text, position int, -- where it stands in the page's history, oldest first
    seconds bigint, source text, gone boolean, version text, distribution text, urgency text, changes text, closes int[], licence text
);
CREATE TABLE demo.line (n bigint GENERATED ALWAYS AS IDENTITY, change jsonb); -- the stream, as the subscriber wrote it

-- What only the server knows.

-- 244 random bits, from the server's source of strong ones.
CREATE TABLE secret (
    key bytea NOT NULL DEFAULT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
);
REVOKE ALL ON TABLE secret FROM PUBLIC;
INSERT INTO secret DEFAULT VALUES;
-- Not before: of a row in such a table a decoder asks what everybody sees of the table, which is nothing until this has committed.
ALTER TABLE secret SET (user_catalog_table = true);
COMMENT ON TABLE secret IS 'The key by which cursors and events are known as this database''s own: one row, never dumped. After DELETE and INSERT ... DEFAULT VALUES cursors from before are invalid; an event that is emitted while the key changes may be lost, with a WARNING in the server''s log.';

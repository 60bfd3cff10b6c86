-- Notes of the application on its changes.

CREATE FUNCTION annotate(annotation jsonb) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION annotate(jsonb) IS
'Puts an object on every following change of this transaction, as its member annotation; the latest call counts, {} ends it, and the rollback of its savepoint undoes it. At most 8192 bytes as text (54000); anything but an object is an error (22023). For everybody.';

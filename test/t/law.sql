-- What law.pl works with: tables of all kinds, roles that see different parts of them, and what each of them sees.

CREATE ROLE keeper LOGIN;
CREATE ROLE ann LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE cyd LOGIN;
CREATE ROLE guy LOGIN;
GRANT CREATE ON SCHEMA public TO keeper;
CREATE EXTENSION txsync;
SET ROLE keeper;

-- ---- Who belongs to which organization. Of what is deleted those are told who ever could see it, or they would keep it.

CREATE TABLE member (role name, org text, active boolean NOT NULL, PRIMARY KEY (role, org));
INSERT INTO member VALUES ('ann', 'A', true), ('bob', 'B', true), ('cyd', 'A', true), ('cyd', 'B', true), ('guy', 'A', true);
CREATE TABLE ever_shared (id text PRIMARY KEY);
-- What was emitted.
CREATE TABLE said (key text);
GRANT SELECT ON member, ever_shared TO PUBLIC;
CREATE FUNCTION mine(former boolean) RETURNS text[] STABLE
RETURN (SELECT coalesce(array_agg(org), '{}') FROM member WHERE role = current_user AND (active OR former));
CREATE FUNCTION deleted_visible(entity_id text, org_id text) RETURNS boolean STABLE
RETURN coalesce(org_id = ANY (mine(true)), false) OR EXISTS (SELECT FROM ever_shared s WHERE s.id = entity_id);

-- Of a table whose rows without an organization are for all.
CREATE FUNCTION masked_visible(entity_id text, org_id text) RETURNS boolean STABLE
RETURN org_id IS NULL OR org_id = ANY (mine(true));

-- ---- Tables

CREATE TABLE plain (id int PRIMARY KEY, a text, b text, n int, updated_at timestamptz);
CREATE TABLE docs (id text PRIMARY KEY, organization_id text, a text, b text, n int, shared boolean NOT NULL DEFAULT false);
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY members ON docs USING (organization_id = ANY (mine(false)) OR shared);
CREATE FUNCTION note_shared() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS
	$$ BEGIN INSERT INTO public.ever_shared VALUES (NEW.id) ON CONFLICT DO NOTHING; RETURN NULL; END $$;
CREATE TRIGGER note_shared AFTER INSERT OR UPDATE ON docs FOR EACH ROW WHEN (NEW.shared) EXECUTE FUNCTION note_shared();
CREATE TABLE parts (id int, kind text, org_id text, a text, b text, n int, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
CREATE TABLE parts_x PARTITION OF parts FOR VALUES IN ('x');
CREATE TABLE parts_y PARTITION OF parts FOR VALUES IN ('y');
CREATE TABLE pairs (l int, r text, org_id text, a text, b text, n int, PRIMARY KEY (l, r));
CREATE TABLE masked (id uuid PRIMARY KEY, tenant_id text, a text, b jsonb, n int, secret text);
ALTER TABLE masked ENABLE ROW LEVEL SECURITY;
CREATE POLICY members ON masked USING (tenant_id IS NULL OR tenant_id = ANY (mine(false)));

-- So the WAL tells which columns an update has changed.
ALTER TABLE plain REPLICA IDENTITY FULL;
ALTER TABLE docs REPLICA IDENTITY FULL;
ALTER TABLE masked REPLICA IDENTITY FULL;

GRANT SELECT ON plain, docs, parts, pairs, masked TO ann, bob, cyd;
GRANT SELECT (id, a) ON plain TO guy;
GRANT SELECT (id, a, n) ON docs TO guy;
GRANT SELECT (id, kind, org_id, b) ON parts TO guy;
GRANT SELECT (l, a) ON pairs TO guy;
GRANT SELECT (id, tenant_id, a, secret) ON masked TO guy;

SELECT txsync.track('plain');
SELECT txsync.track('docs', delete_visible => 'deleted_visible(text, text)');
SELECT txsync.track('parts', id_column => 'id');
SELECT txsync.track('pairs');
SELECT txsync.track('masked', hidden => '{secret}', delete_visible => 'masked_visible(text, text)');

-- ---- What the caller sees now, an entity on each row

CREATE FUNCTION seen() RETURNS TABLE (entity_type text, entity_id text, organization_id text, data jsonb) STABLE LANGUAGE plpgsql AS $$
DECLARE
	e txsync.entities;
	readable name[];
	ids text;
BEGIN
	FOR e IN SELECT * FROM txsync.entities LOOP
		SELECT array_agg(attname ORDER BY attnum) INTO readable FROM pg_attribute
		WHERE attrelid = e.relation AND attnum > 0 AND NOT attisdropped AND has_column_privilege(e.relation, attnum, 'SELECT');
		CONTINUE WHEN NOT coalesce(e.id_columns <@ readable, false);
		SELECT string_agg(format(CASE cardinality(e.id_columns) WHEN 1 THEN '%I::text' ELSE 'to_json(%I::text)' END, c), $c$ || ',' || $c$) INTO ids FROM unnest(e.id_columns) c;
		IF cardinality(e.id_columns) > 1 THEN
			ids := format('%L || %s || %L', '[', ids, ']');
		END IF;
		RETURN QUERY EXECUTE format('SELECT %L, %s, %s::text, jsonb_build_object(%s) FROM %s', e.entity_type, ids, CASE WHEN e.org_column = ANY (readable) THEN quote_ident(e.org_column) ELSE 'NULL' END,
			(SELECT string_agg(format('%L, %I', c, c), ', ') FROM unnest(readable) c WHERE c <> ALL (e.hidden || '{tx,tx_versions}'::name[])), e.relation);
	END LOOP;
END $$;

-- A schema in which each function, operator, type and relation that a careless statement could mean is one that calls hear().

CREATE SCHEMA evil;
GRANT ALL ON SCHEMA evil TO PUBLIC;
CREATE TABLE evil.heard (who name, what text);
GRANT ALL ON evil.heard TO PUBLIC;
CREATE FUNCTION evil.hear(what text) RETURNS bool LANGUAGE plpgsql SET search_path = pg_catalog AS
	$$ BEGIN INSERT INTO evil.heard VALUES (current_user, what); RETURN true; END $$;
DO $$
DECLARE
	o record;
	word text;
	says text := 'CREATE FUNCTION evil.%I(%s) RETURNS %s LANGUAGE plpgsql SET search_path = pg_catalog AS %L';
BEGIN
	FOR o IN
		SELECT proname, (SELECT string_agg(format_type(t, NULL), ', ' ORDER BY n) FROM unnest(proargtypes) WITH ORDINALITY a(t, n)) AS arguments,
			CASE WHEN proretset THEN 'SETOF ' ELSE '' END || prorettype::regtype AS result, CASE WHEN proretset OR prorettype = 'void'::regtype THEN '' ELSE 'NULL' END AS value
		FROM pg_proc p
		WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND proargmodes IS NULL
		AND NOT EXISTS (SELECT FROM pg_type t WHERE (t.oid = ANY (p.proargtypes::oid[]) OR t.oid = prorettype AND t.typname <> 'void') AND t.typtype = 'p')
	LOOP
		EXECUTE format(says, o.proname, o.arguments, o.result, format('BEGIN PERFORM evil.hear(%L); RETURN %s; END', o.proname, o.value));
	END LOOP;
	FOR o IN
		SELECT oprname, CASE WHEN oprleft <> 0 THEN oprleft::regtype END AS l, oprright::regtype AS r, oprresult::regtype AS result FROM pg_operator
		WHERE oprnamespace = 'pg_catalog'::regnamespace AND NOT EXISTS (SELECT FROM pg_type t WHERE t.oid IN (oprleft, oprright, oprresult) AND t.typtype = 'p')
	LOOP
		word := 'operator_' || md5(o::text);
		EXECUTE format(says, word, concat_ws(', ', o.l, o.r), o.result, format('BEGIN PERFORM evil.hear(%L); RETURN NULL; END', o::text));
		EXECUTE format('CREATE OPERATOR evil.%s (%s RIGHTARG = %s, FUNCTION = evil.%I)', o.oprname, 'LEFTARG = ' || o.l || ',', o.r, word);
	END LOOP;
	FOREACH word IN ARRAY '{text,name,jsonb,json,int4,int8,bool,oid,regclass,bytea,timestamptz,interval,pg_lsn,xid,xid8}'::text[] LOOP
		EXECUTE format('CREATE DOMAIN evil.%I AS pg_catalog.%I CHECK (evil.hear(%L))', word, word, 'type ' || word);
	END LOOP;
	FOR word IN
		SELECT relname FROM pg_class WHERE relnamespace IN ('txsync'::regnamespace, 'pg_catalog'::regnamespace) AND relkind IN ('r', 'v', 'p')
	LOOP
		EXECUTE format('CREATE VIEW evil.%I AS SELECT evil.hear(%L) AS id', word, 'relation ' || word);
	END LOOP;
END $$;
-- Those that fit better than a polymorphic or a variadic one.
CREATE FUNCTION evil.jsonb_build_object(pg_catalog.text, pg_catalog.text) RETURNS pg_catalog.jsonb LANGUAGE sql AS $$ SELECT pg_catalog.to_jsonb(evil.hear('jsonb_build_object')) $$;
CREATE FUNCTION evil.to_jsonb(pg_catalog.text) RETURNS pg_catalog.jsonb LANGUAGE sql AS $$ SELECT pg_catalog.to_jsonb(evil.hear('to_jsonb')) $$;
CREATE FUNCTION evil.format(pg_catalog.text, pg_catalog.text) RETURNS pg_catalog.text LANGUAGE sql AS $$ SELECT evil.hear('format')::pg_catalog.text $$;
CREATE FUNCTION evil.unnest(pg_catalog.text[]) RETURNS SETOF pg_catalog.text LANGUAGE sql AS $$ SELECT evil.hear('unnest')::pg_catalog.text $$;
CREATE FUNCTION evil.array_agg(pg_catalog.text) RETURNS pg_catalog.text[] LANGUAGE sql AS $$ SELECT ARRAY[evil.hear('array_agg')::pg_catalog.text] $$;
CREATE TABLE evil.mine (id int PRIMARY KEY);

-- What is wrong with this installation, and what mends it.

CREATE FUNCTION findings(OUT rank integer, OUT scope text, OUT relation regclass, OUT severity text, OUT finding text, OUT remedy text) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
WITH setting AS (
    -- `due` is what a restart would bring: the last word of the server's files.
    SELECT s.name, s.setting, coalesce(f.setting, s.setting) AS due
    FROM pg_settings s LEFT JOIN (SELECT DISTINCT ON (name) name, setting FROM pg_file_settings ORDER BY name, seqno DESC) f USING (name)
), plugin_list AS (
    -- Elements as the server splits them: by commas, outside of double quotes.
    SELECT s.setting, ARRAY(SELECT btrim(m[1], ' "') FROM regexp_matches(s.setting, '("[^"]*"|[^,"]+)', 'g') m) AS plugins
    FROM setting s WHERE s.name = 'output_plugin_libraries'
), entity AS (
    -- What stands before and behind the entity type in the call that repeats the tracking as it is.
    SELECT e.*, c.relkind, e.relation::text AS label,
           format('SELECT txsync.track(%L, entity_type => ', e.relation) AS call_before,
           format('%s, org_column => %L, tx => %L, hidden => %L%s, strategies => %L, notify => %L%s);',
                  CASE WHEN cardinality(e.id_columns) = 1 THEN format(', id_column => %L', e.id_columns[1]) END, coalesce(e.org_column, ''),
                  e.tx, e.hidden, CASE WHEN e.bookkeeping <> '{modified_at,updated_at}' THEN format(', bookkeeping => %L', e.bookkeeping) END, e.strategies, e.notify,
                  CASE WHEN e.delete_visible IS NOT NULL THEN format(', delete_visible => %L', e.delete_visible) END) AS call_behind
    FROM @extschema@.entities e JOIN pg_class c ON c.oid = e.relation
), stored AS (
    -- The tables that hold an entity's rows: itself, or its partitions.
    SELECT e.relation AS root, e.entity_type, e.id_columns, l.relid AS relation, c.relreplident
    FROM entity e, LATERAL (SELECT t.relid FROM pg_partition_tree(e.relation) t WHERE t.isleaf UNION SELECT e.relation WHERE e.relkind = 'r') l
    JOIN pg_class c ON c.oid = l.relid
), slot AS (
    SELECT s.*, s.slot_name = 'txsync_' || d.oid AS is_of_capture,
           pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, s.restart_lsn) AS retained
    FROM pg_replication_slots s JOIN pg_database d ON d.datname = s.database
    WHERE s.plugin = 'txsync' AND s.database = current_database() AND NOT s.temporary
), subscribed AS (
    -- Without capture's own slot: to drop that one leaves a gap in the changelog. What is wrong with capture has findings of its own.
    SELECT s.* FROM slot s WHERE NOT s.is_of_capture
), capture AS (
    -- A standby has the primary's row, and no capture.
    SELECT c.*, (SELECT format('; its slot retains %s of WAL', pg_size_pretty(s.retained)) FROM slot s WHERE s.is_of_capture AND s.retained IS NOT NULL) AS and_retains
    FROM @extschema@.capture c WHERE NOT pg_is_in_recovery()
), found(rank, scope, relation, severity, finding, remedy) AS (
    SELECT 1, 'server', NULL::regclass, 'error',
           format('wal_level is %s: changes are not decoded%s', s.setting, CASE WHEN s.due = 'logical' THEN '; logical is set, and a restart is due' END),
           CASE WHEN s.due = 'logical' THEN '-- restart the server' ELSE 'ALTER SYSTEM SET wal_level = ''logical''; -- then restart the server' END
    FROM setting s WHERE s.name = 'wal_level' AND s.setting <> 'logical'
  UNION ALL
    SELECT 2, 'server', NULL, 'error',
           CASE WHEN p.setting LIKE '%"%,%"%' THEN format('output_plugin_libraries is one element, %s: the server refuses every plugin in it', p.setting)
                ELSE 'output_plugin_libraries does not list txsync: the server refuses its output plugin' END,
           format('ALTER SYSTEM SET output_plugin_libraries = %s; SELECT pg_reload_conf();',
                  (SELECT string_agg(quote_literal(x), ', ' ORDER BY n)
                   FROM (SELECT btrim(x) AS x, min(n) AS n FROM regexp_split_to_table(replace(p.setting, '"', '') || ', txsync', ',') WITH ORDINALITY t(x, n)
                         WHERE btrim(x) <> '' GROUP BY btrim(x)) q))
    FROM plugin_list p WHERE NOT 'txsync' = ANY (p.plugins)
  UNION ALL
    SELECT 3, 'server', NULL, CASE WHEN c.and_retains IS NULL THEN 'info' ELSE 'warning' END,
           concat('the library is not preloaded: the changelog needs it, tracking and the stream do not, and each session has a clock of its own', '; capture is off' || c.and_retains,
                  CASE WHEN l.is_due THEN '; it is set, and a restart is due' END),
           CASE WHEN l.is_due THEN '-- restart the server'
                ELSE format('ALTER SYSTEM SET shared_preload_libraries = %s; -- then restart the server',
                            (SELECT string_agg(quote_literal(btrim(x, ' "')), ', ' ORDER BY n)
                             FROM regexp_split_to_table(concat_ws(',', nullif(l.due, ''), 'txsync'), ',') WITH ORDINALITY t(x, n))) END
    FROM (SELECT s.setting ~ named AS is_now, s.due ~ named AS is_due, s.due
          FROM setting s, (VALUES ('(^|[, /"])txsync($|[, "])')) pattern(named) WHERE s.name = 'shared_preload_libraries') l
    LEFT JOIN capture c ON true
    WHERE NOT l.is_now
  UNION ALL
    SELECT 4, 'table', t.root, 'error', format('id column %I of %s is not in its replica identity: its deletes cannot be told', i.id, t.relation::regclass),
           format('ALTER TABLE %s REPLICA IDENTITY %s;', t.relation::regclass,
                  CASE WHEN EXISTS (SELECT FROM pg_index x JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey)
                                    WHERE x.indrelid = t.relation AND x.indisprimary AND a.attname = i.id) THEN 'DEFAULT' ELSE 'FULL' END)
    FROM stored t, unnest(t.id_columns) i(id)
    WHERE t.relreplident <> 'f' AND NOT EXISTS (
        SELECT FROM pg_index x JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey)
        WHERE x.indrelid = t.relation AND a.attname = i.id
          AND CASE t.relreplident WHEN 'd' THEN x.indisprimary WHEN 'i' THEN x.indisreplident ELSE false END)
  UNION ALL
    SELECT 5, 'table', e.relation, 'error', format('tracking of %s names a column %I that it does not have', e.label, n.name),
           CASE n.name WHEN 'tx' THEN format('ALTER TABLE %s ADD COLUMN tx jsonb;', e.label)
                WHEN 'tx_versions' THEN format('ALTER TABLE %s ADD COLUMN tx_versions bytea;', e.label)
                ELSE concat(e.call_before, quote_literal(e.entity_type), e.call_behind, ' -- with the present name of ', translate(quote_ident(n.name), E'\n\r', '  ')) END
    FROM entity e, LATERAL (SELECT unnest(e.id_columns || e.hidden || e.org_column) UNION SELECT unnest(ARRAY['tx', 'tx_versions']) WHERE e.tx) n(name)
    WHERE n.name IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = e.relation AND a.attname = n.name AND NOT a.attisdropped)
  UNION ALL
    SELECT 6, 'table', (array_agg(e.relation ORDER BY e.label DESC))[1], 'error',
           format('entity type %L is shared by %s', e.entity_type, string_agg(e.label, ', ' ORDER BY e.label)),
           (array_agg(concat(e.call_before, quote_literal(e.label), e.call_behind) ORDER BY e.label DESC))[1]
    FROM entity e GROUP BY e.entity_type HAVING count(*) > 1
  UNION ALL
    SELECT 7, 'table', coalesce(pg_partition_root(g.tgrelid), g.tgrelid), 'error', format('the row trigger of %s does not fire for every write', g.tgrelid::regclass),
           format('ALTER TABLE %s ENABLE ALWAYS TRIGGER zz_txsync;', g.tgrelid::regclass)
    FROM pg_trigger g WHERE g.tgname = 'zz_txsync' AND g.tgfoid = '@extschema@.row_trigger()'::regprocedure AND g.tgenabled <> 'A'
  UNION ALL
    SELECT 8, 'table', g.tgrelid, 'error', format('trigger %I of %s is txsync''s row trigger under another name: it tracks nothing', g.tgname, g.tgrelid::regclass),
           format(CASE WHEN EXISTS (SELECT FROM pg_trigger o WHERE o.tgrelid = g.tgrelid AND o.tgname = 'zz_txsync')
                       THEN 'DROP TRIGGER %I ON %s;' ELSE 'ALTER TRIGGER %I ON %s RENAME TO zz_txsync;' END, g.tgname, g.tgrelid::regclass)
    FROM pg_trigger g WHERE g.tgname <> 'zz_txsync' AND g.tgfoid = '@extschema@.row_trigger()'::regprocedure AND g.tgparentid = 0
  UNION ALL
    SELECT 9, 'table', t.root, 'warning', format('trigger %I of %s fires after txsync''s and may change rows that it has seen', g.tgname, g.tgrelid::regclass),
           format('ALTER TRIGGER %I ON %s RENAME TO %I;', g.tgname, g.tgrelid::regclass, 'a_' || g.tgname)
    FROM stored t JOIN pg_trigger g ON g.tgrelid = t.relation
    WHERE g.tgtype & 3 = 3 AND g.tgenabled <> 'D' AND NOT g.tgisinternal AND g.tgname COLLATE "C" > 'zz_txsync'
  UNION ALL
    SELECT 10, 'slot', NULL, 'error', format('slot %s has lost WAL that it needed', s.slot_name),
           format('SELECT pg_drop_replication_slot(%L);', s.slot_name)
    FROM subscribed s WHERE s.wal_status = 'lost'
  UNION ALL
    SELECT 11, 'slot', NULL, 'warning', format('slot %s has no reader and retains %s of WAL', s.slot_name, pg_size_pretty(s.retained)),
           format('SELECT pg_drop_replication_slot(%L); -- unless its reader comes back', s.slot_name)
    FROM subscribed s WHERE NOT s.active AND s.wal_status <> 'lost'
  UNION ALL
    SELECT 12, 'slot', NULL, 'warning', format('slot %s retains %s of WAL, and nothing bounds it', s.slot_name, pg_size_pretty(s.retained)),
           'ALTER SYSTEM SET max_slot_wal_keep_size = ''64GB''; SELECT pg_reload_conf();'
    FROM subscribed s JOIN setting m ON m.name = 'max_slot_wal_keep_size' AND m.setting = '-1' WHERE s.retained > 1024::numeric ^ 3
  UNION ALL
    SELECT 13, 'capture', NULL, 'error', concat(format('the changelog has a gap from %s to %s, and capture has stopped', c.position, c.gap_end), ': ' || c.last_error),
           'SELECT txsync.reset_capture(heal => true);'
    FROM capture c WHERE c.gap_end IS NOT NULL
  UNION ALL
    SELECT 14, 'capture', NULL, 'error', concat('capture failed: ', c.last_error), '-- see the server''s log; capture tries again by itself'
    FROM capture c WHERE c.last_error IS NOT NULL AND c.gap_end IS NULL
  UNION ALL
    SELECT 15, 'capture', NULL, 'warning', concat('capture is paused', c.and_retains), 'SELECT txsync.resume();'
    FROM capture c WHERE c.state = 'paused'
  UNION ALL
    -- Where the setting is off in another file than ALTER SYSTEM's, a RESET would leave it so.
    SELECT 16, 'capture', NULL, 'warning', concat('capture is off by the setting txsync.capture', c.and_retains),
           format('ALTER SYSTEM %s; SELECT pg_reload_conf();',
                  CASE WHEN m.sourcefile LIKE '%postgresql.auto.conf' THEN 'RESET txsync.capture' ELSE 'SET txsync.capture = on' END)
    FROM capture c JOIN pg_settings m ON m.name = 'txsync.capture' AND m.setting = 'off'
  UNION ALL
    SELECT 17, 'table', e.relation, 'info', format('%s has row security and no delete_visible: whom it holds is not told of deletes and moves', e.label),
           concat(e.call_before, quote_literal(e.entity_type), rtrim(e.call_behind, ');'), ', delete_visible => ''...(text, text)''); -- with the function that says who may know of them')
    FROM entity e JOIN pg_class c ON c.oid = e.relation AND c.relrowsecurity WHERE e.delete_visible IS NULL
)
SELECT f.rank, f.scope, f.relation, f.severity, f.finding, f.remedy FROM found f;
END;
REVOKE ALL ON FUNCTION findings() FROM PUBLIC;
COMMENT ON FUNCTION findings() IS
'What doctor() finds, with its place among those as severe and what it is about: the server, a slot, capture or a table, which is then the relation. For doctor() and track(), which tells a table''s owner only what is about the server or the table.';

CREATE FUNCTION doctor(OUT severity text, OUT finding text, OUT remedy text) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
SELECT f.severity, f.finding, f.remedy FROM @extschema@.findings() f
ORDER BY array_position(ARRAY['error', 'warning', 'info'], f.severity), f.rank, f.finding;
END;
REVOKE ALL ON FUNCTION doctor() FROM PUBLIC;
COMMENT ON FUNCTION doctor() IS
'One row per finding, the worst first: severity (error: the stream is wrong or missing; warning: it may become so; info), what is wrong, and the statement that mends it. Looks at wal_level, output_plugin_libraries, preload, replica identities, triggers that fire after ours, slots without a reader, WAL retained, capture, row security without delete_visible. For superusers and whom they GRANT EXECUTE to.';

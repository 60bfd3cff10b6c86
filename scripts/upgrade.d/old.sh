# Sourced by scripts/upgrade.d/run: what happens in the old cluster, and what of it is to be found in the new one.
# shellcheck shell=bash disable=SC2034,SC2154

activities="SELECT concat_ws(' ', action, entity_type, entity_id, org_id, old_org_id, changed_keys, tx ->> 'transactionId', annotation) FROM txsync.activity"

# What must come through as it is. The rows as text: this client shows them alike for both servers.
tracking="SELECT * FROM txsync.entities ORDER BY entity_type"
triggers="SELECT g.tgrelid::regclass, g.tgenabled, e.extname FROM pg_trigger g
	LEFT JOIN pg_depend d ON d.classid = 'pg_trigger'::regclass AND d.objid = g.oid AND d.deptype = 'x' LEFT JOIN pg_extension e ON e.oid = d.refobjid
	WHERE g.tgname = 'zz_txsync' ORDER BY g.tgrelid::regclass::text"
# 17 lists the row types of its tables as well.
members="SELECT pg_describe_object(d.classid, d.objid, 0) FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND d.classid <> 'pg_type'::regclass
		AND e.extname = 'txsync' ORDER BY 1"
rows="SELECT p::text FROM pages p UNION ALL SELECT t::text FROM tasks t ORDER BY 1"
sync_log="SELECT l::text FROM txsync.sync_log l ORDER BY id"

# The changelog up to an id: how many rows, and what is in them.
digest() {
	echo "SELECT count(*), md5(string_agg(a::text, ' ' ORDER BY id)) FROM txsync.activity a WHERE id <= $1"
}

remember() {
	old_tracking=$(sql "$tracking")
	old_triggers=$(sql "$triggers")
	old_members=$(sql "$members")
	old_rows=$(sql "$rows")
	old_sync_log=$(sql "$sync_log")
	old_last_id=$(sql "SELECT max(id) FROM txsync.activity")
	old_epoch=$(sql "SELECT epoch FROM txsync.capture")
	old_digest=$(sql "$(digest "$old_last_id")")
}

# The slot goes while nobody captures: WAL is lost to the changelog, which goes on behind it. What was written meanwhile is not in
# it, and the log has something that has to come through.
leave_gap() {
	sql "SELECT txsync.pause()" >/dev/null
	await "the worker to leave" "SELECT count(*) = 0 FROM pg_replication_slots WHERE active"
	sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots" >/dev/null
	sql "INSERT INTO pages VALUES (6, 'acme', 'In the gap', NULL, NULL)"
	sql "SELECT txsync.resume()" >/dev/null
	await "the gap to be found" "SELECT state = 'lost' FROM txsync.capture"
	sql "SELECT txsync.reset_capture()" >/dev/null
	await "capture to go on behind the gap" "SELECT state = 'streaming' FROM txsync.capture"
}

# The last changes come when nobody captures any more: no changelog has them.
write_uncaptured() {
	sql "ALTER SYSTEM SET txsync.capture = off"
	sql "SELECT pg_reload_conf()" >/dev/null
	await "the worker to leave" "SELECT count(*) = 0 FROM pg_replication_slots WHERE active"
	sql_file uncaptured.sql
}

old_cluster() {
	make_cluster "$old"
	start "$old"
	as_postgres "$(bin "$new")/createdb" -h "$stage" app || fail "the server refused a database"
	sql_file tables.sql
	sql "CREATE EXTENSION txsync"
	await "capture to begin in $old" "SELECT state = 'streaming' FROM txsync.capture"
	sql_file captured.sql
	await_captured "changes in $old" # or else they are in the gap
	leave_gap
	sql "UPDATE pages SET name = 'Behind the gap' WHERE id = 5"
	await_captured "the change behind the gap"
	is "the changelog of $old" "$activities ORDER BY id" "$(
		cat <<-'END'
			create pages 3 acme 1.0000.x
			update pages 3 acme {name} 1.0001.x
			update pages 3 umbrella acme {organization_id}
			create pages 4 acme
			update pages 4 acme {} 1.0002.x
			delete pages 4 acme 1.0002.x
			create pages 5 acme {"why": "import"}
			create tasks 1
			create tasks 2
			update tasks 1
			gap
			update pages 5 acme {name}
		END
	)"
	write_uncaptured
	remember
	stop "$old"
}

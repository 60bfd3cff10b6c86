# Sourced by scripts/upgrade.d/run: what must be true of the new cluster.
# shellcheck shell=bash disable=SC2154

check_what_came() {
	is "the extension" "SELECT extname FROM pg_extension WHERE extname = 'txsync'" txsync
	is "the objects of the extension" "$members" "$old_members"
	is "tracking" "$tracking" "$old_tracking"
	is "row triggers: always on, and gone with the extension" "$triggers" "$old_triggers"
	is "the tables' rows" "$rows" "$old_rows"
	is "the old changelog" "$(digest "$old_last_id")" "$old_digest"
	is "nothing behind the old changelog" "SELECT max(id) FROM txsync.activity" "$old_last_id"
	is "sync_log" "$sync_log" "$old_sync_log"
	is "no slot came along" "SELECT count(*) FROM pg_replication_slots" 0
	is "errors that doctor() finds before capture" "SELECT * FROM txsync.doctor() WHERE severity = 'error'" ""
	is "capture is off by its setting" "SELECT state FROM txsync.capture" off
}

# For this server the changelog is another's: it says of every entity that it is there, or is no more.
check_initial_records() {
	local begun="FROM txsync.activity WHERE id > $old_last_id"
	is "initial records" "$activities WHERE id > $old_last_id ORDER BY entity_type, entity_id" "$(
		cat <<-'END'
			create pages 1 wayne
			create pages 2 acme
			update pages 3 umbrella
			delete pages 5 acme
			create pages 6 acme
			create pages 7 acme
			create pages 8 acme
			update tasks 1
			update tasks 2
		END
	)"
	is "initial records stand at one position, their rows behind each other" \
		"SELECT count(DISTINCT (commit_lsn, change_lsn)), min(k), max(k), count(DISTINCT k), bool_and(xid = '0') $begun" "1|0|8|9|t"
	is "the changelog goes on in one epoch, above the old one" "SELECT count(DISTINCT epoch), min(epoch) > $old_epoch $begun" "1|t"
	is "capture knows its epoch" "SELECT count(*) FROM txsync.capture c JOIN txsync.activity a ON a.epoch = c.epoch AND a.id = c.last_id" 1
	is "the slot is the worker's" "SELECT count(*) FROM pg_replication_slots s, txsync.capture c, pg_database d
		WHERE s.active_pid = c.pid AND s.plugin = 'txsync' AND s.slot_name = 'txsync_' || d.oid AND d.datname = 'app'" 1
}

check_new_changes() {
	local before
	before=$(sql "SELECT max(id) FROM txsync.activity")
	sql_file later.sql
	await_captured "changes in $new"
	is "changes in $new" "$activities WHERE id > $before ORDER BY id" "$(
		cat <<-'END'
			update pages 3 umbrella {name} 2.0000.x
			update pages 3 acme umbrella {organization_id}
			create pages 9 acme {"why": "upgraded"}
			update pages 1 wayne {title}
			update pages 2 acme {} 2.0001.x
			delete pages 2 acme 2.0001.x
			update tasks 2
			create tasks 4
			truncate tasks
		END
	)"
	is "tracking follows a column's new name" "SELECT hidden FROM txsync.entities WHERE entity_type = 'pages'" "{hushed}"
	is "ids and positions rise" "SELECT count(*) FROM (SELECT commit_lsn, lag(commit_lsn) OVER (ORDER BY id) AS before FROM txsync.activity) d
		WHERE before > commit_lsn" 0
	is "the old changelog at the end" "$(digest "$old_last_id")" "$old_digest"
	is "sync_log numbers on" "SELECT nextval(pg_get_serial_sequence('txsync.sync_log', 'id')) > max(id) FROM txsync.sync_log" t
	is "health()" "SELECT * FROM txsync.health()" "ok|{}"
	is "doctor() at the end" "SELECT * FROM txsync.doctor()" ""
}

check_drop() {
	local kept
	kept=$(sql "$rows")
	sql "DROP EXTENSION txsync"
	await "the slot to go with the extension" "SELECT count(*) = 0 FROM pg_replication_slots"
	is "the tables' rows without the extension" "$rows" "$kept"
	is "nothing of it is left on the tables" "$triggers" ""
	sql "UPDATE pages SET tx = '{}' WHERE id = 1"
}

# First without capture: what is written then is seen by no slot either.
new_cluster() {
	start "$new" txsync.capture=off
	check_what_came
	sql "INSERT INTO pages VALUES (8, 'acme', 'Before capture', NULL, NULL)"
	sql "DELETE FROM tasks WHERE id = 3"
	stop "$new"
	start "$new"
	await "capture to begin in $new" "SELECT state = 'streaming' FROM txsync.capture"
	check_initial_records
	check_new_changes
	check_drop
	stop "$new"
}

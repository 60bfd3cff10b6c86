# Sourced by scripts/upgrade.d/run: clusters in $stage/<major>, reached by a socket in $stage, and what is checked of them.
# shellcheck shell=bash disable=SC2154

patience=60 # seconds for what is waited for: it comes within a few, or never

bin() {
	echo "/usr/lib/postgresql/$1/bin"
}

version() {
	"$(bin "$1")/postgres" --version | sed -E 's/^[^0-9]*([0-9.]+).*/\1/'
}

# A folder that postgres can write to: pg_upgrade leaves a script where it is called.
make_stage() {
	mkdir -m 755 "$stage"
	chown postgres: "$stage"
	cd "$stage" || exit 1
}

remove_clusters() {
	local major
	for major in "$old" "$new"; do
		if [ -e "$stage/$major/postmaster.pid" ]; then as_postgres "$(bin "$major")/pg_ctl" stop -s -m immediate -D "$stage/$major" || true; fi
	done
	cd /
	rm -rf "$stage"
}

# 18 has checksums by default, older ones have not, and both sides must be alike.
make_cluster() {
	as_postgres "$(bin "$1")/initdb" -D "$stage/$1" -U postgres -E UTF8 --no-locale -k --no-sync -A trust >"$stage/initdb.log" 2>&1 ||
		fail "initdb of $1"
	rm "$stage/initdb.log"
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$stage'"
		echo "wal_level = logical"
		echo "shared_preload_libraries = 'txsync'"
		echo "fsync = off" # no promise shown here is about the disk
		# Minors without this setting would not start with it; those with it refuse plugins that it does not list.
		if "$(bin "$1")/postgres" --describe-config | cut -f 1 | grep -x output_plugin_libraries >/dev/null; then
			echo "output_plugin_libraries = 'txsync'"
		fi
	} | as_postgres tee -a "$stage/$1/postgresql.conf" >/dev/null
}

# start MAJOR [NAME=VALUE]: a setting for as long as it runs
start() {
	as_postgres "$(bin "$1")/pg_ctl" start -s -w -t "$patience" -D "$stage/$1" -l "$stage/server.$1.log" -o "${2:+-c $2}" || fail "server $1 did not start"
}

stop() {
	as_postgres "$(bin "$1")/pg_ctl" stop -s -w -t "$patience" -m fast -D "$stage/$1" || fail "server $1 did not stop"
}

run_psql() {
	as_postgres PGOPTIONS="-c client_min_messages=warning" "$(bin "$new")/psql" -XqAt -v ON_ERROR_STOP=1 -h "$stage" -d app "$@"
}

sql() {
	run_psql -c "$1" || fail "the server refused: $1"
}

# As input: postgres may not be able to read the tree.
sql_file() {
	run_psql <"$parts/$1" >/dev/null || fail "the server refused what is in $1"
}

# The reason comes last, where it is looked for.
fail() {
	{
		show_logs
		printf '\nupgrade: FAILED: %s\n' "$*"
	} >&2
	exit 1
}

# What the servers wrote, and pg_upgrade, which keeps its files in the new cluster.
show_logs() {
	find "$stage" -type f -size +0 \( -name '*.log' -o -path '*/pg_upgrade_output.d/*.txt' \) | sort | while read -r file; do
		printf '\n-- the end of %s\n' "${file#"$stage/"}"
		tail -n 60 "$file"
	done
}

# is WHAT QUERY EXPECTED
is() {
	local actual
	actual=$(sql "$2") || exit 1
	[ "$actual" = "$3" ] || fail "$(printf '%s\n-- expected\n%s\n-- actual\n%s' "$1" "${3:-(nothing)}" "${actual:-(nothing)}")"
	checks=$((checks + 1))
}

# await WHAT QUERY: until the query says t.
await() {
	local end=$((SECONDS + patience)) answer=
	until [ "$answer" = t ]; do
		answer=$(sql "$2") || exit 1
		[ $SECONDS -lt $end ] || fail "waited $patience s for $1; capture says: $(run_psql -c "TABLE txsync.capture" 2>&1)"
		sleep 0.05
	done
	checks=$((checks + 1))
}

await_captured() {
	is "in the changelog: $1" "SELECT txsync.wait_captured(pg_current_wal_flush_lsn(), '$patience s')" t
}

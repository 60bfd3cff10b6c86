# Sourced by scripts/demo: the edits go in by one client, the writer, and come out by another, the subscriber.
# shellcheck shell=bash disable=SC2034,SC2154

patience=120 # seconds for what is waited for: it comes within a few, or never
writer=
subscriber=
told=0

stop_clients() {
	local pid
	for pid in $writer $subscriber; do
		kill "$pid" 2>/dev/null || true
	done
}

is_alive() {
	kill -0 "$1" 2>/dev/null
}

# Waits until the query says t.
await() {
	local end=$((SECONDS + patience)) answer=
	until [ "$answer" = t ]; do
		answer=$(sql "$1") || die "the cluster does not answer"
		is_alive "$subscriber" || die "the subscriber ended"
		[ $SECONDS -lt $end ] || die "waited for $patience s: $1"
		sleep 0.02
	done
}

# Each subscriber writes a file of its own: one that was killed may have left a torn line at the end of its.
start_subscriber() {
	"$root/build/cmake/txsync" tail --slot demo --create --status-interval 0.1 >"$stage/stream.$1" &
	subscriber=$!
	await "SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = 'demo' AND active_pid IS NOT NULL)"
}

crash_subscriber() {
	kill -9 "$subscriber"
	wait "$subscriber" 2>/dev/null || true
	echo "killed the subscriber after $(grouped "$told") changes" # over the counter, if there is one
	start_subscriber 2
}

# To count takes a look at the whole stream: only for somebody who wants to know.
count_told() {
	if [ -t 1 ] || [ -n "$crash" ]; then told=$(cat "$stage"/stream.* | wc -l); fi
	if [ -t 1 ]; then printf '%s of %s \r' "$(grouped "$told")" "$(grouped "$edits")"; fi
}

# The time that this takes, in microseconds, is from the first edit until the subscriber has confirmed the last one's commit.
replay() {
	local start end
	start_subscriber 1
	start=${EPOCHREALTIME/[.,]/}
	"$bin/psql" -Xq -v ON_ERROR_STOP=1 -f "$parts/replay.sql" &
	writer=$!
	while is_alive "$writer"; do
		sleep 0.1
		count_told
		if [ -n "$crash" ] && [ ! -e "$stage/stream.2" ] && [ "$told" -gt $((edits / 3)) ]; then crash_subscriber; fi
	done
	wait "$writer" || die "the edits failed"
	writer=
	if [ -n "$crash" ] && [ ! -e "$stage/stream.2" ]; then die "the edits were over before the subscriber could be killed"; fi
	end=$(sql "SELECT pg_current_wal_lsn()")
	await "SELECT confirmed_flush_lsn >= '$end' FROM pg_replication_slots WHERE slot_name = 'demo'"
	microseconds=$((${EPOCHREALTIME/[.,]/} - start))
	count_told
	if [ -t 1 ]; then echo; fi
	kill "$subscriber"
	wait "$subscriber" || die "the subscriber failed"
	subscriber=
}

# The captured stream, without torn lines.
whole_lines() {
	perl -ne 'print if /\n\z/' "$stage"/stream.*
}

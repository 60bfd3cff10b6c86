# Sourced by the benchmarks: what they may be asked, a server of their own, medians.
# shellcheck shell=bash disable=SC2034

shopt -s inherit_errexit
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

scale=1
runs=5
while getopts s:r: option; do
	case $option in
	s) scale=$OPTARG ;;
	r) runs=$OPTARG ;;
	*) die "usage: test/bench/${0##*/} [-s SCALE] [-r RUNS]" ;;
	esac
done

bin=$("$PG_CONFIG" --bindir)
stage=$(mktemp -d -t txsync-bench.XXXXXX)
as_root chown postgres: "$stage"
mkdir -p "$root/build"

stop_server() {
	as_postgres "$bin/pg_ctl" stop -s -m immediate -D "$stage/data" || true
	as_root rm -rf "$stage"
}
trap stop_server EXIT

scaled() {
	awk -v n="$1" -v scale="$scale" 'BEGIN {n = int(n * scale); print n < 1 ? 1 : n}'
}

# start_server PLUGINS SETTING...: segments of WAL are there already, as on a server that has run for a while. Who makes one keeps all
# writers waiting for some 50 ms.
start_server() {
	as_postgres "$bin/initdb" -D "$stage/data" -A trust --no-locale -E UTF8 >/dev/null
	{
		printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$stage'" 'wal_level = logical' 'max_wal_size = 16GB' 'min_wal_size = 2GB' \
			'autovacuum = off' "${@:2}"
		if "$bin/postgres" --describe-config | cut -f 1 | grep -x output_plugin_libraries >/dev/null; then
			echo "output_plugin_libraries = '$1'"
		fi
	} | as_root tee -a "$stage/data/postgresql.conf" >/dev/null
	as_postgres "$bin/pg_ctl" start -s -w -D "$stage/data" -l "$stage/log"
	printf 'SELECT pg_logical_emit_message(false, $$$$, $$$$), pg_switch_wal();\n%.0s' $(seq 120) | sql postgres -f - >/dev/null
	sql postgres -c CHECKPOINT
}

# sql DATABASE ARGUMENT...
sql() {
	as_postgres "$bin/psql" -h "$stage" -qAtX -v ON_ERROR_STOP=1 -d "$@"
}

# The n-th part of the sorted lines.
quantile() {
	awk -v part="$1" '{v[NR] = $1} END {i = int(NR * part); print v[i < NR * part ? i + 1 : i]}'
}

# A line of $results is a key, and numbers.
results=$root/build/bench.runs

# median KEY COLUMN
median() {
	awk -v key="$1" -v column="$2" '$1 == key {print $column}' "$results" | sort -g | quantile 0.5
}

# ratio ONE OTHER COLUMN [FACTOR]: the median of the runs' own ratios of one key's lines to another's.
ratio() {
	awk -v one="$1" -v other="$2" -v column="$3" -v factor="${4:-1}" '$1 == one {a[++n] = $column} $1 == other {b[++m] = $column}
		END {for (i = 1; i <= n; i++) print factor * a[i] / b[i]}' "$results" | sort -g | quantile 0.5
}

# Sourced by scripts/demo: a PostgreSQL cluster of its own in $stage/server, reached only by a socket in that folder.
# shellcheck shell=bash disable=SC2154

# The machine's server, with the extension in it, in a folder of its own. Programs find their folders from where they stand: so
# they are copies, and the rest are links.
install_aside() (
	umask 022
	quietly make -s install PG_CONFIG="$PG_CONFIG" DESTDIR="$stage/install"
	for folder in "$("$PG_CONFIG" --pkglibdir)" "$("$PG_CONFIG" --sharedir)"; do
		mkdir -p "$stage/install$folder"
		cp -asn "$folder/." "$stage/install$folder"
	done
	mkdir -p "$bin"
	cp "$("$PG_CONFIG" --bindir)"/{initdb,pg_ctl,postgres,psql} "$bin"
)

# Whoever runs the demo is its superuser, by the name that the kernel gives (peer); nobody else on the machine gets in.
configure_cluster() {
	as_postgres tee "$data/pg_hba.conf" <<<"local all all peer map=demo"
	printf 'demo %s postgres\n' postgres "$(id -un)" | as_postgres tee "$data/pg_ident.conf"
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$stage/server'"
		echo "wal_level = logical"
		# The cluster need not outlive a crash of the machine, and no promise shown here is about the disk.
		echo "fsync = off"
		echo "full_page_writes = off"
		echo "max_wal_size = 4GB"
		# Minors without this setting would not start with it; those with it refuse plugins that it does not list.
		if "$bin/postgres" --describe-config | cut -f 1 | grep -x output_plugin_libraries >/dev/null; then
			echo "output_plugin_libraries = 'txsync'"
		fi
	} | as_postgres tee -a "$data/postgresql.conf"
}

# The caller's PG* variables lead elsewhere. In a folder of its own the socket may have the usual port in its name.
point_clients_here() {
	local variable
	for variable in "${!PG@}"; do
		if [ "$variable" != PG_CONFIG ]; then unset "$variable"; fi
	done
	export PGHOST=$stage/server PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}

start_cluster() {
	data=$stage/server/data
	mkdir -m 755 "$stage/server"
	as_root chown postgres: "$stage/server"
	quietly as_postgres "$bin/initdb" -D "$data" -U postgres -E UTF8 --no-locale --no-sync -A peer
	configure_cluster >/dev/null
	as_postgres "$bin/pg_ctl" start -s -w -D "$data" -l "$stage/server/log" ||
		die "the cluster did not start: $(as_root cat "$stage/server/log")"
	point_clients_here
	sql "CREATE DATABASE demo"
	export PGDATABASE=demo
}

is_running() {
	as_root test -f "$stage/server/data/postmaster.pid"
}

stop_cluster() {
	if is_running; then as_postgres "$bin/pg_ctl" stop -s -m immediate -D "$data" || true; fi
}

sql() {
	"$bin/psql" -XqAt -v ON_ERROR_STOP=1 -c "$1"
}

sql_file() {
	"$bin/psql" -XqAt -v ON_ERROR_STOP=1 -f "$parts/$1"
}

say_how_to_connect() {
	local sudo=
	if [ "$(id -u)" -ne 0 ]; then sudo="sudo "; fi
	cat <<-END

		The cluster runs on.
		connect  $bin/psql -h $stage/server -U postgres demo
		follow   $root/build/cmake/txsync tail -h $stage/server -U postgres -d demo --slot demo --pretty
		remove   ${sudo}runuser -u postgres -- $bin/pg_ctl stop -m fast -D $data && ${sudo}rm -rf $stage
	END
}

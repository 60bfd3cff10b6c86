# Sourced by the scripts beside it: talk, rights, packages, PostgreSQL's folders.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PG_CONFIG=${PG_CONFIG:-pg_config}
# Where scripts keep what took long to make and belongs to no checkout.
cache=/var/cache/txsync

step() {
	printf '\n== %s\n' "$*"
}

# Prints the comment that the script opens with, which says how it is used.
help() {
	sed -n '/^#!/d; /^#/!q; s/^# \{0,1\}/usage: /p; :rest; n; /^#/!q; s/^# \{0,1\}//p; b rest' "$0"
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "needs root, or sudo: $*"
	fi
}

# Runs a command as postgres, with the NAME=VALUE pairs before it as its whole environment: no PG* variable of the caller
# leads a test to another server.
as_postgres() {
	as_root runuser -u postgres -- env -i "PATH=$PATH" "LANG=C.UTF-8" "$@"
}

# Runs apt-get in silence, unless it fails.
quiet_apt() {
	local log rc=0
	log=$(mktemp)
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qy "$@" >"$log" 2>&1 </dev/null || rc=$?
	if [ $rc -ne 0 ]; then cat "$log" >&2; fi
	rm -f "$log"
	return $rc
}

# Brings apt's lists, once per script.
update_lists() {
	if [ -n "${lists_are_new:-}" ]; then return; fi
	step "bringing apt's lists up to date"
	quiet_apt update || die "apt-get update failed"
	lists_are_new=yes
}

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Installs those of the named packages that are missing.
need_packages() {
	local package missing=()
	command -v apt-get >/dev/null || die "only Debian's packages are known here; install by hand: $*"
	for package in "$@"; do
		is_installed "$package" || missing+=("$package")
	done
	if [ ${#missing[@]} -eq 0 ]; then return; fi
	update_lists
	step "installing ${missing[*]}: this takes some minutes"
	quiet_apt install --no-install-recommends "${missing[@]}" || die "apt-get could not install: ${missing[*]}"
}

# Installs a PostgreSQL server without the cluster that Debian would make and start beside it. The machine keeps no trace
# of that wish, and one that has the server already is left as it is.
need_server() {
	local wish=/etc/postgresql-common/createcluster.d/txsync-none.conf
	if is_installed "postgresql-$1"; then return; fi
	update_lists
	as_root mkdir -p "${wish%/*}"
	echo 'create_main_cluster = false' | as_root tee "$wish" >/dev/null
	(need_packages "postgresql-$1") || { as_root rm -f "$wish"; exit 1; }
	as_root rm -f "$wish"
}

# The PostgreSQL major to build for: that of pg_config, or else the one that this Debian carries.
pg_major() {
	if command -v "$PG_CONFIG" >/dev/null; then
		"$PG_CONFIG" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/'
	else
		apt-cache depends postgresql 2>/dev/null | sed -nE 's/.*Depends: postgresql-([0-9]+)$/\1/p'
	fi
}

# Fetches the packages that test/npm/package-lock.json names, pure JavaScript, once per lock file: node_modules becomes their folder.
# A machine that has them needs no npm.
fetch_node_modules() {
	local name half
	name=npm-$(sha256sum "$root/test/npm/package-lock.json" | cut -c 1-16)
	node_modules=$cache/$name/node_modules
	if [ -d "$node_modules" ]; then return; fi
	if ! command -v npm >/dev/null; then need_packages npm; fi
	step "fetching the packages of test/npm"
	half=$(mktemp -d)
	chmod 755 "$half"
	cp "$root"/test/npm/package*.json "$half/"
	(umask 022 && cd "$half" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || die "npm could not fetch the packages"
	as_root mkdir -p "$cache"
	as_root rm -rf "${cache:?}/$name" "$cache/.$name"
	as_root cp -r --no-preserve=ownership "$half" "$cache/.$name"
	as_root mv "$cache/.$name" "$cache/$name"
	rm -rf "$half"
}

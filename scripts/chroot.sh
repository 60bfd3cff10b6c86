# Sourced by the scripts that work in chroots of other Debian suites, after lib.sh. They are kept in $cache/<name>.
# shellcheck shell=bash disable=SC2154

# This machine's mirror of Debian's main archive.
mirror() {
	local sources
	# shellcheck disable=SC2016
	sources=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages')
	grep -m 1 -E '/debian/?$' <<<"$sources" || die "apt's sources name no Debian mirror"
}

# make_chroot NAME SUITE: made under another name first, since only a whole one gets the name that later runs trust.
make_chroot() {
	local name=$1 suite=$2 from half script=()
	step "make a chroot of $suite in $cache/$name"
	from=$(mirror)
	mkdir -p "$cache"
	rm -rf --one-file-system "$cache/.$name".*
	half=$(mktemp -d "$cache/.$name.XXXXXX")
	if [ ! -e "/usr/share/debootstrap/scripts/$suite" ]; then script=(/usr/share/debootstrap/scripts/sid); fi
	debootstrap --variant=minbase "$suite" "$half" "$from" "${script[@]}" >"$cache/$name.log" 2>&1 || {
		tail -n 40 "$cache/$name.log" >&2
		die "debootstrap failed; all of its log: $cache/$name.log"
	}
	apt-config dump Acquire | grep -E '^Acquire::(https?::|Check-)' >"$half/etc/apt/apt.conf.d/01host" || true
	printf '#!/bin/sh\nexit 101\n' >"$half/usr/sbin/policy-rc.d"
	chmod 755 "$half" "$half/usr/sbin/policy-rc.d"
	mv "$half" "$cache/$name"
}

# copy_tree CHROOT: puts a fresh copy of what git knows or would add into it.
copy_tree() {
	local target=$1/usr/src/txsync
	rm -rf "$target"
	mkdir -p "$target"
	git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
		if [ -e "$file" ]; then printf '%s\0' "$file"; fi
	done | tar -c --null --files-from=- | tar -x --no-same-owner -C "$target"
}

# in_chroot CHROOT [NAME=VALUE]... COMMAND [ARGUMENT]...: the command has mounts, processes and shared memory of its own there: all
# of them end with it, whatever happens.
in_chroot() {
	# shellcheck disable=SC2016
	unshare --mount --pid --ipc --fork --kill-child -- bash -euc '
		mount -t proc proc "$0/proc"
		mount --rbind /dev "$0/dev"
		mount -t tmpfs tmpfs "$0/dev/shm"
		exec chroot "$0" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"' "$@"
}

# lock_chroots NAME: until this script ends, others that ask for the same name wait.
lock_chroots() {
	mkdir -p "$cache"
	exec 9>"$cache/$1"
	flock -n 9 || { echo "another ${0##*/} is at work; waiting for it"; flock 9; }
}

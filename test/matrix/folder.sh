#!/bin/bash
# Make or refresh the folder in which one Debian suite with its own PostgreSQL
# lives: test/matrix/folder.sh SUITE MAJOR. Root only.
#
# The folder is ${INTEL_MATRIX_CACHE:-/var/cache/intel-matrix}/SUITE.
# INTEL_MATRIX_PACKAGES are packages that it shall have besides. A file
# .ready inside holds the package list it was made for, so a run that needs
# nothing new touches no network. Exit 0: ready. Exit 75: the mirror does not
# answer, with the reason on the last line. Anything else: broken.
set -u
suite=$1 major=$2
cache=${INTEL_MATRIX_CACHE:-/var/cache/intel-matrix}
mirror=${INTEL_MATRIX_MIRROR:-http://deb.debian.org/debian}
dir=$cache/$suite
packages="gcc libc6-dev make libcurl4-openssl-dev libjansson-dev libssl-dev
	libipc-run-perl perl python3 postgresql-$major
	postgresql-server-dev-$major postgresql-$major-pgvector"
# shellcheck disable=SC2086
wanted=$(echo $packages)

mkdir -p "$cache" || exit 1
exec 9>"$cache/$suite.lock"
flock 9
extra=
for package in ${INTEL_MATRIX_PACKAGES:-}; do
	compgen -G "$dir/var/lib/dpkg/info/$package.list" >/dev/null || extra+=" $package"
done
[ "$(cat "$dir/.ready" 2>/dev/null)" = "$wanted" ] && [ -z "$extra" ] && exit 0

unreachable() {
	echo "$mirror: $1"
	exit 75
}

# One file decides whether the mirror is there; later failures are real.
reason=$(python3 - "$mirror/dists/$suite/InRelease" 2>&1 <<-'PY'
	import sys, urllib.request
	try:
	    urllib.request.urlopen(sys.argv[1], timeout=30).read(1024)
	except Exception as e:
	    sys.exit(f"{type(e).__name__}: {e}")
	PY
) || unreachable "$(echo "$reason" | tail -1)"

if [ ! -f "$dir/.base" ]; then
	rm -rf --one-file-system "$dir.new"
	debootstrap --variant=minbase --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
		"$suite" "$dir.new" "$mirror" >"$cache/$suite.log" 2>&1 ||
		{ tail -5 "$cache/$suite.log"; exit 1; }
	touch "$dir.new/.base"
	rm -rf --one-file-system "$dir" && mv "$dir.new" "$dir" || exit 1
fi

# Packages must not start services in a folder, nor make a cluster.
printf '#!/bin/sh\nexit 101\n' >"$dir/usr/sbin/policy-rc.d"
chmod 755 "$dir/usr/sbin/policy-rc.d"
mkdir -p "$dir/etc/postgresql-common"
echo 'create_main_cluster = false' >"$dir/etc/postgresql-common/createcluster.conf"
# A mirror that lags is as good as a fresh one here; signatures still count.
echo 'Acquire::Check-Valid-Until "no";' >"$dir/etc/apt/apt.conf.d/99intel"
cp /etc/resolv.conf "$dir/etc/resolv.conf" 2>/dev/null

# A private mount namespace: whatever happens, nothing stays mounted.
unshare --mount --propagation private -- bash -c '
	mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" || exit 1
	export DEBIAN_FRONTEND=noninteractive LC_ALL=C
	chroot "$0" apt-get -q update &&
	chroot "$0" apt-get -q install -y --no-install-recommends '"$wanted$extra"' &&
	chroot "$0" apt-get -q clean' "$dir" >>"$cache/$suite.log" 2>&1 9>&- </dev/null ||
	{
		# what a suite does not have is no fault of the folder
		[ -n "$extra" ] && grep -q '^E: Unable to locate package' "$cache/$suite.log" &&
			unreachable "no package$extra"
		grep -E '^E:' "$cache/$suite.log" | tail -3
		exit 1
	}
echo "$wanted" >"$dir/.ready"

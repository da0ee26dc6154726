#!/bin/bash
# Build and install intel, then run its suites in a private cluster.
#
#   test/run.sh [SUITE [NAME ...]]
#
# SUITE is regress, isolation, tap or all (the default); NAMEs pick single
# tests: `test/run.sh regress vector_type`, `test/run.sh tap t/010_worker.pl`.
# PG_CONFIG chooses the server. Root runs the servers as user postgres, since
# PostgreSQL refuses root. Ends with "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1
top=$PWD
suite=${1:-all}
[ $# -gt 0 ] && shift
: "${PG_CONFIG:=pg_config}" "${MAKE:=make}"

[ "$PG_CONFIG" = pg_config ] && { test/deps.sh || exit 1; }
bindir=$($PG_CONFIG --bindir)
pgxs=$(dirname "$($PG_CONFIG --pgxs)")/../..
sudo=
[ "$(id -u)" = 0 ] || [ -w "$($PG_CONFIG --pkglibdir)" ] || sudo=sudo

# Everything runs in a copy that the postgres user may read and write.
work=$(mktemp -d "${TMPDIR:-/tmp}/intel-test.XXXXXX")
chmod 755 "$work"
server() { "$@"; }
if [ "$(id -u)" = 0 ]; then
	server() { runuser -u postgres -- "$@"; }
fi
stop() {
	server "$bindir/pg_ctl" -D "$work/data" -m immediate stop >/dev/null 2>&1
	[ "${KEEP:-}" ] && echo "kept: $work" || rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM

$MAKE -s PG_CONFIG="$PG_CONFIG" all || exit 1
$sudo "$MAKE" -s PG_CONFIG="$PG_CONFIG" install >"$work/install.log" 2>&1 ||
	{ cat "$work/install.log"; exit 1; }
cp -r sql expected test "$work/"
[ "$(id -u)" = 0 ] && chown -R postgres: "$work"

passed=0
failed=0
tally() {	# add the ok and not ok lines of a TAP-like log
	local ok bad
	ok=$(grep -cE '^ *(ok [0-9]+|test .* ok )' "$1")
	bad=$(grep -cE '^ *(not ok [0-9]+|test .* FAILED )' "$1")
	passed=$((passed + ok)) failed=$((failed + bad))
}

start_cluster() {
	[ -d "$work/data" ] && return
	server "$bindir/initdb" -D "$work/data" -A trust -U postgres -E UTF8 \
		--locale=C.UTF-8 -N >"$work/initdb.log" 2>&1 ||
		{ cat "$work/initdb.log"; exit 1; }
	cat >>"$work/data/postgresql.conf" <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$work'
		fsync = off
		shared_preload_libraries = 'intel'
		max_worker_processes = 16
	CONF
	[ -f test/regress.conf ] && cat test/regress.conf >>"$work/data/postgresql.conf"
	server "$bindir/pg_ctl" -D "$work/data" -l "$work/server.log" -w start \
		>/dev/null || { cat "$work/server.log"; exit 1; }
}

names() {	# test names: those given, or all files of a kind without their suffix
	local dir=$1 suffix=$2
	shift 2
	if [ $# -gt 0 ]; then
		printf '%s\n' "$@"
	else
		find "$dir" -maxdepth 1 -name "*$suffix" -printf '%f\n' 2>/dev/null |
			sed "s/$suffix\$//" | sort
	fi
}

run_regress() {
	local list rc
	list=$(names sql .sql "$@")
	[ -z "$list" ] && return
	start_cluster
	# shellcheck disable=SC2086
	server env PGHOST="$work" PGUSER=postgres \
		"$pgxs/src/test/regress/pg_regress" --bindir="$bindir" \
		--inputdir="$work" --outputdir="$work" --dbname=intel_regress \
		--load-extension=intel $list >"$work/regress.log" 2>&1
	rc=$?
	cat "$work/regress.log"
	[ $rc -ne 0 ] && [ -f "$work/regression.diffs" ] && cat "$work/regression.diffs"
	mkdir -p build/results && cp -r "$work"/results/* build/results/ 2>/dev/null
	tally "$work/regress.log"
}

run_isolation() {
	local list rc
	list=$(names test/isolation/specs .spec "$@")
	[ -z "$list" ] && return
	start_cluster
	mkdir -p "$work/iso" && [ "$(id -u)" = 0 ] && chown postgres: "$work/iso"
	# shellcheck disable=SC2086
	server env PGHOST="$work" PGUSER=postgres \
		"$pgxs/src/test/isolation/pg_isolation_regress" --bindir="$bindir" \
		--inputdir="$work/test/isolation" --outputdir="$work/iso" \
		--dbname=intel_isolation --load-extension=intel $list \
		>"$work/isolation.log" 2>&1
	rc=$?
	cat "$work/isolation.log"
	[ $rc -ne 0 ] && [ -f "$work/iso/regression.diffs" ] && cat "$work/iso/regression.diffs"
	tally "$work/isolation.log"
}

run_tap() {
	local list
	if [ $# -gt 0 ]; then list=$*; else list=$(cd test && ls t/*.pl 2>/dev/null); fi
	[ -z "$list" ] && return
	# shellcheck disable=SC2086
	(cd "$work/test" && server env PATH="$bindir:$PATH" \
		TESTDATADIR="$work/tmp_check" TESTLOGDIR="$work/tmp_check/log" \
		PG_REGRESS="$pgxs/src/test/regress/pg_regress" INTEL_TEST="$work/test" \
		prove -v -j "${JOBS:-2}" -I "$pgxs/src/test/perl" -I "$work/test/perl" $list) \
		>"$work/tap.log" 2>&1
	[ "${VERBOSE:-}" ] && cat "$work/tap.log"
	grep -E '^ *not ok |^t/|^#|^Dubious|Parse errors|Bad plan|^Result' "$work/tap.log"
	tally "$work/tap.log"
	# a script that dies before or after its tests is a failure of its own
	failed=$((failed + $(grep -cE '^Dubious|Bad plan|No subtests run' "$work/tap.log")))
}

start=$SECONDS
case $suite in
	regress) run_regress "$@" ;;
	isolation) run_isolation "$@" ;;
	tap) run_tap "$@" ;;
	all) run_regress; run_isolation; run_tap ;;
	*) echo "unknown suite: $suite" >&2; exit 2 ;;
esac
echo "server $($PG_CONFIG --version | sed 's/PostgreSQL //'), $((SECONDS - start)) s"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]

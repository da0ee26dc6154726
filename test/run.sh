#!/bin/bash
# Build intel, install it into a private copy of the server, run its suites.
#
#   test/run.sh [SUITE [NAME ...]]
#
# SUITE is lint, unit, regress, isolation, tap, fuzz (the saved corpus), all (the
# default) or dynamic (all but lint); NAMEs pick single tests:
# `test/run.sh regress vector_type`, `test/run.sh tap t/001_basic.pl`. With
# sql the NAMEs are files, run in a database with the extension; it prints
# "== FILE" and what each one answers, and counts nothing.
# Ends with "N passed, N failed".
#
# PG_CONFIG chooses the server; nothing is installed into it. Root runs the
# servers as user postgres, since PostgreSQL refuses root. Variables: JOBS
# (TAP files at once, 2), LIMIT (seconds for everything, 1800), KEEP=1 (keep
# the working folder), SANITIZE=1 (build and run with address and undefined
# behaviour sanitizers; any finding is a failure).
set -u
cd "$(dirname "$0")/.." || exit 1
top=$PWD
suite=${1:-all}
[ $# -gt 0 ] && shift
: "${PG_CONFIG:=pg_config}" "${MAKE:=make}" "${JOBS:=2}" "${LIMIT:=1800}" "${SANITIZE:=}"

[ "$PG_CONFIG" = pg_config ] && { test/deps.sh || exit 1; }
pgxs=$(dirname "$($PG_CONFIG --pgxs)")/../..
start=$SECONDS passed=0 failed=0

# Everything runs in a folder that the user of the servers may read and write.
work=$(mktemp -d "${TMPDIR:-/tmp}/intel-test.XXXXXX")
chmod 755 "$work"
root=$work/server
bindir=$root$($PG_CONFIG --bindir)
as_server=()
[ "$(id -u)" = 0 ] && as_server=(runuser -u postgres --)

# Run as the user of the servers, within what is left of LIMIT, and in a
# folder of his: he may not enter the one that this was started in.
server() {
	local left=$((LIMIT - SECONDS + start))
	env -C "${folder:-$work}" timeout -k 10 $((left > 1 ? left : 1)) "${as_server[@]}" "$@"
}
stop() {
	[ -f "$work/data/postmaster.pid" ] &&
		env -C "$work" "${as_server[@]}" "$bindir/pg_ctl" -D "$work/data" -m immediate stop >/dev/null 2>&1
	if [ "${KEEP:-}" ]; then echo "kept: $work"; else rm -rf "$work"; fi
}
trap stop EXIT
trap 'exit 130' INT TERM

# ---- build and install -----------------------------------------------------

# A copy of the server finds its files relative to itself, so the extension is
# tried without touching the installed one, and without any privilege.
install_privately() {
	local dir source=$top flags=()
	[ -d "$root" ] && return
	if [ "$SANITIZE" ]; then	# other objects, so another folder
		source=$work/source
		mkdir "$source" && cp -r Makefile intel.control README.md src "$source/" 2>/dev/null
		rm -f "$source"/src/*/*.[od]
		flags=(COPT="-fsanitize=address,undefined -fno-omit-frame-pointer -g -O1")
	fi
	$MAKE -s -C "$source" PG_CONFIG="$PG_CONFIG" "${flags[@]}" all || exit 1
	for dir in $($PG_CONFIG --bindir) $($PG_CONFIG --pkglibdir) $($PG_CONFIG --sharedir); do
		mkdir -p "$root$dir" && cp -a "$dir/." "$root$dir/"
	done
	rm -f "$root$($PG_CONFIG --sharedir)"/extension/intel[-.]*
	$MAKE -s -C "$source" PG_CONFIG="$PG_CONFIG" "${flags[@]}" DESTDIR="$root" install \
		>"$work/install.log" 2>&1 || { cat "$work/install.log"; exit 1; }
	[ "$SANITIZE" ] && sanitize_server
	cp -r sql expected test "$work/"
	[ "$(id -u)" = 0 ] && chown -R postgres: "$work"
}

# The server itself is not instrumented: its runtime libraries come first by
# LD_PRELOAD, for the server only. Leaks at exit are the server's habit.
sanitize_server() {
	local asan
	asan=$(gcc -print-file-name=libasan.so)
	gcc -shared -fPIC -Wl,-z,initfirst -o "$work/first.so" test/asan_first.c || exit 1
	mv "$bindir/postgres" "$bindir/postgres.plain"
	cat >"$bindir/postgres" <<-SH
		#!/bin/bash
		export LD_PRELOAD=$asan:$work/first.so
		export ASAN_OPTIONS=abort_on_error=1:detect_leaks=0:detect_stack_use_after_return=0
		export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:abort_on_error=1
		exec -a "\$0" "$bindir/postgres.plain" "\$@"	# pg_ctl restart starts \$0 again
	SH
	chmod 755 "$bindir/postgres"
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
		jit = off	# plans that a test forces look dear enough to compile
	CONF
	[ -f test/regress.conf ] && cat test/regress.conf >>"$work/data/postgresql.conf"
	server "$bindir/pg_ctl" -D "$work/data" -l "$work/server.log" -w start \
		>/dev/null || { cat "$work/server.log"; exit 1; }
}

# ---- suites ------------------------------------------------------------------

count() { grep -acE "$1" "$2"; }
add() { passed=$((passed + $1)) failed=$((failed + $2)); }

# A runner that ended in another way than its lines say is one failure more.
add_log() {	# log file, exit code of the runner
	local ok bad
	ok=$(count '^ *(ok [0-9]+|test .* ok )' "$1")
	bad=$(count '^ *(not ok [0-9]+|test .* FAILED )' "$1")
	[ "$2" -ne 0 ] && [ "$bad" -eq 0 ] && { bad=1; why "$2"; }
	add "$ok" "$bad"
}
why() {
	case $1 in
		124 | 137) echo "not ok - the limit of $LIMIT s is reached" ;;
		*) echo "not ok - the runner ended with exit code $1" ;;
	esac
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

# Both pg_regress runners: input folder, database, runner, tests.
run_files() {
	local kind=$1 input=$2 runner=$3 rc out=$work/out.$1
	shift 3
	[ $# -eq 0 ] && return
	install_privately
	start_cluster
	mkdir -p "$out" && [ "$(id -u)" = 0 ] && chown postgres: "$out"
	server env PGHOST="$work" PGUSER=postgres "$pgxs/$runner" --bindir="$bindir" \
		--inputdir="$input" --outputdir="$out" --dbname="intel_$kind" \
		--load-extension=intel "$@" >"$work/$kind.log" 2>&1
	rc=$?
	cat "$work/$kind.log"
	[ $rc -ne 0 ] && cat "$out/regression.diffs" 2>/dev/null
	mkdir -p build/results && cp -r "$out"/results/* build/results/ 2>/dev/null
	add_log "$work/$kind.log" $rc
}
run_regress() {
	# shellcheck disable=SC2046
	run_files regress "$work" src/test/regress/pg_regress $(names sql .sql "$@")
}
run_isolation() {
	# shellcheck disable=SC2046
	run_files isolation "$work/test/isolation" src/test/isolation/pg_isolation_regress \
		$(names test/isolation/specs .spec "$@")
}

run_tap() {
	local rc log=$work/tap.log
	[ $# -gt 0 ] || set -- $(cd test && ls t/*.pl 2>/dev/null)
	[ $# -eq 0 ] && return
	install_privately
	folder=$work/test server env PATH="$bindir:$PATH" PG_REGRESS="$pgxs/src/test/regress/pg_regress" \
		TESTDIR="$work" TESTDATADIR="$work/tmp_check" TESTLOGDIR="$work/tmp_check/log" \
		prove --timer ${VERBOSE:+-v} -j "$JOBS" -I "$pgxs/src/test/perl" -I "$work/test/perl" \
		"$@" >"$log" 2>&1
	rc=$?
	cat "$log"
	[ $rc -ne 0 ] && keep_logs

	# prove counts: "Files=2, Tests=45", and per broken file "Failed: 2". A
	# file that fails without failed tests (died, wrong plan) is one failure.
	local all bad
	all=$(sed -n 's/^Files=.* Tests=\([0-9]*\).*/\1/p' "$log")
	bad=$(sed -n 's/^.*(Wstat: .* Failed: \([0-9]*\))$/\1/p' "$log" |
		awk '{ n += $1 > 0 ? $1 : 1 } END { print n + 0 }')
	[ $rc -ne 0 ] && [ "$bad" -eq 0 ] && { bad=1; why $rc; }
	add $((${all:-0} > bad ? ${all:-0} - bad : 0)) "$bad"
}

keep_logs() {
	rm -rf build/results/log
	mkdir -p build/results && cp -r "$work/tmp_check/log" build/results/log 2>/dev/null &&
		echo "server logs and test output: build/results/log"
}

run_counted() {	# a script that closes with "N passed, N failed"
	local rc log=$work/counted.log
	"$@" 2>&1 | tee "$log"
	rc=${PIPESTATUS[0]}
	set -- $(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" | tail -1)
	[ $# -eq 2 ] || { why "$rc"; set -- 0 1; }
	add "$1" "$2"
}
run_lint() { PG_CONFIG=$PG_CONFIG MAKE=$MAKE run_counted test/lint/run.sh; }
run_unit() { PG_CONFIG=$PG_CONFIG MAKE=$MAKE run_counted test/unit/run.sh "$@"; }
run_fuzz() { PG_CONFIG=$PG_CONFIG MAKE=$MAKE run_counted test/fuzz/run.sh replay "$@"; }

run_sql() {
	local file
	install_privately
	start_cluster
	export PGHOST=$work PGUSER=postgres PGDATABASE=intel_sql
	"$bindir/psql" -Xqd postgres -c 'CREATE DATABASE intel_sql' &&
		"$bindir/psql" -Xqc 'CREATE EXTENSION intel' || exit 1
	for file; do
		echo "== $(basename "$file")"
		"$bindir/psql" -XqAt -v ON_ERROR_STOP=1 -f "$file" 2>&1
	done
	exit 0
}

run_dynamic() {
	run_unit
	run_regress
	run_isolation
	run_tap
	run_fuzz
}

case $suite in
	lint | unit | regress | isolation | tap | fuzz | dynamic | sql) "run_$suite" "$@" ;;
	all) run_lint; run_dynamic ;;
	*) echo "unknown suite: $suite" >&2; exit 2 ;;
esac

# Findings are in the logs of the servers, also when no test noticed.
findings() {
	local logs
	logs=$(grep -lE 'runtime error: |ERROR: AddressSanitizer' \
		"$work"/*.log "$work"/tmp_check/log/* 2>/dev/null)
	for log in $logs; do
		echo "not ok - sanitizer finding in ${log##*/}"
		grep -E -m 3 -A 20 'runtime error: |ERROR: AddressSanitizer' "$log"
		add 0 1
	done
}
[ "$SANITIZE" ] && findings
echo "server $($PG_CONFIG --version | sed 's/PostgreSQL //')${SANITIZE:+, sanitizers}, $((SECONDS - start)) s"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]

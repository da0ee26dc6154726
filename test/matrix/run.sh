#!/bin/bash
# Run the suites on every supported server: the one of this machine, and those
# of other Debian suites in folders of their own (see folder.sh and ../README.md).
#
#   test/matrix/run.sh
#
# INTEL_MATRIX lists the servers as SUITE:MAJOR; `here` is this machine's.
# MATRIX_TESTS are the arguments of test/run.sh (dynamic). A server that cannot
# be had is skipped with the reason; everything else that goes wrong is a
# failure. Ends with "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
cache=${INTEL_MATRIX_CACHE:-/var/cache/intel-matrix}
total_passed=0 total_failed=0
summary=
log=$(mktemp)
trap 'rm -f "$log"' EXIT

note() { summary+="$1"$'\n'; }

# Take the counts from the closing line of the log; none is a failure.
tally() {	# name of the server, exit code
	local passed failed
	read -r passed failed < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" | tail -n 1)
	if [ -z "${failed:-}" ] || { [ "$2" -ne 0 ] && [ "$failed" -eq 0 ]; }; then
		passed=${passed:-0} failed=1
		tail -n 30 "$log"
	fi
	total_passed=$((total_passed + passed)) total_failed=$((total_failed + failed))
	note "$1: $passed passed, $failed failed"
}

# A process and mount namespace of its own: when the script in the folder ends,
# however it ends, its servers are gone and nothing is mounted.
enter() {	# folder, major
	unshare --mount --propagation private --pid --fork --kill-child -- bash -c '
		mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" || exit 1
		exec chroot "$0" env -i HOME=/root LC_ALL=C.UTF-8 \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			LIMIT="$2" INTEL_TEST_TIMEOUT="$3" PG_CONFIG="/usr/lib/postgresql/$1/bin/pg_config" \
			bash -c "cd /src/intel && test/run.sh $4"' \
		"$1" "$2" "${LIMIT:-1800}" "${INTEL_TEST_TIMEOUT:-120}" "${MATRIX_TESTS:-dynamic}" </dev/null
}

copy_source() {	# folder
	rm -rf --one-file-system "$1/src/intel"
	mkdir -p "$1/src/intel"
	tar -c --exclude=./.git --exclude=./build --exclude='*.o' --exclude='*.d' --exclude='*.so' . |
		tar -x --no-same-owner -C "$1/src/intel"
	rm -f "$1"/src/intel/src/extension/intel--*.sql
}

for server in ${INTEL_MATRIX:-here trixie:17 sid:18}; do
	suite=${server%:*} major=${server#*:}
	echo "== $server"
	if [ "$server" = here ]; then
		# shellcheck disable=SC2086
		test/run.sh ${MATRIX_TESTS:-dynamic} 2>&1 | tee "$log"
		tally "$(sed -n 's/^server \([0-9]*\).*/\1/p' "$log" | tail -n 1)" "${PIPESTATUS[0]}"
		continue
	fi
	if [ "$(id -u)" != 0 ]; then
		note "$major: skipped (debootstrap and chroot need root)"
		continue
	fi
	# a container without the right to mount, or a chroot whose / is no mount
	if ! unshare --mount --propagation private --pid --fork true 2>"$log"; then
		note "$major: skipped ($(tail -n 1 "$log"))"
		continue
	fi
	command -v debootstrap >/dev/null || test/deps.sh debootstrap || exit 1
	test/matrix/folder.sh "$suite" "$major" >"$log" 2>&1
	case $? in
		0) ;;
		75) note "$major: skipped ($(tail -n 1 "$log"))"; continue ;;
		*) echo "not ok - no folder for $server"; tally "$major" 1; continue ;;
	esac
	copy_source "$cache/$suite"
	enter "$cache/$suite" "$major" 2>&1 | tee "$log"
	tally "$major" "${PIPESTATUS[0]}"
done

echo "== matrix"
printf '%s' "$summary"
echo "$total_passed passed, $total_failed failed"
[ $total_failed -eq 0 ]

#!/bin/bash
# Run the benchmarks, or those named; `list` names them.
#
#   test/bench/run.sh [list | NAME ...]
#
# A benchmark is NAME.sh, or NAME.pl (run as a TAP test with a server); its
# first comment says what it measures. It prints medians and spread; machine
# and versions are printed here, once. Figures, not assertions: the exit code
# tells whether they ran.
set -u
cd "$(dirname "$0")/../.." || exit 1
: "${PG_CONFIG:=pg_config}"

names() { (cd test/bench && ls -- *.sh *.pl 2>/dev/null) | grep -vx run.sh | sed 's/\.[a-z]*$//' | sort -u; }

# The first comment after the line that names the interpreter.
about() { sed -n '/^#!/d; /^# /!q; s/^# //p' "$1" | head -n 2 | tr '\n' ' '; }

if [ "${1:-}" = list ]; then
	for name in $(names); do
		printf '%-12s %s\n' "$name" "$(about test/bench/"$name".*)"
	done
	exit 0
fi

echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores," \
	"$(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), load $(cut -d ' ' -f 1 /proc/loadavg)"
echo "system: $(. /etc/os-release && echo "$PRETTY_NAME"), Linux $(uname -r)," \
	"$($PG_CONFIG --version), $(gcc --version | head -n 1)"
echo "intel: $(sed -n "s/^default_version *= *'\(.*\)'/\1/p" intel.control)" \
	"$(git describe --always --dirty 2>/dev/null)"

rc=0
[ $# -gt 0 ] || mapfile -t names < <(names)
for name in "${@:-${names[@]}}"; do
	echo
	echo "== $name"
	if [ -f "test/bench/$name.pl" ]; then
		VERBOSE=1 JOBS=1 LIMIT=${LIMIT:-1800} PG_CONFIG=$PG_CONFIG test/run.sh tap "bench/$name.pl" |
			grep -vE '^(1\.\.|All tests|Files=|Result|server |[0-9]+ passed)'
		rc=$((rc | PIPESTATUS[0]))
	elif [ -f "test/bench/$name.sh" ]; then
		PG_CONFIG=$PG_CONFIG bash "test/bench/$name.sh" || rc=1
	else
		echo "unknown benchmark; there are: $(names | tr '\n' ' ')" >&2
		rc=1
	fi
done
exit $rc

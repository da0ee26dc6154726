#!/bin/bash
# Build and run the tests of pure parts: test/unit/run.sh [NAME ...]
#
# unit_NAME.c is a program under the sanitizers that names what it links in
# its first line, `/* sources: a.c b.c */`, and perhaps libraries and flags in
# the next, `/* libs: -lx */`, `/* flags: -DX */`. It prints "not ok - ..." for
# what fails, and closes with "N passed, N failed", as this script does.
set -u
cd "$(dirname "$0")/../.." || exit 1
out=build/unit
sanitize="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
passed=0 failed=0
mkdir -p "$out"
"${MAKE:-make}" -s PG_CONFIG="${PG_CONFIG:-pg_config}" generated || exit 1

field() { sed -n "s|^/\* $1: *\(.*[^ ]\) *\*/\$|\1|p" "$2" | head -n 1; }

[ $# -gt 0 ] || set -- $(cd test/unit && ls unit_*.c | sed 's/^unit_//; s/\.c$//')
for name; do
	file=test/unit/unit_$name.c
	# shellcheck disable=SC2046,SC2086
	if ! ${CC:-cc} -g -O1 -std=gnu11 -D_GNU_SOURCE -Wall -Wextra $sanitize $(field flags "$file") -Isrc -o "$out/$name" "$file" \
		$(field sources "$file") $(field libs "$file") -lm >"$out/$name.log" 2>&1; then
		echo "not ok - $name does not build"
		tail -n 20 "$out/$name.log"
		failed=$((failed + 1))
		continue
	fi
	timeout 600 "$out/$name" >"$out/$name.log" 2>&1
	rc=$?
	counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$out/$name.log" | tail -n 1)
	if [ "$counts" ] && [ $rc -le 1 ]; then
		read -r ok bad <<<"$counts"
		passed=$((passed + ok)) failed=$((failed + bad))
		echo "$name: $ok passed, $bad failed"
		grep '^not ok' "$out/$name.log" | head -n 20
	else
		failed=$((failed + 1))
		echo "not ok - $name ended with $rc"
		tail -n 20 "$out/$name.log"
	fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]

#!/bin/bash
# Fuzz the pure parts, or replay the saved corpus.
#
#   test/fuzz/run.sh replay [NAME ...]    every saved input once: a test each
#   test/fuzz/run.sh fuzz [NAME ...]      FUZZ_SECONDS (60) of libFuzzer each
#
# fuzz_NAME.c names what it links in its first line, `/* sources: a.c b.c */`,
# and may name libraries in a second, `/* libs: -lx */`. Saved inputs are in
# corpus/NAME/. What fuzzing finds stays in build/fuzz/; an input that broke
# something belongs into the corpus with its repair.
# Ends with "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
mode=${1:-replay}
[ $# -gt 0 ] && shift
out=build/fuzz
sanitize="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
passed=0 failed=0
mkdir -p "$out"
"${MAKE:-make}" -s PG_CONFIG="${PG_CONFIG:-pg_config}" generated || exit 1

ok() { passed=$((passed + 1)); [ "$mode" = replay ] || echo "ok - $1"; }
not_ok() { failed=$((failed + 1)); echo "not ok - $1"; [ -f "$2" ] && tail -n 40 "$2"; }
field() { sed -n "s|^/\* $1: *\(.*[^ ]\) *\*/\$|\1|p" "$2" | head -n 1; }

build() {	# name, compiler and its flags
	local name=$1 file=test/fuzz/fuzz_$1.c main=
	shift
	[ "$mode" = replay ] && main=test/fuzz/replay.c
	# shellcheck disable=SC2046,SC2086
	"$@" -g -O1 -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Isrc -o "$out/$mode-$name" "$file" $main \
		$(field sources "$file") $(field libs "$file") -lm >"$out/$name.log" 2>&1
}

replay() {	# all inputs in one process; one by one only to tell which one breaks
	local name=$1 input
	set -- test/fuzz/corpus/"$name"/*
	[ -f "$1" ] || { not_ok "$name: no saved inputs" ""; return; }
	# shellcheck disable=SC2086
	build "$name" ${CC:-cc} $sanitize || { not_ok "$name: does not build" "$out/$name.log"; return; }
	if timeout 120 "$out/replay-$name" "$@" >"$out/$name.log" 2>&1; then
		passed=$((passed + $#))
		echo "ok - $name: $# inputs"
		return
	fi
	for input; do
		if timeout 20 "$out/replay-$name" "$input" >"$out/$name.log" 2>&1; then
			ok "$name $input"
		else
			not_ok "$name: $input" "$out/$name.log"
		fi
	done
}

fuzz() {
	local name=$1 grown=$out/corpus/$1
	mkdir -p "$grown"
	# shellcheck disable=SC2086
	build "$name" "${FUZZ_CC:-clang-14}" $sanitize -fsanitize=fuzzer ||
		{ not_ok "$name: does not build" "$out/$name.log"; return; }
	if "$out/fuzz-$name" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=2048 \
		-print_final_stats=1 -artifact_prefix="$out/$name-" \
		"$grown" test/fuzz/corpus/"$name" >"$out/$name.log" 2>&1 </dev/null; then
		ok "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$name.log") inputs, $(
			sed -n 's/.*cov: \([0-9]*\).*/\1/p' "$out/$name.log" | tail -n 1) edges"
	else
		not_ok "$name" "$out/$name.log"
	fi
}

[ $# -gt 0 ] || set -- $(cd test/fuzz && ls fuzz_*.c | sed 's/^fuzz_//; s/\.c$//')
for name; do
	case $mode in
		replay | fuzz) "$mode" "$name" ;;
		*) echo "unknown mode: $mode" >&2; exit 2 ;;
	esac
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]

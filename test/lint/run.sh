#!/bin/bash
# Check the rules of src/README.md: one small script per rule in rules/, each
# prints its findings and nothing else. Rules in SQL look at the catalogs of a
# database with the extension.
#
#   test/lint/run.sh [RULE ...]
#
# Ends with "N passed, N failed". selftest.sh shows that every rule can fail.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "${LINT_ROOT:-$here/../..}" || exit 1
: "${PG_CONFIG:=pg_config}" "${MAKE:=make}"
export PG_CONFIG LINT_DIR=$here
passed=0 failed=0

result() {	# name, findings
	if [ -z "$2" ]; then
		passed=$((passed + 1)) && echo "ok - $1"
	else
		failed=$((failed + 1)) && echo "not ok - $1" && printf '%s\n' "$2" | head -n 40 | sed 's/^/  /'
	fi
}

rules=("$@")
[ $# -gt 0 ] || mapfile -t rules < <(ls "$here/rules")
# some rules look at generated sources and at the library
$MAKE -s PG_CONFIG="$PG_CONFIG" generated all >/dev/null 2>&1
catalog=()
for rule in "${rules[@]}"; do
	file=$here/rules/$rule
	case $rule in
		*.pl) result "$rule" "$(perl -I"$here" "$file" 2>&1)" ;;
		*.sql) catalog+=("$file") ;;
		*.sh) result "$rule" "$(bash "$file" 2>&1)" ;;
		*) echo "unknown rule: $rule" >&2; exit 2 ;;
	esac
done

# All catalog rules in one database: "== rule" lines divide their findings.
if [ ${#catalog[@]} -gt 0 ]; then
	out=$("$here/../run.sh" sql "${catalog[@]}" 2>&1)
	for file in "${catalog[@]}"; do
		rule=$(basename "$file")
		if grep -q "^== $rule\$" <<<"$out"; then
			result "$rule" "$(awk -v r="== $rule" '/^== / { on = $0 == r; next } on' <<<"$out")"
		else
			result "$rule" "not run: $(tail -n 3 <<<"$out")"
		fi
	done
fi
# A rule that cannot fail is no rule.
[ $# -gt 0 ] || result "selftest.sh" "$("$here/selftest.sh" 2>&1 | grep '^not ok')"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]

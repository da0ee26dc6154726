# Shell scripts parse, and so do Perl and Python ones.
for file in .ci/run test/*.sh test/*/*.sh test/lint/rules/*.sh; do
	[ -f "$file" ] && { bash -n "$file" 2>&1 | sed "s|^|$file:1: |"; }
done
for file in test/lint/rules/*.pl src/*/*.pl; do
	[ -f "$file" ] && perl -Itest/lint -c "$file" 2>&1 | grep -v 'syntax OK$' | sed "s|^|$file:1: |"
done
for file in test/*/*.py; do
	[ -f "$file" ] && python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$file" 2>&1 |
		tail -n 1 | sed "s|^|$file:1: |"
done
true

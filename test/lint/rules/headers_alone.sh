# Every header compiles alone: one that a pure source file uses with nothing
# before it, any other after postgres.h.
server=$("${PG_CONFIG:-pg_config}" --includedir-server)
pure=$(grep -L '"postgres\.h"' src/*/*.c | xargs -r gcc -std=gnu99 -Isrc -MM -MG 2>/dev/null |
	tr -s ' \\' '\n\n' | grep '^src/.*\.h$' | sort -u)
for header in src/*/*.h; do
	head -n 1 "$header" | grep -qi '^/\* generated' && continue
	before='#include "postgres.h"'
	grep -qx "$header" <<<"$pure" && before=
	printf '%s\n#include "%s"\n' "$before" "${header#src/}" |
		gcc -std=gnu99 -Wall -Wextra -Wno-unused -Werror -Isrc -isystem "$server" \
			-fsyntax-only -x c - 2>&1 |
		grep -m 1 -E 'error|warning' | sed "s|^|$header:1: does not compile alone: |"
done

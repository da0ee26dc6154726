#!/bin/bash
# Show that every rule can fail: in a copy of the project, plant one violation
# per rule and look for it among the findings.
#
# Ends with "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
top=$PWD
copy=$(mktemp -d "${TMPDIR:-/tmp}/intel-lint.XXXXXX")
chmod 755 "$copy"
trap 'rm -rf "$copy"' EXIT
cp -a Makefile intel.control META.json CHANGELOG.md README.md .clang-format src sql expected test "$copy/" 2>/dev/null
passed=0 failed=0
declare -A tried

check() {	# rule, text that a finding must have; output of the rule on stdin
	tried[$1]=1
	if grep -qF -- "$2" - ; then
		passed=$((passed + 1)) && echo "ok - $1 finds: $2"
	else
		failed=$((failed + 1)) && echo "not ok - $1 does not find: $2"
	fi
}

# plant RULE FINDING FILE TEXT...: append TEXT to FILE, look, take it back
plant() {
	local rule=$1 look=$2 file=$3 existed=
	shift 3
	mkdir -p "$copy/$(dirname "$file")"
	[ -f "$file" ] && existed=1
	printf '%b\n' "$@" >>"$copy/$file"
	check "$rule" "$look" <<<"$(cd "$copy" && test/lint/run.sh "$rule" 2>&1)"
	if [ "$existed" ]; then cp -a "$file" "$copy/$file"; else rm -f "$copy/$file"; fi
}

# change RULE FINDING FILE SED-COMMAND
change() {
	sed -i "$4" "$copy/$3"
	check "$1" "$2" <<<"$(cd "$copy" && test/lint/run.sh "$1" 2>&1)"
	cp -a "$3" "$copy/$3"
}

plant layers.pl 'base (rank 0) includes vector/vector.h' src/base/zz.c '#include "vector/vector.h"'
plant layers.pl 'text (rank 1) includes vector/vector.h' src/text/zz.c '#include "vector/vector.h"'
plant layers.pl 'vector/vector_int.h is private' src/extension/zz.c '#include "vector/vector_int.h"'
plant pure.pl 'utils/jsonb.h comes in' src/text/zz.c '#include "base/json.h"'
plant rooms.pl 'SPI_connect' src/text/zz.c 'void f(void) { SPI_connect(); }'
plant rooms.pl 'json_loads(' src/llm/zz.c 'void *f(void) { return json_loads("", 0, NULL); }'
plant rooms.pl 'json_object (' src/llm/zz.c 'void *f(void) { return json_object (); }'
plant rooms.pl 'curl_easy_init(' src/worker/zz.c 'void *f(void) { return curl_easy_init(); }'
plant header_guards.pl 'the guard must be INTEL_TEXT_ZZ_H' src/text/zz.h '#pragma once'
plant header_guards.pl 'a header includes postgres.h' src/text/zz.h '#ifndef INTEL_TEXT_ZZ_H\n#define INTEL_TEXT_ZZ_H\n#include "postgres.h"\n#endif'
plant headers_alone.sh 'zz.h:1: does not compile alone' src/text/zz.h 'extern Undeclared f(void);'
plant include_order.pl '<stdlib.h> comes too late' src/text/zz.c '#include "postgres.h"\n#include "fmgr.h"\n#include <stdlib.h>'
plant errors.pl 'ereport without errcode' src/text/zz.c 'void f(void) { ereport(ERROR, errmsg("no code")); }'
plant errors.pl 'a message starts in lower case' src/text/zz.c 'void f(void) { ereport(ERROR, errcode(1), errmsg("Upper case")); }'
plant errors.pl 'errhint is a sentence' src/text/zz.c 'void f(void) { errhint("try again"); }'
plant format.sh 'zz.c:1' src/text/zz.c 'int  f( void )\n{ return 1 ;}'
plant sql_text.pl 'plain CREATE' src/text/zz.sql 'CREATE OR REPLACE VIEW @extschema@.v AS SELECT 1;'
plant sql_text.pl 'states no volatility' src/text/zz.sql "CREATE FUNCTION @extschema@.f() RETURNS text AS 'x' LANGUAGE C PARALLEL SAFE;"
plant sql_text.pl 'states no parallel label' src/text/zz.sql "CREATE FUNCTION @extschema@.f() RETURNS text AS 'x' LANGUAGE C STABLE;"
plant sql_text.pl 'not qualified' src/text/zz.sql 'CREATE TABLE t (a int);'
plant sql_text.pl 'sets search_path' src/text/zz.sql "CREATE FUNCTION @extschema@.f() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS \$\$ SELECT 'x' \$\$;"
plant fragments.pl 'src/text/zz.sql is not in SQL_FRAGMENTS' src/text/zz.sql '-- lost'
change versions.pl 'META.json:1: version is 9.9.9' META.json '0,/"version": *"[^"]*"/s//"version": "9.9.9"/'
plant versions.pl 'the version is written here' src/text/zz.c "char *v = \"$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" intel.control)\";"
change meta.pl 'maintainer: who' META.json '/"maintainer"/d'
plant size.pl 'zz.c has 1002 lines' src/text/zz.c "$(yes '/* */' | head -n 1001)\n"
plant size.pl 'zz.c:f has 83 lines' src/text/zz.c "int\nf(void)\n{\n$(yes '	g();' | head -n 81)\n	return 1;\n	g();}\n}"
plant size.pl 'src/no.c is not large' test/lint/large.txt 'src/no.c - gone long ago'
plant wording.pl 'an unfinished note' src/text/zz.c '/* TODO */'
plant readmes.pl 'src/zz/README.md:1: missing' src/zz/zz.c ''
plant tests.pl 'no expected/zz_topic.out' sql/zz_topic.sql 'SELECT 1;'
plant tests.pl 'no saved inputs' test/fuzz/fuzz_zz.c '/* sources: src/no.c */'
plant strays.pl 'core:1: not a known name' core 'dumped'
plant strays.pl 'dropped by some tool' test/zz.rej 'a hunk'
plant scripts.sh 'test/zz.sh:1' test/zz.sh 'if then'
rm -rf "$copy/src/zz"
plant symbols.sh 'exports stray' src/text/zz.c '__attribute__((visibility("default"))) int stray(void);\nint stray(void)\n{\n	return 1;\n}'
rm -f "$copy"/src/text/zz.*

# The catalog rules share one database, so their violations are planted at once.
sender=$(sed -n 's/^INTEL_FUNCTION(\(.*\));.*/intel_\1/p' src/llm/*.c | head -n 1)
sed "s/\$sender/$sender/" >>"$copy/src/extension/footer.sql" <<'SQL'
CREATE FUNCTION @extschema@.zz_silent() RETURNS int LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp AS $$ SELECT 1 $$;
CREATE FUNCTION @extschema@.zz_path() RETURNS int LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT 1 $$;
CREATE FUNCTION @extschema@.zz_definer() RETURNS int LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$ SELECT 1 $$;
CREATE FUNCTION @extschema@.submit(zz int) RETURNS int LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp AS $$ SELECT 1 $$;
CREATE FUNCTION @extschema@.zz_c(text) RETURNS text AS 'MODULE_PATHNAME', '$sender' LANGUAGE C STABLE;
CREATE TABLE @extschema@.zz_users (owner regrole);
CREATE TABLE @extschema@.zz_written (a int);
GRANT INSERT ON @extschema@.zz_written TO PUBLIC;
CREATE VIEW @extschema@.zz_view AS SELECT owner FROM @extschema@.zz_users;
CREATE FUNCTION @extschema@.zz_closed() RETURNS int LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT 1 $$;
COMMENT ON FUNCTION @extschema@.zz_closed() IS 'closed';
REVOKE ALL ON FUNCTION @extschema@.zz_closed() FROM PUBLIC;
CREATE FUNCTION @extschema@.zz_caller() RETURNS int LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT @extschema@.zz_closed() $$;
COMMENT ON FUNCTION @extschema@.zz_caller() IS 'calls it';
CREATE FUNCTION public.zz_outside() RETURNS int LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT 1 $$;
SQL
sed -i 's/"Names the model that answers when none is given\."/"no sentence"/' "$copy/src/base/guc.c"
catalog=$(cd "$copy" && test/lint/run.sh catalog_comments.sql catalog_search_path.sql catalog_public.sql \
	catalog_rls.sql catalog_settings.sql catalog_schema.sql catalog_calls.sql 2>&1)
[ "${VERBOSE:-}" ] && printf '%s\n' "$catalog"
finds() { check "$@" <<<"$catalog"; }
finds catalog_comments.sql 'function intel.zz_silent() has no comment'
finds catalog_search_path.sql 'intel.zz_path(): search_path is not set'
finds catalog_public.sql 'intel.zz_definer() may be called by PUBLIC: SECURITY DEFINER'
finds catalog_public.sql 'intel.submit(integer) may be called by PUBLIC: sends'
finds catalog_public.sql 'intel.zz_c(text) may be called by PUBLIC: implemented in llm'
finds catalog_public.sql 'intel.zz_written can be written by PUBLIC'
finds catalog_calls.sql 'intel.zz_caller() calls intel.zz_closed(), which its callers may not'
finds catalog_rls.sql 'intel.zz_users: row level security is off'
finds catalog_rls.sql 'intel.zz_view: a view that does not run as its caller'
finds catalog_settings.sql 'intel.default_model: the description is not a sentence'
finds catalog_schema.sql 'function zz_outside() is outside'

for rule in "$top"/test/lint/rules/*; do
	rule=${rule##*/}
	[ "${tried[$rule]:-}" ] && continue
	failed=$((failed + 1)) && echo "not ok - $rule has no planted violation"
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]

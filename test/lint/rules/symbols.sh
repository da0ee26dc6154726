# The library exports intel_*, pg_finfo_intel_*, _PG_init and the magic block;
# it carries neither an executable stack nor a search path of libraries.
[ -f intel.so ] || { echo "intel.so:1: not built"; exit; }
nm -D --defined-only intel.so | awk '{ print $3 }' |
	grep -vE '^(intel_\w+|pg_finfo_intel_\w+|_PG_init|Pg_magic_func)$' |
	sed 's/^/intel.so:1: exports /'
readelf -lW intel.so | grep -q 'GNU_STACK.*RWE' && echo "intel.so:1: executable stack"
readelf -d intel.so | grep -qE 'RPATH|RUNPATH' && echo "intel.so:1: run path"
true

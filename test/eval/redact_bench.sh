#!/bin/bash
# Speed of the scanner on one core, and what it finds where nothing is.
# Usage: redact_bench.sh TOOL
set -u
tool=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
manual=${MANUAL:-/usr/share/doc/postgresql-doc-15/html}

if [ -d "$manual" ]; then
	cat "$manual"/*.html | sed 's/<[^>]*>/ /g; s/&[a-z]*;/ /g' >"$dir/manual"
fi
headers=$(pg_config --includedir-server 2>/dev/null)
[ -d "$headers" ] && find "$headers" -name '*.h' -exec cat {} + >"$dir/headers"
python3 - "$dir" <<'PY'
import hashlib, os, random, sys, uuid
d = sys.argv[1]
random.seed(1)
words = ("the quick brown fox jumps over a lazy dog while seven people walk along an old road "
         "and talk about music weather bread trains letters gardens houses rivers").split()
def write(name, text):
    open(os.path.join(d, name), "w").write(text)
write("prose", "\n".join(" ".join(random.choice(words) for _ in range(14)).capitalize() + "." for _ in range(60000)))
def card():
    b = [4] + [random.randrange(10) for _ in range(14)]
    s = sum(x if i % 2 else (2 * x - 9 if x > 4 else 2 * x) for i, x in enumerate(b))
    return "".join(map(str, b)) + str(-s % 10)
write("dense", "\n".join("Call +49 30 %06d or mail user%d@example.com about card %s of %s." % (
    random.randrange(10 ** 6), i, card(), " ".join(random.choice(words) for _ in range(8))) for i in range(30000)))
write("hashes", "\n".join(hashlib.sha256(str(i).encode()).hexdigest() for i in range(30000)))
write("uuids", "\n".join(str(uuid.UUID(int=random.getrandbits(128))) for _ in range(50000)))
write("csv", "\n".join("%d,%.6f,%.12g,%d,%d" % (i, random.random() * 1000, random.gauss(0, 1),
    random.randrange(10 ** 9), random.randrange(10 ** 12)) for i in range(40000)))
PY
echo "speed on one core (policy default):"
for f in prose dense manual headers hashes uuids csv; do
	[ -f "$dir/$f" ] || continue
	printf '  %-10s ' "$f"
	"$tool" default -q <"$dir/$f" 2>&1
done

# What the documentation really names (addresses of people and machines) is no
# mistake, and counted apart; everything else is listed.
echo "finds where no personal data is (policy default):"
true_kinds='EMAIL_ADDRESS|IP_ADDRESS|URL_CREDENTIALS|GPS_COORDINATES'
for f in prose manual headers hashes uuids csv; do
	[ -f "$dir/$f" ] || continue
	"$tool" default -s1 <"$dir/$f" 2>/dev/null >"$dir/found"
	named=$(cut -d' ' -f3 "$dir/found" | grep -cE "^($true_kinds)$")
	false=$(cut -d' ' -f3 "$dir/found" | grep -cvE "^($true_kinds)$")
	size=$(stat -c %s "$dir/$f")
	printf '  %-10s %5.1f MB, named %d, false %d: %s per MB\n' "$f" "$(echo "$size / 1000000" | bc -l)" \
		"$named" "$false" "$(echo "scale=2; $false * 1000000 / $size" | bc -l)"
	cut -d' ' -f3- "$dir/found" | grep -vE "^($true_kinds) " | sort | uniq -c | sed 's/^/      /'
done

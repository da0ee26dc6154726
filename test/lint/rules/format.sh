# The C sources are as clang-format-14 writes them (make format).
for file in src/*/*.[ch]; do
	head -n 1 "$file" | grep -qi '^/\* generated' && continue
	clang-format-14 --dry-run -Werror "$file" 2>&1 |
		sed -n 's/^\([^:]*:[0-9]*\):[0-9]*: error: \(.*\) \[.*/\1: \2/p' | head -n 1
done

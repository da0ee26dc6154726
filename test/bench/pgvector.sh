#!/bin/bash
# Exact search beside pgvector, in a server that has both (root only; see
# test/pgvector/run.sh).
cd "$(dirname "$0")/../.." || exit 1
if [ "$(id -u)" != 0 ]; then
	echo "skipped: needs root"
	exit 0
fi
exec test/pgvector/run.sh bench

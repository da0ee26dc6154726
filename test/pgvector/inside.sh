#!/bin/bash
# The part of run.sh that runs inside the suite: build, install, start a
# server with both extensions, and do what was asked. Not for direct use.
set -u
mode=$1 major=$2
shift 2
cd /srv/beside || exit 1
export PATH=/usr/lib/postgresql/$major/bin:$PATH PG_CONFIG=/usr/lib/postgresql/$major/bin/pg_config
export LC_ALL=C.UTF-8 PGHOST=/tmp PGUSER=postgres PGDATABASE=both

{ make -s -j2 && make -s install; } >/tmp/build.log 2>&1 || { cat /tmp/build.log; exit 1; }
chown -R postgres: /srv/beside

if [ "$mode" = tap ]; then
	mkdir -p /tmp/tap && chown postgres: /tmp/tap
	pgxs=$(dirname "$(pg_config --pgxs)")/../..
	[ $# -gt 0 ] || set -- t/1*_vector*.pl
	cd test && runuser -u postgres -- env PG_REGRESS="$pgxs/src/test/regress/pg_regress" \
		TESTDATADIR=/tmp/tap TESTLOGDIR=/tmp/tap/log INTEL_TEST=/srv/beside/test \
		prove -I "$pgxs/src/test/perl" -I perl ${VERBOSE:+-v} "$@"
	exit
fi

as() { runuser -u postgres -- "$@"; }
mkdir /data && chown postgres: /data
as initdb -D /data -A trust -E UTF8 --locale=C.UTF-8 -N >/tmp/initdb.log 2>&1 || { cat /tmp/initdb.log; exit 1; }
cat >>/data/postgresql.conf <<-CONF
	listen_addresses = ''
	unix_socket_directories = '/tmp'
	fsync = off
	shared_preload_libraries = 'intel'
	shared_buffers = ${SHARED_BUFFERS:-2560MB}
	max_wal_size = 8GB
	autovacuum = off
	jit = off
CONF
as pg_ctl -D /data -l /tmp/server.log -w start >/dev/null || { cat /tmp/server.log; exit 1; }
as createdb both
as psql -qX -v ON_ERROR_STOP=1 <<-SQL || exit 1
	CREATE EXTENSION vector SCHEMA public;
	CREATE EXTENSION intel;
SQL
case $mode in
	surface) as psql -qX -v ON_ERROR_STOP=1 -f test/pgvector/surface.sql ;;
	bench) as test/pgvector/bench.sh "$@" ;;
	psql) as psql -X "$@" ;;
	*) echo "unknown mode: $mode" >&2; false ;;
esac
status=$?
as pg_ctl -D /data -m fast stop >/dev/null
exit $status

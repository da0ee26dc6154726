#!/bin/bash
# The demo: build intel, start a private cluster, run the main job on real text.
#
#   test/demo/run.sh [start]    everything; starts over when run again
#   test/demo/run.sh psql       psql on the demo database
#   test/demo/run.sh stop       stop the cluster
#
# Variables: PG_CONFIG (the server; default Debian's), DEMO_DIR
# (/var/tmp/intel-demo, with the user's name unless root), DEMO_PORT (54329, names the socket: nothing listens
# on the network), NO_COLOR. Root runs the server as user postgres.
set -u
cd "$(dirname "$0")/../.." || exit 1
top=$PWD
: "${PG_CONFIG:=pg_config}" "${MAKE:=make}" "${DEMO_PORT:=54329}"
[ "$(id -u)" = 0 ] || : "${DEMO_DIR:=/var/tmp/intel-demo-$(id -un)}"
: "${DEMO_DIR:=/var/tmp/intel-demo}"
dir=$DEMO_DIR
here=$top/test/demo
manual=/usr/share/doc/postgresql-doc-15/html
begun=$SECONDS

DEMO_COLOR=0
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] && DEMO_COLOR=1
[ -t 1 ] && COLUMNS=$(tput cols 2>/dev/null)
export DEMO_COLOR COLUMNS
paint() { if [ $DEMO_COLOR = 1 ]; then printf '\033[%sm%s\033[0m' "$1" "$2"; else printf '%s' "$2"; fi; }
title() { printf '\n%s\n' "$(paint '1;36' "$1")"; }
say() { printf '     %s\n' "$1"; }
die() { printf '\n%s\n' "$(paint '1;31' "$1")" >&2; [ -f "${2:-}" ] && tail -n 30 "$2" >&2; exit 1; }

as_server=()
[ "$(id -u)" = 0 ] && as_server=(runuser -u postgres --)
server() { (cd / && "${as_server[@]}" "$@"); }
find_server() { bindir=$($PG_CONFIG --bindir 2>/dev/null) || die "pg_config is missing: run make demo first"; }
db() { server "$bindir/psql" -X -v ON_ERROR_STOP=1 -qAt -h "$dir" -p "$DEMO_PORT" -U postgres "$@"; }
demo() { db -d demo "$@"; }
running() { server "$bindir/pg_ctl" -D "$dir/data" status >/dev/null 2>&1; }
now() { date +%s%3N; }
grouped() { printf "%d" "$1" | sed -E ':a;s/^([0-9]+)([0-9]{3})/\1,\2/;ta'; }

# counted NAME COUNT MILLISECONDS [MORE]: a line of the loading table
counted() {
	local ms=$(($3 > 0 ? $3 : 1))
	[ -t 1 ] && printf '\r\033[K'
	printf '     %-12s %8s  %6s s  %9s/s  %s\n' "$1" "$(grouped "$2")" \
		"$(printf '%d.%d' $((ms / 1000)) $((ms % 1000 / 100)))" "$(grouped $(($2 * 1000 / ms)))" "${4:-}"
}
progress() {	# NAME DONE OF
	[ -t 1 ] || return
	local width=30 full=$(($2 * 30 / ($3 > 0 ? $3 : 1)))
	printf '\r     %-12s %8s  [%-*s]' "$1" "$(grouped "$2")" $width "$(printf '%*s' $full '' | tr ' ' '#')"
}

# ---- steps -------------------------------------------------------------------

packages() {
	local list="postgresql-doc-15 python3"
	[ "$PG_CONFIG" = pg_config ] && list="$list gcc make postgresql-15 postgresql-server-dev-15
		libcurl4-openssl-dev libjansson-dev libssl-dev"
	# shellcheck disable=SC2086
	PACKAGES="$list" test/deps.sh || die "the packages could not be installed"
	[ -d $manual ] || die "the manual is not in $manual"
}

build() {
	local t sudo=
	t=$(now)
	$MAKE -s PG_CONFIG="$PG_CONFIG" all >"$log" 2>&1 || die "the build failed" "$log"
	[ -w "$($PG_CONFIG --pkglibdir)" ] || sudo=sudo
	$sudo "$MAKE" -s PG_CONFIG="$PG_CONFIG" install >"$log" 2>&1 || die "the installation failed" "$log"
	say "built and installed into $($PG_CONFIG --pkglibdir) in $((($(now) - t) / 1000)) s"
}

start_cluster() {
	if ! server test -d "$dir/data"; then
		mkdir -p "$dir" && chmod 755 "$dir" || die "cannot create $dir"
		[ "$(id -u)" = 0 ] && chown postgres: "$dir"
		server "$bindir/initdb" -D "$dir/data" -A trust -U postgres -E UTF8 --locale=C.UTF-8 \
			>"$log" 2>&1 || die "initdb failed" "$log"
	fi
	server tee "$dir/data/demo.conf" >/dev/null <<-CONF
		listen_addresses = ''
		port = $DEMO_PORT
		unix_socket_directories = '$dir'
		shared_preload_libraries = 'intel'
		shared_buffers = '256MB'
		synchronous_commit = off
		intel.job_retry_delay = '200ms'
	CONF
	server grep -q demo.conf "$dir/data/postgresql.conf" ||
		echo "include 'demo.conf'" | server tee -a "$dir/data/postgresql.conf" >/dev/null
	# the library may be new, so a running cluster starts again
	running && server "$bindir/pg_ctl" -D "$dir/data" -m fast -w stop >/dev/null
	server "$bindir/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w start >/dev/null ||
		die "the cluster does not start" "$dir/server.log"
	say "cluster in $dir: port $DEMO_PORT on a socket, shared_preload_libraries = 'intel'"
}

create_database() {
	db -d postgres -c 'DROP DATABASE IF EXISTS demo WITH (FORCE)' -c 'CREATE DATABASE demo' 2>"$log" ||
		die "the database could not be created" "$log"
	demo -f - <"$here/schema.sql" >"$log" 2>&1 || die "the schema could not be created" "$log"
}

load_manual() {
	local t pages chunks done_=0
	t=$(now)
	progress pages 0 1
	python3 "$here/manual.py" $manual | demo -c 'COPY manual_page FROM STDIN' ||
		die "the manual could not be loaded"
	pages=$(demo -c 'SELECT count(*) FROM manual_page')
	counted pages "$pages" $(($(now) - t)) "HTML of postgresql-doc-15"

	t=$(now)
	while [ $done_ -lt "$pages" ]; do
		progress chunks $done_ "$pages"
		demo <<-SQL || die "chunk() failed"
			INSERT INTO manual (page, title, content)
			SELECT p.page, p.title, c.content
			FROM (SELECT * FROM manual_page ORDER BY page LIMIT 200 OFFSET $done_) p,
			     intel.chunk(p.content, 'recursive', size => 400, overlap => 40) c
			ORDER BY p.page, c.seq
		SQL
		done_=$((done_ + 200))
	done
	chunks=$(demo -c 'SELECT count(*) FROM manual')
	counted chunks "$chunks" $(($(now) - t)) "intel.chunk(content, 'recursive', 400), and a tsvector each"

	t=$(now) done_=0
	while [ $done_ -lt "$chunks" ]; do
		progress embeddings $done_ "$chunks"
		demo -c "UPDATE manual SET embedding = intel.embed(title || E'\n' || content)
			WHERE id > $done_ AND id <= $done_ + 1000" || die "embed() failed"
		done_=$((done_ + 1000))
	done
	counted embeddings "$chunks" $(($(now) - t)) "intel.embed(content), model builtin-embedding"
	demo -c 'VACUUM ANALYZE manual'
}

load_tickets() {
	local t
	t=$(now)
	demo -c 'COPY ticket (tenant, opened, subject, body) FROM STDIN' <"$here/tickets.tsv" &&
		demo -c "UPDATE ticket SET embedding = intel.embed(subject || E'\n' || body)" ||
		die "the tickets could not be loaded"
	counted tickets "$(demo -c 'SELECT count(*) FROM ticket')" $(($(now) - t)) \
		"$(demo -c "SELECT string_agg(tenant || ' ' || n, ', ') FROM (SELECT tenant, count(*) n FROM ticket GROUP BY 1 ORDER BY 1) t"), row level security by tenant"
}

# ask TENANT SOURCE QUESTION [ARGUMENTS]: through a job of the background worker
ask() {
	local source=$2 place="''" job
	[ "$source" = manual ] && place="(SELECT page FROM manual WHERE id = (c ->> 'id')::bigint)"
	[ "$source" = ticket ] && place="'ticket ' || (c ->> 'id')"
	printf '\n%s\n' "$(paint '1;33' "  Q  $3")"
	job=$(as "$1" -v q="$3" <<-SQL
		SELECT intel.submit_ask(:'q', '$source' ${4:+, $4});
	SQL
	) || return 1
	as "$1" <<-SQL | python3 "$here/show.py" answer
		SELECT jsonb_build_object('id', w.id, 'status', w.status, 'error_message', w.error_message,
			'answer', w.result -> 'answer', 'grounded', w.result -> 'grounded',
			'ms', round(extract(epoch FROM w.finished_at - w.created_at) * 1000),
			'model', ${5:-"'builtin-answer'"},
			'citations', (SELECT jsonb_agg(jsonb_build_object('n', x -> 'n', 'title', x -> 'title', 'place', $place)
				ORDER BY (x ->> 'n')::int)
				FROM jsonb_array_elements(w.result -> 'citations') x, LATERAL (SELECT x -> 'source_key') k(c)))
		FROM intel.wait($job, '60 s') w
	SQL
	return "${PIPESTATUS[1]}"
}

# psql as the support desk of a tenant; "-" is the reader of the manual
as() {
	local tenant=$1
	shift
	{
		echo "SET ROLE support;"
		[ "$tenant" = - ] || echo "SET request.jwt.claims = '{\"sub\": \"agent-$tenant\", \"tenant_id\": \"$tenant\"}';"
		cat
	} | demo "$@" -f -
}

start_mock() {	# sets mock_port
	rm -f "$work/port"
	python3 test/mock/llm_server.py --port-file "$work/port" >/dev/null 2>"$work/mock.log" &
	mock_pid=$!
	for _ in $(seq 100); do
		mock_port=$(cat "$work/port" 2>/dev/null)
		[ -n "$mock_port" ] && return
		kill -0 $mock_pid 2>/dev/null || break
		read -r -t 0.1 <> <(:)
	done
	die "the model server does not start" "$work/mock.log"
}
stop_mock() { [ -n "${mock_pid:-}" ] && kill "$mock_pid" 2>/dev/null && wait "$mock_pid" 2>/dev/null; mock_pid=; }

questions() {
	title "Three questions about the manual, answered by a background worker from its text"
	ask - manual "What does the statement_timeout setting do?" || die "no answer"
	ask - manual "How much memory should shared_buffers have?" || die "no answer"
	ask - manual "Can a trigger be fired once per statement instead of once per row?" || die "no answer"
}

tenants() {
	local t
	title "One question, two tenants: row level security decides what is read"
	say "policy: $(demo -c "SELECT format('CREATE POLICY %I ON ticket USING (%s)', polname, pg_get_expr(polqual, polrelid)) FROM pg_policy WHERE polrelid = 'ticket'::regclass" | tr -s ' \n' ' ')"
	for t in pedal lumen; do
		printf '\n     %s' "$(paint '1' "tenant $t") sees $(as $t <<<'SELECT count(*) FROM ticket') tickets"
		ask $t ticket "Which customers are waiting for a refund?" "k => 8, title_column => 'subject'" || die "no answer"
	done
	say ""
	say "tenant pedal, asking for tickets of lumen: $(as pedal <<<"SELECT count(*) FROM ticket WHERE tenant = 'lumen'") rows"
}

egress() {
	title "What leaves: the same through HTTP, to a server that speaks the OpenAI API"
	start_mock
	demo >/dev/null <<-SQL || die "the provider could not be created"
		INSERT INTO intel.provider (name, kind, base_url, allow_private_network)
			VALUES ('local', 'openai', 'http://127.0.0.1:$mock_port/v1', true);
		INSERT INTO intel.model (name, provider, model_id, task) VALUES ('local-chat', 'local', 'demo-1', 'chat');
		INSERT INTO intel.model_grant VALUES ('local-chat', 'support'::regrole);
	SQL
	ask pedal ticket "Which customers are waiting for a refund?" "k => 8, title_column => 'subject', model => 'local-chat'" "'local-chat'" ||
		die "no answer"
	printf '\n'
	demo -c "SELECT to_jsonb(t) - 'embedding' FROM ticket t" |
		python3 "$here/show.py" wire "$mock_port" || die "redaction failed"
}

failure() {
	local job
	title "A failure is a row: the server is down, then it is back"
	stop_mock
	job=$(as pedal <<<"SELECT intel.submit_ask('Who needs a return label?', 'ticket', k => 4, title_column => 'subject', model => 'local-chat', options => '{\"max_attempts\": 2}')")
	as pedal <<<"SELECT FROM intel.wait($job, '30 s')"
	show_job "$job"
	[ "$(job_field "$job" failed_at)" ] || die "the job should have failed"
	start_mock
	demo -c "UPDATE intel.provider SET base_url = 'http://127.0.0.1:$mock_port/v1' WHERE name = 'local'"
	say ""
	say "$(paint 1 "SELECT intel.retry($job);")   -- the server answers again"
	as pedal <<<"SELECT intel.retry($job)" >/dev/null
	as pedal <<<"SELECT FROM intel.wait($job, '30 s')"
	show_job "$job"
	[ "$(job_field "$job" status)" = succeeded ] || die "the retry should have succeeded"
	say ""
	say "answer: $(as pedal <<<"SELECT result ->> 'answer' FROM intel.job WHERE id = $job")"
	stop_mock
}
job_field() { as pedal <<<"SELECT $2 FROM intel.job WHERE id = $1"; }
show_job() {	# the statement, then its row
	say "$(paint 1 "SELECT status, attempts, failed_at, error_code, error_message FROM intel.job WHERE id = $1;")"
	as pedal -F ' | ' <<<"SELECT status, attempts || ' attempts', coalesce(to_char(failed_at, 'HH24:MI:SS'), '-'),
		coalesce(error_code, '-'), coalesce(error_message, '-') FROM intel.job WHERE id = $1" |
		sed "s/^/     /"
}

try_next() {
	title "Try next: make demo-psql"
	cat <<-TEXT
	     Tables
	$(demo -F ' ' -c "SELECT '       ' || rpad(c.relname, 14) || lpad(to_char(n.n_live_tup, 'FM999,999'), 7) || ' rows   '
		|| string_agg(a.attname, ', ' ORDER BY a.attnum)
		FROM pg_class c JOIN pg_stat_user_tables n ON n.relid = c.oid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT attisdropped
		WHERE c.relnamespace = 'public'::regnamespace GROUP BY c.relname, n.n_live_tup ORDER BY 1")

	     Ask
	       SELECT answer FROM intel.ask('What does VACUUM do?', 'manual');
	       SELECT title, score FROM intel.search('manual', 'partial index', k => 5);
	       SELECT intel.submit_ask('What is a hash index?', 'manual') AS job \gset
	       SELECT status, result ->> 'answer' FROM intel.wait(:job);

	     Look inside
	       SELECT title FROM manual ORDER BY embedding <=> intel.embed('lock timeout') LIMIT 5;
	       SELECT * FROM intel.detect_pii((SELECT body FROM ticket LIMIT 1));
	       SELECT intel.redact('Call +44 20 7946 0112 or write to ann@example.com');
	       SELECT id, task, status, attempts, model, error_message FROM intel.job ORDER BY id;

	     Be somebody else
	       SET ROLE support; SET request.jwt.claims = '{"sub": "agent", "tenant_id": "lumen"}';
	       SELECT count(*), min(tenant) FROM ticket;

	     Lists: \dx+ intel   \df intel.*   \d manual   \d ticket   \d intel.job
	TEXT
}

start() {
	work=$(mktemp -d) log=$work/log
	trap 'stop_mock; rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM
	printf '%s\n' "$(paint 1 'intel: ask PostgreSQL')"
	title "Build, install, start"
	packages
	find_server
	build
	start_cluster
	title "Load"
	create_database
	load_manual
	load_tickets
	questions
	tenants
	egress
	failure
	demo -c ANALYZE
	try_next
	printf '\n%s\n' "$(paint 2 "done in $((SECONDS - begun)) s; make demo-psql opens psql, make demo-stop stops the cluster")"
}

case ${1:-start} in
	start) start ;;
	psql)
		find_server
		running || die "the demo is not running: make demo"
		cd / && exec "${as_server[@]}" env PGOPTIONS='-c search_path=public,intel' \
			"$bindir/psql" -h "$dir" -p "$DEMO_PORT" -U postgres -d demo
		;;
	stop)
		find_server
		if running; then server "$bindir/pg_ctl" -D "$dir/data" -m fast -w stop >/dev/null && echo "stopped"
		else echo "not running"; fi
		;;
	*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

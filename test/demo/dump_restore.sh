#!/bin/bash
# Dump the demo database, restore it beside the original, and compare: the same
# embeddings, search results and answers must come out of both.
# Ends with "N passed, N failed". Needs a running demo (make demo).
set -u
: "${PG_CONFIG:=pg_config}" "${DEMO_PORT:=54329}"
[ "$(id -u)" = 0 ] || : "${DEMO_DIR:=/var/tmp/intel-demo-$(id -un)}"
: "${DEMO_DIR:=/var/tmp/intel-demo}"
bindir=$($PG_CONFIG --bindir) || exit 1
as_server=()
[ "$(id -u)" = 0 ] && as_server=(runuser -u postgres --)
pg() { local tool=$1; shift; (cd / && "${as_server[@]}" "$bindir/$tool" -h "$DEMO_DIR" -p "$DEMO_PORT" -U postgres "$@"); }
q() { local database=$1; shift; pg psql -X -v ON_ERROR_STOP=1 -qAt -d "$database" "$@"; }

dump=$(mktemp -u "$DEMO_DIR/demo.XXXXXX.dump")
log=$(mktemp)
trap 'rm -f "$log"; pg psql -Xqc "DROP DATABASE IF EXISTS demo_restored WITH (FORCE)" postgres 2>/dev/null; "${as_server[@]}" rm -f "$dump"' EXIT
pg psql -Xq -c 'DROP DATABASE IF EXISTS demo_restored WITH (FORCE)' -c 'CREATE DATABASE demo_restored' postgres 2>/dev/null
# a model may name another one as its fallback, which pg_dump warns of
pg pg_dump -Fc -f "$dump" demo 2>"$log" || { cat "$log"; exit 1; }
pg pg_restore --exit-on-error -d demo_restored "$dump" || exit 1

passed=0 failed=0
same() {	# what, SQL
	local a b
	a=$(q demo -c "$2") && b=$(q demo_restored -c "$2") && [ -n "$a" ] && [ "$a" = "$b" ]
	if [ $? -eq 0 ]; then
		passed=$((passed + 1)); echo "ok - $1"
	else
		failed=$((failed + 1)); printf 'not ok - %s\n  before: %s\n  after:  %s\n' "$1" "${a:-}" "${b:-}"
	fi
}

tenant="SET ROLE support; SET request.jwt.claims = '{\"sub\": \"agent\", \"tenant_id\": \"lumen\"}';"
same "rows" "SELECT count(*) FROM manual UNION ALL SELECT count(*) FROM ticket"
same "stored embeddings" "SELECT md5(string_agg(embedding::text, '' ORDER BY id)) FROM manual"
same "fresh embeddings" "SELECT intel.embed('partial index')"
same "models and providers" "SELECT m.*, p.* FROM intel.model m JOIN intel.provider p ON p.name = m.provider ORDER BY m.name"
same "jobs and their results" "SELECT id, task, status, result FROM intel.job ORDER BY id"
same "search" "SELECT source_key, round(score::numeric, 4) FROM intel.search('manual', 'partial index', 10)"
while read -r question; do
	same "$question" "SELECT answer, citations FROM intel.ask('$question', 'manual')"
done <<'QUESTIONS'
What does the statement_timeout setting do?
How much memory should shared_buffers have?
Can a trigger be fired once per statement instead of once per row?
What is the capital of France?
QUESTIONS
same "a tenant's rows" "$tenant SELECT count(*), min(tenant), max(tenant) FROM ticket"
same "a tenant's answer" "$tenant SELECT answer, citations FROM intel.ask('Which customers are waiting for a refund?', 'ticket', title_column => 'subject')"
same "policies and grants" "SELECT polname, pg_get_expr(polqual, polrelid), (SELECT relacl FROM pg_class WHERE oid = polrelid) FROM pg_policy WHERE polrelid = 'ticket'::regclass"
job=$(q demo_restored -c "$tenant SELECT intel.submit_ask('Which customers are waiting for a refund?', 'ticket', title_column => 'subject')")
status=$(q demo_restored -c "$tenant SELECT status FROM intel.wait($job, '30 s')")
if [ "$status" = succeeded ]; then
	passed=$((passed + 1)); echo "ok - a worker runs jobs of the restored database"
else
	failed=$((failed + 1)); echo "not ok - a worker runs jobs of the restored database: $status"
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]

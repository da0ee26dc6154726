# intel: build, install, test. `make help` lists the targets.

EXTENSION  = intel
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" intel.control)

MODULE_big = intel
OBJS       = $(sort $(patsubst %.c,%.o,$(wildcard src/*/*.c)))

# The install script is these fragments in this order; header first, footer
# (grants, dump settings) last.
SQL_FRAGMENTS = \
	src/extension/header.sql \
	src/base/base.sql \
	src/vector/vector.sql \
	src/ann/ann.sql \
	src/redact/redact.sql \
	src/redact/redact_rules.sql \
	src/redact/redact_vault.sql \
	src/text/text.sql \
	src/llm/llm.sql \
	src/llm/llm_answer.sql \
	src/llm/llm_prompt.sql \
	src/llm/llm_cascade.sql \
	src/llm/llm_log.sql \
	src/llm/llm_limit.sql \
	src/llm/llm_cache.sql \
	src/worker/worker.sql \
	src/worker/worker_enrich.sql \
	src/worker/worker_embedding.sql \
	src/context/context.sql \
	src/eval/eval.sql \
	src/extension/footer.sql

BUILT_SQL = src/extension/intel--$(EXTVERSION).sql
DATA           = $(wildcard src/extension/upgrade/intel--*--*.sql)
DATA_built     = $(BUILT_SQL)
EXTRA_CLEAN    = $(OBJS:.o=.d) src/extension/intel--*.sql build $(REDACT_TABLES)

REGRESS        = $(sort $(patsubst sql/%.sql,%,$(wildcard sql/*.sql)))

# -MMD writes what every object was built from into a .d file beside it.
PG_CPPFLAGS = -Isrc -DINTEL_VERSION='"$(EXTVERSION)"' -MMD -MP
PG_CFLAGS   = -std=gnu99 -fvisibility=hidden -Wall -Wextra -Wno-declaration-after-statement
SHLIB_LINK  = -lcurl -ljansson -lcrypto -lm

# Bitcode would only serve JIT inlining of functions that loop over vectors,
# where a call costs nothing, and it cannot hold CPU-specific functions.
override with_llvm = no

PG_CONFIG ?= pg_config
PGXS      := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
include $(PGXS)

# Without a server only the targets that install one work.
ifeq ($(PGXS),)
all install:
	@echo '$(PG_CONFIG) is missing: run make deps, or set PG_CONFIG' >&2; exit 1
endif

# Warnings are for this code, not for the server's headers.
override CPPFLAGS := $(patsubst -I$(includedir_server),-isystem $(includedir_server),$(CPPFLAGS))

# The kernels gain from vectorisation beyond PGXS's -O2.
src/vector/distance%.o: override CFLAGS += -O3

# The scanner gains from inlining.
src/redact/%.o: override CFLAGS += -O3

# What a scan computes must not depend on fused operations; see ann_kernels.h.
src/ann/ann_kernels%.o src/ann/ann_rabitq.o src/ann/ann_kmeans.o \
src/ann/ann_scan.o src/ann/ann_probe.o src/ann/ann_rank.o: \
	override CFLAGS += -O3 -ffp-contract=off

$(OBJS): intel.control Makefile
-include $(OBJS:.o=.d)

# The scanner's tables are made from lists and from what perl knows of Unicode.
REDACT_TABLES = src/redact/redact_words.h src/redact/redact_fold.h src/redact/redact_secrets.h
REDACT_LISTS = $(filter-out %/secrets.txt,$(wildcard src/redact/lists/*.txt))

src/redact/redact_words.h: src/redact/redact_tables.pl $(REDACT_LISTS)
	perl src/redact/redact_tables.pl words $(sort $(filter %.txt,$^)) > $@.tmp && mv $@.tmp $@

src/redact/redact_secrets.h: src/redact/redact_tables.pl src/redact/lists/secrets.txt
	perl src/redact/redact_tables.pl secrets src/redact/lists/secrets.txt > $@.tmp && mv $@.tmp $@

src/redact/redact_fold.h: src/redact/redact_tables.pl
	perl src/redact/redact_tables.pl fold > $@.tmp && mv $@.tmp $@

$(filter src/redact/%,$(OBJS)): | $(REDACT_TABLES)

$(BUILT_SQL): $(SQL_FRAGMENTS) intel.control Makefile
	@for f in $(SQL_FRAGMENTS); do \
		printf -- '-- %s\n' "$$f"; sed 's/@EXTVERSION@/$(EXTVERSION)/g' "$$f"; echo; \
	done > $@.tmp && mv $@.tmp $@

# what is compiled but not kept in the repository
.PHONY: generated
generated: $(REDACT_TABLES)

# ---- for developers ------------------------------------------------------

.PHONY: help deps test lint format strict asan fuzz matrix bench surface bench-ann bench-vector bench-redact eval-redact demo demo-psql demo-stop arm64 llama

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22

deps: ## install the Debian packages that build and tests need
	@test/deps.sh

test: ## run every suite against a private copy of the server
	@PG_CONFIG='$(PG_CONFIG)' MAKE='$(MAKE)' test/run.sh $(TESTS)

lint: ## check layers, rooms, SQL rules, exported symbols, versions and format
	@PG_CONFIG='$(PG_CONFIG)' MAKE='$(MAKE)' test/lint/run.sh

asan: ## the suites under the address and undefined behaviour sanitizers
	@PG_CONFIG='$(PG_CONFIG)' MAKE='$(MAKE)' SANITIZE=1 LIMIT=5400 \
		INTEL_TEST_TIMEOUT=180 test/run.sh $(or $(TESTS),dynamic)

demo: ## the main job on real text: the PostgreSQL manual, two tenants, a model server
	@PG_CONFIG='$(PG_CONFIG)' MAKE='$(MAKE)' test/demo/run.sh

demo-psql: ## psql on the database of the demo
	@PG_CONFIG='$(PG_CONFIG)' test/demo/run.sh psql

demo-stop: ## stop the cluster of the demo
	@PG_CONFIG='$(PG_CONFIG)' test/demo/run.sh stop

matrix: ## the suites on this server and on Debian's PostgreSQL 17 and 18
	@PG_CONFIG='$(PG_CONFIG)' MAKE='$(MAKE)' test/matrix/run.sh

llama: ## a real llama.cpp server through intel, in the folder of Debian sid
	@test/llama/run.sh

fuzz: ## libFuzzer on every pure part, FUZZ_SECONDS (60) each
	@test/fuzz/run.sh fuzz $(FUZZ)

arm64: ## the property tests of the kernels as arm64 programs under qemu
	@test/fuzz/arm64.sh

surface: ## pgvector's catalog entries against ours, on a server with both
	@test/pgvector/run.sh surface

bench-vector: ## distance kernels, and exact search beside pgvector
	@test/bench/distance.sh
	@test/pgvector/run.sh bench

bench-ann: ## the index beside pgvector's HNSW on real vectors, and what the planner chooses
	@PG_CONFIG='$(PG_CONFIG)' test/bench/run.sh ann ann_plans

bench: ## the benchmarks, or BENCH="name ..."; BENCH=list names them
	@PG_CONFIG='$(PG_CONFIG)' test/bench/run.sh $(BENCH)

.PHONY: bench-llm
bench-llm: ## jobs through HTTP: throughput, latency, memory, hanging calls; time of a claim
	@PG_CONFIG='$(PG_CONFIG)' test/bench/run.sh llm claim replay

PII_DATA ?= ../shared/data/pii/generated_large.json
REDACT_TOOL = build/redact_scan_tool
REDACT_PURE = $(shell grep -L '"postgres.h"' src/redact/*.c)

$(REDACT_TOOL): $(REDACT_PURE) $(REDACT_TABLES) $(wildcard src/redact/*.h) test/eval/redact_scan_tool.c test/eval/redact_floods.h
	@mkdir -p build
	$(CC) -std=gnu99 -O3 -Isrc -o $@ $(REDACT_PURE) test/eval/redact_scan_tool.c -lcrypto

eval-redact: $(REDACT_TOOL) ## accuracy of redaction on labelled texts (PII_DATA)
	@echo "texts of many kinds, any-PII:"; test/eval/redact_eval.py $(REDACT_TOOL) test/eval/redact_texts.txt
	@if [ -f '$(PII_DATA)' ]; then test/eval/redact_eval.py $(REDACT_TOOL) '$(PII_DATA)'; \
	else echo "skipped: no labelled texts at $(PII_DATA)"; fi

.PHONY: bench-redact-floods
bench-redact-floods: $(REDACT_TOOL) ## crafted inputs of redaction: time for 10 MB over time for 1 MB
	@$(REDACT_TOOL) strict -f
	@$(REDACT_TOOL) default -f

bench-redact: $(REDACT_TOOL) ## speed of redaction, false positives; through SQL
	@test/eval/redact_bench.sh $(REDACT_TOOL)
	@PG_CONFIG='$(PG_CONFIG)' MAKE='$(MAKE)' test/run.sh sql test/eval/redact_bench.sql

format: ## rewrite the C sources with clang-format
	clang-format-14 -i src/*/*.[ch]

strict: ## build with gcc and clang, warnings as errors and assertions on
	@for cc in gcc clang; do \
		$(MAKE) -s clean && $(MAKE) -s all CC=$$cc \
			COPT='-Werror -Wno-unknown-warning-option -Wno-ignored-optimization-argument -DUSE_ASSERT_CHECKING' || exit 1; \
		echo "$$cc: no warnings"; \
	done; $(MAKE) -s clean

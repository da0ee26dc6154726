/* sources: src/base/jansson_memory.c src/base/json_dump.c src/llm/llm_provider.c src/llm/llm_provider_ask.c src/llm/llm_provider_calls.c src/llm/llm_provider_result.c src/llm/llm_provider_schema.c src/llm/llm_provider_stream.c src/llm/llm_provider_openai.c src/llm/llm_provider_responses.c src/llm/llm_provider_anthropic.c src/llm/llm_provider_anthropic_schema.c src/llm/llm_provider_gemini.c src/llm/llm_provider_ollama.c */
/* libs: -ljansson */
/*
 * What a long answer may cost: honest ones are read, and crafted ones are
 * refused before they have taken much memory or time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/jansson_memory.h"
#include "llm/llm_provider.h"

#define LONGEST (16 * 1024 * 1024)

static int passed, failed;

static void
check(int ok, const char *what)
{
	passed += ok;
	failed += !ok;
	if (!ok)
		printf("not ok - %s\n", what);
}

/* Head, n pieces without the comma behind the last, tail. Owned. */
static char *
repeat(const char *head, const char *piece, size_t n, const char *tail)
{
	char *text = malloc(n * strlen(piece) + strlen(head) + strlen(tail) + 1);
	char *end = text + sprintf(text, "%s", head);

	for (size_t i = 0; i < n; i++)
		end = stpcpy(end, piece);
	strcpy(end[-1] == ',' ? end - 1 : end, tail);
	return text;
}

/* The fault of an answer; frees it. */
static LlmFault
fault_of_kind(const char *kind, LlmAsk *ask, char *body, const char *name,
			  LlmProblem *problem)
{
	LlmHeaders headers;
	LlmReply reply;
	LlmFault fault;
	clock_t start = clock();
	struct rusage usage;

	llm_headers_init(&headers);
	llm_reply_read(llm_kind_find(kind), ask, 200, &headers, body,
				   strlen(body), &reply);
	fault = reply.fault;
	*problem = reply.problem;
	llm_reply_free(&reply);
	getrusage(RUSAGE_SELF, &usage);
	printf("%s: %zu bytes, %.0f ms, %ld MB at most so far\n", name,
		   strlen(body), 1000.0 * (double) (clock() - start) / CLOCKS_PER_SEC,
		   usage.ru_maxrss / 1024);
	free(body);
	return fault;
}

static LlmFault
fault_of(LlmAsk *ask, char *body, const char *name, LlmProblem *problem)
{
	return fault_of_kind("openai", ask, body, name, problem);
}

static void
refuses(const char *piece)
{
	LlmAsk ask = {.task = LLM_TASK_COMPLETE, .options = json_pack("{}")};
	LlmProblem problem;
	char *body = repeat("{\"choices\":[{\"message\":{\"content\":\"x\"},"
						"\"finish_reason\":\"stop\"}],\"x\":[",
						piece, LONGEST / strlen(piece) - 100, "]}");

	check(fault_of(&ask, body, piece, &problem) == LLM_FAULT_MALFORMED &&
			  strcmp(problem.text, "it is too complex") == 0,
		  piece);
	llm_ask_free(&ask);
}

/*
 * A number or a string whose buffer grows beyond the budget in its midst, since
 * pieces before it have taken most: jansson does not look whether it could
 * store what it reads.
 */
static void
refuses_token(size_t pieces, const char *quote)
{
	LlmAsk ask = {.task = LLM_TASK_COMPLETE, .options = json_pack("{}")};
	LlmProblem problem;
	char *head = repeat("{\"x\":[", "[],", pieces, ",");
	char *tail = repeat(quote, "1", LONGEST * 9 / 16, quote);
	char *body = malloc(strlen(head) + strlen(tail) + 3);

	sprintf(body, "%s%s]}", head, tail);
	check(fault_of(&ask, body, "a long token", &problem) == LLM_FAULT_MALFORMED &&
			  strcmp(problem.text, "it is too complex") == 0,
		  "a long token");
	free(head);
	free(tail);
	llm_ask_free(&ask);
}

static void
reads_text(void)
{
	LlmAsk ask = {.task = LLM_TASK_COMPLETE, .options = json_pack("{}")};
	LlmProblem problem;

	check(fault_of(&ask,
				   repeat("{\"choices\":[{\"message\":{\"content\":\"", "word ",
						  LONGEST / 5 - 100, "\"},\"finish_reason\":\"stop\"}]}"),
				   "a long text", &problem) == LLM_FAULT_NONE,
		  "a long text");
	llm_ask_free(&ask);
}

/* The longest answer in as many pieces of text as it may have. */
static void
reads_pieces(const char *kind, const char *head, const char *piece,
			 const char *tail)
{
	LlmAsk ask = {.task = LLM_TASK_COMPLETE, .options = json_pack("{}")};
	char *text = repeat("", "w", 150, "");
	char *whole = malloc(strlen(piece) + 200);
	LlmProblem problem;

	sprintf(whole, piece, text);
	check(fault_of_kind(kind, &ask,
						repeat(head, whole, LONGEST / strlen(whole) - 10, tail),
						"many pieces", &problem) == LLM_FAULT_NONE,
		  kind);
	free(text);
	free(whole);
	llm_ask_free(&ask);
}

static void
reads_all_pieces(void)
{
	reads_pieces("openai",
				 "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{"
				 "\"content\":[",
				 "{\"type\":\"text\",\"text\":\"%s\"},", "]}}]}");
	reads_pieces("responses",
				 "{\"status\":\"completed\",\"output\":[{\"type\":"
				 "\"message\",\"content\":[",
				 "{\"type\":\"output_text\",\"text\":\"%s\"},", "]}]}");
	reads_pieces("anthropic", "{\"stop_reason\":\"end_turn\",\"content\":[",
				 "{\"type\":\"text\",\"text\":\"%s\"},", "]}");
	reads_pieces("gemini",
				 "{\"candidates\":[{\"finishReason\":\"STOP\",\"content\":{"
				 "\"parts\":[",
				 "{\"text\":\"%s\"},", "]}}]}");
}

/* n embeddings of dim numbers, each written like number */
static void
reads_embeddings(size_t n, size_t dim, const char *number)
{
	LlmAsk ask = {.task = LLM_TASK_EMBED, .contents = json_array()};
	LlmProblem problem;
	char *vector = repeat("{\"embedding\":[", number, dim, "]},");
	char *body = repeat("{\"data\":[", vector, n, "]}");

	for (size_t i = 0; i < n; i++)
		json_array_append_new(ask.contents, json_string("x"));
	check(strlen(body) <= LONGEST, "which may be sent");
	check(fault_of(&ask, body, number, &problem) == LLM_FAULT_NONE, number);
	free(vector);
	llm_ask_free(&ask);
}

/* Does value, of the same piece again and again, fit? Says why not. */
static void
compares(const char *schema_text, const char *piece, size_t n,
		 const char *why)
{
	json_t *schema = json_loads(schema_text, 0, NULL);
	char *text = repeat("[", piece, n, "]");
	json_t *value = json_loads(text, 0, NULL);
	LlmProblem problem = {""};
	clock_t start = clock();
	bool fits = llm_schema_fits(schema, value, &problem);

	check(llm_schema_check(schema, &problem) || problem.text[0] != '\0',
		  "a schema");
	check(fits == (why == NULL) &&
			  (why == NULL || strcmp(problem.text, why) == 0),
		  problem.text[0] != '\0' ? problem.text : "it fits");
	printf("comparing: %.0f ms\n",
		   1000.0 * (double) (clock() - start) / CLOCKS_PER_SEC);
	free(text);
	json_decref(schema);
	json_decref(value);
}

static void
compares_many(void)
{
	char *labels =
		repeat("{\"items\":{\"enum\":[", "\"a\",", 50000, ",\"b\"]}}");
	char *required =
		repeat("{\"items\":{\"required\":[", "\"a\",", 50000, "]}}");
	char *deep = repeat("{\"items\":{\"enum\":[[", "1,", 50000, ",2],[3]]}}");
	char *other = repeat("[", "1,", 50000, ",3],");

	compares("{\"items\":{\"enum\":[\"a\",\"b\",\"c\"]}}", "\"c\",", 50000,
			 NULL);
	compares(labels, "\"b\",", 50000, "its content is too complex");
	compares(required, "{\"a\":1},", 50000, "its content is too complex");
	compares(deep, other, 100, "its content does not satisfy \"enum\" of the "
							   "schema");
	compares("{\"items\":{\"allOf\":[{\"minLength\":1},{\"minLength\":2}]}}",
			 "\"some letters\",", 20000, NULL);
	/* the second alternative would fit, too */
	compares("{\"oneOf\":[{},{\"items\":{\"enum\":[1,2,3,4,5,6,7,8,9,0]}}]}",
			 "0,", 100000, "its content is too complex");
	free(labels);
	free(required);
	free(deep);
	free(other);
}

int
main(void)
{
	jansson_memory_watch();
	refuses("{},");
	refuses("[],");
	refuses("0,");
	refuses("\"\",");
	refuses("[[[[]]]],");
	refuses("{\"a\":{\"b\":{}}},");
	for (size_t pieces = 290000; pieces < 500000; pieces += 40000)
	{
		refuses_token(pieces, "");
		refuses_token(pieces, "\"");
	}
	reads_text();
	reads_all_pieces();
	reads_embeddings(128, 3072, "-0.012345678901234567,");
	reads_embeddings(128, 3072, "0.1,");
	reads_embeddings(100, 16000, "0.12345,");
	compares_many();
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}

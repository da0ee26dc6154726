/*-------------------------------------------------------------------------
 *
 * llm_provider_stream.c
 *		Streamed answers, read while they arrive. Pure.
 *
 * Bytes come in pieces of any size. Lines are put together, lines make
 * events (server-sent events, or one JSON document per line), and the kind's
 * event function tells what an event says. What is said is collected here:
 * text, tool calls, why the answer ended, tokens. At the end it becomes the
 * same LlmReply as an answer that came in one piece.
 *
 * An answer is complete when its provider said so. That is not the end of the
 * bytes: a connection can break after the last event, and one that ends
 * before it has lost something.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jansson_memory.h"
#include "llm/llm_provider_int.h"

#define MAX_TOOL_CALLS 128

typedef struct StreamCall
{
	size_t index; /* that the provider gave it */
	char *id;	  /* malloc, or NULL */
	char *name;
	char *signature;
	LlmText arguments;
} StreamCall;

struct LlmStream
{
	const LlmKind *kind;
	const LlmAsk *ask;

	LlmText line;	   /* begun and not ended */
	bool skip_newline; /* the last byte was a carriage return */
	LlmText event;	   /* data lines of the event begun */
	bool has_data;
	size_t n_events;

	LlmText text; /* of the answer so far */
	size_t taken; /* bytes of it that llm_stream_take has given */
	StreamCall calls[MAX_TOOL_CALLS];
	size_t n_calls;
	bool is_refusal; /* text is why the model does not answer */
	const char *finish;
	char model[201];
	bool is_complete;
	LlmReply reply; /* usage; fault and problem of a stream that failed */
};

/* Append, or note that memory is short. */
static bool
buffer_add(LlmStream *stream, LlmText *buffer, const char *data, size_t len)
{
	bool is_added = llm_text_add(buffer, data, len);

	if (!is_added)
		llm_reply_fault(&stream->reply, LLM_FAULT_LOCAL, LLM_RETRYABLE);
	return is_added;
}

static const char *
buffer_text(const LlmText *buffer)
{
	return buffer->data != NULL ? buffer->data : "";
}

LlmStream *
llm_stream_create(const LlmKind *kind, const LlmAsk *ask)
{
	LlmStream *stream = calloc(1, sizeof(LlmStream));

	if (stream == NULL)
		return NULL;
	stream->kind = kind;
	stream->ask = ask;
	stream->reply.retry_after_ms = -1;
	stream->reply.usage = LLM_NO_USAGE;
	return stream;
}

void
llm_stream_free(LlmStream *stream)
{
	if (stream == NULL)
		return;
	for (size_t i = 0; i < stream->n_calls; i++)
	{
		free(stream->calls[i].id);
		free(stream->calls[i].name);
		free(stream->calls[i].signature);
		free(stream->calls[i].arguments.data);
	}
	free(stream->line.data);
	free(stream->event.data);
	free(stream->text.data);
	llm_reply_free(&stream->reply);
	free(stream);
}

/* ---- what events say ------------------------------------------------------ */

const LlmAsk *
llm_stream_ask(const LlmStream *stream)
{
	return stream->ask;
}

LlmReply *
llm_stream_reply(LlmStream *stream)
{
	return &stream->reply;
}

void
llm_stream_add_text(LlmStream *stream, const json_t *text)
{
	if (json_is_string(text))
		(void) buffer_add(stream, &stream->text, json_string_value(text),
						  json_string_length(text));
}

void
llm_stream_add_refusal(LlmStream *stream, const json_t *text)
{
	if (json_string_length(text) == 0)
		return;
	stream->is_refusal = true;
	llm_stream_add_text(stream, text);
}

void
llm_stream_add_rest(LlmStream *stream, const LlmText *whole)
{
	size_t len = stream->text.len;

	if (whole->is_short)
		llm_reply_fault(&stream->reply, LLM_FAULT_LOCAL, LLM_RETRYABLE);
	else if (whole->len > len &&
			 memcmp(whole->data, buffer_text(&stream->text), len) == 0)
		(void) buffer_add(stream, &stream->text, whole->data + len,
						  whole->len - len);
}

static bool
is_said(const char *text)
{
	return text != NULL && text[0] != '\0';
}

/* Keep the first string that is given. */
static void
keep_string(LlmStream *stream, char **kept, const char *given)
{
	if (!is_said(given) || *kept != NULL)
		return;
	*kept = strdup(given);
	if (*kept == NULL)
		llm_reply_fault(&stream->reply, LLM_FAULT_LOCAL, LLM_RETRYABLE);
}

/*
 * Where the call is that the provider gives this index, or would go. Some give
 * all calls of an answer the same one (Gemini's format of OpenAI): there, another
 * identifier with a name begins another call. One without a name does not, since
 * others make up an identifier for each piece. Some begin with 1.
 */
static size_t
place_of_call(const LlmStream *stream, size_t index, const char *id,
			  const char *name)
{
	for (size_t i = stream->n_calls; i-- > 0;)
	{
		const StreamCall *call = &stream->calls[i];

		if (call->index != index)
			continue;
		return is_said(id) && is_said(name) && call->id != NULL &&
					   strcmp(id, call->id) != 0
				   ? stream->n_calls
				   : i;
	}
	return stream->n_calls;
}

size_t
llm_stream_add_call(LlmStream *stream, size_t index, const char *id,
					const char *name, const char *arguments)
{
	size_t place = place_of_call(stream, index, id, name);
	StreamCall *call;

	if (index >= MAX_TOOL_CALLS || place >= MAX_TOOL_CALLS)
	{
		llm_reply_malformed(&stream->reply, "it has more than %d tool calls",
							MAX_TOOL_CALLS);
		return SIZE_MAX;
	}
	call = &stream->calls[place];
	if (place == stream->n_calls)
		stream->calls[stream->n_calls++].index = index;
	keep_string(stream, &call->id, id);
	keep_string(stream, &call->name, name);
	if (arguments != NULL)
		(void) buffer_add(stream, &call->arguments, arguments,
						  strlen(arguments));
	return place;
}

void
llm_stream_sign_call(LlmStream *stream, size_t call, const char *signature)
{
	if (call < stream->n_calls)
		keep_string(stream, &stream->calls[call].signature, signature);
}

size_t
llm_stream_calls(const LlmStream *stream)
{
	return stream->n_calls;
}

void
llm_stream_set_model(LlmStream *stream, const json_t *model)
{
	if (json_string_length(model) > 0 &&
		json_string_length(model) < sizeof(stream->model))
		strcpy(stream->model, json_string_value(model));
}

void
llm_stream_set_finish(LlmStream *stream, const char *finish)
{
	stream->finish = finish;
}

void
llm_stream_complete(LlmStream *stream)
{
	stream->is_complete = true;
}

void
llm_stream_take_reply(LlmStream *stream, LlmReply *whole)
{
	llm_reply_free(&stream->reply);
	stream->reply = *whole;
	if (whole->outcome == LLM_PENDING)
		llm_reply_fault(&stream->reply, LLM_FAULT_LOCAL, LLM_RETRYABLE);
	stream->is_complete = true;
}

/* ---- from bytes to events ------------------------------------------------- */

static void
read_event(LlmStream *stream, const char *data, size_t len)
{
	unsigned long failures = jansson_memory_failures();
	const char *why;
	json_t *doc;

	stream->n_events++;
	if (len == 6 && memcmp(data, "[DONE]", 6) == 0)
	{
		stream->is_complete = true;
		return;
	}
	doc = llm_json_load(data, len, 0, &why);
	if (!json_is_object(doc) && !json_is_array(doc))
		llm_reply_malformed(&stream->reply, "event %zu is %s",
							stream->n_events, why);
	else if (!llm_reply_error(&stream->reply, doc))
		stream->kind->event(stream, doc);
	json_decref(doc);
	llm_reply_check_memory(&stream->reply, failures);
}

/* A line of server-sent events: only data matters, its JSON says the rest. */
static void
read_sse_line(LlmStream *stream, const char *line, size_t len)
{
	if (len == 0)
	{
		/* an event without data is none: some servers keep alive with it */
		if (stream->has_data &&
			strspn(buffer_text(&stream->event), " \n") < stream->event.len)
			read_event(stream, buffer_text(&stream->event), stream->event.len);
		stream->has_data = false;
		stream->event.len = 0;
		return;
	}
	if (len < 5 || memcmp(line, "data:", 5) != 0)
		return;
	line += 5;
	len -= 5;
	if (len > 0 && *line == ' ')
	{
		line++;
		len--;
	}
	if (stream->has_data && !buffer_add(stream, &stream->event, "\n", 1))
		return;
	stream->has_data = buffer_add(stream, &stream->event, line, len);
}

static void
read_line(LlmStream *stream)
{
	const char *line = buffer_text(&stream->line);
	size_t len = stream->line.len;

	if (!stream->kind->streams_lines)
		read_sse_line(stream, line, len);
	else if (strspn(line, " \t") < len)
		read_event(stream, line, len);
	stream->line.len = 0;
}

bool
llm_stream_feed(LlmStream *stream, const char *bytes, size_t len)
{
	const char *end = bytes + len;

	while (bytes < end && stream->reply.outcome == LLM_PENDING)
	{
		const char *stop = bytes;

		if (stream->skip_newline && *bytes == '\n')
			stop = ++bytes;
		stream->skip_newline = false;
		while (stop < end && *stop != '\n' && *stop != '\r')
			stop++;
		if (!buffer_add(stream, &stream->line, bytes, (size_t) (stop - bytes)))
			break;
		bytes = stop;
		if (stop == end)
			break;
		stream->skip_newline = *stop == '\r';
		bytes++;
		read_line(stream);
	}
	return stream->reply.outcome == LLM_PENDING ||
		   stream->reply.outcome == LLM_SUCCEEDED;
}

bool
llm_stream_is_complete(const LlmStream *stream)
{
	return stream->is_complete;
}

bool
llm_stream_has_answer(const LlmStream *stream)
{
	return stream->is_complete || stream->finish != NULL;
}

size_t
llm_stream_pending(const LlmStream *stream)
{
	return stream->text.len - stream->taken;
}

const char *
llm_stream_take(LlmStream *stream, size_t *len)
{
	const char *text = buffer_text(&stream->text) + stream->taken;

	*len = llm_stream_pending(stream);
	stream->taken = stream->text.len;
	return text;
}

/* ---- the end --------------------------------------------------------------- */

/* Tool calls in the shape of OpenAI; NULL with *reply set when broken. */
static json_t *
collect_calls(const LlmStream *stream, LlmReply *reply)
{
	json_t *calls = json_array();

	for (size_t i = 0; i < stream->n_calls; i++)
	{
		const StreamCall *call = &stream->calls[i];
		const char *arguments =
			call->arguments.len > 0 ? call->arguments.data : "{}";
		json_t *made;
		char made_up[32];

		/* a kind without identifiers */
		snprintf(made_up, sizeof(made_up), "call_s%zu", i + 1);
		if (call->name == NULL)
		{
			llm_reply_malformed(reply, "it has a malformed tool call");
			break;
		}
		made = json_pack("{s:s, s:s, s:{s:s, s:s}}", "id",
						 call->id != NULL ? call->id : made_up, "type",
						 "function", "function", "name", call->name,
						 "arguments", arguments);
		if (made != NULL && call->signature != NULL)
			json_object_set_new(made, "thought_signature",
								json_string(call->signature));
		if (json_array_append_new(calls, made) != 0)
			llm_reply_fault(reply, LLM_FAULT_LOCAL, LLM_RETRYABLE);
	}
	if (reply->outcome == LLM_PENDING)
		return calls;
	json_decref(calls);
	return NULL;
}

static void
make_reply(LlmStream *stream, LlmReply *reply)
{
	const char *finish = stream->finish != NULL ? stream->finish : "other";
	json_t *calls = NULL;

	if (stream->n_calls > 0)
	{
		calls = collect_calls(stream, reply);
		if (calls == NULL)
			return;
	}
	if (stream->is_refusal)
		finish = "refusal";
	llm_reply_text(stream->ask, reply,
				   json_stringn(buffer_text(&stream->text), stream->text.len),
				   calls, finish,
				   stream->model[0] != '\0' ? stream->model : NULL);
	if (reply->outcome == LLM_PENDING)
		llm_reply_fault(reply, LLM_FAULT_LOCAL, LLM_RETRYABLE);
}

void
llm_stream_finish(LlmStream *stream, LlmReply *reply)
{
	/* servers leave out the newlines after the last event */
	if (stream->reply.outcome == LLM_PENDING && stream->line.len > 0)
		read_line(stream);
	if (stream->reply.outcome == LLM_PENDING && !stream->kind->streams_lines)
		read_sse_line(stream, "", 0);

	*reply = stream->reply;
	stream->reply.result = stream->reply.rejected = NULL;
	if (reply->outcome != LLM_PENDING)
		return;
	if (stream->finish != NULL ||
		(stream->is_complete && (stream->text.len > 0 || stream->n_calls > 0)))
	{
		unsigned long failures = jansson_memory_failures();

		make_reply(stream, reply);
		llm_reply_check_memory(reply, failures);
	}
	else if (stream->n_events == 0)
		llm_reply_malformed(reply, "it is no stream of events");
	else if (stream->is_complete)
		llm_reply_malformed(reply, "its stream has no text");
	else
		llm_reply_fault(reply, LLM_FAULT_TIMEOUT, LLM_RETRYABLE);
}

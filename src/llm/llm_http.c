/*-------------------------------------------------------------------------
 *
 * llm_http.c
 *		HTTP: the only file that calls libcurl.
 *
 * A curl multi handle tells through callbacks which sockets it waits for and
 * when it wants to be called again. The sockets are in an epoll set of our
 * own, and that one descriptor is in a WaitEventSet beside the latch and the
 * postmaster's death. So one wait serves any number of transfers, changing
 * what a transfer waits for costs one system call, and a cancel or a shutdown
 * interrupts at once.
 *
 * Rules of this file, each for a way in which it can go wrong:
 * - Nothing raises inside a callback of libcurl: a longjmp through its frames
 *   leaves its state broken. Callbacks record what happened in the transfer;
 *   llm_http_next turns that into an outcome.
 * - Signals are blocked while libcurl runs. Its resolver starts threads, they
 *   inherit the mask, and a handler of the server must never run in one.
 * - The address is checked when a socket is opened, which is after DNS, and
 *   again before a request goes out on a connection that is reused.
 * - All state is in process memory. Connections stay open between calls;
 *   a child of fork would share them, but backends do not fork.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "lib/ilist.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/guc.h"
#include "llm/llm_address.h"
#include "llm/llm_int.h"
#include "llm/llm_secret.h"

#if LIBCURL_VERSION_NUM < 0x075500
#error "intel needs libcurl 7.85 or newer"
#endif

#if LIBCURL_VERSION_NUM < 0x080600
#define CURLE_TOO_LARGE ((CURLcode) 100)
#endif

#define CONNECT_TIMEOUT_MS 10000L
#define MAX_HEADER_BYTES (64 * 1024)
/* Open connections, idle ones included; the server grants about 300. */
#define MAX_CONNECTIONS 280L
#define EVENTS_PER_WAIT 64

struct LlmHttp
{
	MemoryContext cxt;
	CURLM *multi;
	int epoll_fd;
	WaitEventSet *set;
	int64 timer_due_ms; /* on the monotonic clock; -1: none */
	int64 idle_due_ms;	/* no stream is silent for too long before; -1: none */
	dlist_head in_flight;
	dlist_head finished;
	dlist_head with_part;
	int n_in_flight;
	MemoryContextCallback release;
};

/* Why a callback stopped a transfer. */
typedef enum Stop
{
	STOP_NONE,
	STOP_ADDRESS,  /* refused by the egress rules */
	STOP_SOCKETS,  /* no descriptor left for a socket */
	STOP_TOO_LONG, /* body above intel.llm_max_response_bytes */
	STOP_HEADERS,  /* headers above MAX_HEADER_BYTES */
	STOP_RESEND,   /* libcurl was about to send the request again */
	STOP_STREAM,   /* the stream failed, and knows why */
	STOP_IDLE,	   /* nothing came for idle_ms */
	STOP_MEMORY,
} Stop;

/* One call on its way. In the call's context, but for what says malloc. */
typedef struct LlmTransfer
{
	dlist_node node; /* in in_flight or finished */
	LlmHttp *http;
	LlmCall *call;
	CURL *easy;
	struct curl_slist *headers; /* malloc; the key is in it */
	bool is_finished;
	CURLcode code;
	long status;
	bool was_connected; /* so it may have been received */
	bool was_sent;
	Stop stop;

	/* of a stream */
	dlist_node part_node; /* in with_part, if has_part */
	bool has_part;
	int idle_ms;
	int64 heard_ms; /* when the last bytes came, on the monotonic clock */

	char *body; /* malloc; NULL for what went into a stream */
	size_t len;
	size_t size;
	size_t max;
	size_t header_bytes;
	LlmHeaders reply_headers;
} LlmTransfer;

static int64
monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Keep all signals but those of faults away from what runs until unblock. */
static void
block_signals(sigset_t *saved)
{
	sigset_t all;

	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGTRAP);
	sigdelset(&all, SIGABRT);
	sigprocmask(SIG_SETMASK, &all, saved);
}

static void
unblock_signals(const sigset_t *saved)
{
	sigprocmask(SIG_SETMASK, saved, NULL);
}

/* ---- callbacks of libcurl: nothing here may raise ----------------------- */

static int
on_socket(CURL *easy pg_attribute_unused(), curl_socket_t fd, int what,
		  void *arg, void *socket_arg pg_attribute_unused())
{
	LlmHttp *http = arg;
	struct epoll_event event;

	if (what == CURL_POLL_REMOVE)
	{
		/* already gone when the socket was closed first */
		(void) epoll_ctl(http->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	memset(&event, 0, sizeof(event));
	event.data.fd = fd;
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		event.events |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		event.events |= EPOLLOUT;
	if (epoll_ctl(http->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0 ||
		epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
		return 0;
	return -1;
}

static int
on_timer(CURLM *multi pg_attribute_unused(), long timeout_ms, void *arg)
{
	LlmHttp *http = arg;

	http->timer_due_ms = timeout_ms < 0 ? -1 : monotonic_ms() + timeout_ms;
	return 0;
}

/* Open a socket, if the address may be called. */
static curl_socket_t
on_open_socket(void *arg, curlsocktype purpose pg_attribute_unused(),
			   struct curl_sockaddr *address)
{
	LlmTransfer *transfer = arg;
	curl_socket_t fd;

	if (!llm_address_allowed(&address->addr, address->addrlen,
							 transfer->call->state->allow_private))
	{
		transfer->stop = STOP_ADDRESS;
		return CURL_SOCKET_BAD;
	}
	if (!AcquireExternalFD())
	{
		transfer->stop = STOP_SOCKETS;
		return CURL_SOCKET_BAD;
	}
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC,
				address->protocol);
	if (fd < 0)
	{
		ReleaseExternalFD();
		transfer->stop = STOP_SOCKETS;
		return CURL_SOCKET_BAD;
	}
	return fd;
}

/* Has no transfer: connections outlive it. */
static int
on_close_socket(void *arg pg_attribute_unused(), curl_socket_t fd)
{
	ReleaseExternalFD();
	return close(fd);
}

/*
 * Last look before the request is written. A reused connection was opened for
 * another provider perhaps, one that may live on a private network. And when
 * a reused connection ends without an answer, libcurl tries once more on its
 * own; but nobody knows whether the provider has worked on the request, and
 * sending it twice is for the caller to decide.
 */
static int
on_connected(void *arg, char *remote_ip, char *local_ip pg_attribute_unused(),
			 int remote_port pg_attribute_unused(),
			 int local_port pg_attribute_unused())
{
	LlmTransfer *transfer = arg;
	LlmAddress class = llm_address_class_text(remote_ip);

	if (class == LLM_ADDRESS_FORBIDDEN ||
		(class == LLM_ADDRESS_PRIVATE &&
		 !transfer->call->state->allow_private))
		transfer->stop = STOP_ADDRESS;
	else if (transfer->was_sent)
		transfer->stop = STOP_RESEND;
	else
	{
		/* of another address of the host, which libcurl tried before */
		if (transfer->stop == STOP_ADDRESS || transfer->stop == STOP_SOCKETS)
			transfer->stop = STOP_NONE;
		transfer->was_sent = true;
		transfer->call->state->was_sent = true;
		return CURL_PREREQFUNC_OK;
	}
	return CURL_PREREQFUNC_ABORT;
}

static size_t
on_header(char *line, size_t size, size_t n, void *arg)
{
	LlmTransfer *transfer = arg;
	size_t len = size * n;

	transfer->header_bytes += len;
	if (transfer->header_bytes > MAX_HEADER_BYTES)
	{
		transfer->stop = STOP_HEADERS;
		return 0;
	}
	/* an interim answer (100, 103) comes before the real one */
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
		llm_headers_init(&transfer->reply_headers);
	else
		llm_headers_read(&transfer->reply_headers, line, len,
						 (int64) time(NULL));
	return len;
}

/* Time that a stream may go on without a byte once it is complete. */
#define LINGER_MS 1000

static void
expect_bytes(LlmTransfer *transfer)
{
	LlmHttp *http = transfer->http;
	int64 due;

	transfer->heard_ms = monotonic_ms();
	due = transfer->heard_ms + transfer->idle_ms;
	if (http->idle_due_ms < 0 || due < http->idle_due_ms)
		http->idle_due_ms = due;
}

/* More of a streamed answer; false when there is no use in the rest. */
static bool
take_stream(LlmTransfer *transfer, const char *data, size_t len)
{
	LlmCall *call = transfer->call;
	LlmStream *stream = call->state->stream;

	if (!llm_stream_feed(stream, data, len))
	{
		transfer->stop = STOP_STREAM;
		return false;
	}
	if (llm_stream_is_complete(stream))
		transfer->idle_ms = Min(transfer->idle_ms, LINGER_MS);
	if (call->wants_parts && llm_stream_pending(stream) > 0 &&
		!transfer->has_part)
	{
		dlist_push_tail(&transfer->http->with_part, &transfer->part_node);
		transfer->has_part = true;
	}
	if (llm_stream_pending(stream) > 0 && call->first_token_ms < 0)
	{
		instr_time now;

		INSTR_TIME_SET_CURRENT(now);
		INSTR_TIME_SUBTRACT(now, call->state->started);
		call->first_token_ms = (int64) INSTR_TIME_GET_MILLISEC(now);
	}
	expect_bytes(transfer);
	return true;
}

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	LlmTransfer *transfer = arg;
	size_t len = size * n;
	long status;

	if (len > transfer->max - transfer->len)
	{
		transfer->stop = STOP_TOO_LONG;
		return 0;
	}
	if (transfer->call->state->stream != NULL &&
		curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status) ==
			CURLE_OK &&
		status >= 200 && status <= 299)
	{
		transfer->len += len;
		return take_stream(transfer, data, len) ? len : 0;
	}
	if (transfer->len + len > transfer->size)
	{
		size_t want = Max(transfer->size * 2, transfer->len + len);
		char *grown = realloc(transfer->body, Max(want, 4096));

		if (grown == NULL)
		{
			transfer->stop = STOP_MEMORY;
			return 0;
		}
		transfer->body = grown;
		transfer->size = Max(want, 4096);
	}
	memcpy(transfer->body + transfer->len, data, len);
	transfer->len += len;
	return len;
}

/* ---- the set of transfers ----------------------------------------------- */

/* Runs when the context of the set goes, or when it could not be completed. */
static void
release_http(void *arg)
{
	LlmHttp *http = arg;
	sigset_t saved;

	while (!dlist_is_empty(&http->in_flight))
		llm_http_drop(dlist_head_element(LlmTransfer, node, &http->in_flight));
	while (!dlist_is_empty(&http->finished))
		llm_http_drop(dlist_head_element(LlmTransfer, node, &http->finished));

	block_signals(&saved);
	if (http->multi != NULL)
		curl_multi_cleanup(http->multi);
	unblock_signals(&saved);
	if (http->set != NULL)
		FreeWaitEventSet(http->set);
	if (http->epoll_fd >= 0)
	{
		close(http->epoll_fd);
		ReleaseExternalFD();
	}
	http->multi = NULL;
	http->set = NULL;
	http->epoll_fd = -1;
}

static void
init_library(void)
{
	static bool done = false;
	sigset_t saved;
	CURLcode code;

	if (done)
		return;
	block_signals(&saved);
	code = curl_global_init(CURL_GLOBAL_DEFAULT);
	unblock_signals(&saved);
	if (code != CURLE_OK)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY),
						errmsg("could not start the HTTP library")));
	done = true;
}

static void
open_epoll(LlmHttp *http)
{
	if (!AcquireExternalFD())
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
						errmsg("too many open files for an HTTP call")));
	http->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (http->epoll_fd < 0)
	{
		ReleaseExternalFD();
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
						errmsg("could not create an epoll descriptor: %m")));
	}
}

LlmHttp *
llm_http_create(void)
{
	LlmHttp *http = palloc0(sizeof(LlmHttp));

	init_library();
	http->cxt = CurrentMemoryContext;
	http->epoll_fd = -1;
	http->timer_due_ms = -1;
	http->idle_due_ms = -1;
	dlist_init(&http->in_flight);
	dlist_init(&http->finished);
	dlist_init(&http->with_part);
	http->release.func = release_http;
	http->release.arg = http;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &http->release);

	open_epoll(http);
	http->set = CreateWaitEventSet(NULL, 3);
	AddWaitEventToSet(http->set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch,
					  NULL);
	AddWaitEventToSet(http->set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL,
					  NULL);
	AddWaitEventToSet(http->set, WL_SOCKET_READABLE, http->epoll_fd, NULL,
					  NULL);

	http->multi = curl_multi_init();
	if (http->multi == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, MAX_CONNECTIONS);
	return http;
}

int
llm_http_in_flight(const LlmHttp *http)
{
	return http->n_in_flight;
}

/* ---- starting ----------------------------------------------------------- */

/* Append a header line; false when memory is short. */
static bool
add_header(LlmTransfer *transfer, const char *line)
{
	struct curl_slist *list = curl_slist_append(transfer->headers, line);

	if (list == NULL)
		return false;
	transfer->headers = list;
	return true;
}

static bool
add_headers(LlmTransfer *transfer)
{
	const LlmCallState *state = transfer->call->state;

	return add_header(transfer, "Content-Type: application/json") &&
		   add_header(transfer,
					  state->stream != NULL && !state->kind->streams_lines
						  ? "Accept: text/event-stream"
						  : "Accept: application/json") &&
		   /* no waiting for "100 Continue" with long bodies */
		   add_header(transfer, "Expect:") &&
		   (state->kind->fixed_header == NULL ||
			add_header(transfer, state->kind->fixed_header)) &&
		   (state->key_header == NULL ||
			add_header(transfer, state->key_header));
}

#define SET(option, value)                                                    \
	ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK

static bool
set_options(LlmTransfer *transfer)
{
	const LlmCall *call = transfer->call;
	const LlmCallState *state = call->state;
	CURL *easy = transfer->easy;
	bool ok = true;

	/* what is asked */
	SET(CURLOPT_URL, state->url);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_POSTFIELDS, state->wire.body);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(state->wire.body));
	SET(CURLOPT_HTTPHEADER, transfer->headers);
	SET(CURLOPT_USERAGENT, "intel/" INTEL_VERSION);
	/* with HTTP/2 one connection's stall would be everybody's */
	SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);

	/* where it may go */
	SET(CURLOPT_PROTOCOLS_STR, state->allow_private ? "https,http" : "https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	SET(CURLOPT_UNIX_SOCKET_PATH, NULL);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	if (state->ca_certificate != NULL)
	{
		struct curl_blob blob = {state->ca_certificate,
								 strlen(state->ca_certificate),
								 CURL_BLOB_NOCOPY};

		SET(CURLOPT_CAINFO_BLOB, &blob);
		SET(CURLOPT_CAPATH, NULL);
	}
	SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	SET(CURLOPT_OPENSOCKETDATA, transfer);
	SET(CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
	SET(CURLOPT_CLOSESOCKETDATA, NULL);
	SET(CURLOPT_PREREQFUNCTION, on_connected);
	SET(CURLOPT_PREREQDATA, transfer);

	/* how long, how much */
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TIMEOUT_MS, (long) call->timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS,
		Min((long) call->timeout_ms, CONNECT_TIMEOUT_MS));
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) transfer->max);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	/* servers close idle connections, most of them after a minute */
	SET(CURLOPT_MAXAGE_CONN, 50L);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, transfer);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, transfer);
	SET(CURLOPT_PRIVATE, transfer);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* dropping a transfer does not wait for a slow name server */
	SET(CURLOPT_QUICK_EXIT, 1L);
#endif
	return ok;
}

/* Hand over to the list of finished transfers. */
static void
finish(LlmTransfer *transfer, CURLcode code)
{
	transfer->is_finished = true;
	transfer->code = code;
	dlist_push_tail(&transfer->http->finished, &transfer->node);
}

static void drive(LlmHttp *http, bool sockets_ready);

/* Begin a stream anew: a call can be sent again. */
static void
start_stream(LlmTransfer *transfer)
{
	LlmCall *call = transfer->call;
	LlmCallState *state = call->state;

	llm_stream_free(state->stream);
	state->stream = NULL;
	call->first_token_ms = -1;
	if (!call->is_streamed)
		return;
	state->stream = llm_stream_create(state->kind, &state->ask);
	transfer->idle_ms = call->idle_timeout_ms;
	expect_bytes(transfer);
}

void
llm_http_start(LlmHttp *http, LlmCall *call)
{
	LlmTransfer *transfer =
		MemoryContextAllocZero(call->cxt, sizeof(LlmTransfer));
	sigset_t saved;
	bool ok;

	Assert(!call->is_local && call->state->url != NULL);
	transfer->http = http;
	transfer->call = call;
	transfer->max = guc_llm_max_response_bytes;
	llm_headers_init(&transfer->reply_headers);
	call->state->transfer = transfer;
	llm_call_begin(call);
	start_stream(transfer);

	block_signals(&saved);
	transfer->easy = curl_easy_init();
	ok = transfer->easy != NULL &&
		 (!call->is_streamed || call->state->stream != NULL) &&
		 add_headers(transfer) && set_options(transfer) &&
		 curl_multi_add_handle(http->multi, transfer->easy) == CURLM_OK;
	unblock_signals(&saved);

	if (ok)
	{
		dlist_push_tail(&http->in_flight, &transfer->node);
		http->n_in_flight++;
	}
	else
		finish(transfer, CURLE_OUT_OF_MEMORY);
	/* the first bytes leave now, not when the caller comes to wait */
	drive(http, false);
}

/* ---- ending ------------------------------------------------------------- */

/* The key is in the header list: overwrite before freeing. */
static void
free_headers(LlmTransfer *transfer)
{
	for (struct curl_slist *item = transfer->headers; item != NULL;
		 item = item->next)
		llm_secret_wipe(item->data, strlen(item->data));
	curl_slist_free_all(transfer->headers);
	transfer->headers = NULL;
}

/* Take a transfer out of libcurl and of its list, and free what malloc gave. */
void
llm_http_drop(LlmTransfer *transfer)
{
	LlmHttp *http = transfer->http;
	sigset_t saved;

	dlist_delete(&transfer->node);
	if (transfer->has_part)
		dlist_delete(&transfer->part_node);
	transfer->has_part = false;
	block_signals(&saved);
	if (!transfer->is_finished)
	{
		curl_multi_remove_handle(http->multi, transfer->easy);
		http->n_in_flight--;
	}
	curl_easy_cleanup(transfer->easy);
	unblock_signals(&saved);
	free_headers(transfer);
	free(transfer->body);
	transfer->body = NULL;
	transfer->call->state->transfer = NULL;
}

/* Stop the streams that have been silent for too long. */
static void
stop_idle(LlmHttp *http, int64 now)
{
	dlist_mutable_iter iter;
	int64 next = -1;
	sigset_t saved;

	if (http->idle_due_ms < 0 || now < http->idle_due_ms)
		return;
	block_signals(&saved);
	dlist_foreach_modify(iter, &http->in_flight)
	{
		LlmTransfer *transfer = dlist_container(LlmTransfer, node, iter.cur);
		int64 due = transfer->heard_ms + transfer->idle_ms;

		if (transfer->idle_ms == 0)
			continue;
		if (now >= due)
		{
			transfer->stop = STOP_IDLE;
			curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE,
							  &transfer->status);
			curl_multi_remove_handle(http->multi, transfer->easy);
			dlist_delete(&transfer->node);
			http->n_in_flight--;
			finish(transfer, CURLE_OPERATION_TIMEDOUT);
		}
		else if (next < 0 || due < next)
			next = due;
	}
	unblock_signals(&saved);
	http->idle_due_ms = next;
}

/* Move what libcurl has finished to our list. */
static void
collect_finished(LlmHttp *http)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left)) != NULL)
	{
		LlmTransfer *transfer;
		CURL *easy = message->easy_handle;
		CURLcode code = message->data.result; /* gone with the handle */
		curl_off_t before_transfer = 0;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &transfer);
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &transfer->status);
		curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &before_transfer);
		transfer->was_connected = before_transfer > 0;
		curl_multi_remove_handle(http->multi, easy);
		dlist_delete(&transfer->node);
		http->n_in_flight--;
		finish(transfer, code);
	}
}

/* Let libcurl do what there is to do, without waiting. */
static void
drive(LlmHttp *http, bool sockets_ready)
{
	struct epoll_event events[EVENTS_PER_WAIT];
	sigset_t saved;
	int running;
	int n = 0;

	block_signals(&saved);
	if (sockets_ready)
		n = epoll_wait(http->epoll_fd, events, EVENTS_PER_WAIT, 0);
	for (int i = 0; i < n; i++)
	{
		int flags = 0;

		if (events[i].events & EPOLLIN)
			flags |= CURL_CSELECT_IN;
		if (events[i].events & EPOLLOUT)
			flags |= CURL_CSELECT_OUT;
		if (events[i].events & (EPOLLERR | EPOLLHUP))
			flags |= CURL_CSELECT_ERR;
		curl_multi_socket_action(http->multi, events[i].data.fd, flags,
								 &running);
	}
	if (http->timer_due_ms >= 0 && http->timer_due_ms <= monotonic_ms())
	{
		http->timer_due_ms = -1;
		curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0,
								 &running);
	}
	collect_finished(http);
	unblock_signals(&saved);
}

/* Is there a call to be fetched with llm_http_next or llm_http_next_part? */
static bool
has_news(LlmHttp *http)
{
	return !dlist_is_empty(&http->finished) ||
		   !dlist_is_empty(&http->with_part);
}

/* The earlier of two times, each -1 when there is none. */
static int64
earlier(int64 a, int64 b)
{
	return a < 0 || b < 0 ? Max(a, b) : Min(a, b);
}

static uint32
wait_event_of(LlmWait what)
{
	static const char *const names[] = {
		[LLM_WAIT_ANSWER] = "IntelHttp",
		[LLM_WAIT_PLACE] = "IntelPlace",
		[LLM_WAIT_RETRY] = "IntelRetry",
		[LLM_WAIT_WORK] = "IntelWorkerMain",
	};
	static uint32 events[lengthof(names)];

	if (events[what] == 0)
		events[what] = WaitEventExtensionNew(names[what]);
	return events[what];
}

void
llm_http_wait(LlmHttp *http, long timeout_ms, LlmWait what)
{
	uint32 wait_event = wait_event_of(what);
	int64 deadline = timeout_ms < 0 ? -1 : monotonic_ms() + timeout_ms;

	for (;;)
	{
		WaitEvent events[3];
		int64 now = monotonic_ms();
		int64 until = deadline;
		bool sockets_ready = false;
		bool latch_set = false;
		int n;

		if (has_news(http))
			until = now;
		until = earlier(until, http->timer_due_ms);
		until = earlier(until, http->idle_due_ms);

		n = WaitEventSetWait(http->set,
							 until < 0 ? -1 : (long) Max(until - now, 0),
							 events, lengthof(events), wait_event);
		for (int i = 0; i < n; i++)
		{
			if (events[i].events & WL_LATCH_SET)
				latch_set = true;
			if (events[i].events & WL_SOCKET_READABLE)
				sockets_ready = true;
		}
		if (latch_set)
			ResetLatch(MyLatch);
		/* a latch that is set hides the sockets from the wait */
		drive(http, sockets_ready || latch_set);
		stop_idle(http, monotonic_ms());

		if (latch_set || has_news(http) ||
			(deadline >= 0 && deadline <= monotonic_ms()))
			return;
	}
}

/* Outcome of a transfer that a callback stopped. */
static void
fail_stopped(LlmCall *call, const LlmTransfer *transfer)
{
	switch (transfer->stop)
	{
		case STOP_NONE:
			break;
		case STOP_ADDRESS:
			llm_call_fail(call, LLM_FAULT_REFUSED, LLM_PERMANENT,
						  "provider \"%s\" is at a private or reserved "
						  "network address",
						  call->provider);
			break;
		case STOP_SOCKETS:
			llm_call_fail(call, LLM_FAULT_LOCAL, LLM_RETRYABLE,
						  "too many open files for a call of provider \"%s\"",
						  call->provider);
			break;
		case STOP_TOO_LONG:
			llm_call_fail(call, LLM_FAULT_MALFORMED, LLM_PERMANENT,
						  "answer of provider \"%s\" is longer than %zu bytes",
						  call->provider, transfer->max);
			break;
		case STOP_HEADERS:
			llm_call_fail(call, LLM_FAULT_MALFORMED, LLM_PERMANENT,
						  "headers of provider \"%s\" are longer than %d "
						  "bytes",
						  call->provider, MAX_HEADER_BYTES);
			break;
		case STOP_RESEND:
			llm_call_fail(call, LLM_FAULT_TIMEOUT, LLM_RETRYABLE,
						  "connection to provider \"%s\" broke before the "
						  "answer",
						  call->provider);
			break;
		case STOP_STREAM:
			break; /* the stream's reply says why */
		case STOP_IDLE:
			llm_call_fail(call, LLM_FAULT_TIMEOUT, LLM_RETRYABLE,
						  "provider \"%s\" sent nothing for %d ms",
						  call->provider, call->idle_timeout_ms);
			break;
		case STOP_MEMORY:
			llm_call_fail(call, LLM_FAULT_LOCAL, LLM_RETRYABLE,
						  "out of memory while reading the answer of "
						  "provider \"%s\"",
						  call->provider);
			break;
	}
}

/*
 * Why a transfer ended without an answer. Before it had a code of its own for
 * that, libcurl called a header line above its limit "out of memory".
 */
static CURLcode
transfer_code(const LlmTransfer *transfer)
{
	if (transfer->code == CURLE_OUT_OF_MEMORY && transfer->was_connected &&
		transfer->body == NULL)
		return CURLE_TOO_LARGE;
	return transfer->code;
}

/* Outcome of a transfer that ended without an answer. */
static void
fail_transfer(LlmCall *call, const LlmTransfer *transfer)
{
	const char *provider = call->provider;

	if (transfer->stop != STOP_NONE)
	{
		fail_stopped(call, transfer);
		return;
	}
	switch (transfer_code(transfer))
	{
		case CURLE_OPERATION_TIMEDOUT:
			if (transfer->was_connected)
				llm_call_fail(call, LLM_FAULT_TIMEOUT, LLM_RETRYABLE,
							  "provider \"%s\" did not answer within %d ms",
							  provider, call->timeout_ms);
			else
				llm_call_fail(call, LLM_FAULT_TIMEOUT, LLM_RETRYABLE,
							  "could not connect to provider \"%s\" within "
							  "%d ms",
							  provider,
							  (int) Min(call->timeout_ms, CONNECT_TIMEOUT_MS));
			break;
		case CURLE_COULDNT_RESOLVE_HOST:
			llm_call_fail(call, LLM_FAULT_TIMEOUT, LLM_RETRYABLE,
						  "could not find the address of provider \"%s\"",
						  provider);
			break;
		case CURLE_COULDNT_CONNECT:
			llm_call_fail(call, LLM_FAULT_TIMEOUT, LLM_RETRYABLE,
						  "could not connect to provider \"%s\"", provider);
			break;
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_CACERT_BADFILE:
		case CURLE_SSL_ISSUER_ERROR:
		case CURLE_SSL_INVALIDCERTSTATUS:
			llm_call_fail(call, LLM_FAULT_REFUSED, LLM_PERMANENT,
						  "certificate of provider \"%s\" could not be "
						  "verified",
						  provider);
			break;
		case CURLE_UNSUPPORTED_PROTOCOL:
			if (transfer->was_connected)
			{
				/* an answer without a status line: HTTP/0.9, or none */
				llm_call_fail(call, LLM_FAULT_MALFORMED, LLM_PERMANENT,
							  "provider \"%s\" does not speak HTTP", provider);
				break;
			}
			/* FALLTHROUGH */
		case CURLE_URL_MALFORMAT:
		case CURLE_LOGIN_DENIED:
			llm_call_fail(call, LLM_FAULT_REFUSED, LLM_PERMANENT,
						  "base URL of provider \"%s\" is not allowed",
						  provider);
			break;
		case CURLE_FILESIZE_EXCEEDED:
			llm_call_fail(call, LLM_FAULT_MALFORMED, LLM_PERMANENT,
						  "answer of provider \"%s\" is longer than %zu bytes",
						  provider, transfer->max);
			break;
		case CURLE_WEIRD_SERVER_REPLY:
		case CURLE_BAD_CONTENT_ENCODING:
			llm_call_fail(call, LLM_FAULT_MALFORMED, LLM_PERMANENT,
						  "provider \"%s\" does not speak HTTP", provider);
			break;
		case CURLE_TOO_LARGE:
			llm_call_fail(call, LLM_FAULT_MALFORMED, LLM_PERMANENT,
						  "headers of provider \"%s\" are too long", provider);
			break;
		case CURLE_OUT_OF_MEMORY:
		case CURLE_FAILED_INIT:
			llm_call_fail(call, LLM_FAULT_LOCAL, LLM_RETRYABLE,
						  "out of memory while calling provider \"%s\"",
						  provider);
			break;
		default:
			llm_call_fail(call, LLM_FAULT_TIMEOUT, LLM_RETRYABLE,
						  "connection to provider \"%s\" broke (code %d)",
						  provider, (int) transfer->code);
			break;
	}
}

/* Read the answer of a transfer into its call, and drop the transfer. */
static void
read_answer(LlmCall *call, LlmTransfer *transfer)
{
	LlmStream *stream = call->state->stream;
	LlmReply reply;

	call->http_status = (int) transfer->status;
	memcpy(call->rates, transfer->reply_headers.rates, sizeof(call->rates));
	strcpy(call->request_id, transfer->reply_headers.request_id);
	if (stream != NULL && transfer->body == NULL && call->http_status >= 200 &&
		call->http_status <= 299)
		llm_stream_finish(stream, &reply);
	else
		llm_reply_read(call->state->kind, &call->state->ask, call->http_status,
					   &transfer->reply_headers,
					   transfer->body != NULL ? transfer->body : "",
					   transfer->len, &reply);
	PG_TRY();
	{
		llm_call_take_reply(call, &reply);
	}
	PG_FINALLY();
	{
		llm_reply_free(&reply);
		llm_http_drop(transfer);
	}
	PG_END_TRY();
}

/*
 * Has the provider answered? A stream may have said all, or that it failed,
 * before its connection ended in whatever way.
 */
static bool
has_answer(const LlmTransfer *transfer)
{
	const LlmStream *stream = transfer->call->state->stream;

	if (transfer->stop == STOP_STREAM ||
		(stream != NULL && llm_stream_has_answer(stream)))
		return true;
	return transfer->code == CURLE_OK && transfer->stop == STOP_NONE;
}

LlmCall *
llm_http_next_part(LlmHttp *http)
{
	LlmTransfer *transfer;

	if (dlist_is_empty(&http->with_part))
		return NULL;
	transfer = dlist_container(LlmTransfer, part_node,
							   dlist_pop_head_node(&http->with_part));
	transfer->has_part = false;
	return transfer->call;
}

LlmCall *
llm_http_next(LlmHttp *http)
{
	LlmTransfer *transfer;
	LlmCall *call;

	if (dlist_is_empty(&http->finished))
		return NULL;
	transfer = dlist_head_element(LlmTransfer, node, &http->finished);
	call = transfer->call;

	if (has_answer(transfer))
		read_answer(call, transfer);
	else
	{
		fail_transfer(call, transfer);
		llm_http_drop(transfer);
	}
	return call;
}

/*-------------------------------------------------------------------------
 *
 * fast_server.c
 *		A model server that costs next to nothing, for measuring workers.
 *
 * One thread, one epoll set, one answer: an OpenAI chat completion, after a
 * fixed latency. The model server of the other tests can do much more, and
 * takes more time for a request than a worker does.
 *
 *		fast_server LATENCY_MS		prints its port; ends with its parent
 *
 * A request whose body holds "hang" is never answered, one with "limited" is
 * refused: 429, to be tried again in a second. A mark "#N#" in the
 * body is noted with the time at which the request's first byte arrived.
 * GET /stats: JSON. GET /marks: lines "N microseconds". GET /gone: the same for
 * marked requests that hung until the client closed. GET /reset: forget all.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FDS 4096
#define MAX_REQUEST 65536

typedef struct Connection
{
	bool open;
	bool busy;	  /* its request is not answered yet */
	bool hangs;
	int len;
	long mark;	  /* -1: none */
	int64_t first_us; /* first byte of the request; 0: none yet */
	char data[MAX_REQUEST];
} Connection;

typedef struct Pending
{
	int fd;
	unsigned generation;
	int64_t due_us;
} Pending;

typedef struct Marks
{
	long *number;
	int64_t *at;
	size_t n, size;
} Marks;

static Connection *connections[MAX_FDS];
static unsigned generation[MAX_FDS];
static Pending pending[MAX_FDS * 4];
static unsigned head = 0, tail = 0;
static Marks marks, gone;
static int64_t latency_us;
static long n_requests = 0, n_limited = 0, n_connections = 0;
static long n_open = 0, max_open = 0;

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
note(Marks *list, long number, int64_t at)
{
	if (list->n == list->size)
	{
		list->size = list->size ? list->size * 2 : 1024;
		list->number = realloc(list->number, list->size * sizeof(long));
		list->at = realloc(list->at, list->size * sizeof(int64_t));
	}
	list->number[list->n] = number;
	list->at[list->n++] = at;
}

static void
send_all(int fd, const char *data, size_t len)
{
	while (len > 0)
	{
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			continue;
		if (n <= 0)
			return;
		data += n;
		len -= n;
	}
}

static void
answer(int fd, const char *status, const char *body, size_t len)
{
	char header[200];
	int n = snprintf(header, sizeof(header),
					 "HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
					 "Content-Length: %zu\r\n\r\n",
					 status, len);
	char *all = malloc(n + len);

	memcpy(all, header, n);
	memcpy(all + n, body, len);
	send_all(fd, all, n + len);
	free(all);
}

static void
answer_chat(int fd)
{
	static const char body[] =
		"{\"id\":\"c\",\"object\":\"chat.completion\",\"model\":\"m\",\"choices\":"
		"[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"fine\"},"
		"\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":7,"
		"\"completion_tokens\":1,\"total_tokens\":8}}";

	answer(fd, "200 OK", body, sizeof(body) - 1);
	n_open--;
}

static void
answer_marks(int fd, const Marks *list)
{
	char *text = malloc(list->n * 48 + 1);
	size_t len = 0;

	for (size_t i = 0; i < list->n; i++)
		len += sprintf(text + len, "%ld %lld\n", list->number[i],
					   (long long) list->at[i]);
	answer(fd, "200 OK", text, len);
	free(text);
}

static void
administer(int fd, const char *path)
{
	char text[300];
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	if (strncmp(path, "/marks", 6) == 0)
		answer_marks(fd, &marks);
	else if (strncmp(path, "/gone", 5) == 0)
		answer_marks(fd, &gone);
	else
	{
		if (strncmp(path, "/reset", 6) == 0)
			n_requests = n_limited = n_connections = max_open = marks.n =
				gone.n = 0;
		if (strncmp(path, "/latency/", 9) == 0)
			latency_us = atol(path + 9) * 1000;
		answer(fd, "200 OK", text,
			   sprintf(text,
					   "{\"requests\":%ld,\"limited\":%ld,\"connections\":%ld,"
					   "\"open\":%ld,\"max_open\":%ld,\"cpu_ms\":%ld}",
					   n_requests, n_limited, n_connections, n_open, max_open,
					   (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
						   (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000));
	}
}

/* Take whole requests off the connection's buffer. */
static void
serve(int fd, Connection *c)
{
	char *end;
	char *length;
	size_t size;
	char *mark;

	c->data[c->len] = '\0';
	end = strstr(c->data, "\r\n\r\n");
	if (end == NULL || c->busy)
		return;
	length = strcasestr(c->data, "\r\nContent-Length:");
	size = end + 4 - c->data + (length && length < end ? atol(length + 17) : 0);
	if ((size_t) c->len < size)
		return;

	if (strncmp(c->data, "GET ", 4) == 0)
		administer(fd, c->data + 4);
	else
	{
		n_requests++;
		if (++n_open > max_open)
			max_open = n_open;
		mark = strchr(end, '#');
		c->mark = mark ? strtol(mark + 1, NULL, 10) : -1;
		if (c->mark >= 0)
			note(&marks, c->mark, c->first_us);
		if (strstr(end, "hang"))
			c->busy = c->hangs = true;
		else if (strstr(end, "limited"))
		{
			answer(fd, "429 Too Many Requests\r\nRetry-After: 1", "{}", 2);
			n_limited++;
			n_open--;
		}
		else if (latency_us == 0)
			answer_chat(fd);
		else
		{
			c->busy = true;
			pending[tail % (MAX_FDS * 4)] =
				(Pending){fd, generation[fd], now_us() + latency_us};
			tail++;
		}
	}
	c->len -= size;
	memmove(c->data, c->data + size, c->len);
	c->first_us = c->len > 0 ? now_us() : 0;
}

static void
drop(int fd)
{
	Connection *c = connections[fd];

	if (c->busy)
		n_open--;
	if (c->hangs && c->mark >= 0)
		note(&gone, c->mark, now_us());
	free(c);
	connections[fd] = NULL;
	generation[fd]++;
	close(fd);
}

static void
receive(int fd)
{
	Connection *c = connections[fd];
	ssize_t n = recv(fd, c->data + c->len, MAX_REQUEST - 1 - c->len, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
	{
		drop(fd);
		return;
	}
	if (c->first_us == 0)
		c->first_us = now_us();
	c->len += n;
	serve(fd, c);
}

static void
answer_due(void)
{
	int64_t now = now_us();

	while (head != tail && pending[head % (MAX_FDS * 4)].due_us <= now)
	{
		Pending *p = &pending[head++ % (MAX_FDS * 4)];

		if (generation[p->fd] != p->generation)
			continue;
		connections[p->fd]->busy = false;
		answer_chat(p->fd);
		if (connections[p->fd]->len > 0)
			serve(p->fd, connections[p->fd]);
	}
}

static void
accept_all(int epoll, int listener)
{
	int one = 1;
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
	{
		struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

		if (fd >= MAX_FDS)
		{
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		connections[fd] = calloc(1, sizeof(Connection));
		n_connections++;
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
								  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int epoll = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	latency_us = argc > 1 ? atol(argv[1]) * 1000 : 0;
	if (bind(listener, (struct sockaddr *) &address, sizeof(address)) != 0 ||
		listen(listener, 1024) != 0 ||
		getsockname(listener, (struct sockaddr *) &address, &len) != 0)
		return 1;
	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);

	for (;;)
	{
		struct epoll_event events[256];
		int timeout = -1;
		int n;

		if (head != tail)
		{
			int64_t left = pending[head % (MAX_FDS * 4)].due_us - now_us();

			timeout = left > 0 ? (int) ((left + 999) / 1000) : 0;
		}
		n = epoll_wait(epoll, events, 256, timeout);
		for (int i = 0; i < n; i++)
		{
			if (events[i].data.fd == listener)
				accept_all(epoll, listener);
			else if (connections[events[i].data.fd] != NULL)
				receive(events[i].data.fd);
		}
		answer_due();
	}
}

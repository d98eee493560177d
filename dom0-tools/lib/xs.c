/* SPDX-License-Identifier: MIT */
/* See xs.h; messages as in xen/io/xs_wire.h. */
#include "xs.h"
#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

#define PATIENCE_MS 20000 /* for a reply: a store that is silent for longer is not there */

/* A message from the store; a zero byte is behind the payload. */
struct message {
	struct message *next;
	struct xsd_sockmsg head;
	char payload[];
};

struct xs {
	int fd;
	uint32_t last_id;
	struct message *events, **events_end;
};

/* A piece of a request's payload. */
struct part {
	const void *data;
	size_t len;
};

struct xs *xs_open(void)
{
	struct xs *xs = calloc(1, sizeof(*xs));

	if (!xs)
		return NULL;
	xs->fd = open("/dev/xen/xenbus", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	xs->events_end = &xs->events;
	if (xs->fd >= 0)
		return xs;
	free(xs);
	return NULL;
}

void xs_close(struct xs *xs)
{
	while (xs->events) {
		struct message *m = xs->events;

		xs->events = m->next;
		free(m);
	}
	close(xs->fd);
	free(xs);
}

struct xs *xs_shared(void)
{
	static struct xs *xs;
	static bool told;

	if (!xs)
		xs = xs_open();
	if (!xs && !told)
		fail("/dev/xen/xenbus: %s; is the store running? start it with `rl-keeper`", strerror(errno));
	told = true;
	return xs;
}

int xs_fd(const struct xs *xs)
{
	return xs->fd;
}

bool xs_pending(const struct xs *xs)
{
	return xs->events;
}

/* ---- Messages ---- */

static int wait_for(struct xs *xs, short what, int timeout_ms)
{
	struct pollfd fd = {.fd = xs->fd, .events = what};
	int n = poll(&fd, 1, timeout_ms);

	if (n == 0)
		errno = ETIMEDOUT;
	return n > 0 ? 0 : -1;
}

/* All of it. The first byte may take @timeout_ms, the rest comes soon. */
static int get(struct xs *xs, void *to, size_t len, int timeout_ms)
{
	char *at = to;

	while (len) {
		ssize_t got = read(xs->fd, at, len);

		if (!got)
			errno = EPIPE; /* the end: no reply will come */
		if (got <= 0 && (errno != EAGAIN || wait_for(xs, POLLIN, timeout_ms)))
			return -1;
		if (got > 0) {
			at += got;
			len -= got;
			timeout_ms = PATIENCE_MS;
		}
	}
	return 0;
}

static int put(struct xs *xs, const void *from, size_t len)
{
	const char *at = from;

	while (len) {
		ssize_t done = write(xs->fd, at, len);

		if (!done)
			errno = EPIPE;
		if (done <= 0 && (errno != EAGAIN || wait_for(xs, POLLOUT, PATIENCE_MS)))
			return -1;
		if (done > 0) {
			at += done;
			len -= done;
		}
	}
	return 0;
}

static struct message *receive(struct xs *xs, int timeout_ms)
{
	struct xsd_sockmsg head;
	struct message *m;

	if (get(xs, &head, sizeof(head), timeout_ms))
		return NULL;
	m = calloc(1, sizeof(*m) + head.len + 1);
	if (!m)
		return NULL;
	m->head = head;
	if (!get(xs, m->payload, head.len, PATIENCE_MS))
		return m;
	free(m);
	return NULL;
}

static void keep_event(struct xs *xs, struct message *m)
{
	*xs->events_end = m;
	xs->events_end = &m->next;
}

static int error_of(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} names[] = {
	    {"EACCES", EACCES}, {"EEXIST", EEXIST}, {"EISDIR", EISDIR}, {"ENOENT", ENOENT},
	    {"ENOMEM", ENOMEM}, {"ENOSPC", ENOSPC}, {"EIO", EIO},       {"ENOSYS", ENOSYS},
	    {"EROFS", EROFS},   {"EBUSY", EBUSY},   {"EAGAIN", EAGAIN}, {"E2BIG", E2BIG},
	    {"EPERM", EPERM},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i].name, name))
			return names[i].number;
	return EINVAL;
}

static int send_request(struct xs *xs, uint32_t type, uint32_t tx, const struct part *parts, size_t n)
{
	char whole[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
	struct xsd_sockmsg head = {.type = type, .req_id = ++xs->last_id, .tx_id = tx};
	char *at = whole + sizeof(head);

	for (size_t i = 0; i < n; i++) {
		if (parts[i].len > sizeof(whole) - (at - whole)) {
			errno = E2BIG;
			return -1;
		}
		memcpy(at, parts[i].data, parts[i].len);
		at += parts[i].len;
	}
	head.len = at - whole - sizeof(head);
	memcpy(whole, &head, sizeof(head));
	return put(xs, whole, at - whole);
}

/* Ask, and return the payload of the reply. */
static char *request(struct xs *xs, uint32_t type, uint32_t tx, const struct part *parts, size_t n,
		     size_t *len)
{
	struct message *m;
	char *text;

	if (send_request(xs, type, tx, parts, n))
		return NULL;
	while ((m = receive(xs, PATIENCE_MS))) {
		if (m->head.type == XS_WATCH_EVENT) {
			keep_event(xs, m);
			continue;
		}
		if (m->head.req_id == xs->last_id)
			break;
		free(m); /* the reply to a request that was given up */
	}
	if (!m)
		return NULL;
	if (m->head.type == XS_ERROR) {
		errno = error_of(m->payload);
		free(m);
		return NULL;
	}
	text = malloc(m->head.len + 1);
	if (text)
		memcpy(text, m->payload, m->head.len + 1);
	if (len)
		*len = m->head.len;
	free(m);
	return text;
}

static int request_done(struct xs *xs, uint32_t type, uint32_t tx, const struct part *parts, size_t n)
{
	char *reply = request(xs, type, tx, parts, n, NULL);

	free(reply);
	return reply ? 0 : -1;
}

static struct part text(const char *t)
{
	return (struct part){t, strlen(t) + 1};
}

/* ---- Nodes ---- */

char *xs_read(struct xs *xs, uint32_t tx, const char *path, size_t *len)
{
	struct part p = text(path);

	return request(xs, XS_READ, tx, &p, 1, len);
}

int xs_write(struct xs *xs, uint32_t tx, const char *path, const void *value, size_t len)
{
	struct part p[] = {text(path), {value, len}};

	return request_done(xs, XS_WRITE, tx, p, 2);
}

int xs_print(struct xs *xs, uint32_t tx, const char *path, const char *fmt, ...)
{
	char value[512];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (len < 0 || len >= (int)sizeof(value)) {
		errno = E2BIG;
		return -1;
	}
	return xs_write(xs, tx, path, value, len);
}

int xs_mkdir(struct xs *xs, uint32_t tx, const char *path)
{
	struct part p = text(path);

	return request_done(xs, XS_MKDIR, tx, &p, 1);
}

int xs_rm(struct xs *xs, uint32_t tx, const char *path)
{
	struct part p = text(path);

	return request_done(xs, XS_RM, tx, &p, 1);
}

/* One piece of a long list, added to @list. 1: more to come; 0: that was all; -1: errno. EAGAIN: the list
 * changed between two pieces. */
static int add_piece(struct xs *xs, uint32_t tx, const char *path, char **list, size_t *len,
		     char generation[24])
{
	char offset[24];
	struct part p[] = {text(path), {offset, snprintf(offset, sizeof(offset), "%zu", *len) + 1}};
	size_t got, n;
	char *piece = request(xs, XS_DIRECTORY_PART, tx, p, 2, &got), *grown;
	bool last;

	if (!piece)
		return -1;
	n = strlen(piece) + 1;
	if (*len && strcmp(generation, piece)) {
		free(piece);
		errno = EAGAIN;
		return -1;
	}
	snprintf(generation, 24, "%s", piece);
	if (got <= n) { /* not even an empty name */
		free(piece);
		errno = EINVAL;
		return -1;
	}
	last = !piece[got - 1] && !piece[got - 2]; /* an empty name, behind a name or the generation */
	got -= n + last;
	grown = realloc(*list, *len + got + 1);
	if (grown) {
		*list = grown;
		memcpy(grown + *len, piece + n, got);
		*len += got;
		grown[*len] = '\0';
	}
	free(piece);
	return !grown ? -1 : !last;
}

static char *directory_by_parts(struct xs *xs, uint32_t tx, const char *path, size_t *len)
{
	char generation[24] = "", *list = NULL;
	int more;

	do {
		*len = 0;
		while ((more = add_piece(xs, tx, path, &list, len, generation)) > 0)
			;
	} while (more < 0 && errno == EAGAIN);
	if (!more)
		return list;
	free(list);
	return NULL;
}

char *xs_directory(struct xs *xs, uint32_t tx, const char *path, size_t *len)
{
	struct part p = text(path);
	char *list = request(xs, XS_DIRECTORY, tx, &p, 1, len);

	return list || errno != E2BIG ? list : directory_by_parts(xs, tx, path, len);
}

char *xs_get_perms(struct xs *xs, uint32_t tx, const char *path, size_t *len)
{
	struct part p = text(path);

	return request(xs, XS_GET_PERMS, tx, &p, 1, len);
}

int xs_set_perms(struct xs *xs, uint32_t tx, const char *path, const char *perms, size_t len)
{
	struct part p[] = {text(path), {perms, len}};

	return request_done(xs, XS_SET_PERMS, tx, p, 2);
}

/* ---- Transactions, watches, domains ---- */

uint32_t xs_start(struct xs *xs)
{
	struct part p = text("");
	char *id = request(xs, XS_TRANSACTION_START, 0, &p, 1, NULL);
	uint32_t tx = id ? strtoul(id, NULL, 10) : 0;

	free(id);
	return tx;
}

int xs_end(struct xs *xs, uint32_t tx, int commit)
{
	struct part p = text(commit ? "T" : "F");

	return request_done(xs, XS_TRANSACTION_END, tx, &p, 1);
}

int xs_watch(struct xs *xs, const char *path, const char *token)
{
	struct part p[] = {text(path), text(token)};

	return request_done(xs, XS_WATCH, 0, p, 2);
}

int xs_unwatch(struct xs *xs, const char *path, const char *token)
{
	struct part p[] = {text(path), text(token)};

	return request_done(xs, XS_UNWATCH, 0, p, 2);
}

char *xs_event(struct xs *xs, int timeout_ms)
{
	struct message *m = xs->events;
	char *event;

	if (m) {
		xs->events = m->next;
		if (!m->next)
			xs->events_end = &xs->events;
	} else {
		m = receive(xs, timeout_ms);
	}
	if (!m)
		return NULL;
	event = m->head.type == XS_WATCH_EVENT ? malloc(m->head.len + 1) : NULL;
	if (event)
		memcpy(event, m->payload, m->head.len + 1);
	free(m);
	return event;
}

int xs_introduce(struct xs *xs, unsigned id, uint64_t mfn, unsigned port)
{
	char a[16], b[24], c[16];
	struct part p[] = {{a, snprintf(a, sizeof(a), "%u", id) + 1},
			   {b, snprintf(b, sizeof(b), "%llu", (unsigned long long)mfn) + 1},
			   {c, snprintf(c, sizeof(c), "%u", port) + 1}};

	return request_done(xs, XS_INTRODUCE, 0, p, 3);
}

int xs_release(struct xs *xs, unsigned id)
{
	char a[16];
	struct part p = {a, snprintf(a, sizeof(a), "%u", id) + 1};

	return request_done(xs, XS_RELEASE, 0, &p, 1);
}

/* SPDX-License-Identifier: MIT */
/*
 * Events. An event that still waits is not queued twice. When a client has its quota of waiting events, each of its
 * watches gets just one more, for the watched path itself: "something changed there". So their number has a limit and
 * no change passes unnoticed. Waiting events are found in tables, not by a walk through the queue; one look at a path's
 * news tells that all watches of a group have an event for it waiting.
 */
#include "store.h"
#include "alloc.h"
#include "work.h"

/* FNV-1a from a secret start value. */
uint64_t store_hash(uint64_t hash, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
	return hash;
}

static struct news **news_slot(const struct watch_group *g, uint64_t hash)
{
	return &g->conn->news[(hash ^ hash >> 32 ^ (uintptr_t)g >> 4) % WAITING_SLOTS];
}

static struct message **message_slot(const struct watch *w, const struct news *news)
{
	return &w->group->conn->waiting[((uintptr_t)news >> 4 ^ (uintptr_t)w >> 5) % WAITING_SLOTS];
}

static struct news *news_find(const struct watch_group *g, const char *path, uint64_t hash)
{
	struct news *news = *news_slot(g, hash);

	work(1);
	for (; news; news = news->chain) {
		if (news->group == g && news->hash == hash && !strcmp(news->path, path))
			return news;
		work(1);
	}
	return NULL;
}

static struct news *news_add(const struct watch_group *g, const char *path, uint64_t hash)
{
	struct news **slot = news_slot(g, hash), *news = alloc(sizeof(*news) + strlen(path) + 1);

	news->group = g;
	news->hash = hash;
	strcpy(news->path, path);
	news->chain = *slot;
	return *slot = news;
}

static void news_drop(struct news *news)
{
	struct news **link = news_slot(news->group, news->hash);

	while (*link != news)
		link = &(*link)->chain;
	*link = news->chain;
	free(news);
}

static bool is_waiting(const struct watch *w, const struct news *news)
{
	const struct message *m = *message_slot(w, news);

	work(1);
	for (; m; m = m->chain) {
		if (m->watch == w && m->news == news)
			return true;
		work(1);
	}
	return false;
}

/* The path as the client reads it. */
static const char *shown(const struct watch *w, const char *path)
{
	return strlen(path) >= w->relative ? path + w->relative : w->as_given;
}

static struct message *send_event(const struct watch *w, const char *path)
{
	char data[XENSTORE_PAYLOAD_MAX];
	size_t path_len = strlen(path) + 1, token_len = strlen(w->token) + 1;
	struct xsd_sockmsg head = {.type = XS_WATCH_EVENT};

	if (path_len + token_len > sizeof(data)) {
		path = w->as_given; /* its length was checked with the token's */
		path_len = strlen(path) + 1;
	}
	memcpy(data, path, path_len);
	memcpy(data + path_len, w->token, token_len);
	head.len = path_len + token_len;
	return conn_send(w->group->conn, &head, data, head.len);
}

static bool is_full(const struct conn *c)
{
	return c->events >= c->quota->events;
}

/* @m is @w's event for @news, and can be merged. */
static void join(struct message *m, struct watch *w, struct news *news)
{
	struct message **slot = message_slot(w, news);

	news->n++;
	m->watch = w;
	m->news = news;
	m->chain = *slot;
	*slot = m;
}

void event_queue(struct watch *w, const char *path, uint64_t hash)
{
	struct watch_group *g = w->group;
	struct news *news;

	if (is_full(g->conn)) {
		path = w->path;
		hash = g->hash;
	}
	news = news_find(g, path, hash);
	if (news && is_waiting(w, news))
		return;
	if (!news)
		news = news_add(g, path, hash);
	join(send_event(w, shown(w, path)), w, news);
}

void event_waits(struct message *m, struct watch *w, const char *path)
{
	uint64_t hash = store_hash(w->group->conn->store->seed, path, strlen(path));
	struct news *news = news_find(w->group, path, hash);

	join(m, w, news ? news : news_add(w->group, path, hash));
}

void event_tell(const struct watch_group *g, const char *path, uint64_t hash)
{
	bool full = is_full(g->conn);
	const struct news *news = news_find(g, full ? g->watches->path : path, full ? g->hash : hash);

	if (news && news->n == g->n)
		return;
	for (struct watch *w = g->watches; w; w = w->next_there)
		event_queue(w, path, hash);
}

void event_settled(struct message *m)
{
	struct message **link;

	if (!m->watch)
		return;
	for (link = message_slot(m->watch, m->news); *link != m; link = &(*link)->chain)
		;
	*link = m->chain;
	if (!--m->news->n)
		news_drop(m->news);
	m->watch = NULL;
}

void event_discard(struct conn *c, struct watch *w)
{
	struct message **link = &c->out, *m;

	work(c->events);
	while ((m = *link)) {
		if (m->watch != w) {
			link = &m->next;
			continue;
		}
		*link = m->next;
		event_settled(m);
		c->events--;
		free(m);
	}
	c->out_end = link;
}

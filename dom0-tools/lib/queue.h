/* SPDX-License-Identifier: MIT */
/* A queue of structures that contain a link: each is in it at most once, and can leave it from any place. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct link {
	struct link *next;
	bool queued;
};

struct queue {
	struct link *first, **end; /* end: NULL while the queue was never used */
};

static inline void *queue_owner(struct link *l, size_t offset)
{
	return l ? (char *)l - offset : NULL;
}

/* The structure whose @member is *@link, or NULL. */
#define queue_entry(link, type, member) ((type *)queue_owner(link, offsetof(type, member)))

/* False: it was there already. */
static inline bool queue_add(struct queue *q, struct link *l)
{
	if (l->queued)
		return false;
	*l = (struct link){.queued = true};
	if (!q->first)
		q->end = &q->first;
	*q->end = l;
	q->end = &l->next;
	return true;
}

static inline void queue_remove(struct queue *q, struct link *l)
{
	struct link **at = &q->first;

	if (!l->queued)
		return;
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	if (!*at)
		q->end = at;
	l->queued = false;
}

/* Remove and return the first one; NULL: the queue is empty. */
static inline struct link *queue_take(struct queue *q)
{
	struct link *l = q->first;

	if (l)
		queue_remove(q, l);
	return l;
}

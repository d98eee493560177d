/* SPDX-License-Identifier: MIT */
/*
 * Watches. A change is told to whoever watches the node or one above it and may read the node, as it is or as
 * it was; a removal also to who watches a node that went with it. Events come in the order of the changes.
 *
 * An event that still waits is not queued twice, and of a client that has its quota of them waiting each
 * watch gets just one more, for the watched path itself: "something changed there". So their number has a
 * limit and no change passes unnoticed.
 */
#include "store.h"
#include "alloc.h"
#include "path.h"

#include <errno.h>

enum special special_of(const char *path)
{
	int which = 0;

	while (which < SPECIALS && strcmp(path, special_names[which]))
		which++;
	return which;
}

static bool is_waiting(const struct conn *c, const struct watch *w, const char *path)
{
	for (const struct message *m = c->out; m; m = m->next)
		if (m->watch == w && !strcmp(m->data + sizeof(struct xsd_sockmsg), path))
			return true;
	return false;
}

static void queue_event(struct conn *c, struct watch *w, const char *path)
{
	char data[XENSTORE_PAYLOAD_MAX];
	size_t path_len, token_len = strlen(w->token) + 1;
	struct xsd_sockmsg head = {.type = XS_WATCH_EVENT};

	if (c->events >= c->quota->events)
		path = w->path;
	path = strlen(path) >= w->relative ? path + w->relative : w->as_given;
	if (is_waiting(c, w, path))
		return;
	path_len = strlen(path) + 1;
	if (path_len + token_len > sizeof(data)) {
		path = w->as_given; /* its length was checked with the token's */
		path_len = strlen(path) + 1;
	}
	memcpy(data, path, path_len);
	memcpy(data + path_len, w->token, token_len);
	head.len = path_len + token_len;
	conn_send(c, &head, data, head.len)->watch = w;
}

int watch_add(struct conn *c, const char *path, const char *token)
{
	char canonical[PATH_SIZE];
	struct watch *w, **link = &c->watches;
	bool special = special_of(path) != SPECIALS;

	if (!special && path_canonical(c->id, path, canonical))
		return -EINVAL;
	for (; *link; link = &(*link)->next)
		if (!strcmp((*link)->as_given, path) && !strcmp((*link)->token, token))
			return -EEXIST;
	if (c->n_watches >= c->quota->watches)
		return -E2BIG;
	w = *link = alloc(sizeof(*w));
	w->path = alloc_text(special ? path : canonical);
	w->as_given = alloc_text(path);
	w->token = alloc_text(token);
	w->relative = special || path[0] == '/' ? 0 : path_home_len(c->id);
	c->n_watches++;
	return 0;
}

void watch_begin(struct conn *c, const char *path, const char *token)
{
	for (struct watch *w = c->watches; w; w = w->next)
		if (!strcmp(w->as_given, path) && !strcmp(w->token, token))
			queue_event(c, w, w->path);
}

/* Take back what waits, and free. */
static void discard(struct conn *c, struct watch *w)
{
	struct message **link = &c->out, *m;

	while ((m = *link)) {
		if (m->watch != w) {
			link = &m->next;
			continue;
		}
		*link = m->next;
		c->events--;
		free(m);
	}
	c->out_end = link;
	free(w->path);
	free(w->as_given);
	free(w->token);
	free(w);
	c->n_watches--;
}

int watch_remove(struct conn *c, const char *path, const char *token)
{
	for (struct watch **link = &c->watches; *link; link = &(*link)->next) {
		struct watch *w = *link;

		if (strcmp(w->as_given, path) || strcmp(w->token, token))
			continue;
		*link = w->next;
		discard(c, w);
		return 0;
	}
	return -ENOENT;
}

void watch_remove_all(struct conn *c)
{
	while (c->watches) {
		struct watch *w = c->watches;

		c->watches = w->next;
		discard(c, w);
	}
}

static bool may_see(const struct conn *c, const struct node *before, const struct node *after)
{
	return (before && conn_may(c, &before->perms, PERM_READ)) ||
	       (after && conn_may(c, &after->perms, PERM_READ));
}

static void tell(struct conn *c, struct watch *w, const struct change *ch)
{
	struct node *lost;

	if (special_of(w->path) != SPECIALS)
		return;
	if (path_is_below(ch->path, w->path)) {
		if (may_see(c, ch->before, ch->after))
			queue_event(c, w, ch->path);
		return;
	}
	if (ch->after || !path_is_below(w->path, ch->path))
		return;
	lost = node_find(ch->before, w->path + strlen(ch->path), NULL);
	if (lost && may_see(c, lost, NULL))
		queue_event(c, w, w->path);
}

void watch_fire(struct store *s, const struct changes *ch)
{
	for (size_t i = 0; i < ch->n; i++)
		for (struct conn *c = s->conns; c; c = c->next)
			for (struct watch *w = c->watches; w; w = w->next)
				tell(c, w, &ch->list[i]);
}

void watch_fire_special(struct store *s, enum special which)
{
	for (struct conn *c = s->conns; c; c = c->next)
		for (struct watch *w = c->watches; w; w = w->next)
			if (special_of(w->path) == which && conn_may(c, &s->special[which], PERM_READ))
				queue_event(c, w, w->path);
}

/* SPDX-License-Identifier: MIT */
/*
 * Watches. Each client that watches the node or one above it is told of a change, if it may read the node as it is or
 * as it was; of a removal, also each that watches a node that went with it. Events come in the order of the changes.
 *
 * A path's watchers are found by its hash, so the cost of a change grows with the length of its path and its watchers,
 * not with the number of all watches. Watches of one client at one path are a group: whether it may see the change is
 * checked once.
 */
#include "store.h"
#include "alloc.h"
#include "path.h"
#include "work.h"

#include <errno.h>

enum special special_of(const char *path)
{
	int which = 0;

	while (which < SPECIALS && strcmp(path, special_names[which]))
		which++;
	return which;
}

static struct watch_group **slot_of(struct store *s, uint64_t hash)
{
	return &s->watched[(hash ^ hash >> 32) % WATCHED_SLOTS];
}

static uint64_t hash_of(const struct store *s, const char *path)
{
	return store_hash(s->seed, path, strlen(path));
}

static bool is_of(const struct watch_group *g, uint64_t hash, const char *path, size_t len)
{
	const char *there = g->watches->path;

	work(1);
	return g->hash == hash && !strncmp(there, path, len) && !there[len];
}

static void enter(struct conn *c, struct watch *w)
{
	uint64_t hash = hash_of(c->store, w->path);
	struct watch_group **link = slot_of(c->store, hash), *g;

	for (; (g = *link); link = &g->chain) /* at the end, so that events come in the order of watching */
		if (g->conn == c && is_of(g, hash, w->path, strlen(w->path)))
			break;
	if (!g) {
		g = *link = alloc(sizeof(*g));
		g->conn = c;
		g->hash = hash;
		g->end = &g->watches;
	}
	*g->end = w;
	g->end = &w->next_there;
	g->n++;
	w->group = g;
}

static void leave(struct conn *c, struct watch *w)
{
	struct watch_group *g = w->group, **chain = slot_of(c->store, g->hash);
	struct watch **link = &g->watches;

	for (; *link != w; link = &(*link)->next_there)
		;
	*link = w->next_there;
	if (!*link)
		g->end = link;
	if (--g->n)
		return;
	while (*chain != g)
		chain = &(*chain)->chain;
	*chain = g->chain;
	free(g);
}

int watch_add(struct conn *c, const char *path, const char *token)
{
	char canonical[PATH_SIZE];
	struct watch *w, **link = &c->watches;
	bool special = special_of(path) != SPECIALS;

	if (!special && path_canonical(c->id, path, canonical))
		return -EINVAL;
	work(c->n_watches);
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
	enter(c, w);
	return 0;
}

void watch_begin(struct conn *c, const char *path, const char *token)
{
	for (struct watch *w = c->watches; w; w = w->next)
		if (!strcmp(w->as_given, path) && !strcmp(w->token, token))
			event_queue(w, w->path, w->group->hash);
}

/* Take back what waits, and free. */
static void discard(struct conn *c, struct watch *w)
{
	event_discard(c, w);
	leave(c, w);
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

static bool may_see(const struct conn *c, const struct perms *perms, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (perms[i].n && conn_may(c, &perms[i], PERM_READ))
			return true;
	return false;
}

/* A change that watchers are told of. */
struct tidings {
	const char *path;
	uint64_t hash;
	const struct perms *perms; /* any of these lets a client see it */
	size_t n;
};

/* Tell the watchers of exactly the first @len characters of @watched. */
static void tell(struct store *s, uint64_t hash, const char *watched, size_t len, const struct tidings *t)
{
	for (struct watch_group *g = *slot_of(s, hash); g; g = g->chain)
		if (is_of(g, hash, watched, len) && may_see(g->conn, t->perms, t->n))
			event_tell(g, t->path, t->hash);
}

/* The path and all that lead to it. */
static void tell_along(struct store *s, const struct tidings *t)
{
	uint64_t hash = s->seed;
	const char *at = t->path, *from = at;
	size_t len;

	tell(s, hash_of(s, "/"), "/", 1, t);
	for (; path_name(&at, &len); from = at) {
		hash = store_hash(hash, from, at - from);
		tell(s, hash, t->path, at - t->path, t);
	}
}

/* Each node that went with @node, whose path is @path and has that hash. */
static void tell_lost(struct store *s, const struct node *node, char path[], size_t len, uint64_t hash)
{
	for (size_t i = 0; i < node->n; i++) {
		const struct node *child = node->child[i];
		size_t end = len + 1 + strlen(child->name);
		struct tidings t = {.path = path, .perms = &child->perms, .n = 1};

		work(1);
		if (end >= PATH_SIZE)
			continue; /* no client can watch that */
		path[len] = '/';
		strcpy(path + len + 1, child->name);
		t.hash = store_hash(hash, path + len, end - len);
		tell(s, t.hash, path, end, &t);
		tell_lost(s, child, path, end, t.hash);
	}
	path[len] = '\0';
}

void watch_fire(struct store *s, const struct changes *ch)
{
	char path[PATH_SIZE];

	for (size_t i = 0; i < ch->n; i++) {
		const struct change *one = &ch->list[i];
		struct tidings t = {one->path, hash_of(s, one->path), one->perms, 2};

		tell_along(s, &t);
		if (one->removed)
			tell_lost(s, one->removed, strcpy(path, one->path), strlen(one->path), t.hash);
	}
}

void watch_fire_special(struct store *s, enum special which)
{
	const char *name = special_names[which];
	struct tidings t = {name, hash_of(s, name), &s->special[which], 1};

	tell(s, t.hash, name, strlen(name), &t);
}

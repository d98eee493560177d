/* SPDX-License-Identifier: MIT */
/* See tree.h. */
#include "tree.h"
#include "alloc.h"
#include "path.h"
#include "work.h"

uint64_t tree_generation, store_work;

/* ---- Nodes ---- */

static struct node *node_new(const char *name, size_t len)
{
	struct node *node = alloc(sizeof(*node) + len + 1);

	memcpy(node->name, name, len);
	node->refs = 1;
	node->gen = node->child_gen = ++tree_generation;
	return node;
}

struct node *node_get(struct node *node)
{
	node->refs++;
	return node;
}

void node_put(struct node *node)
{
	if (!node || --node->refs)
		return;
	work(1 + node->n);
	for (size_t i = 0; i < node->n; i++)
		node_put(node->child[i]);
	free(node->child);
	free(node->value);
	free(node);
}

static struct node *node_clone(const struct node *from)
{
	struct node *node = node_new(from->name, strlen(from->name));

	node->gen = from->gen;
	node->named = from->named;
	node->child_gen = from->child_gen;
	node->perms = from->perms;
	node->len = from->len;
	node->value = alloc_copy(from->value, from->len);
	work(1 + from->n);
	node->child = alloc_list(from->n, sizeof(*node->child));
	for (; node->n < from->n; node->n++)
		node->child[node->n] = node_get(from->child[node->n]);
	return node;
}

/* Make the node that *@slot refers to private to this place. */
static struct node *node_own(struct node **slot)
{
	struct node *shared = *slot;

	if (shared->refs > 1) {
		*slot = node_clone(shared);
		node_put(shared);
	}
	return *slot;
}

/* Where a child of this name is (true), or would have to be. */
static bool child_slot(const struct node *node, const char *name, size_t len, size_t *slot)
{
	size_t low = 0, high = node->n;

	work(1);
	while (low < high) {
		size_t mid = (low + high) / 2;
		const char *there = node->child[mid]->name;
		int order = strncmp(there, name, len);

		if (!order && there[len])
			order = 1; /* this name is the beginning of it */
		if (!order) {
			*slot = mid;
			return true;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*slot = low;
	return false;
}

/* ---- Tallies ---- */

/* A node comes (1) or goes (-1). */
static void tally(struct tree *t, const struct node *node, long change)
{
	unsigned id = perms_owner(&node->perms);
	size_t i = 0;

	work(1);
	while (i < t->n_tally && t->tally[i].id != id)
		i++;
	if (i == t->n_tally) {
		t->tally = alloc_grow(t->tally, t->n_tally++, sizeof(*t->tally));
		t->tally[i] = (struct tally){.id = id};
	}
	t->tally[i].nodes += change;
	t->tally[i].bytes += change * (long)node->len;
	if (!t->tally[i].nodes)
		t->tally[i] = t->tally[--t->n_tally];
}

static void tally_all(struct tree *t, const struct node *node, long change)
{
	tally(t, node, change);
	for (size_t i = 0; i < node->n; i++)
		tally_all(t, node->child[i], change);
}

struct tally tree_tally(const struct tree *t, unsigned id)
{
	for (size_t i = 0; i < t->n_tally; i++)
		if (t->tally[i].id == id)
			return t->tally[i];
	return (struct tally){.id = id};
}

/* ---- Versions ---- */

static uint64_t bit_of(unsigned id)
{
	return 1ull << id % 64;
}

/* Dom0 is left out: it never goes. */
uint64_t tree_named(const struct perms *perms)
{
	uint64_t named = 0;

	for (unsigned i = 0; i < perms->n; i++)
		if (perms->e[i].id)
			named |= bit_of(perms->e[i].id);
	return named;
}

void tree_init(struct tree *t)
{
	*t = (struct tree){.root = node_new("", 0)};
	t->root->perms = (struct perms){.n = 1};
	t->root->value = alloc(0);
	tally(t, t->root, 1);
}

void tree_snapshot(struct tree *to, const struct tree *from)
{
	to->root = node_get(from->root);
	to->tally = alloc_list(from->n_tally, sizeof(*to->tally));
	to->n_tally = from->n_tally;
	memcpy(to->tally, from->tally, from->n_tally * sizeof(*to->tally));
}

void tree_free(struct tree *t)
{
	node_put(t->root);
	free(t->tally);
	*t = (struct tree){0};
}

/* ---- Finding and changing ---- */

struct node *node_child(const struct node *node, const char *name, size_t len)
{
	size_t slot;

	return child_slot(node, name, len, &slot) ? node->child[slot] : NULL;
}

struct node *node_find(struct node *from, const char *path, struct node **nearest)
{
	const char *name;
	size_t len;

	while ((name = path_name(&path, &len))) {
		if (nearest)
			*nearest = from;
		from = node_child(from, name, len);
		if (!from)
			return NULL;
	}
	return from;
}

struct node *tree_find(const struct tree *t, const char *path, struct node **nearest)
{
	return node_find(t->root, path, nearest);
}

struct node *tree_own(struct tree *t, const char *path, uint64_t named)
{
	struct node *node = node_own(&t->root);
	const char *name;
	size_t len, slot;

	node->named |= named;
	while ((name = path_name(&path, &len)) && child_slot(node, name, len, &slot)) {
		node = node_own(&node->child[slot]);
		node->named |= named;
	}
	return node;
}

struct node *tree_add(struct tree *t, struct node *parent, const char *name, size_t len,
		      const struct perms *perms)
{
	struct node *node = node_new(name, len);
	size_t slot;

	node->perms = *perms;
	node->named = tree_named(perms);
	node->value = alloc(0);
	child_slot(parent, name, len, &slot);
	parent->child = alloc_grow(parent->child, parent->n, sizeof(*parent->child));
	memmove(parent->child + slot + 1, parent->child + slot, (parent->n - slot) * sizeof(*parent->child));
	parent->child[slot] = node;
	parent->n++;
	parent->child_gen = ++tree_generation;
	work(1 + parent->n / 64); /* what was moved */
	tally(t, node, 1);
	return node;
}

struct node *tree_remove(struct tree *t, const char *path)
{
	const char *last = strrchr(path, '/');
	char above[PATH_SIZE];
	struct node *parent, *node;
	size_t slot;

	memcpy(above, path, last - path);
	above[last - path] = '\0';
	parent = tree_own(t, above, 0);
	child_slot(parent, last + 1, strlen(last + 1), &slot);
	node = parent->child[slot];
	parent->n--;
	memmove(parent->child + slot, parent->child + slot + 1, (parent->n - slot) * sizeof(*parent->child));
	parent->child_gen = ++tree_generation;
	tally_all(t, node, -1);
	return node;
}

void tree_set_value(struct tree *t, struct node *node, const void *value, size_t len)
{
	tally(t, node, -1);
	free(node->value);
	node->value = alloc_copy(value, len);
	node->len = len;
	node->gen = ++tree_generation;
	tally(t, node, 1);
}

void tree_set_perms(struct tree *t, struct node *node, const struct perms *perms)
{
	tally(t, node, -1);
	node->perms = *perms;
	node->gen = ++tree_generation;
	tally(t, node, 1);
}

/* Each node that may name the domain, and the path to it, becomes private and is changed. */
static void forget_in(struct tree *t, struct node **slot, unsigned id)
{
	struct node *node = node_own(slot);
	struct perms perms = node->perms;

	work(1 + node->n / 16);
	for (size_t i = 0; i < node->n; i++)
		if (node->child[i]->named & bit_of(id))
			forget_in(t, &node->child[i], id);
	if (perms_forget(&perms, id))
		tree_set_perms(t, node, &perms);
}

void tree_forget_domain(struct tree *t, unsigned id)
{
	forget_in(t, &t->root, id);
}

/* ---- Checking ---- */

static bool node_is_sound(const struct node *node, struct tree *count)
{
	tally(count, node, 1);
	if (tree_named(&node->perms) & ~node->named)
		return false;
	for (size_t i = 0; i < node->n; i++) {
		if (node->child[i]->named & ~node->named)
			return false;
		if (i && strcmp(node->child[i - 1]->name, node->child[i]->name) >= 0)
			return false;
		if (!node->child[i]->refs || !node_is_sound(node->child[i], count))
			return false;
	}
	return true;
}

bool tree_is_sound(const struct tree *t)
{
	struct tree count = {0};
	bool sound = node_is_sound(t->root, &count) && count.n_tally == t->n_tally;

	for (size_t i = 0; sound && i < count.n_tally; i++) {
		struct tally kept = tree_tally(t, count.tally[i].id);

		sound = count.tally[i].nodes == kept.nodes && count.tally[i].bytes == kept.bytes;
	}
	free(count.tally);
	return sound;
}

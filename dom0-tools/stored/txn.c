/* SPDX-License-Identifier: MIT */
/*
 * Transactions. One sees the tree as it was at the start, and its own changes. At the end, if the tree has not changed
 * meanwhile, its own version becomes the tree. Otherwise two things must hold: everything it read in the tree it
 * started from has the same generation now, and its changes, repeated now, have the same results. Then the outcome is
 * as if it had all happened at once at the end; if not, it fails with EAGAIN, and nothing has happened.
 *
 * Value and list of children have separate generations, so two domains that make nodes in the same place do not
 * conflict unless one of them looked.
 */
#include "store.h"
#include "alloc.h"
#include "journal.h"
#include "path.h"
#include "work.h"

#include <errno.h>

struct look {
	char *path;
	bool children;
	uint64_t gen; /* 0: it was not there */
};

struct txn {
	struct txn *next;
	uint32_t id;
	struct tree base, own;
	struct op *ops;
	size_t n_ops;
	struct look *looks;
	size_t n_looks;
	size_t log; /* bytes in both */
	struct changes changes;
	bool lost; /* it will fail at its end: what it saw is no longer kept */
	uint64_t generation;
};

struct txn *txn_find(const struct conn *c, uint32_t id)
{
	struct txn *t = c->txns;

	while (t && t->id != id)
		t = t->next;
	return t;
}

int txn_start(struct conn *c, uint32_t *id)
{
	struct txn *t;

	if (c->n_txns >= c->quota->transactions)
		return -ENOSPC;
	t = alloc(sizeof(*t));
	do {
		t->id = ++c->last_txn;
	} while (!t->id || txn_find(c, t->id));
	tree_snapshot(&t->base, &c->store->tree);
	tree_snapshot(&t->own, &c->store->tree);
	t->next = c->txns;
	c->txns = t;
	c->n_txns++;
	*id = t->id;
	return 0;
}

/* Forget the trees and what was read in them. */
static void forget_looks(struct txn *t)
{
	work(t->n_looks);
	tree_free(&t->base);
	tree_free(&t->own);
	changes_free(&t->changes);
	t->changes = (struct changes){0};
	for (size_t i = 0; i < t->n_looks; i++) {
		t->log -= strlen(t->looks[i].path);
		free(t->looks[i].path);
	}
	free(t->looks);
	t->looks = NULL;
	t->n_looks = 0;
}

static void drop(struct conn *c, struct txn *t)
{
	struct txn **link = &c->txns;

	while (*link != t)
		link = &(*link)->next;
	*link = t->next;
	c->n_txns--;
	work(t->n_ops);
	forget_looks(t);
	for (size_t i = 0; i < t->n_ops; i++) {
		free(t->ops[i].path);
		free(t->ops[i].data);
	}
	free(t->ops);
	free(t);
}

void txn_drop_all(struct conn *c)
{
	while (c->txns)
		drop(c, c->txns);
}

/* Restart from the current tree and repeat what was done so far, so that the client still finds what it has written,
 * up to its end. The generations given here start with @generation, since the next daemon gives the same. */
static void lose(const struct conn *c, struct txn *t, uint64_t generation)
{
	struct changes unused = {0};

	t->lost = true;
	t->generation = tree_generation = generation;
	tree_snapshot(&t->base, &c->store->tree);
	tree_snapshot(&t->own, &c->store->tree);
	for (size_t i = 0; i < t->n_ops; i++)
		op_apply(&t->own, c, &t->ops[i], &unused);
	changes_free(&unused);
}

void txn_lose_all(struct conn *c)
{
	for (struct txn *t = c->txns; t; t = t->next) {
		forget_looks(t);
		lose(c, t, tree_generation);
	}
}

void txn_save(const struct conn *c, struct bytes *out)
{
	bytes_put32(out, c->n_txns);
	for (const struct txn *t = c->txns; t; t = t->next) {
		bytes_put32(out, t->id);
		bytes_put64(out, t->generation);
		bytes_put32(out, t->n_ops);
		for (size_t i = 0; i < t->n_ops; i++) {
			const struct op *op = &t->ops[i];

			bytes_put32(out, op->type);
			bytes_put32(out, strlen(op->path));
			bytes_put(out, op->path, strlen(op->path));
			bytes_put32(out, op->len);
			bytes_put(out, op->data, op->len);
			bytes_put(out, &op->perms, sizeof(op->perms));
		}
	}
}

static void load_op(struct txn *t, struct reader *r)
{
	struct op op = {.type = read32(r)};
	size_t path_len = read32(r);
	const char *path = read_bytes(r, path_len), *data, *perms;
	char text[PATH_SIZE] = "", canonical[PATH_SIZE];

	op.len = read32(r);
	data = read_bytes(r, op.len);
	perms = read_bytes(r, sizeof(op.perms));
	if (!r->bad && path_len < PATH_SIZE)
		memcpy(text, path, path_len);
	if (perms)
		memcpy(&op.perms, perms, sizeof(op.perms));
	if (!perms || path_canonical(0, text, canonical) || op.perms.n > PERMS_MAX ||
	    (op.type == XS_SET_PERMS && !op.perms.n)) {
		r->bad = true;
		return;
	}
	op.path = alloc_text(text);
	op.data = alloc_copy(data, op.len);
	t->log += path_len + op.len;
	t->ops = alloc_grow(t->ops, t->n_ops, sizeof(*t->ops));
	t->ops[t->n_ops++] = op;
}

void txn_load(struct conn *c, struct reader *r)
{
	struct txn **link = &c->txns;

	for (uint32_t n = read32(r); n && !r->bad; n--, link = &(*link)->next) {
		struct txn *t = *link = alloc(sizeof(*t));
		uint64_t generation;

		c->n_txns++;
		t->id = read32(r);
		generation = read64(r);
		for (uint32_t ops = read32(r); ops && !r->bad; ops--)
			load_op(t, r);
		if (!r->bad)
			lose(c, t, generation);
	}
}

/* Is there room for one more step of this size? */
static bool take_room(const struct conn *c, struct txn *t, size_t bytes)
{
	if (t->n_ops + t->n_looks >= c->quota->steps || bytes > c->quota->log - t->log)
		return false;
	t->log += bytes;
	return true;
}

int txn_apply(struct conn *c, struct txn *t, const struct op *op)
{
	struct op *kept;

	if (!take_room(c, t, strlen(op->path) + op->len))
		return -ENOSPC;
	t->ops = alloc_grow(t->ops, t->n_ops, sizeof(*t->ops));
	kept = &t->ops[t->n_ops++];
	*kept = *op;
	kept->path = alloc_text(op->path);
	kept->data = alloc_copy(op->data, op->len);
	kept->result = op_apply(&t->own, c, op, &t->changes);
	return kept->result;
}

static uint64_t generation_of(const struct tree *tree, const char *path, bool children)
{
	const struct node *node = tree_find(tree, path, NULL);

	return !node ? 0 : children ? node->child_gen : node->gen;
}

static int note_look(struct conn *c, struct txn *t, const char *path, bool children)
{
	work(t->n_looks);
	for (size_t i = 0; i < t->n_looks; i++)
		if (t->looks[i].children == children && !strcmp(t->looks[i].path, path))
			return 0;
	if (!take_room(c, t, strlen(path)))
		return -ENOSPC;
	t->looks = alloc_grow(t->looks, t->n_looks, sizeof(*t->looks));
	t->looks[t->n_looks++] =
	    (struct look){alloc_text(path), children, generation_of(&t->base, path, children)};
	return 0;
}

int txn_look(struct conn *c, struct txn *t, const char *path, bool children, struct node **out)
{
	int rc = note_look(c, t, path, children);

	return rc ? rc : op_look(&t->own, c, path, out);
}

/* What was read is as it was. */
static bool still_true(const struct txn *t, const struct tree *now)
{
	for (size_t i = 0; i < t->n_looks; i++)
		if (generation_of(now, t->looks[i].path, t->looks[i].children) != t->looks[i].gen)
			return false;
	return true;
}

/* Do it all again in the current tree; t->own and t->changes are the outcome. */
static int replay(struct conn *c, struct txn *t)
{
	if (!still_true(t, &c->store->tree))
		return -EAGAIN;
	tree_free(&t->own);
	changes_free(&t->changes);
	tree_snapshot(&t->own, &c->store->tree);
	for (size_t i = 0; i < t->n_ops; i++)
		if (op_apply(&t->own, c, &t->ops[i], &t->changes) != t->ops[i].result)
			return -EAGAIN;
	return 0;
}

int txn_end(struct conn *c, struct txn *t, bool commit)
{
	struct store *s = c->store;
	struct tree old;
	int rc = 0;

	/* The base holds a reference on its root, so any change since has made another root. */
	if (commit && t->lost)
		rc = -EAGAIN;
	else if (commit && s->tree.root != t->base.root)
		rc = replay(c, t);
	if (commit && !rc && t->changes.n) {
		old = s->tree;
		s->tree = t->own;
		t->own = old;
		watch_fire(s, &t->changes);
	}
	drop(c, t);
	return rc;
}

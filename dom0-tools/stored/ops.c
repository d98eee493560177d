/* SPDX-License-Identifier: MIT */
/* What requests do to a tree: rights first, then quotas, then the change, so that a refusal changes nothing. */
#include "store.h"
#include "alloc.h"
#include "path.h"

#include <errno.h>

bool conn_may(const struct conn *c, const struct perms *p, unsigned access)
{
	unsigned has = perms_for(p, c->id);

	if (c->target != NO_DOMAIN)
		has |= perms_for(p, c->target);
	return c->privileged || (has & access) == access;
}

bool conn_owns(const struct conn *c, const struct perms *p)
{
	return c->privileged || perms_owner(p) == c->id || perms_owner(p) == c->target;
}

/* @perms: those that decide which clients are told. */
static struct change *note(struct changes *ch, const char *path, const struct perms *perms)
{
	struct change *new;

	ch->list = alloc_grow(ch->list, ch->n, sizeof(*ch->list));
	new = &ch->list[ch->n++];
	*new = (struct change){.path = alloc_text(path), .perms = {*perms}};
	return new;
}

void changes_free(struct changes *ch)
{
	for (size_t i = 0; i < ch->n; i++) {
		free(ch->list[i].path);
		node_put(ch->list[i].removed);
	}
	free(ch->list);
	*ch = (struct changes){0};
}

/* The node, with these rights; only a client that may see it learns that a node is missing. */
static int find(const struct tree *t, const struct conn *c, const char *path, unsigned access,
		struct node **out)
{
	struct node *nearest = t->root, *node = tree_find(t, path, &nearest);

	*out = node;
	if (node)
		return conn_may(c, &node->perms, access) ? 0 : -EACCES;
	return conn_may(c, &nearest->perms, PERM_READ) ? -ENOENT : -EACCES;
}

int op_look(const struct tree *t, const struct conn *c, const char *path, struct node **out)
{
	return find(t, c, path, PERM_READ, out);
}

/* How many names of @path are behind the last node that is there. */
static size_t missing(const struct tree *t, const char *path)
{
	struct node *node = t->root;
	size_t count = 0, len;
	const char *name;

	while ((name = path_name(&path, &len))) {
		node = node ? node_child(node, name, len) : NULL;
		count += !node;
	}
	return count;
}

/* May @c make this path, and does it have room for it? New nodes inherit the permissions of the nearest one above,
 * but a guest owns what it makes. */
static int may_create(struct tree *t, const struct conn *c, const char *path, struct perms *perms)
{
	struct node *nearest = t->root;
	size_t count;

	tree_find(t, path, &nearest);
	if (!conn_may(c, &nearest->perms, PERM_WRITE))
		return -EACCES;
	if (strlen(path) > c->quota->path)
		return -ENOSPC;
	*perms = nearest->perms;
	if (!c->privileged)
		perms->e[0].id = c->id;
	count = missing(t, path);
	if (!c->privileged && tree_tally(t, c->id).nodes + count > c->quota->nodes)
		return -ENOSPC;
	return 0;
}

static struct node *create(struct tree *t, const char *path, const struct perms *perms)
{
	struct node *node, *below;
	const char *name;
	size_t len;

	tree_own(t, path, tree_named(perms)); /* as far as it exists */
	for (node = t->root; (name = path_name(&path, &len)); node = below) {
		below = node_child(node, name, len);
		if (!below)
			below = tree_add(t, node, name, len, perms);
	}
	return node;
}

/* The values a guest owns share one limit, whichever domain writes them. */
static bool has_room(const struct tree *t, unsigned owner, size_t old, size_t new)
{
	return !owner || new <= old || tree_tally(t, owner).bytes - old + new <= quota_guest.bytes;
}

static int do_write(struct tree *t, const struct conn *c, const struct op *op, struct changes *ch)
{
	struct node *node = tree_find(t, op->path, NULL);
	struct perms perms;
	int rc = 0;

	if (op->len > c->quota->value)
		return -ENOSPC;
	if (!node)
		rc = may_create(t, c, op->path, &perms);
	else if (!conn_may(c, &node->perms, PERM_WRITE))
		rc = -EACCES;
	if (rc)
		return rc;
	if (!has_room(t, perms_owner(node ? &node->perms : &perms), node ? node->len : 0, op->len))
		return -ENOSPC;
	node = node ? tree_own(t, op->path, 0) : create(t, op->path, &perms);
	tree_set_value(t, node, op->data, op->len);
	note(ch, op->path, &node->perms);
	return 0;
}

static int do_mkdir(struct tree *t, const struct conn *c, const struct op *op, struct changes *ch)
{
	struct node *node = tree_find(t, op->path, NULL);
	struct perms perms;
	int rc;

	if (node) /* not an error, if it may know */
		return conn_may(c, &node->perms, PERM_WRITE) ? 0 : -EACCES;
	rc = may_create(t, c, op->path, &perms);
	if (!rc)
		note(ch, op->path, &create(t, op->path, &perms)->perms);
	return rc;
}

static int do_rm(struct tree *t, const struct conn *c, const struct op *op, struct changes *ch)
{
	const char *last = strrchr(op->path, '/');
	struct node *node, *parent;
	char above[PATH_SIZE];
	int rc = find(t, c, op->path, PERM_WRITE, &node);

	if (!strcmp(op->path, "/"))
		return -EINVAL;
	if (rc == -ENOENT) { /* nothing to remove is fine where its parent is there */
		memcpy(above, op->path, last - op->path);
		above[last - op->path] = '\0';
		parent = tree_find(t, above, NULL);
		return parent ? 0 : -ENOENT;
	}
	if (!rc) {
		node = tree_remove(t, op->path);
		note(ch, op->path, &node->perms)->removed = node;
	}
	return rc;
}

static int do_set_perms(struct tree *t, const struct conn *c, const struct op *op, struct changes *ch)
{
	unsigned owner = perms_owner(&op->perms);
	struct node *node;
	struct change *change;
	int rc = find(t, c, op->path, 0, &node);

	if (rc)
		return rc;
	if (!conn_owns(c, &node->perms))
		return -EACCES;
	if (!c->privileged && owner != perms_owner(&node->perms))
		return -EPERM; /* giving a node away would burden another domain's quota */
	change = note(ch, op->path, &op->perms);
	change->perms[1] = node->perms; /* a client that may no longer read it learns that */
	node = tree_own(t, op->path, tree_named(&op->perms));
	tree_set_perms(t, node, &op->perms);
	return 0;
}

int op_apply(struct tree *t, const struct conn *c, const struct op *op, struct changes *ch)
{
	switch (op->type) {
	case XS_WRITE:
		return do_write(t, c, op, ch);
	case XS_MKDIR:
		return do_mkdir(t, c, op, ch);
	case XS_RM:
		return do_rm(t, c, op, ch);
	case XS_SET_PERMS:
		return do_set_perms(t, c, op, ch);
	}
	return -ENOSYS;
}

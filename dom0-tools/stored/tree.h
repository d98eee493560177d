/* SPDX-License-Identifier: MIT */
/*
 * The tree of nodes, in versions. Nodes are counted and shared between versions; a change makes a private copy of the
 * node and of the path to it, so a snapshot costs one reference and never changes. Where no snapshot shares a node (one
 * reference), it is changed in place.
 *
 * Generations tell whether anything happened: `gen` is new when a node's value or permissions change,
 * `child_gen` when a child comes or goes. They are never reused.
 */
#pragma once

#include "perms.h"

struct node {
	unsigned refs;
	uint64_t gen, child_gen;
	uint64_t
	    named; /* a bit for each guest (modulo 64) that permissions name here or below; perhaps more */
	struct perms perms;
	char *value;
	size_t len;
	struct node **child; /* sorted by name */
	size_t n;
	char name[];
};

/* How many nodes a domain owns, and how long their values are together. */
struct tally {
	unsigned id;
	size_t nodes, bytes;
};

struct tree {
	struct node *root;
	struct tally *tally;
	size_t n_tally;
};

extern uint64_t tree_generation; /* the last one given */

struct node *node_get(struct node *node);
void node_put(struct node *node);

void tree_init(struct tree *t); /* a root that Dom0 owns and others may not read */
void tree_snapshot(struct tree *to, const struct tree *from);
void tree_free(struct tree *t);

/* The node, or NULL; *@nearest (may be NULL) is then the last node on the way. */
struct node *tree_find(const struct tree *t, const char *path, struct node **nearest);
/* The same from a node; @path "" is the node itself. */
struct node *node_find(struct node *from, const char *path, struct node **nearest);

uint64_t tree_named(const struct perms *perms); /* as in node.named */

struct node *node_child(const struct node *node, const char *name, size_t len);

/* The following change the tree. Nodes they return are private to it until the next snapshot. */
struct node *
tree_own(struct tree *t, const char *path,
	 uint64_t named); /* or the last node on the way that exists; @named: domains that it will name */
struct node *tree_add(struct tree *t, struct node *parent, const char *name, size_t len,
		      const struct perms *perms);           /* parent: from tree_own() or tree_add() */
struct node *tree_remove(struct tree *t, const char *path); /* must exist, not the root; the caller puts it */
void tree_set_value(struct tree *t, struct node *node, const void *value, size_t len);
void tree_set_perms(struct tree *t, struct node *node, const struct perms *perms);
/* Domain @id is gone: a later domain with its number must not have its rights. The cost is bounded by the nodes that
 * name it, or a domain with the same number modulo 64, and their neighbours. */
void tree_forget_domain(struct tree *t, unsigned id);

struct tally tree_tally(const struct tree *t, unsigned id);
/* Are the tallies right, are all children in order? For tests and the control request. */
bool tree_is_sound(const struct tree *t);

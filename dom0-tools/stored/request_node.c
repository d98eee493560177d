/* SPDX-License-Identifier: MIT */
/* Requests about nodes: reading and changing the tree. */
#include "request.h"
#include "alloc.h"
#include "work.h"

#include <errno.h>

/* ---- Reading ---- */

static int look(const struct request *r, const char *path, bool children, struct node **node)
{
	return r->txn ? txn_look(r->c, r->txn, path, children, node)
		      : op_look(&r->c->store->tree, r->c, path, node);
}

int request_read(const struct request *r)
{
	char path[PATH_SIZE];
	struct node *node;
	int rc = request_path(r, path);

	if (!rc)
		rc = look(r, path, false, &node);
	return rc ? rc : reply(r, node->value, node->len);
}

/* Names of the children, a zero byte behind each; the caller frees. */
static char *names_of(const struct node *node, size_t *len)
{
	char *list, *at;

	*len = 0;
	work(node->n);
	for (size_t i = 0; i < node->n; i++)
		*len += strlen(node->child[i]->name) + 1;
	list = at = alloc(*len);
	for (size_t i = 0; i < node->n; i++)
		at = stpcpy(at, node->child[i]->name) + 1;
	return list;
}

int request_directory(const struct request *r)
{
	char path[PATH_SIZE], *list;
	struct node *node;
	size_t len;
	int rc = request_path(r, path);

	if (!rc)
		rc = look(r, path, true, &node);
	if (rc)
		return rc;
	list = names_of(node, &len);
	rc = len > XENSTORE_PAYLOAD_MAX ? -E2BIG : reply(r, list, len);
	free(list);
	return rc;
}

/* A piece of a long list from an offset on, after the generation by which the client sees that the list is
 * still the same. An empty name ends the last piece. */
int request_directory_part(const struct request *r)
{
	char path[PATH_SIZE], piece[XENSTORE_PAYLOAD_MAX], *list;
	const char *arg[2];
	struct node *node;
	size_t total, n;
	long from;
	int rc = request_texts(r, arg, 2);

	if (!rc)
		rc = path_canonical(r->c->id, arg[0], path);
	from = rc ? -1 : number_of(arg[1], 1 << 30);
	if (from < 0)
		return -EINVAL;
	rc = look(r, path, true, &node);
	if (rc)
		return rc;
	list = names_of(node, &total);
	n = snprintf(piece, sizeof(piece), "%llu", (unsigned long long)node->child_gen) + 1;
	while ((size_t)from < total && n + strlen(list + from) + 2 <= sizeof(piece)) {
		char *end = stpcpy(piece + n, list + from) + 1;

		from += end - (piece + n);
		n = end - piece;
	}
	if ((size_t)from >= total)
		piece[n++] = '\0';
	free(list);
	return reply(r, piece, n);
}

int request_get_perms(const struct request *r)
{
	char path[PATH_SIZE], text[PERMS_TEXT];
	enum special special = special_of(r->data);
	struct node *node;
	int rc;

	if (special != SPECIALS) {
		if (!conn_may(r->c, &r->c->store->special[special], PERM_READ))
			return -EACCES;
		return reply(r, text, perms_print(&r->c->store->special[special], text));
	}
	rc = request_path(r, path);
	if (!rc)
		rc = look(r, path, false, &node);
	return rc ? rc : reply(r, text, perms_print(&node->perms, text));
}

/* ---- Changing ---- */

static int change(const struct request *r, const struct op *op)
{
	struct changes ch = {0};
	int rc;

	if (r->txn) {
		rc = txn_apply(r->c, r->txn, op);
		return rc ? rc : reply_ok(r);
	}
	rc = op_apply(&r->c->store->tree, r->c, op, &ch);
	if (!rc)
		reply_ok(r);
	watch_fire(r->c->store, &ch);
	changes_free(&ch);
	return rc;
}

int request_write(const struct request *r)
{
	char path[PATH_SIZE];
	const char *value;
	struct op op = {.type = XS_WRITE, .path = path};
	int rc = request_first_path(r, path, &value, &op.len);

	op.data = (char *)value;
	return rc ? rc : change(r, &op);
}

int request_mkdir_or_rm(const struct request *r)
{
	char path[PATH_SIZE];
	struct op op = {.type = r->head->type, .path = path};
	int rc = request_path(r, path);

	return rc ? rc : change(r, &op);
}

int request_set_perms(const struct request *r)
{
	char path[PATH_SIZE];
	const char *list;
	size_t len;
	struct op op = {.type = XS_SET_PERMS, .path = path};
	enum special special = special_of(r->data);
	int rc = request_first_path(r, path, &list, &len), bad;

	if (rc) /* the specials have names that could be a node's */
		return rc;
	bad = perms_parse(&op.perms, list, len, r->c->quota->perms);
	if (bad)
		return bad;
	if (special == SPECIALS)
		return change(r, &op);
	if (!r->c->privileged)
		return -EACCES;
	r->c->store->special[special] = op.perms;
	return reply_ok(r);
}

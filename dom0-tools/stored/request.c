/* SPDX-License-Identifier: MIT */
/*
 * Requests: one row for each, with its handler and the clients that may make it. A payload has a zero byte behind it,
 * so a search for the end of a text never leaves it.
 */
#include "request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- Replies ---- */

int reply(const struct request *r, const void *data, size_t len)
{
	struct xsd_sockmsg head = *r->head;

	head.len = len;
	conn_send(r->c, &head, data, len);
	return 0;
}

int reply_text(const struct request *r, const char *text)
{
	return reply(r, text, strlen(text) + 1);
}

int reply_ok(const struct request *r)
{
	return reply_text(r, "OK");
}

static void reply_error(const struct request *r, int rc)
{
	static const struct {
		int number;
		const char *name;
	} names[] = {
	    {EINVAL, "EINVAL"},   {EACCES, "EACCES"}, {EEXIST, "EEXIST"}, {EISDIR, "EISDIR"},
	    {ENOENT, "ENOENT"},   {ENOMEM, "ENOMEM"}, {ENOSPC, "ENOSPC"}, {EIO, "EIO"},
	    {ENOSYS, "ENOSYS"},   {EROFS, "EROFS"},   {EBUSY, "EBUSY"},   {EAGAIN, "EAGAIN"},
	    {EISCONN, "EISCONN"}, {E2BIG, "E2BIG"},   {EPERM, "EPERM"},
	};
	struct request error = *r;
	struct xsd_sockmsg head = *r->head;
	size_t i = 0;

	while (i < sizeof(names) / sizeof(*names) - 1 && names[i].number != -rc)
		i++;
	if (names[i].number != -rc)
		i = 0;
	head.type = XS_ERROR;
	error.head = &head;
	reply_text(&error, names[i].name);
}

/* ---- Arguments ---- */

/* Exactly @n texts, each with its zero byte. */
int request_texts(const struct request *r, const char *arg[], size_t n)
{
	const char *at = r->data, *end = r->data + r->len;

	for (size_t i = 0; i < n; i++) {
		arg[i] = at;
		at += strlen(at) + 1;
		if (at > end)
			return -EINVAL;
	}
	return at == end ? 0 : -EINVAL;
}

/* The only argument: a path. */
int request_path(const struct request *r, char path[PATH_SIZE])
{
	const char *arg;

	return request_texts(r, &arg, 1) ? -EINVAL : path_canonical(r->c->id, arg, path);
}

/* The first of several arguments; what follows it begins at *@rest. */
int request_first_path(const struct request *r, char path[PATH_SIZE], const char **rest, size_t *len)
{
	size_t n = strlen(r->data) + 1;

	*rest = r->data + n;
	*len = n > r->len ? 0 : r->len - n;
	return n > r->len ? -EINVAL : path_canonical(r->c->id, r->data, path);
}

/* ---- The table ---- */

enum {
	ANYBODY,
	DOM0 = 1,
	IN_TXN = 2 /* the transaction in its head counts; elsewhere it means nothing */
};

static const struct {
	int (*serve)(const struct request *r);
	unsigned flags;
} rows[XS_TYPE_COUNT] = {
    [XS_CONTROL] = {request_control, DOM0},
    [XS_DIRECTORY] = {request_directory, IN_TXN},
    [XS_DIRECTORY_PART] = {request_directory_part, IN_TXN},
    [XS_READ] = {request_read, IN_TXN},
    [XS_GET_PERMS] = {request_get_perms, IN_TXN},
    [XS_WRITE] = {request_write, IN_TXN},
    [XS_MKDIR] = {request_mkdir_or_rm, IN_TXN},
    [XS_RM] = {request_mkdir_or_rm, IN_TXN},
    [XS_SET_PERMS] = {request_set_perms, IN_TXN},
    [XS_WATCH] = {request_watch, ANYBODY},
    [XS_UNWATCH] = {request_unwatch, ANYBODY},
    [XS_RESET_WATCHES] = {request_reset_watches, ANYBODY},
    [XS_TRANSACTION_START] = {request_transaction_start, IN_TXN},
    [XS_TRANSACTION_END] = {request_transaction_end, IN_TXN},
    [XS_INTRODUCE] = {request_introduce, DOM0},
    [XS_RELEASE] = {request_release, DOM0},
    [XS_RESUME] = {request_resume, DOM0},
    [XS_SET_TARGET] = {request_set_target, DOM0},
    [XS_GET_DOMAIN_PATH] = {request_get_domain_path, ANYBODY},
    [XS_IS_DOMAIN_INTRODUCED] = {request_is_introduced, ANYBODY},
};

static int dispatch(struct request *r)
{
	unsigned type = r->head->type;

	if (type >= XS_TYPE_COUNT || !rows[type].serve)
		return -ENOSYS;
	if (rows[type].flags & DOM0 && !r->c->privileged)
		return -EACCES;
	if (rows[type].flags & IN_TXN && r->head->tx_id) {
		r->txn = txn_find(r->c, r->head->tx_id);
		if (!r->txn)
			return -ENOENT;
	}
	return rows[type].serve(r);
}

void request_serve(struct conn *c, const struct xsd_sockmsg *head)
{
	struct request r = {.c = c, .head = head, .data = c->in + sizeof(*head), .len = head->len};
	int rc;

	c->in[c->have] = '\0';
	c->have = 0;
	rc = dispatch(&r);
	if (rc)
		reply_error(&r, rc);
}

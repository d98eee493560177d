/* SPDX-License-Identifier: MIT */
/* What the handlers of requests share, and the handlers. A handler answers by one of the reply functions and
 * returns 0, or returns -errno, which becomes XS_ERROR. */
#pragma once

#include "path.h"
#include "store.h"

struct request {
	struct conn *c;
	const struct xsd_sockmsg *head;
	const char *data;
	size_t len;
	struct txn *txn; /* the transaction it belongs to, or NULL */
};

/* ---- request.c ---- */

int reply(const struct request *r, const void *data, size_t len);
int reply_text(const struct request *r, const char *text); /* with its zero byte */
int reply_ok(const struct request *r);

/* The payload is exactly @n texts, each with its zero byte. -EINVAL. */
int request_texts(const struct request *r, const char *arg[], size_t n);
/* It is one path. */
int request_path(const struct request *r, char path[PATH_SIZE]);
/* It begins with a path; what follows is at *@rest. */
int request_first_path(const struct request *r, char path[PATH_SIZE], const char **rest, size_t *len);

/* ---- request_node.c, request_domain.c: the handlers ---- */

int request_control(const struct request *r);
int request_directory(const struct request *r);
int request_directory_part(const struct request *r);
int request_read(const struct request *r);
int request_get_perms(const struct request *r);
int request_write(const struct request *r);
int request_mkdir_or_rm(const struct request *r);
int request_set_perms(const struct request *r);
int request_watch(const struct request *r);
int request_unwatch(const struct request *r);
int request_reset_watches(const struct request *r);
int request_transaction_start(const struct request *r);
int request_transaction_end(const struct request *r);
int request_introduce(const struct request *r);
int request_release(const struct request *r);
int request_resume(const struct request *r);
int request_set_target(const struct request *r);
int request_get_domain_path(const struct request *r);
int request_is_introduced(const struct request *r);

/* SPDX-License-Identifier: MIT */
/* Requests about the client itself (watches, transactions) and, for Dom0, about other domains. */
#include "request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Watches and transactions ---- */

int request_watch(const struct request *r)
{
	const char *arg[2];
	int rc = request_texts(r, arg, 2);

	if (!rc)
		rc = watch_add(r->c, arg[0], arg[1]);
	if (rc)
		return rc;
	reply_ok(r);
	watch_begin(r->c, arg[0], arg[1]);
	return 0;
}

int request_unwatch(const struct request *r)
{
	const char *arg[2];
	int rc = request_texts(r, arg, 2);

	if (!rc)
		rc = watch_remove(r->c, arg[0], arg[1]);
	return rc ? rc : reply_ok(r);
}

int request_reset_watches(const struct request *r)
{
	watch_remove_all(r->c);
	txn_drop_all(r->c);
	return reply_ok(r);
}

int request_transaction_start(const struct request *r)
{
	char text[16];
	uint32_t id;
	int rc = r->txn ? -EBUSY : txn_start(r->c, &id);

	if (rc)
		return rc;
	snprintf(text, sizeof(text), "%u", id);
	return reply_text(r, text);
}

int request_transaction_end(const struct request *r)
{
	const char *arg;
	int rc = request_texts(r, &arg, 1);

	if (rc || (strcmp(arg, "T") && strcmp(arg, "F")))
		return -EINVAL;
	if (!r->txn)
		return -ENOENT;
	rc = txn_end(r->c, r->txn, arg[0] == 'T');
	return rc ? rc : reply_ok(r);
}

/* ---- Domains ---- */

static long domain_of(const char *text)
{
	return number_of(text, DOMAINS_END - 1);
}

/* The only argument: a domain. */
static long one_domain(const struct request *r)
{
	const char *arg;

	return request_texts(r, &arg, 1) ? -1 : domain_of(arg);
}

int request_introduce(const struct request *r)
{
	const char *arg[3];
	struct conn *c;
	long id, port;
	char *end;
	unsigned long long mfn;
	int rc = request_texts(r, arg, 3);

	if (rc)
		return rc;
	id = domain_of(arg[0]);
	mfn = strtoull(arg[1], &end, 10);
	port = number_of(arg[2], 1 << 20);
	if (id <= 0 || *end || end == arg[1] || port < 0)
		return -EINVAL;
	rc = conn_introduce(r->c->store, id, mfn, port, &c);
	return rc ? -EINVAL : reply_ok(r);
}

/* The only argument: a domain, not Dom0, that has been introduced. */
static int one_guest(const struct request *r, struct conn **c)
{
	long id = one_domain(r);

	if (id <= 0)
		return -EINVAL;
	*c = conn_find(r->c->store, id);
	return *c ? 0 : -ENOENT;
}

int request_release(const struct request *r)
{
	struct conn *c;
	int rc = one_guest(r, &c);

	if (rc)
		return rc;
	conn_release(c);
	return reply_ok(r);
}

int request_resume(const struct request *r)
{
	struct conn *c;
	int rc = one_guest(r, &c);

	if (rc)
		return rc;
	c->seen_shutdown = false;
	return reply_ok(r);
}

int request_set_target(const struct request *r)
{
	const char *arg[2];
	struct conn *c, *target;

	if (request_texts(r, arg, 2) || domain_of(arg[0]) <= 0 || domain_of(arg[1]) <= 0)
		return -EINVAL;
	c = conn_find(r->c->store, domain_of(arg[0]));
	target = conn_find(r->c->store, domain_of(arg[1]));
	if (!c || !target)
		return -ENOENT;
	c->target = target->id;
	return reply_ok(r);
}

int request_get_domain_path(const struct request *r)
{
	char text[48];
	long id = one_domain(r);

	if (id < 0)
		return -EINVAL;
	snprintf(text, sizeof(text), "/local/domain/%ld", id);
	return reply_text(r, text);
}

int request_is_introduced(const struct request *r)
{
	long id = one_domain(r);

	if (id < 0)
		return -EINVAL;
	return reply_text(r, conn_find(r->c->store, id) ? "T" : "F");
}

/* Questions to the daemon itself. */
int request_control(const struct request *r)
{
	char text[1024];
	size_t n = 0;
	const char *arg;

	if (request_texts(r, &arg, 1))
		return -EINVAL;
	if (!strcmp(arg, "help"))
		return reply_text(r, "check: is the tree sound?\nquota: what each domain has\n");
	if (!strcmp(arg, "check"))
		return reply_text(r, tree_is_sound(&r->c->store->tree) ? "sound" : "NOT SOUND");
	if (strcmp(arg, "quota"))
		return -EINVAL;
	for (struct conn *c = r->c->store->conns; c && n < sizeof(text) - 128; c = c->next) {
		struct tally has = tree_tally(&c->store->tree, c->id);

		n += snprintf(
		    text + n, sizeof(text) - n,
		    "domain %u: %zu nodes, %zu bytes, %zu watches, %zu transactions, %zu events waiting\n",
		    c->id, has.nodes, has.bytes, c->n_watches, c->n_txns, c->events);
	}
	return reply_text(r, text);
}

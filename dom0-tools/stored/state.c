/* SPDX-License-Identifier: MIT */
/* The store's whole state as a text of bytes: see journal.h. It is for this machine and this program only: it
 * outlives the daemon, not the machine's next start. */
#include "journal.h"
#include "alloc.h"

#include <errno.h>

static const char magic[8] = "RLSTORE1";

/* ---- Writing ---- */

static void put_text(struct bytes *out, const char *text)
{
	bytes_put32(out, strlen(text));
	bytes_put(out, text, strlen(text));
}

static void put_perms(struct bytes *out, const struct perms *perms)
{
	bytes_put32(out, perms->n);
	for (unsigned i = 0; i < perms->n; i++)
		bytes_put32(out, (uint32_t)perms->e[i].id << 8 | perms->e[i].access);
}

static void put_node(struct bytes *out, const struct node *node)
{
	put_text(out, node->name);
	put_perms(out, &node->perms);
	bytes_put64(out, node->gen);
	bytes_put64(out, node->child_gen);
	bytes_put64(out, node->named);
	bytes_put32(out, node->len);
	bytes_put(out, node->value, node->len);
	bytes_put32(out, node->n);
	for (size_t i = 0; i < node->n; i++)
		put_node(out, node->child[i]);
}

/* 0: none of this client's; else counted from 1. */
static uint32_t number_of_watch(const struct conn *c, const struct watch *watch)
{
	uint32_t n = 1;

	if (!watch)
		return 0;
	for (const struct watch *w = c->watches; w != watch; w = w->next)
		n++;
	return n;
}

static void put_messages(struct bytes *out, const struct conn *c)
{
	bytes_put32(out, c->replies + c->events);
	for (const struct message *m = c->out; m; m = m->next) {
		bytes_put32(out, m->size);
		bytes_put(out, m->data, m->size);
		bytes_put32(out, m->sent);
		bytes_put32(out, number_of_watch(c, m->watch));
		if (m->watch)
			put_text(out, m->news->path);
	}
}

static void put_conn(struct bytes *out, const struct conn *c)
{
	bytes_put32(out, c->id);
	bytes_put32(out, c->target);
	bytes_put32(out, c->seen_shutdown);
	bytes_put32(out, c->broken);
	bytes_put32(out, c->error);
	bytes_put32(out, c->req_cons);
	bytes_put32(out, c->rsp_prod);
	bytes_put64(out, c->mfn);
	bytes_put32(out, c->remote_port);
	bytes_put32(out, c->have);
	bytes_put(out, c->in, c->have);
	bytes_put32(out, c->n_watches);
	for (const struct watch *w = c->watches; w; w = w->next) {
		put_text(out, w->as_given);
		put_text(out, w->token);
	}
	put_messages(out, c);
	bytes_put32(out, c->last_txn);
	txn_save(c, out);
}

void state_save(const struct store *s, struct bytes *out)
{
	bytes_put(out, magic, sizeof(magic));
	bytes_put64(out, s->seed);
	bytes_put64(out, tree_generation);
	for (int i = 0; i < SPECIALS; i++)
		put_perms(out, &s->special[i]);
	put_node(out, s->tree.root);
	for (const struct conn *c = s->conns; c; c = c->next)
		put_conn(out, c);
}

/* ---- Reading ---- */

/* malloc()ed; "" where there is none. */
static char *get_text(struct reader *r)
{
	size_t len = read32(r);
	const char *from = read_bytes(r, len);
	char *text;

	if (!from)
		return alloc_text("");
	text = alloc(len + 1);
	memcpy(text, from, len);
	return text;
}

static void get_perms(struct reader *r, struct perms *perms)
{
	uint32_t n = read32(r);

	*perms = (struct perms){.n = 1};
	if (!n || n > PERMS_MAX)
		r->bad = true;
	for (perms->n = 0; perms->n < n && !r->bad; perms->n++) {
		uint32_t both = read32(r);

		perms->e[perms->n].id = both >> 8;
		perms->e[perms->n].access = both & 0xff;
	}
}

/* A node below @parent, or the root (NULL). */
static void get_node(struct reader *r, struct tree *t, struct node *parent)
{
	struct node *node = t->root;
	struct perms perms;
	char *name = get_text(r);
	uint64_t gen, child_gen, named;
	const char *value;
	uint32_t n;
	size_t len;

	get_perms(r, &perms);
	if (parent)
		node = tree_add(t, parent, name, strlen(name), &perms);
	else
		tree_set_perms(t, node, &perms);
	free(name);
	gen = read64(r);
	child_gen = read64(r);
	named = read64(r);
	len = read32(r);
	value = read_bytes(r, len);
	if (value)
		tree_set_value(t, node, value, len);
	for (n = read32(r); n && !r->bad; n--)
		get_node(r, t, node);
	node->gen = gen;
	node->child_gen = child_gen;
	node->named = named;
}

static struct watch *watch_number(const struct conn *c, uint32_t number)
{
	struct watch *w = c->watches;

	while (w && --number)
		w = w->next;
	return w;
}

static void get_message(struct reader *r, struct conn *c)
{
	struct xsd_sockmsg head;
	size_t size = read32(r), sent;
	const char *data = read_bytes(r, size);
	struct message *m;
	uint32_t watch;

	if (size < sizeof(head) || !data) {
		r->bad = true;
		return;
	}
	memcpy(&head, data, sizeof(head));
	m = conn_send(c, &head, data + sizeof(head), size - sizeof(head));
	sent = read32(r);
	m->sent = sent < size ? sent : size;
	watch = read32(r);
	if (watch) {
		struct watch *w = watch_number(c, watch);
		char *path = get_text(r);

		if (w)
			event_waits(m, w, path);
		free(path);
	}
}

static void get_watch(struct reader *r, struct conn *c)
{
	char *path = get_text(r), *token = get_text(r);

	if (!r->bad && watch_add(c, path, token))
		r->bad = true;
	free(path);
	free(token);
}

static void get_conn(struct reader *r, struct store *s)
{
	struct conn *c = conn_new(s, read32(r));
	const char *in;

	c->target = read32(r);
	c->seen_shutdown = read32(r);
	c->broken = read32(r);
	c->error = read32(r);
	c->req_cons = read32(r);
	c->rsp_prod = read32(r);
	c->mfn = read64(r);
	c->remote_port = read32(r);
	c->have = read32(r);
	if (c->have >= sizeof(c->in))
		r->bad = true;
	in = read_bytes(r, c->have);
	if (in)
		memcpy(c->in, in, c->have);
	else
		c->have = 0;
	for (uint32_t n = read32(r); n && !r->bad; n--)
		get_watch(r, c);
	for (uint32_t n = read32(r); n && !r->bad; n--)
		get_message(r, c);
	c->last_txn = read32(r);
	txn_load(c, r);
}

bool state_load(struct store *s, const char *data, size_t len)
{
	struct reader r = {data, data + len, false};
	const char *begin = read_bytes(&r, sizeof(magic));
	uint64_t generation;

	if (!begin || memcmp(begin, magic, sizeof(magic)))
		return false;
	s->seed = read64(&r);
	generation = read64(&r);
	for (int i = 0; i < SPECIALS; i++)
		get_perms(&r, &s->special[i]);
	get_node(&r, &s->tree, NULL);
	while (r.at != r.end && !r.bad)
		get_conn(&r, s);
	tree_generation = generation;
	return !r.bad;
}

void state_attach(struct store *s)
{
	struct conn *c, *next;

	for (c = s->conns; c; c = next) {
		next = c->next;
		c->ring = NULL;
		if (s->ops->attach(c)) {
			conn_release(c); /* the domain is gone */
			continue;
		}
		/* Show what the last daemon kept and did not show, and look at what came meanwhile. */
		conn_touch(c);
		conn_ready(c);
	}
}

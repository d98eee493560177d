/* SPDX-License-Identifier: MIT */
/*
 * A store small enough to sit here: each domain sees a few nodes of its own, as if it were alone in the
 * store, through the real protocol (xen/io/xs_wire.h). Enough for a kernel to watch control/shutdown, and to
 * tell front ends that they have no devices. Transactions always succeed; there is one writer per subtree.
 *
 * Paths are kept relative to /local/domain/<id>/, as guests usually write them. A request is read whole into
 * s->request, answered into s->out, and s->out moves to the ring as it has room: no step waits for the guest.
 */
#include "guest.h"
#include "files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALUE_MAX 512

/* ---- Nodes ---- */

/* The path without the domain's own prefix; NULL if it lies elsewhere. */
static const char *own_path(const struct guest *g, const char *path)
{
	char home[40];
	size_t len = snprintf(home, sizeof(home), "/local/domain/%u", g->id);

	if (path[0] != '/')
		return path;
	if (!strncmp(path, home, len) && (path[len] == '/' || !path[len]))
		return path[len] ? path + len + 1 : "";
	return NULL;
}

static struct store_node *find_node(struct store *s, const char *path)
{
	for (size_t i = 0; i < STORE_NODES; i++)
		if (s->node[i].path && !strcmp(s->node[i].path, path))
			return &s->node[i];
	return NULL;
}

static bool set_node(struct store *s, const char *path, const char *value)
{
	struct store_node *n = find_node(s, path);
	char *copy = strdup(value);

	for (size_t i = 0; !n && i < STORE_NODES; i++)
		if (!s->node[i].path && (s->node[i].path = strdup(path)))
			n = &s->node[i];
	if (!n || !copy) {
		free(copy);
		return false;
	}
	free(n->value);
	n->value = copy;
	return true;
}

static bool is_below(const char *path, const char *parent)
{
	size_t len = strlen(parent);

	return !len || (!strncmp(path, parent, len) && (path[len] == '/' || !path[len]));
}

static void remove_nodes(struct store *s, const char *path)
{
	for (size_t i = 0; i < STORE_NODES; i++) {
		struct store_node *n = &s->node[i];

		if (!n->path || !*path || !is_below(n->path, path))
			continue;
		free(n->path);
		free(n->value);
		n->path = n->value = NULL;
	}
}

/* ---- Replies ---- */

static void queue(struct store *s, uint32_t type, const struct xsd_sockmsg *to, const void *data, size_t len)
{
	struct xsd_sockmsg head = {
	    .type = type, .req_id = to ? to->req_id : 0, .tx_id = to ? to->tx_id : 0, .len = len};

	if (sizeof(head) + len > sizeof(s->out) - s->out_len) {
		s->broken = true; /* a guest that asks and never reads the answers */
		return;
	}
	memcpy(s->out + s->out_len, &head, sizeof(head));
	memcpy(s->out + s->out_len + sizeof(head), data, len);
	s->out_len += sizeof(head) + len;
}

static void reply_text(struct store *s, const struct xsd_sockmsg *to, const char *text)
{
	queue(s, to->type, to, text, strlen(text)); /* values travel without their zero byte */
}

static void reply_ok(struct store *s, const struct xsd_sockmsg *to)
{
	queue(s, to->type, to, "OK", 3);
}

static void reply_error(struct store *s, const struct xsd_sockmsg *to, const char *name)
{
	queue(s, XS_ERROR, to, name, strlen(name) + 1);
}

static void send_event(struct store *s, const char *path, const char *token)
{
	char data[1024];
	int len = snprintf(data, sizeof(data), "%s%c%s", path, '\0', token);

	if (len > 0 && len < (int)sizeof(data))
		queue(s, XS_WATCH_EVENT, NULL, data, len + 1);
}

/* Tell those who watch @path, in the form (absolute or relative) in which they asked. */
static void fire(struct guest *g, const char *path)
{
	char absolute[512];

	for (size_t i = 0; i < STORE_WATCHES; i++) {
		struct store_watch *w = &g->store.watch[i];
		const char *watched = w->path ? own_path(g, w->path) : NULL;

		if (!watched || !is_below(path, watched))
			continue;
		snprintf(absolute, sizeof(absolute), "/local/domain/%u/%s", g->id, path);
		send_event(&g->store, w->path[0] == '/' ? absolute : path, w->token);
	}
}

/* ---- Requests ---- */

static bool watches_shutdown(const struct guest *g, const struct store_watch *w)
{
	const char *watched = w->path ? own_path(g, w->path) : NULL;

	return watched && is_below("control/shutdown", watched);
}

/* The file that tells rl shutdown whether the kernel listens. It holds the watch (path and token), so that a
 * restarted daemon knows it again: kernels ask only once. */
static void show_control(struct guest *g)
{
	char text[1024];

	for (size_t i = 0; i < STORE_WATCHES; i++) {
		const struct store_watch *w = &g->store.watch[i];

		if (!watches_shutdown(g, w))
			continue;
		snprintf(text, sizeof(text), "%s\n%s\n", w->path, w->token);
		file_write(console_path(g->id, "control"), text);
		return;
	}
	unlink(console_path(g->id, "control"));
}

static void recall_control(struct guest *g)
{
	size_t len;
	char *text = file_read_quiet(console_path(g->id, "control"), 1024, &len);
	char *path = text ? strtok(text, "\n") : NULL, *token = path ? strtok(NULL, "\n") : NULL;

	if (token) {
		g->store.watch[0].path = strdup(path);
		g->store.watch[0].token = strdup(token);
	}
	free(text);
}

static void clear_watch(struct store_watch *w)
{
	free(w->path);
	free(w->token);
	w->path = w->token = NULL;
}

static void do_watch(struct guest *g, const struct xsd_sockmsg *m, const char *path, const char *token)
{
	struct store *s = &g->store;

	for (size_t i = 0; i < STORE_WATCHES; i++) {
		struct store_watch *w = &s->watch[i];

		if (w->path)
			continue;
		w->path = strdup(path);
		w->token = strdup(token);
		if (!w->path || !w->token) {
			clear_watch(w);
			break;
		}
		reply_ok(s, m);
		send_event(s, path, token); /* each watch fires once at first */
		show_control(g);
		return;
	}
	reply_error(s, m, "E2BIG");
}

static void do_unwatch(struct guest *g, const struct xsd_sockmsg *m, const char *path, const char *token)
{
	for (size_t i = 0; i < STORE_WATCHES; i++) {
		struct store_watch *w = &g->store.watch[i];

		if (!w->path || strcmp(w->path, path) || strcmp(w->token, token))
			continue;
		clear_watch(w);
		reply_ok(&g->store, m);
		show_control(g);
		return;
	}
	reply_error(&g->store, m, "ENOENT");
}

static void do_write(struct guest *g, const struct xsd_sockmsg *m, const char *path, const char *value)
{
	const char *own = own_path(g, path);

	if (!own || !*own)
		reply_error(&g->store, m, "EACCES");
	else if (strlen(value) > VALUE_MAX || !set_node(&g->store, own, value))
		reply_error(&g->store, m, "ENOSPC");
	else {
		reply_ok(&g->store, m);
		fire(g, own);
	}
}

static void do_directory(struct guest *g, const struct xsd_sockmsg *m, const char *path)
{
	const char *own = own_path(g, path);
	char list[XENSTORE_PAYLOAD_MAX];
	size_t len = 0;
	bool exists = own && !*own;

	for (size_t i = 0; own && i < STORE_NODES; i++) {
		const char *at = g->store.node[i].path, *child;
		size_t n, seen = 0;

		if (!at || !is_below(at, own))
			continue;
		exists = true;
		child = at + strlen(own);
		child += *child == '/' && *own;
		n = strcspn(child, "/");
		while (seen < len && (strlen(list + seen) != n || memcmp(list + seen, child, n)))
			seen += strlen(list + seen) + 1;
		if (!n || seen < len || len + n + 1 > sizeof(list))
			continue;
		memcpy(list + len, child, n);
		list[len + n] = '\0';
		len += n + 1;
	}
	if (exists)
		queue(&g->store, XS_DIRECTORY, m, list, len);
	else
		reply_error(&g->store, m, "ENOENT");
}

static void do_read(struct guest *g, const struct xsd_sockmsg *m, const char *path)
{
	const char *own = own_path(g, path);
	struct store_node *n = own ? find_node(&g->store, own) : NULL;

	if (n)
		reply_text(&g->store, m, n->value);
	else
		reply_error(&g->store, m, "ENOENT");
}

static void do_rm(struct guest *g, const struct xsd_sockmsg *m, const char *path)
{
	const char *own = own_path(g, path);

	if (!own || !*own) {
		reply_error(&g->store, m, "EACCES");
		return;
	}
	remove_nodes(&g->store, own);
	reply_ok(&g->store, m);
	fire(g, own);
}

static void answer(struct guest *g, const struct xsd_sockmsg *m, char *data)
{
	struct store *s = &g->store;
	const char *path = data, *second = data + strlen(data) + 1;
	char text[48];

	/* The zero byte behind the request makes a text of a missing second word, too. */
	if (second > data + m->len)
		second = data + m->len;
	switch (m->type) {
	case XS_READ:
		do_read(g, m, path);
		break;
	case XS_DIRECTORY:
		do_directory(g, m, path);
		break;
	case XS_WRITE:
		do_write(g, m, path, second);
		break;
	case XS_RM:
		do_rm(g, m, path);
		break;
	case XS_WATCH:
		do_watch(g, m, path, second);
		break;
	case XS_UNWATCH:
		do_unwatch(g, m, path, second);
		break;
	case XS_RESET_WATCHES:
		for (size_t i = 0; i < STORE_WATCHES; i++)
			clear_watch(&s->watch[i]);
		show_control(g);
		reply_ok(s, m);
		break;
	case XS_TRANSACTION_START:
		reply_text(s, m, "1");
		break;
	case XS_MKDIR:
	case XS_SET_PERMS:
	case XS_TRANSACTION_END:
		reply_ok(s, m);
		break;
	case XS_GET_PERMS:
		snprintf(text, sizeof(text), "n%u", g->id);
		queue(s, m->type, m, text, strlen(text) + 1);
		break;
	case XS_GET_DOMAIN_PATH:
		snprintf(text, sizeof(text), "/local/domain/%lu", strtoul(path, NULL, 10));
		queue(s, m->type, m, text, strlen(text) + 1);
		break;
	default:
		reply_error(s, m, "ENOSYS");
	}
}

/* ---- The ring ---- */

#define barrier() __atomic_thread_fence(__ATOMIC_SEQ_CST)

/* Take what the guest sent, up to one whole request. */
static bool take_request(struct store *s)
{
	struct xenstore_domain_interface *ring = s->ring;
	XENSTORE_RING_IDX cons = ring->req_cons, prod = __atomic_load_n(&ring->req_prod, __ATOMIC_ACQUIRE);
	size_t before = s->have;

	if (prod - cons > XENSTORE_RING_SIZE) {
		s->broken = true;
		return false;
	}
	while (cons != prod) {
		struct xsd_sockmsg head;
		size_t want = sizeof(head);

		if (s->have >= sizeof(head)) {
			memcpy(&head, s->request, sizeof(head));
			want += head.len;
			if (s->have == want || head.len > XENSTORE_PAYLOAD_MAX)
				break;
		}
		s->request[s->have++] = ring->req[MASK_XENSTORE_IDX(cons++)];
	}
	barrier();
	ring->req_cons = cons;
	return s->have != before;
}

static bool whole_request(struct store *s, struct xsd_sockmsg *head)
{
	if (s->have < sizeof(*head))
		return false;
	memcpy(head, s->request, sizeof(*head));
	if (head->len > XENSTORE_PAYLOAD_MAX)
		s->broken = true;
	return !s->broken && s->have == sizeof(*head) + head->len;
}

static bool flush(struct store *s)
{
	struct xenstore_domain_interface *ring = s->ring;
	XENSTORE_RING_IDX prod = ring->rsp_prod, used = prod - ring->rsp_cons;
	size_t n = 0, room = used > XENSTORE_RING_SIZE ? 0 : XENSTORE_RING_SIZE - used;

	barrier();
	while (n < s->out_len && n < room)
		ring->rsp[MASK_XENSTORE_IDX(prod++)] = s->out[n++];
	if (!n)
		return false;
	barrier();
	ring->rsp_prod = prod;
	s->out_len -= n;
	memmove(s->out, s->out + n, s->out_len);
	return true;
}

bool store_serve(struct guest *g)
{
	struct store *s = &g->store;
	struct xsd_sockmsg head;
	bool tell = false, more = true;

	while (s->ring && !s->broken && more) {
		more = take_request(s);
		/* Half the room is kept for events, so that only a guest that never reads can fill it. */
		if (whole_request(s, &head) && s->out_len < STORE_OUT / 4) {
			s->request[s->have] = '\0';
			answer(g, &head, s->request + sizeof(head));
			s->have = 0;
			more = true;
		}
		tell |= more | flush(s);
		more &= s->out_len < STORE_OUT / 4;
	}
	return tell;
}

bool store_shutdown(struct guest *g, const char *what)
{
	if (!g->store.ring || g->store.broken || !set_node(&g->store, "control/shutdown", what))
		return false;
	fire(g, "control/shutdown");
	return flush(&g->store);
}

void store_init(struct guest *g, const struct record *r)
{
	char id[16], cpu[32];

	snprintf(id, sizeof(id), "%u", g->id);
	set_node(&g->store, "name", r->name);
	set_node(&g->store, "domid", id);
	set_node(&g->store, "control/shutdown", "");
	for (unsigned v = 0; v < r->vcpus && v < XEN_LEGACY_MAX_VCPUS; v++) {
		snprintf(cpu, sizeof(cpu), "cpu/%u/availability", v); /* Linux takes its vCPUs up by these */
		set_node(&g->store, cpu, "online");
	}
	recall_control(g);
}

void store_free(struct guest *g)
{
	for (size_t i = 0; i < STORE_NODES; i++) {
		free(g->store.node[i].path);
		free(g->store.node[i].value);
	}
	for (size_t i = 0; i < STORE_WATCHES; i++)
		clear_watch(&g->store.watch[i]);
}

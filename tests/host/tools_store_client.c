/* SPDX-License-Identifier: MIT */
/* See tools_store_client.h. */
#include "tools_store_client.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct store store;
struct client client[CLIENTS];
unsigned told[CLIENTS];

static int attach(struct conn *c)
{
	if (c->id >= CLIENTS || c->mfn == 666)
		return -EINVAL;
	c->ring = &client[c->id].ring;
	c->port = c->id;
	return 0;
}

static void detach(struct conn *c)
{
	c->ring = NULL;
	client[c->id].conn = NULL;
}

static const struct store_ops ops = {.attach = attach, .detach = detach};

static void tell(struct conn *c)
{
	told[c->id]++;
}

/* As if each of them had sent an event. */
bool one_round(void)
{
	for (struct conn *c = store.conns; c; c = c->next)
		conn_ready(c);
	return store_round(&store, tell);
}

bool round_for(unsigned id)
{
	conn_ready(client[id].conn);
	return store_round(&store, tell);
}

bool round_more(void)
{
	return store_round(&store, tell);
}

void settle(void)
{
	while (one_round())
		;
}

void clients_begin(unsigned n)
{
	memset(client, 0, sizeof(client));
	memset(told, 0, sizeof(told));
	store_init(&store, &ops);
	for (unsigned id = 0; id <= n; id++) {
		char path[64], owner[16];

		assert_int_equal(conn_introduce(&store, id, 1, 1, &client[id].conn), 0);
		if (!id)
			continue;
		snprintf(path, sizeof(path), "/local/domain/%u", id);
		snprintf(owner, sizeof(owner), "n%u", id);
		assert_string_equal(ask(0, XS_MKDIR, 0, path), "");
		assert_string_equal(ask_two(0, XS_SET_PERMS, 0, path, owner), "");
	}
}

void clients_end(void)
{
	assert_true(tree_is_sound(&store.tree));
	store_free(&store);
}

void put_bytes(unsigned id, const void *data, size_t len)
{
	struct xenstore_domain_interface *ring = &client[id].ring;

	for (size_t i = 0; i < len; i++) {
		while (ring->req_prod - ring->req_cons == XENSTORE_RING_SIZE)
			one_round();
		ring->req[MASK_XENSTORE_IDX(ring->req_prod++)] = ((const char *)data)[i];
	}
}

static void get_bytes(unsigned id, void *to, size_t len)
{
	struct xenstore_domain_interface *ring = &client[id].ring;

	for (size_t i = 0; i < len; i++) {
		if (ring->rsp_cons == ring->rsp_prod)
			settle();
		assert_true(ring->rsp_cons != ring->rsp_prod);
		((char *)to)[i] = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons++)];
	}
}

/* The next message; its type. Events are noted. */
static uint32_t get_message(unsigned id, uint32_t *request)
{
	struct client *c = &client[id];
	struct xsd_sockmsg head;
	char data[XENSTORE_PAYLOAD_MAX + 1];

	get_bytes(id, &head, sizeof(head));
	assert_true(head.len <= XENSTORE_PAYLOAD_MAX);
	get_bytes(id, data, head.len);
	data[head.len] = '\0';
	*request = head.req_id;
	if (head.type != XS_WATCH_EVENT) {
		memcpy(c->reply, data, head.len + 1);
		c->len = head.len;
	} else if (c->n_events < 32 || c->looked) {
		if (c->looked)
			c->n_events = 0;
		c->looked = false;
		assert_true(head.len < sizeof(c->event[0]));
		data[strlen(data)] = ' '; /* between path and token */
		strcpy(c->event[c->n_events++], data);
	}
	return head.type;
}

unsigned look(unsigned id)
{
	uint32_t request;

	if (client[id].looked)
		client[id].n_events = 0;
	settle();
	while (client[id].ring.rsp_cons != client[id].ring.rsp_prod) {
		get_message(id, &request);
		settle();
	}
	client[id].looked = true;
	return client[id].n_events;
}

const char *ask_bytes(unsigned id, uint32_t type, uint32_t tx, const void *payload, size_t len)
{
	static uint32_t last;
	struct xsd_sockmsg head = {.type = type, .req_id = ++last, .tx_id = tx, .len = len};
	uint32_t got, request;

	put_bytes(id, &head, sizeof(head));
	put_bytes(id, payload, len);
	settle();
	do {
		got = get_message(id, &request);
	} while (got == XS_WATCH_EVENT);
	assert_int_equal(request, last);
	if (got == XS_ERROR)
		return client[id].reply;
	assert_int_equal(got, type);
	return "";
}

const char *ask(unsigned id, uint32_t type, uint32_t tx, const char *payload)
{
	return ask_bytes(id, type, tx, payload, strlen(payload) + 1);
}

const char *ask_two(unsigned id, uint32_t type, uint32_t tx, const char *one, const char *two)
{
	char both[XENSTORE_PAYLOAD_MAX];
	int len = snprintf(both, sizeof(both), "%s%c%s", one, '\0', two);

	return ask_bytes(id, type, tx, both, len + 1);
}

const char *put_value(unsigned id, uint32_t tx, const char *path, const char *text)
{
	char both[XENSTORE_PAYLOAD_MAX];
	int len = snprintf(both, sizeof(both), "%s%c%s", path, '\0', text);

	return ask_bytes(id, XS_WRITE, tx, both, len);
}

const char *value(unsigned id, uint32_t tx, const char *path)
{
	static char error[32];
	const char *result = ask(id, XS_READ, tx, path);

	if (!*result)
		return client[id].reply;
	snprintf(error, sizeof(error), "[%s]", result);
	return error;
}

uint32_t begin(unsigned id)
{
	assert_string_equal(ask(id, XS_TRANSACTION_START, 0, ""), "");
	return strtoul(client[id].reply, NULL, 10);
}

const char *commit(unsigned id, uint32_t tx)
{
	return ask(id, XS_TRANSACTION_END, tx, "T");
}

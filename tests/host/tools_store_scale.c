/* SPDX-License-Identifier: MIT */
/*
 * Specification: what one domain asks of the store costs the same whether there are few others or many. Counted in units of
 * work (work.h).
 *   idle      a request, and a walk through a domain's home, cost nothing for clients that ask for nothing
 *   coming    the same for a domain's home, its introduction and its end, with all rights that it had
 *   all       and yet no client is forgotten: each client that has sent an event is served, in its turn
 */
#include "tools_store_client.h"
#include "work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FEW  2
#define MANY 200
#define NEW  (MANY + 5)

static void put_request(unsigned id, uint32_t type, const void *payload, size_t len)
{
	struct xsd_sockmsg head = {.type = type, .len = len};

	put_bytes(id, &head, sizeof(head));
	put_bytes(id, payload, len);
}

/* A request of one client, the only one that sends an event; what it costs. */
static uint64_t cost_of(unsigned id, uint32_t type, const char *payload, size_t len)
{
	struct xenstore_domain_interface *ring = &client[id].ring;
	XENSTORE_RING_IDX before_reply = ring->rsp_prod;
	uint64_t before = store_work;

	put_request(id, type, payload, len);
	while (round_for(id))
		;
	assert_true(ring->rsp_prod != before_reply);
	ring->rsp_cons = ring->rsp_prod;
	return store_work - before;
}

#define cost(id, type, payload) cost_of(id, type, payload, sizeof(payload))

static uint64_t cost_idle(unsigned others)
{
	uint64_t sum;

	clients_begin(others);
	settle();
	sum = cost(1, XS_WRITE, "mine\0value") + cost(1, XS_READ, "mine") +
	      cost(0, XS_READ, "/local/domain/1/mine");
	clients_end();
	return sum;
}

static void idle_clients(void **state)
{
	assert_int_equal(cost_idle(MANY), cost_idle(FEW));
}

static void grant(const char *path, unsigned id)
{
	char text[96];
	int len = snprintf(text, sizeof(text), "%s%cn0%cr%u", path, 0, 0, id) + 1;

	assert_string_equal(ask_bytes(0, XS_SET_PERMS, 0, text, len), "");
}

/* A home as the tools make it. */
static void make_home(unsigned id)
{
	static const char *const nodes[] = {"name", "control/shutdown", "data", "device/x", "vm"};
	char path[64];

	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
		snprintf(path, sizeof(path), "/local/domain/%u/%s", id, nodes[i]);
		assert_string_equal(put_value(0, 0, path, "x"), "");
		grant(path, id);
	}
	snprintf(path, sizeof(path), "/vm/%u", id);
	assert_string_equal(put_value(0, 0, path, "x"), "");
	grant(path, id);
}

static const char *rights(const char *path)
{
	assert_string_equal(ask(0, XS_GET_PERMS, 0, path), "");
	return client[0].reply;
}

/* Its introduction and its end. */
static uint64_t cost_life(unsigned others)
{
	char text[16];
	uint64_t sum;

	clients_begin(others);
	for (unsigned id = 1; id <= others; id++)
		make_home(id);
	make_home(NEW);
	assert_string_equal(ask_two(0, XS_SET_PERMS, 0, "/vm/1", "n205"), ""); /* NEW */
	settle();
	sum = cost(0, XS_INTRODUCE, "205\0001\0001");
	snprintf(text, sizeof(text), "%u", NEW);
	sum += cost_of(0, XS_RELEASE, text, strlen(text) + 1);
	assert_string_equal(rights("/vm/205"), "n0");
	assert_string_equal(rights("/vm/1"), "n0");
	assert_string_equal(rights("/local/domain/205/data"), "n0");
	assert_string_equal(rights("/vm/2"), "n0");
	assert_int_equal(client[0].len, sizeof("n0") + sizeof("r2"));
	clients_end();
	return sum;
}

static void coming_and_going(void **state)
{
	uint64_t few = cost_life(FEW), many = cost_life(MANY);

	if (many > 3 * few)
		fail_msg("%llu units beside %u domains, %llu beside %u", (unsigned long long)few, FEW,
			 (unsigned long long)many, MANY);
}

static void all_are_served(void **state)
{
	clients_begin(MANY);
	settle();
	for (unsigned id = 1; id <= MANY; id++) {
		put_request(id, XS_WRITE, "mine\0value", 10);
		conn_ready(client[id].conn);
	}
	conn_release(client[7].conn); /* one of them goes, from the middle of the queue; one from its end */
	conn_release(client[MANY].conn);
	round_for(0);
	for (unsigned id = 1; id < MANY; id++)
		assert_true(id == 7 || client[id].ring.rsp_prod > sizeof(struct xsd_sockmsg));
	clients_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(idle_clients),
	    cmocka_unit_test(coming_and_going),
	    cmocka_unit_test(all_are_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

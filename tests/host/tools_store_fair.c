/* SPDX-License-Identifier: MIT */
/*
 * Specification: what a guest asks of the store is done at its own cost. Counted in units of work (work.h), not in time.
 *   costliest  the costliest requests that the quotas allow, alone and with others that help by watching: each costs
 *              less than LIMIT units, so no client waits for more than that
 *   turns      between requests that cost much, others are served; alone one goes on at once
 *   index      as many watches as there may be, of paths that have nothing to do with a change, cost it nothing
 *   merged     of watches of one path each has one event waiting for a change
 *   removed    what is watched inside a node that goes is told to all that watch it
 */
#include "tools_store_client.h"
#include "work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT  400000 /* units; some 10 ms */
#define VICTIM 15
#define OTHERS 14 /* 2 and up: they watch */

static uint64_t costliest;

/* One request, and what it cost. */
static const char *costly(const char *result, uint64_t before)
{
	uint64_t cost = store_work - before;

	costliest = cost > costliest ? cost : costliest;
	return result;
}
#define dear(call)                             \
	({                                     \
		uint64_t before_ = store_work; \
		costly(call, before_);         \
	})

static void watch_all(unsigned id, const char *path)
{
	char token[24];

	for (size_t i = 0; i < quota_guest.watches; i++) {
		snprintf(token, sizeof(token), "%zu", i);
		assert_string_equal(ask_two(id, XS_WATCH, 0, path, token), "");
	}
}

static void put_request(unsigned id, uint32_t type, const void *payload, size_t len)
{
	struct xsd_sockmsg head = {.type = type, .len = len};

	put_bytes(id, &head, sizeof(head));
	put_bytes(id, payload, len);
}

/* All clients watch all that domain 1 does, and may. */
static void crowd(void)
{
	clients_begin(VICTIM);
	assert_string_equal(ask_two(0, XS_SET_PERMS, 0, "/local/domain/1", "r1"), "");
	watch_all(1, "/local/domain/1");
	for (unsigned id = 2; id <= OTHERS; id++)
		watch_all(id, id % 2 ? "/" : "/local/domain/1");
	watch_all(0, "/local/domain");
	for (unsigned id = 0; id <= VICTIM; id++)
		look(id); /* the first events are read: their queues are empty */
	costliest = 0;
}

/* The transaction ends, after something else happened in the store: it is done again. */
static void ends(uint32_t tx)
{
	assert_string_equal(put_value(VICTIM, 0, "mine", "1"), "");
	assert_string_equal(dear(commit(1, tx)), "");
	assert_true(costliest > 100);
	if (costliest > LIMIT)
		fail_msg("one request costs %llu units", (unsigned long long)costliest);
	assert_string_equal(value(VICTIM, 0, "mine"), "1");
	clients_end();
}

static void many_nodes(void **state)
{
	char path[32];
	uint32_t tx;

	crowd();
	tx = begin(1);
	for (unsigned i = 0; i < quota_guest.steps; i++) {
		snprintf(path, sizeof(path), "n%u", i % 990);
		assert_string_equal(dear(put_value(1, tx, path, "")), "");
	}
	ends(tx);
}

/* One node, which has many children. */
static void one_wide_node(void **state)
{
	char path[32];
	uint32_t tx;

	crowd();
	for (unsigned i = 0; i < 990; i++) {
		snprintf(path, sizeof(path), "w/%u", i);
		assert_string_equal(put_value(1, 0, path, ""), "");
	}
	tx = begin(1);
	for (unsigned i = 0; i < quota_guest.steps; i++)
		assert_string_equal(
		    dear(i % 2 ? put_value(1, tx, "w", "") : ask_two(1, XS_SET_PERMS, tx, "w", "r1")), "");
	ends(tx);
}

/* Two chains of nodes as long as a path may be, made and removed. */
static void deep_nodes(void **state)
{
	char path[1024] = "d";
	uint32_t tx;

	crowd();
	while (strlen(path) + 2 + strlen("/local/domain/1/") <= quota_guest.path)
		strcat(path, "/d");
	tx = begin(1);
	while (!*dear(ask(1, XS_MKDIR, tx, path)))
		assert_string_equal(dear(ask(1, XS_RM, tx, "d")), "");
	assert_string_equal(client[1].reply, "ENOSPC"); /* the log is full */
	ends(tx);
}

static void many_looks(void **state)
{
	char path[64];
	uint32_t tx;

	crowd();
	tx = begin(1);
	for (unsigned i = 0; i < quota_guest.steps - 1; i++) {
		snprintf(path, sizeof(path), "not-there-%u", i);
		assert_string_equal(dear(ask(1, XS_READ, tx, path)), "ENOENT");
	}
	assert_string_equal(put_value(1, tx, "x", ""), "");
	ends(tx);
}

static void events_taken_back(void **state)
{
	char path[32];

	crowd();
	for (unsigned i = 0; i < 500; i++) {
		snprintf(path, sizeof(path), "n%u", i);
		assert_string_equal(dear(put_value(1, 0, path, "")), "");
	}
	assert_string_equal(dear(ask(1, XS_RESET_WATCHES, 0, "")), "");
	ends(begin(1));
}

/* A client that connects again pays for what is thrown away then, as with XS_RESET_WATCHES. */
static void begun_anew(void **state)
{
	char path[32];

	crowd();
	for (unsigned i = 0; i < 500; i++) {
		snprintf(path, sizeof(path), "n%u", i);
		assert_string_equal(put_value(1, 0, path, ""), "");
	}
	client[2].ring.connection = XENSTORE_RECONNECT;
	put_request(VICTIM, XS_READ, "mine", 5);
	one_round();
	assert_int_equal(client[2].ring.connection, XENSTORE_CONNECTED);
	assert_true(client[2].conn->debt > quota_guest.watches * quota_guest.events / 4);
	clients_end();
}

/* A domain that has much is gone; a chain of nodes, each with a right of its own, is the worst. */
static void rights_forgotten(void **state)
{
	char path[1024] = "/local/domain/1/d";

	clients_begin(VICTIM);
	while (strlen(path) + 2 <= quota_guest.path)
		strcat(path, "/d");
	assert_string_equal(ask(1, XS_MKDIR, 0, path), "");
	costliest = 0;
	assert_string_equal(dear(ask(0, XS_RELEASE, 0, "1")), "");
	assert_true(costliest <= LIMIT / 10);
	assert_int_equal(tree_tally(&store.tree, 1).nodes, 0);
	clients_end();
}

/* One has costly requests without end (a list too long to be told: nothing to be read but the error); each round the
 * other has its reply, and what is done for the first in between is bounded. */
static void turns(void **state)
{
	char path[32];
	struct xenstore_domain_interface *greedy = &client[1].ring, *victim = &client[VICTIM].ring;

	clients_begin(VICTIM);
	for (unsigned i = 0; i < 900; i++) {
		snprintf(path, sizeof(path), "node-%u", i);
		assert_string_equal(put_value(1, 0, path, ""), "");
	}
	assert_string_equal(ask(1, XS_DIRECTORY, 0, "/local/domain/1"), "E2BIG");
	assert_string_equal(put_value(VICTIM, 0, "mine", "1"), "");
	for (unsigned i = 0; i < 200; i++) {
		uint64_t before = store_work;
		XENSTORE_RING_IDX replies = victim->rsp_prod;

		while (XENSTORE_RING_SIZE - (greedy->req_prod - greedy->req_cons) >= 64)
			put_request(1, XS_DIRECTORY, "/local/domain/1", 16);
		greedy->rsp_cons = greedy->rsp_prod; /* it reads what comes */
		put_request(VICTIM, XS_READ, "mine", 5);
		one_round();
		assert_true(victim->rsp_prod != replies);
		victim->rsp_cons = victim->rsp_prod;
		assert_true(store_work - before < ROUND_WORK + 1000 + 100);
	}
	assert_true(greedy->rsp_prod > 100 * 2 * sizeof(struct xsd_sockmsg)); /* it was served, too */
	/* Alone it is held up by nothing. */
	client[1].conn->debt = 1000 * ROUND_WORK;
	for (unsigned i = 0; greedy->req_prod != greedy->req_cons; i++) {
		greedy->rsp_cons = greedy->rsp_prod;
		one_round();
		assert_true(i < 50);
	}
	clients_end();
}

/* One event may come before many requests, or before costly ones: a client with some left has a turn in the next round
 * without another event, and is told of the replies. */
static void one_event_for_all(void **state)
{
	struct xenstore_domain_interface *ring = &client[1].ring;
	unsigned rounds = 1;

	clients_begin(1);
	for (unsigned i = 0; i < 2 * ROUND_REQUESTS + 1; i++)
		put_request(1, XS_GET_DOMAIN_PATH, "1", 2);
	told[1] = 0;
	if (round_for(1))
		do
			rounds++;
		while (round_more());
	assert_int_equal(ring->req_cons, ring->req_prod);
	assert_in_range(rounds, 3, 4);
	assert_true(told[1] >= 3);
	put_request(1, XS_GET_DOMAIN_PATH, "1", 2);
	ring->rsp_cons = ring->rsp_prod;
	client[1].conn->debt = 4 * ROUND_WORK;
	client[1].conn->last_turn = store.rounds;
	store.last_idle = 0; /* others have been served all the time */
	told[1] = 0;
	for (rounds = 1; ring->req_cons != ring->req_prod; rounds++) {
		assert_true(rounds < 8);
		assert_true((rounds == 1 ? round_for(1) : round_more()) || ring->req_cons == ring->req_prod);
	}
	assert_true(told[1]);
	clients_end();
}

/* Of watches of one path some have an event waiting, some not: each gets one. */
static void groups_are_merged(void **state)
{
	char path[64];
	struct conn *c;
	size_t before;

	clients_begin(1);
	c = client[1].conn;
	assert_string_equal(ask_two(1, XS_WATCH, 0, "w", "a"), "");
	for (unsigned i = 0; i < 100; i++) { /* more than the ring takes */
		snprintf(path, sizeof(path), "/local/domain/1/w/%u", i);
		assert_string_equal(put_value(0, 0, path, ""), "");
	}
	before = c->events;
	assert_true(before > 10);
	assert_string_equal(put_value(0, 0, path, ""), "");
	assert_int_equal(c->events, before);
	put_request(1, XS_WATCH, "w\0b", 4);
	put_request(1, XS_WATCH, "w\0c", 4);
	settle();
	assert_int_equal(c->events, before + 2); /* their first ones */
	for (unsigned i = 0; i < 3; i++) {
		assert_string_equal(put_value(0, 0, path, ""), "");
		assert_int_equal(c->events, before + 4);
	}
	clients_end();
}

static void index_is_by_path(void **state)
{
	char path[32];
	uint64_t before, alone;

	clients_begin(VICTIM);
	before = store_work;
	assert_string_equal(put_value(VICTIM, 0, "mine", "1"), "");
	assert_string_equal(put_value(VICTIM, 0, "mine", "2"), "");
	alone = store_work - before;
	for (unsigned id = 1; id <= OTHERS; id++)
		for (size_t i = 0; i < quota_guest.watches; i++) {
			snprintf(path, sizeof(path), "w%zu", i);
			assert_string_equal(ask_two(id, XS_WATCH, 0, path, "t"), "");
		}
	before = store_work;
	assert_string_equal(put_value(VICTIM, 0, "mine", "1"), "");
	assert_string_equal(put_value(VICTIM, 0, "mine", "2"), "");
	assert_true(store_work - before < alone + 100);
	clients_end();
}

static void removed_nodes_are_told(void **state)
{
	clients_begin(2);
	assert_string_equal(put_value(1, 0, "a/b/c", "1"), "");
	assert_string_equal(put_value(1, 0, "a/bb", "1"), "");
	assert_string_equal(ask_two(1, XS_WATCH, 0, "a/b/c", "deep"), "");
	assert_string_equal(ask_two(1, XS_WATCH, 0, "a/bb", "beside"), "");
	assert_string_equal(ask_two(1, XS_WATCH, 0, "a/b/none", "missing"), "");
	assert_string_equal(ask_two(1, XS_WATCH, 0, "/", "all"), "");
	assert_string_equal(ask_two(2, XS_WATCH, 0, "/local/domain/1/a/b/c", "spy"), "");
	look(1);
	look(2);
	assert_string_equal(ask(1, XS_RM, 0, "a/b"), "");
	assert_int_equal(look(1), 2);
	assert_string_equal(client[1].event[0], "/local/domain/1/a/b all");
	assert_string_equal(client[1].event[1], "a/b/c deep");
	assert_int_equal(look(2), 0);
	assert_string_equal(ask_two(1, XS_UNWATCH, 0, "a/bb", "beside"), "");
	assert_string_equal(ask(1, XS_RM, 0, "a"), "");
	assert_int_equal(look(1), 1);
	clients_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(many_nodes),        cmocka_unit_test(one_wide_node),
	    cmocka_unit_test(deep_nodes),        cmocka_unit_test(many_looks),
	    cmocka_unit_test(events_taken_back), cmocka_unit_test(begun_anew),
	    cmocka_unit_test(rights_forgotten),  cmocka_unit_test(turns),
	    cmocka_unit_test(one_event_for_all), cmocka_unit_test(groups_are_merged),
	    cmocka_unit_test(index_is_by_path),  cmocka_unit_test(removed_nodes_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

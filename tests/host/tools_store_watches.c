/* SPDX-License-Identifier: MIT */
/*
 * Specification: what watches of the store are told.
 *   quota       events that wait are merged at the quota, and none is lost with another path's
 *   order       watches of one path come and go in any order; an event too long for its path tells what was watched
 *   each        however many watches a path has, and however much happens below it, each has each event
 *   nothing     what changes nothing tells nobody; what is given up with the watches is gone
 */
#include "tools_store_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HOME "/local/domain/1/"

/* Events that wait are merged up to the quota and one more for each watch; those of a path are not lost with another's. */
static void events_up_to_the_quota(void **state)
{
	char path[64];
	size_t before;

	clients_begin(1);
	assert_string_equal(ask_two(1, XS_WATCH, 0, "/local/domain/1", "one"), "");
	assert_string_equal(ask_two(1, XS_WATCH, 0, "data", "two"), "");
	look(1);
	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), HOME "data/%d", i);
		put_value(0, 0, path, "");
		if (client[1].conn->events < quota_guest.events)
			before = client[1].conn->events;
	}
	assert_true(before >= quota_guest.events - 2);
	assert_int_equal(client[1].conn->events, quota_guest.events + 2);
	clients_end();
}

static void watches_in_any_order(void **state)
{
	static const char *const tokens[] = {"a", "b", "c"};

	for (int gone = 0; gone < 3; gone++) {
		clients_begin(1);
		for (int i = 0; i < 3; i++)
			assert_string_equal(ask_two(1, XS_WATCH, 0, "w", tokens[i]), "");
		assert_string_equal(ask_two(1, XS_UNWATCH, 0, "w", tokens[gone]), "");
		assert_string_equal(ask_two(1, XS_WATCH, 0, "w", "d"), "");
		look(1);
		assert_string_equal(put_value(1, 0, "w", ""), "");
		assert_int_equal(look(1), 3);
		assert_string_equal(client[1].event[0], gone ? "w a" : "w b");
		assert_string_equal(client[1].event[1], gone == 2 ? "w b" : "w c");
		assert_string_equal(client[1].event[2], "w d");
		/* Another path with the same token, the same path as another client or in other words, are others. */
		assert_string_equal(ask_two(1, XS_WATCH, 0, HOME "w", "d"), "");
		assert_string_equal(ask_two(1, XS_UNWATCH, 0, HOME "w", tokens[(gone + 1) % 3]), "ENOENT");
		assert_string_equal(ask_two(1, XS_UNWATCH, 0, "v", "d"), "ENOENT");
		assert_string_equal(ask_two(1, XS_UNWATCH, 0, "w", "d"), "");
		look(1);
		assert_string_equal(put_value(1, 0, "w", ""), "");
		assert_int_equal(look(1), 3);
		assert_string_equal(client[1].event[2], HOME "w d");
		clients_end();
	}
}

static void too_long_for_an_event(void **state)
{
	char token[XENSTORE_PAYLOAD_MAX - 100], path[200];

	clients_begin(1);
	memset(token, 't', sizeof(token));
	token[sizeof(token) - 1] = '\0';
	assert_string_equal(ask_two(1, XS_WATCH, 0, "w", token), "");
	look(1);
	for (int fits = 1; fits >= 0; fits--) {
		snprintf(path, sizeof(path), HOME "w/%0*d", 98 - fits, 0);
		assert_string_equal(put_value(0, 0, path, ""), "");
		assert_int_equal(look(1), 1);
		assert_int_equal(strchr(client[1].event[0], ' ') - client[1].event[0], fits ? 99 : 1);
	}
	clients_end();
}

/* More watches of one path than the table of those that wait has places: each has its event. */
static void each_watch_has_its_event(void **state)
{
	const size_t size = sizeof(struct xsd_sockmsg) + sizeof("/w") + sizeof("0000"),
		     watches = 2 * WAITING_SLOTS;
	struct xenstore_domain_interface *ring = &client[0].ring;
	char token[24];

	clients_begin(1);
	for (size_t i = 0; i < watches; i++) {
		snprintf(token, sizeof(token), "%04zu", i);
		assert_string_equal(ask_two(0, XS_WATCH, 0, "/w", token), "");
	}
	look(0);
	assert_string_equal(ask_two(0, XS_SET_PERMS, 0, "/", "b1"), "");
	assert_string_equal(put_value(1, 0, "/w", ""), "");
	assert_int_equal(client[0].conn->events + (ring->rsp_prod - ring->rsp_cons) / size, watches);
	clients_end();
}

/* Two watches of one path are told of the same news; each of it once, however many there are. */
static void each_watch_has_each_path(void **state)
{
	const unsigned size = sizeof(struct xsd_sockmsg) + sizeof("w/000") + sizeof("t");
	const struct xenstore_domain_interface *ring = &client[1].ring;

	clients_begin(1);
	assert_string_equal(ask_two(1, XS_WATCH, 0, "w", "t"), "");
	assert_string_equal(ask_two(1, XS_WATCH, 0, "w", "u"), "");
	look(1);
	for (int i = 0; i < 100; i++) {
		char path[64];

		snprintf(path, sizeof(path), HOME "w/%03d", i);
		assert_string_equal(put_value(0, 0, path, ""), "");
	}
	/* The first went to "w" too, which had not been there. */
	assert_in_range(client[1].conn->events + (ring->rsp_prod - ring->rsp_cons) / size, 200, 202);
	clients_end();
}

/* What is there is not made, so nobody is told; and what is given up with the watches. */
static void nothing_new(void **state)
{
	clients_begin(1);
	assert_string_equal(ask_two(1, XS_WATCH, 0, "w", "t"), "");
	assert_string_equal(ask(1, XS_MKDIR, 0, "w"), "");
	settle();
	look(1);
	assert_string_equal(ask(1, XS_MKDIR, 0, "w"), "");
	settle();
	assert_int_equal(look(1), 0);
	begin(1);
	assert_non_null(client[1].conn->txns);
	assert_string_equal(ask(1, XS_RESET_WATCHES, 0, ""), "");
	assert_null(client[1].conn->txns);
	assert_int_equal(client[1].conn->n_watches, 0);
	clients_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(events_up_to_the_quota),   cmocka_unit_test(watches_in_any_order),
	    cmocka_unit_test(too_long_for_an_event),    cmocka_unit_test(each_watch_has_its_event),
	    cmocka_unit_test(each_watch_has_each_path), cmocka_unit_test(nothing_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

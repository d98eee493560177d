/* SPDX-License-Identifier: MIT */
/* The store, spoken to through rings as kernels do: the requests, watches, transactions, wild clients. */
#include "tools_store_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void nodes_come_and_go(void **state)
{
	clients_begin(2);
	assert_string_equal(put_value(1, 0, "data/a/x", "one"), "");
	assert_string_equal(value(1, 0, "/local/domain/1/data/a/x"), "one");
	assert_string_equal(value(1, 0, "data/a"), ""); /* made on the way */
	assert_string_equal(value(1, 0, "data/b"), "[ENOENT]");
	assert_string_equal(ask(1, XS_MKDIR, 0, "data/b"), "");
	assert_string_equal(ask(1, XS_MKDIR, 0, "data/b"), "");
	assert_string_equal(ask(1, XS_DIRECTORY, 0, "data"), "");
	assert_int_equal(client[1].len, 4);
	assert_memory_equal(client[1].reply, "a\0b\0", 4);
	assert_string_equal(ask(1, XS_RM, 0, "data/a"), "");
	assert_string_equal(value(1, 0, "data/a/x"), "[ENOENT]");
	assert_string_equal(ask(1, XS_RM, 0, "data/a"), ""); /* its parent is there */
	assert_string_equal(ask(1, XS_RM, 0, "data/c/d"), "ENOENT");
	assert_string_equal(ask(0, XS_RM, 0, "/"), "EINVAL");
	/* Values are bytes. */
	assert_string_equal(ask_bytes(1, XS_WRITE, 0, "data/b\0a\0b", 10), "");
	assert_string_equal(ask(1, XS_READ, 0, "data/b"), "");
	assert_int_equal(client[1].len, 3);
	clients_end();
}

static void bad_paths_are_refused(void **state)
{
	static const char *const bad[] = {"", "//", "/a//b", "/a/", "a/", "/a b", "/\x80", "/a\n", "@other"};
	char longest[XENSTORE_PAYLOAD_MAX];

	clients_begin(1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_string_equal(value(0, 0, bad[i]), i == 8 ? "[ENOENT]" : "[EINVAL]");
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[XENSTORE_ABS_PATH_MAX + 1] = '\0';
	assert_string_equal(value(0, 0, longest), "[EINVAL]");
	longest[XENSTORE_ABS_PATH_MAX] = '\0';
	assert_string_equal(value(0, 0, longest), "[ENOENT]");
	longest[0] = 'a';
	assert_string_equal(value(0, 0, longest), "[EINVAL]");
	clients_end();
}

static void long_lists_come_in_parts(void **state)
{
	char path[64], part[64], list[64 * 1024], generation[24] = "";
	size_t total = 0;
	bool last = false;

	clients_begin(0);
	for (int i = 0; i < 900; i++) {
		snprintf(path, sizeof(path), "/many/node-%04d", i);
		assert_string_equal(put_value(0, 0, path, ""), "");
	}
	assert_string_equal(ask(0, XS_DIRECTORY, 0, "/many"), "E2BIG");
	while (!last) {
		size_t n;

		snprintf(part, sizeof(part), "%zu", total);
		assert_string_equal(ask_two(0, XS_DIRECTORY_PART, 0, "/many", part), "");
		if (!total)
			strncpy(generation, client[0].reply, sizeof(generation) - 1);
		assert_string_equal(client[0].reply, generation);
		n = strlen(generation) + 1;
		last = !client[0].reply[client[0].len - 1] && !client[0].reply[client[0].len - 2];
		memcpy(list + total, client[0].reply + n, client[0].len - n - last);
		total += client[0].len - n - last;
	}
	assert_int_equal(total, 900 * sizeof("node-0000"));
	assert_string_equal(list + 899 * sizeof("node-0000"), "node-0899");
	assert_string_equal(ask(0, XS_MKDIR, 0, "/many/more"), "");
	assert_string_equal(ask_two(0, XS_DIRECTORY_PART, 0, "/many", "0"), "");
	assert_string_not_equal(client[0].reply, generation);
	clients_end();
}

/* What was kept by another daemon is looked at before it is trusted. */
static void a_tree_out_of_order_is_unsound(void **state)
{
	struct node *root, *first;

	clients_begin(0);
	put_value(0, 0, "/a", "1");
	put_value(0, 0, "/b", "2");
	root = store.tree.root;
	assert_true(root->n >= 2);
	first = root->child[0];
	assert_true(tree_is_sound(&store.tree));
	root->child[0] = root->child[1];
	root->child[1] = first;
	assert_false(tree_is_sound(&store.tree));
	root->child[1] = root->child[0];
	root->child[0] = first;
	clients_end();
}

static void watches_tell_in_order(void **state)
{
	clients_begin(2);
	assert_string_equal(ask_two(1, XS_WATCH, 0, "data", "rel"), "");
	assert_string_equal(ask_two(1, XS_WATCH, 0, "/local/domain/1/data/x", "abs"), "");
	assert_int_equal(look(1), 2); /* each tells first that it stands */
	assert_string_equal(client[1].event[0], "data rel");
	assert_string_equal(client[1].event[1], "/local/domain/1/data/x abs");
	assert_string_equal(ask_two(1, XS_WATCH, 0, "data", "rel"), "EEXIST");
	put_value(0, 0, "/local/domain/1/data/x/y", "1");
	put_value(0, 0, "/local/domain/1/data/a", "2");
	put_value(0, 0, "/local/domain/1/other", "3");
	assert_int_equal(look(1), 3);
	assert_string_equal(client[1].event[0], "data/x/y rel");
	assert_string_equal(client[1].event[1], "/local/domain/1/data/x/y abs");
	assert_string_equal(client[1].event[2], "data/a rel");
	/* What goes with a node is told to clients that watch it; what never was is not. */
	assert_string_equal(ask_two(1, XS_WATCH, 0, "data/never", "never"), "");
	look(1);
	ask(0, XS_RM, 0, "/local/domain/1/data");
	assert_int_equal(look(1), 2);
	assert_string_equal(client[1].event[0], "data rel");
	assert_string_equal(client[1].event[1], "/local/domain/1/data/x abs");
	assert_string_equal(ask_two(1, XS_UNWATCH, 0, "data", "other"), "ENOENT");
	assert_string_equal(ask_two(1, XS_UNWATCH, 0, "data", "rel"), "");
	put_value(0, 0, "/local/domain/1/data", "again");
	assert_int_equal(look(1), 0);
	assert_string_equal(ask(1, XS_RESET_WATCHES, 0, ""), "");
	assert_int_equal(client[1].conn->n_watches, 0);
	clients_end();
}

static void domains_come_and_go(void **state)
{
	clients_begin(1);
	assert_string_equal(ask_two(0, XS_WATCH, 0, "@introduceDomain", "in"), "");
	assert_string_equal(ask_two(0, XS_WATCH, 0, "@releaseDomain", "out"), "");
	assert_string_equal(ask_two(1, XS_WATCH, 0, "@releaseDomain", "out"), "");
	look(0);
	look(1);
	assert_string_equal(ask(0, XS_IS_DOMAIN_INTRODUCED, 0, "2"), "");
	assert_string_equal(client[0].reply, "F");
	assert_string_equal(ask_bytes(0, XS_INTRODUCE, 0, "2\0001\0001", 6), "");
	assert_string_equal(ask_bytes(0, XS_INTRODUCE, 0, "3\000666\0001", 8), "EINVAL"); /* no such page */
	assert_string_equal(ask_bytes(1, XS_INTRODUCE, 0, "4\0001\0001", 6), "EACCES");
	assert_int_equal(look(0), 1);
	assert_string_equal(client[0].event[0], "@introduceDomain in");
	assert_string_equal(ask(0, XS_IS_DOMAIN_INTRODUCED, 0, "2"), "");
	assert_string_equal(client[0].reply, "T");
	assert_string_equal(ask(2, XS_GET_DOMAIN_PATH, 0, "7"), "");
	assert_string_equal(client[2].reply, "/local/domain/7");
	assert_string_equal(ask(0, XS_RELEASE, 0, "2"), "");
	assert_int_equal(look(0), 1);
	assert_string_equal(client[0].event[0], "@releaseDomain out");
	assert_int_equal(look(1), 0); /* not its business, unless Dom0 says so */
	assert_string_equal(ask_two(0, XS_SET_PERMS, 0, "@releaseDomain", "r0"), "");
	assert_string_equal(ask_bytes(0, XS_INTRODUCE, 0, "2\0001\0001", 6), "");
	assert_string_equal(ask(0, XS_RELEASE, 0, "2"), "");
	assert_int_equal(look(1), 1);
	assert_string_equal(ask(0, XS_RELEASE, 0, "2"), "ENOENT");
	assert_string_equal(ask(0, XS_RELEASE, 0, "0"), "EINVAL");
	assert_string_equal(ask(0, XS_RESUME, 0, "1"), "");
	assert_string_equal(ask(0, XS_CONTROL, 0, "check"), "");
	assert_string_equal(client[0].reply, "sound");
	assert_string_equal(ask(1, XS_CONTROL, 0, "check"), "EACCES");
	clients_end();
}

static void transactions_are_all_or_nothing(void **state)
{
	uint32_t tx;

	clients_begin(2);
	assert_string_equal(ask_two(0, XS_WATCH, 0, "/t", "t"), "");
	look(0);
	tx = begin(0);
	assert_string_equal(put_value(0, tx, "/t/a", "1"), "");
	assert_string_equal(value(0, tx, "/t/a"), "1");
	assert_string_equal(value(0, 0, "/t/a"), "[ENOENT]");
	assert_int_equal(look(0), 0);
	assert_string_equal(put_value(0, tx, "/t/b", "2"), "");
	assert_string_equal(commit(0, tx), "");
	assert_int_equal(look(0), 2);
	assert_string_equal(client[0].event[1], "/t/b t");
	assert_string_equal(value(0, 0, "/t/b"), "2");
	tx = begin(0);
	assert_string_equal(ask(0, XS_RM, tx, "/t"), "");
	assert_string_equal(value(0, tx, "/t/a"), "[ENOENT]");
	assert_string_equal(ask(0, XS_TRANSACTION_END, tx, "F"), "");
	assert_string_equal(value(0, 0, "/t/a"), "1");
	assert_string_equal(value(0, tx, "/t/a"), "[ENOENT]");                    /* no such transaction */
	assert_string_equal(ask(1, XS_TRANSACTION_END, begin(0), "T"), "ENOENT"); /* another's */
	assert_string_equal(ask(0, XS_TRANSACTION_START, begin(0), ""), "EBUSY");
	clients_end();
}

static void conflicts_are_found(void **state)
{
	uint32_t tx, other;

	clients_begin(2);
	put_value(0, 0, "/n", "1");
	put_value(0, 0, "/dir/x", "");
	/* What was read has changed. */
	tx = begin(0);
	assert_string_equal(value(0, tx, "/n"), "1");
	put_value(0, tx, "/copy", "1");
	put_value(0, 0, "/n", "2");
	assert_string_equal(commit(0, tx), "EAGAIN");
	assert_string_equal(value(0, 0, "/copy"), "[ENOENT]");
	/* Something else has. */
	tx = begin(0);
	assert_string_equal(value(0, tx, "/n"), "2");
	put_value(0, tx, "/copy", "2");
	put_value(0, 0, "/elsewhere", "");
	assert_string_equal(commit(0, tx), "");
	assert_string_equal(value(0, 0, "/copy"), "2");
	assert_string_equal(value(0, 0, "/elsewhere"), "");
	/* It was not there, and now is. */
	tx = begin(0);
	assert_string_equal(value(0, tx, "/lock"), "[ENOENT]");
	other = begin(0);
	assert_string_equal(value(0, other, "/lock"), "[ENOENT]");
	put_value(0, tx, "/lock", "tx");
	put_value(0, other, "/lock", "other");
	assert_string_equal(commit(0, other), "");
	assert_string_equal(commit(0, tx), "EAGAIN");
	assert_string_equal(value(0, 0, "/lock"), "other");
	/* A list that was read has grown; one that was not read may. */
	tx = begin(0);
	assert_string_equal(ask(0, XS_DIRECTORY, tx, "/dir"), "");
	put_value(0, tx, "/n", "3");
	put_value(0, 0, "/dir/y", "");
	assert_string_equal(commit(0, tx), "EAGAIN");
	tx = begin(0);
	put_value(0, tx, "/dir/z", "");
	put_value(0, 0, "/dir/w", "");
	assert_string_equal(commit(0, tx), "");
	/* Doing it again would have another result. */
	tx = begin(1);
	assert_string_equal(put_value(1, tx, "mine", "1"), "");
	assert_string_equal(ask_two(0, XS_SET_PERMS, 0, "/local/domain/1", "n0"), "");
	assert_string_equal(commit(1, tx), "EAGAIN");
	clients_end();
}

static void wild_clients_do_no_harm(void **state)
{
	struct xsd_sockmsg head = {.type = XS_READ, .len = 1u << 30};

	clients_begin(3);
	client[1].ring.req_prod += 5000; /* more than a ring's worth */
	settle();
	assert_true(client[1].conn->broken);
	assert_int_equal(client[1].ring.error, XENSTORE_ERROR_RINGIDX);
	put_bytes(2, &head, sizeof(head));
	settle();
	assert_true(client[2].conn->broken);
	assert_int_equal(client[2].ring.error, XENSTORE_ERROR_PROTO);
	client[3].ring.rsp_cons = client[3].ring.rsp_prod + 1;
	put_bytes(3, &(struct xsd_sockmsg){.type = XS_MKDIR}, sizeof(head));
	settle();
	assert_true(client[3].conn->broken);
	/* No other client has noticed, and the first one may start again. */
	assert_string_equal(value(0, 0, "/local/domain/1"), "");
	client[1].ring.connection = XENSTORE_RECONNECT;
	settle();
	assert_int_equal(client[1].ring.connection, XENSTORE_CONNECTED);
	assert_int_equal(client[1].ring.error, XENSTORE_ERROR_NONE);
	assert_string_equal(value(1, 0, "/local/domain/1"), "");
	clients_end();
}

static void wild_messages_get_errors(void **state)
{
	clients_begin(1);
	assert_string_equal(ask_bytes(1, XS_READ, 0, "", 0), "EINVAL");
	assert_string_equal(ask_bytes(1, XS_READ, 0, "name", 4), "EINVAL"); /* no zero byte */
	assert_string_equal(ask_two(1, XS_READ, 0, "a", "b"), "EINVAL");
	assert_string_equal(ask_bytes(1, XS_WRITE, 0, "abc", 3), "EINVAL");
	assert_string_equal(ask(1, XS_WATCH, 0, "a"), "EINVAL");
	assert_string_equal(ask_two(1, XS_WATCH, 0, "@nothing", "t"),
			    ""); /* a relative path like any other */
	assert_string_equal(ask_two(1, XS_SET_PERMS, 0, "/local/domain/1", "x1"), "EINVAL");
	assert_string_equal(ask_two(1, XS_SET_PERMS, 0, "/local/domain/1", "n"), "EINVAL");
	assert_string_equal(ask_two(1, XS_SET_PERMS, 0, "/local/domain/1", "n99999"), "EINVAL");
	assert_string_equal(ask_bytes(1, XS_SET_PERMS, 0, "/local/domain/1", 16), "EINVAL");
	assert_string_equal(ask(1, XS_TRANSACTION_END, begin(1), "X"), "EINVAL");
	assert_string_equal(ask(1, XS_TRANSACTION_END, 0, "T"), "ENOENT");
	assert_string_equal(ask(1, XS_GET_DOMAIN_PATH, 0, "-1"), "EINVAL");
	assert_string_equal(ask(1, XS_GET_DOMAIN_PATH, 0, "99999999999999999999"), "EINVAL");
	assert_string_equal(ask_two(1, XS_DIRECTORY_PART, 0, "/local/domain/1", "-5"), "EINVAL");
	assert_string_equal(ask_two(1, XS_DIRECTORY_PART, 0, "/local/domain/1", "77"), "");
	assert_string_equal(ask(1, XS_WATCH_EVENT, 0, "a"), "ENOSYS");
	assert_string_equal(ask(1, XS_ERROR, 0, "a"), "ENOSYS");
	assert_string_equal(ask(1, 20, 0, "a"), "ENOSYS");
	assert_string_equal(ask(1, 0xffffffff, 0, "a"), "ENOSYS");
	clients_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nodes_come_and_go),
	    cmocka_unit_test(bad_paths_are_refused),
	    cmocka_unit_test(long_lists_come_in_parts),
	    cmocka_unit_test(watches_tell_in_order),
	    cmocka_unit_test(a_tree_out_of_order_is_unsound),
	    cmocka_unit_test(domains_come_and_go),
	    cmocka_unit_test(transactions_are_all_or_nothing),
	    cmocka_unit_test(conflicts_are_found),
	    cmocka_unit_test(wild_clients_do_no_harm),
	    cmocka_unit_test(wild_messages_get_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

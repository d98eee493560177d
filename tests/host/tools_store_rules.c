/* SPDX-License-Identifier: MIT */
/* The store's rules between domains: permissions, quotas, and no client holds up another. */
#include "tools_store_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *set_perms(unsigned id, const char *path, const char *a, const char *b)
{
	char text[256];
	int len = b ? snprintf(text, sizeof(text), "%s%c%s%c%s", path, '\0', a, '\0', b)
		    : snprintf(text, sizeof(text), "%s%c%s", path, '\0', a);

	return ask_bytes(id, XS_SET_PERMS, 0, text, len + 1);
}

static void only_who_may(void **state)
{
	clients_begin(3);
	assert_string_equal(put_value(1, 0, "secret", "1"), "");
	assert_string_equal(value(2, 0, "/local/domain/1/secret"), "[EACCES]");
	assert_string_equal(value(2, 0, "/local/domain/1/none"), "[EACCES]"); /* nor whether it is there */
	assert_string_equal(put_value(2, 0, "/local/domain/1/secret", "2"), "EACCES");
	assert_string_equal(ask(2, XS_RM, 0, "/local/domain/1/secret"), "EACCES");
	assert_string_equal(ask(2, XS_MKDIR, 0, "/local/domain/1/mine"), "EACCES");
	assert_string_equal(ask(2, XS_GET_PERMS, 0, "/local/domain/1/secret"), "EACCES");
	assert_string_equal(set_perms(2, "/local/domain/1/secret", "b2", NULL), "EACCES");
	/* The owner opens it for one. */
	assert_string_equal(set_perms(1, "secret", "n1", "r2"), "");
	assert_string_equal(value(2, 0, "/local/domain/1/secret"), "1");
	assert_string_equal(put_value(2, 0, "/local/domain/1/secret", "2"), "EACCES");
	assert_string_equal(ask(2, XS_RM, 0, "/local/domain/1/secret"), "EACCES");
	assert_string_equal(value(1, 0, "secret"), "1");
	assert_string_equal(value(3, 0, "/local/domain/1/secret"), "[EACCES]");
	assert_string_equal(set_perms(1, "secret", "n1", "b2"), "");
	assert_string_equal(put_value(2, 0, "/local/domain/1/secret", "2"), "");
	assert_string_equal(ask(1, XS_GET_PERMS, 0, "secret"), "");
	assert_int_equal(client[1].len, 6);
	assert_memory_equal(client[1].reply, "n1\0b2\0", 6);
	/* No gifts. */
	assert_string_equal(set_perms(1, "secret", "n2", NULL), "EPERM");
	assert_string_equal(set_perms(0, "/local/domain/1/secret", "w2", NULL), "");
	assert_string_equal(value(1, 0, "secret"), "[EACCES]"); /* the others may write it only */
	assert_string_equal(put_value(1, 0, "secret", "3"), "");
	clients_end();
}

/* The domain that makes a node owns it, and it counts for that domain, whichever owns what is above. */
static void the_maker_owns(void **state)
{
	clients_begin(2);
	assert_string_equal(put_value(1, 0, "shared", ""), "");
	assert_string_equal(set_perms(1, "shared", "n1", "b2"), "");
	assert_string_equal(put_value(2, 0, "/local/domain/1/shared/gift", "x"), "");
	assert_string_equal(ask(2, XS_GET_PERMS, 0, "/local/domain/1/shared/gift"), "");
	assert_memory_equal(client[2].reply, "n2", 3);
	assert_string_equal(put_value(0, 0, "/local/domain/1/shared/tool", "x"), "");
	assert_string_equal(ask(0, XS_GET_PERMS, 0, "/local/domain/1/shared/tool"), "");
	assert_memory_equal(client[0].reply, "n1", 3); /* the tools make them for others */
	clients_end();
}

static void events_keep_secrets(void **state)
{
	clients_begin(2);
	assert_string_equal(ask_two(2, XS_WATCH, 0, "/local/domain/1", "spy"), "");
	look(2);
	put_value(1, 0, "secret", "1");
	put_value(1, 0, "open", "1");
	assert_int_equal(look(2), 0);
	set_perms(1, "open", "r1", NULL);
	put_value(1, 0, "open", "2");
	assert_int_equal(look(2), 2);
	set_perms(1, "open", "n1", NULL); /* it learns that it may no longer */
	assert_int_equal(look(2), 1);
	ask(1, XS_RM, 0, "open");
	ask(1, XS_RM, 0, "secret");
	assert_int_equal(look(2), 0);
	/* Nor which domains come and go, unless Dom0 lets it. */
	assert_string_equal(ask_two(2, XS_WATCH, 0, "@releaseDomain", "spy"), "");
	look(2);
	assert_string_equal(ask(0, XS_RELEASE, 0, "1"), "");
	assert_int_equal(look(2), 0);
	assert_string_equal(ask_bytes(0, XS_INTRODUCE, 0, "1\0001\0001", 6), "");
	assert_string_equal(set_perms(0, "@releaseDomain", "n0", "r2"), "");
	assert_string_equal(ask(0, XS_RELEASE, 0, "1"), "");
	assert_int_equal(look(2), 1);
	clients_end();
}

static void the_dead_leave_no_rights(void **state)
{
	clients_begin(2);
	assert_string_equal(put_value(1, 0, "mine", "1"), "");
	assert_string_equal(set_perms(0, "/local/domain/2", "n2", "b1"), "");
	assert_string_equal(ask_bytes(0, XS_SET_PERMS, 0, "@introduceDomain\0n0\0r1", 23), "");
	assert_string_equal(ask(1, XS_GET_PERMS, 0, "@introduceDomain"), "");
	assert_string_equal(ask(0, XS_RELEASE, 0, "1"), "");
	assert_string_equal(ask_bytes(0, XS_INTRODUCE, 0, "1\0001\0001", 6), "");
	assert_string_equal(ask(1, XS_GET_PERMS, 0, "@introduceDomain"), "EACCES");
	assert_string_equal(value(1, 0, "mine"), "[EACCES]");
	assert_string_equal(value(1, 0, "/local/domain/2"), "[EACCES]");
	assert_int_equal(tree_tally(&store.tree, 1).nodes, 0);
	clients_end();
}

static void a_target_lends_its_rights(void **state)
{
	clients_begin(3);
	put_value(2, 0, "secret", "1");
	assert_string_equal(ask_two(3, XS_SET_TARGET, 0, "3", "2"), "EACCES");
	assert_string_equal(ask_two(0, XS_SET_TARGET, 0, "1", "2"), "");
	assert_string_equal(value(1, 0, "/local/domain/2/secret"), "1");
	assert_string_equal(value(3, 0, "/local/domain/2/secret"), "[EACCES]");
	assert_string_equal(ask(0, XS_RELEASE, 0, "2"), "");
	assert_string_equal(value(1, 0, "/local/domain/2/secret"), "[EACCES]");
	/* Nor over the next one of this number. */
	assert_string_equal(ask_bytes(0, XS_INTRODUCE, 0, "2\0001\0001", 6), "");
	assert_string_equal(set_perms(0, "/local/domain/2", "n2", NULL), "");
	assert_string_equal(ask(0, XS_RM, 0, "/local/domain/2/secret"), "");
	assert_string_equal(put_value(2, 0, "secret", "2"), "");
	assert_string_equal(value(1, 0, "/local/domain/2/secret"), "[EACCES]");
	clients_end();
}

static void nodes_have_a_limit(void **state)
{
	char path[64], big[3000];
	size_t made = 0;

	clients_begin(2);
	for (const char *error = ""; !*error; made += !*error) {
		snprintf(path, sizeof(path), "n%zu", made);
		error = put_value(1, 0, path, "");
	}
	assert_string_equal(client[1].reply, "ENOSPC");
	assert_int_equal(made, quota_guest.nodes - 1); /* its home is one */
	assert_string_equal(put_value(2, 0, "x", ""), "");
	assert_string_equal(ask(1, XS_RM, 0, "n0"), "");
	assert_string_equal(put_value(1, 0, "again", ""), "");
	assert_string_equal(ask(1, XS_MKDIR, 0, "again/a/b"), "ENOSPC");
	assert_string_equal(ask(1, XS_RM, 0, "n1"), "");
	assert_string_equal(ask(1, XS_MKDIR, 0, "again/a"), ""); /* room for one, not for two */
	assert_string_equal(ask(1, XS_RM, 0, "again/a"), "");
	assert_string_equal(ask(1, XS_MKDIR, 0, "again/a/b"), "ENOSPC");
	memset(big, 'x', sizeof(big));
	big[quota_guest.path] = '\0'; /* with its home in front, which counts */
	assert_string_equal(put_value(2, 0, big, ""), "ENOSPC");
	big[quota_guest.path - 20] = '\0';
	assert_string_equal(put_value(2, 0, big, ""), "");
	assert_string_equal(ask(2, XS_RM, 0, big), "");
	memset(big, 'x', sizeof(big));
	big[quota_guest.value + 1] = '\0';
	assert_string_equal(put_value(2, 0, "x", big), "ENOSPC");
	big[quota_guest.value] = '\0';
	assert_string_equal(put_value(2, 0, "x", big), "");
	/* All values together. */
	for (made = 1;; made++) {
		snprintf(path, sizeof(path), "v%zu", made);
		if (*put_value(2, 0, path, big))
			break;
	}
	assert_int_equal(made, quota_guest.bytes / quota_guest.value);
	assert_string_equal(set_perms(2, "x", "n2", "r1"), "");
	memcpy(big, "x\0n2\0r1\0r1\0r1\0r1\0", 18);
	assert_string_equal(ask_bytes(2, XS_SET_PERMS, 0, big, 17), "");
	memcpy(big + 17, "r1", 3);
	assert_string_equal(ask_bytes(2, XS_SET_PERMS, 0, big, 20), "ENOSPC");
	clients_end();
}

static void watches_and_transactions_have_a_limit(void **state)
{
	char token[16];
	uint32_t tx = 0;
	size_t n;

	clients_begin(2);
	for (n = 0; n < 1000; n++) {
		snprintf(token, sizeof(token), "%zu", n);
		if (*ask_two(1, XS_WATCH, 0, "w", token))
			break;
	}
	assert_int_equal(n, quota_guest.watches);
	assert_string_equal(client[1].reply, "E2BIG");
	for (n = 0; n < quota_guest.transactions; n++)
		tx = begin(1);
	assert_string_equal(ask(1, XS_TRANSACTION_START, 0, ""), "ENOSPC");
	for (n = 0; n < 5000; n++) {
		snprintf(token, sizeof(token), "n%zu", n % 10);
		if (*put_value(1, tx, token, "x"))
			break;
	}
	assert_int_equal(n, quota_guest.steps);
	assert_string_equal(commit(1, tx), ""); /* the ones that went well, and the refusal with them */
	/* What it remembers, too, in bytes. */
	char big[2001];

	memset(big, 'x', sizeof(big));
	big[2000] = '\0';
	tx = begin(2);
	for (n = 0; n < quota_guest.steps && !*put_value(2, tx, "big", big); n++)
		;
	assert_string_equal(client[2].reply, "ENOSPC");
	assert_true(n >= quota_guest.log / 2100 && n <= quota_guest.log / 2000);
	clients_end();
}

static void who_does_not_read_is_not_served(void **state)
{
	struct xsd_sockmsg head = {.type = XS_DIRECTORY, .len = 2};

	clients_begin(2);
	for (int i = 0; i < 30; i++) {
		put_bytes(1, &head, sizeof(head));
		put_bytes(1, "/", 2);
	}
	for (int i = 0; i < 1000; i++)
		settle();
	assert_true(client[1].conn->replies <= quota_guest.replies);
	assert_string_equal(value(2, 0, "/local/domain/2"), "");
	clients_end();
}

static void events_are_merged(void **state)
{
	char path[64];

	clients_begin(2);
	assert_string_equal(ask_two(1, XS_WATCH, 0, "/local/domain/1", "one"), "");
	assert_string_equal(ask_two(1, XS_WATCH, 0, "data", "two"), "");
	look(1);
	for (int i = 0; i < 5000; i++) {
		snprintf(path, sizeof(path), "/local/domain/1/data/%d", i);
		put_value(0, 0, path, "");
	}
	assert_true(client[1].conn->events <= quota_guest.events + client[1].conn->n_watches);
	look(1);
	put_value(0, 0, path, "");
	assert_int_equal(look(1), 2); /* and afterwards all is as before */
	clients_end();
}

static void the_greedy_wait_their_turn(void **state)
{
	struct xsd_sockmsg head = {.type = XS_READ, .len = 2};
	char many[XENSTORE_RING_SIZE];
	size_t len = 0;

	clients_begin(2);
	for (; len + 18 <= sizeof(many); len += 18) {
		memcpy(many + len, &head, sizeof(head));
		memcpy(many + len + sizeof(head), "/", 2);
	}
	put_bytes(1, many, len); /* 56 requests at once */
	put_bytes(2, many, 18);
	one_round();
	assert_true(client[1].ring.req_cons < len); /* not all at once */
	assert_true(client[2].ring.rsp_prod != 0);
	clients_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_who_may),
	    cmocka_unit_test(the_maker_owns),
	    cmocka_unit_test(events_keep_secrets),
	    cmocka_unit_test(the_dead_leave_no_rights),
	    cmocka_unit_test(a_target_lends_its_rights),
	    cmocka_unit_test(nodes_have_a_limit),
	    cmocka_unit_test(watches_and_transactions_have_a_limit),
	    cmocka_unit_test(who_does_not_read_is_not_served),
	    cmocka_unit_test(events_are_merged),
	    cmocka_unit_test(the_greedy_wait_their_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

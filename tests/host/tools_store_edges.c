/* SPDX-License-Identifier: MIT */
/*
 * Specification: the store at the edges of its rules.
 *   arguments   each part of each request is looked at; what is just allowed passes, one more does not
 *   hashes      paths that share a hash are two paths all the same
 *   conflicts   each thing that a transaction read is looked at, once, in the right way, and not if it is given up
 *   silence     a client that broke the protocol hears nothing more; one that was given nothing is not woken
 *   afresh      a domain that is introduced again starts afresh; with an invalid page it is gone
 */
#include "tools_store_client.h"
#include "path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOME "/local/domain/1/"

static const char *introduce(unsigned by, const char *id, const char *mfn, const char *port)
{
	char text[96];
	int len = snprintf(text, sizeof(text), "%s%c%s%c%s", id, '\0', mfn, '\0', port);

	return ask_bytes(by, XS_INTRODUCE, 0, text, len + 1);
}

static void domains_as_arguments(void **state)
{
	static const char *const bad[] = {"", "x", "-1", "1x", "1/", "1:", "32752", "99999999999999999999"};

	clients_begin(2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char perm[32];

		assert_string_equal(introduce(0, bad[i], "1", "1"), "EINVAL");
		assert_string_equal(ask(0, XS_RELEASE, 0, bad[i]), "EINVAL");
		assert_string_equal(ask(0, XS_RESUME, 0, bad[i]), "EINVAL");
		assert_string_equal(ask_two(0, XS_SET_TARGET, 0, bad[i], "1"), "EINVAL");
		assert_string_equal(ask_two(0, XS_SET_TARGET, 0, "1", bad[i]), "EINVAL");
		assert_string_equal(ask(0, XS_GET_DOMAIN_PATH, 0, bad[i]), "EINVAL");
		assert_string_equal(ask(0, XS_IS_DOMAIN_INTRODUCED, 0, bad[i]), "EINVAL");
		snprintf(perm, sizeof(perm), "n%s", bad[i]);
		assert_string_equal(ask_two(0, XS_SET_PERMS, 0, HOME, perm), "EINVAL");
	}
	assert_string_equal(ask_two(0, XS_SET_PERMS, 0, "/local", "r32751"), "");
	assert_string_equal(ask(0, XS_GET_DOMAIN_PATH, 0, "32751"), "");
	/* Dom0 is introduced, has a path, and cannot be introduced, released or lent. */
	assert_string_equal(ask(0, XS_GET_DOMAIN_PATH, 0, "0"), "");
	assert_string_equal(client[0].reply, "/local/domain/0");
	assert_string_equal(ask(0, XS_IS_DOMAIN_INTRODUCED, 0, "0"), "");
	assert_string_equal(client[0].reply, "T");
	assert_string_equal(introduce(0, "0", "1", "1"), "EINVAL");
	assert_string_equal(ask(0, XS_RESUME, 0, "0"), "EINVAL");
	assert_string_equal(ask_two(0, XS_SET_TARGET, 0, "0", "1"), "EINVAL");
	assert_string_equal(ask_two(0, XS_SET_TARGET, 0, "1", "0"), "EINVAL");
	/* Domains that are not here. */
	assert_string_equal(ask(0, XS_RESUME, 0, "9"), "ENOENT");
	assert_string_equal(ask_two(0, XS_SET_TARGET, 0, "9", "1"), "ENOENT");
	assert_string_equal(ask_two(0, XS_SET_TARGET, 0, "1", "9"), "ENOENT");
	clients_end();
}

static void pages_and_ports_as_arguments(void **state)
{
	static const char *const bad[] = {"", "x", "1x", "-"};

	clients_begin(1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_string_equal(introduce(0, "2", bad[i], "1"), "EINVAL");
		assert_string_equal(introduce(0, "2", "1", bad[i]), "EINVAL");
	}
	assert_string_equal(introduce(0, "2", "1", "1048577"), "EINVAL");
	assert_string_equal(introduce(0, "2", "1", "0"), "");
	assert_string_equal(ask_two(0, XS_INTRODUCE, 0, "2", "1"), "EINVAL");
	clients_end();
}

static void names_of_no_node(void **state)
{
	clients_begin(2);
	assert_string_equal(ask(0, XS_GET_PERMS, 0, "@releaseDomain"), "");
	assert_int_equal(client[0].len, 3);
	assert_memory_equal(client[0].reply, "n0", 3);
	assert_string_equal(ask(1, XS_GET_PERMS, 0, "@releaseDomain"), "EACCES");
	assert_string_equal(ask_two(1, XS_SET_PERMS, 0, "@releaseDomain", "n1"), "EACCES");
	assert_string_equal(ask_two(0, XS_SET_PERMS, 0, "@releaseDomain", "?1"), "EINVAL");
	assert_string_equal(ask_bytes(0, XS_SET_PERMS, 0, "@releaseDomain\0n0\0r1", 21), "");
	assert_string_equal(ask(1, XS_GET_PERMS, 0, "@releaseDomain"), "");
	assert_memory_equal(client[1].reply, "n0\0r1", 6);
	assert_string_equal(ask(0, XS_GET_PERMS, 0, "@introduceDomain"), "");
	assert_int_equal(client[0].len, 3); /* another's permissions */
	clients_end();
}

static void just_long_enough(void **state)
{
	char text[XENSTORE_PAYLOAD_MAX], path[300];

	clients_begin(1);
	/* A relative path. */
	memset(text, 'a', sizeof(text));
	text[XENSTORE_REL_PATH_MAX + 1] = '\0';
	assert_string_equal(value(1, 0, text), "[EINVAL]");
	text[XENSTORE_REL_PATH_MAX] = '\0';
	assert_string_equal(value(1, 0, text), "[ENOENT]");
	/* A path as long as a guest may make one: 1024. */
	memset(path, 'a', 200);
	path[200] = '\0';
	strcpy(text, "/local/domain/1");
	while (strlen(text) + 201 < 1024)
		strcat(strcat(text, "/"), path);
	snprintf(text + strlen(text), 1026 - strlen(text), "/%s", path);
	assert_int_equal(strlen(text), 1025);
	assert_string_equal(ask(1, XS_MKDIR, 0, text), "ENOSPC");
	text[1024] = '\0';
	assert_string_equal(ask(1, XS_MKDIR, 0, text), "");
	/* A list that fills a message. */
	for (int i = 0; i < 16; i++) {
		snprintf(path, sizeof(path), "/list/%0255d", i);
		assert_string_equal(put_value(0, 0, path, ""), "");
	}
	assert_string_equal(ask(0, XS_DIRECTORY, 0, "/list"), "");
	assert_int_equal(client[0].len, XENSTORE_PAYLOAD_MAX);
	assert_string_equal(put_value(0, 0, "/list/x", ""), "");
	assert_string_equal(ask(0, XS_DIRECTORY, 0, "/list"), "E2BIG");
	/* As many permissions as there may be. */
	memcpy(text, "/list\0n0", 9);
	for (int i = 0; i < 16; i++)
		memcpy(text + 9 + 3 * i, "r1", 3);
	assert_string_equal(ask_bytes(0, XS_SET_PERMS, 0, text, 9 + 15 * 3), "");
	assert_string_equal(ask_bytes(0, XS_SET_PERMS, 0, text, 9 + 16 * 3), "ENOSPC");
	assert_string_equal(ask_bytes(0, XS_SET_PERMS, 0, text, 8), "EINVAL"); /* without its end */
	/* The first number behind the requests; and a transaction where there is nothing to transact. */
	assert_string_equal(ask(0, XS_TYPE_COUNT, 0, "a"), "ENOSYS");
	assert_string_equal(ask_two(1, XS_WATCH, 77, "a", "t"), "");
	assert_string_equal(value(1, 77, "a"), "[ENOENT]");
	clients_end();
}

/* The seed with which @one and @two, below the home of domain 1, have one hash: FNV-1a has two such words when it begins at
 * @from, and each of its steps can be taken back. */
static uint64_t seed_before(uint64_t from, const char *prefix)
{
	uint64_t inverse = 1;

	for (int i = 0; i < 6; i++) /* Newton: each step doubles the bits that are right */
		inverse *= 2 - 0x100000001b3u * inverse;
	for (size_t i = strlen(prefix); i--;)
		from = from * inverse ^ (unsigned char)prefix[i];
	return from;
}

static void hashes_are_no_names(void **state)
{
	const char *one = "8yn0iYCKYHlIj4-BwPqk", *two = "GReLUrM4wMqfg9yzV3KQ";
	char path[64];
	size_t before;

	clients_begin(1);
	store.seed = seed_before(0xcbf29ce484222325u, HOME);
	snprintf(path, sizeof(path), HOME "%s", one);
	assert_int_equal(store_hash(store_hash(store.seed, HOME, strlen(HOME)), one, strlen(one)),
			 store_hash(store_hash(store.seed, HOME, strlen(HOME)), two, strlen(two)));
	assert_string_equal(ask_two(1, XS_WATCH, 0, two, "two"), "");
	look(1);
	assert_string_equal(put_value(0, 0, path, ""), "");
	assert_int_equal(look(1), 0);
	assert_string_equal(ask_two(1, XS_WATCH, 0, one, "one"), "");
	assert_string_equal(ask_two(1, XS_WATCH, 0, HOME "x/..", "x"), "EINVAL");
	look(1);
	assert_string_equal(put_value(0, 0, path, ""), "");
	assert_int_equal(look(1), 1);
	/* Both have news waiting for a client that watches what is above. */
	assert_string_equal(ask(1, XS_RESET_WATCHES, 0, ""), "");
	assert_string_equal(ask_two(1, XS_WATCH, 0, "/local/domain/1", "home"), "");
	look(1);
	for (int i = 0; i < 100; i++) { /* the ring is full: what comes now waits */
		char filler[64];

		snprintf(filler, sizeof(filler), HOME "filler-%d", i);
		assert_string_equal(put_value(0, 0, filler, ""), "");
	}
	before = client[1].conn->events;
	assert_string_equal(put_value(0, 0, path, ""), "");
	snprintf(path, sizeof(path), HOME "%s", two);
	assert_string_equal(put_value(0, 0, path, ""), "");
	assert_int_equal(client[1].conn->events, before + 2);
	clients_end();
}

static void conflicts_in_each_look(void **state)
{
	char path[32], text[2049];
	uint32_t tx;

	clients_begin(2);
	put_value(0, 0, "/a", "1");
	put_value(0, 0, "/b", "1");
	/* The second of two. */
	tx = begin(0);
	value(0, tx, "/a");
	value(0, tx, "/b");
	put_value(0, 0, "/b", "2");
	put_value(0, tx, "/c", "1");
	assert_string_equal(commit(0, tx), "EAGAIN");
	/* A node whose value was read, and then its list; and the other way round. */
	tx = begin(0);
	value(0, tx, "/a");
	assert_string_equal(ask(0, XS_DIRECTORY, tx, "/a"), "");
	put_value(0, 0, "/a/new", "");
	put_value(0, tx, "/c", "1");
	assert_string_equal(commit(0, tx), "EAGAIN");
	tx = begin(0);
	assert_string_equal(ask(0, XS_DIRECTORY, tx, "/a"), "");
	value(0, tx, "/a");
	put_value(0, 0, "/a", "other");
	put_value(0, tx, "/c", "1");
	assert_string_equal(commit(0, tx), "EAGAIN");
	/* What is given up has no conflicts. */
	tx = begin(0);
	value(0, tx, "/a");
	put_value(0, 0, "/a", "third");
	assert_string_equal(ask(0, XS_TRANSACTION_END, tx, "F"), "");
	/* Looking again costs nothing, looking elsewhere counts. */
	tx = begin(1);
	for (size_t i = 0; i < 2 * quota_guest.steps; i++)
		assert_string_equal(value(1, tx, "/local/domain/1"), "");
	for (size_t i = 1; i < quota_guest.steps; i++) {
		snprintf(path, sizeof(path), "n%zu", i);
		assert_string_equal(value(1, tx, path), "[ENOENT]");
	}
	assert_string_equal(value(1, tx, "more"), "[ENOSPC]");
	/* The log, to its last byte. */
	memset(text, 'x', sizeof(text));
	tx = begin(2);
	for (size_t left = quota_guest.log, n; left; left -= n) {
		n = left < 2000 ? left : 2000;
		text[n - strlen("/local/domain/2")] = '\0';
		assert_string_equal(put_value(2, tx, "/local/domain/2", text), "");
		text[n - strlen("/local/domain/2")] = 'x';
	}
	assert_string_equal(put_value(2, tx, "/local/domain/2", ""), "ENOSPC");
	clients_end();
}

/* Permissions of what is not there, or is no path; questions to the daemon. */
static void nothing_there(void **state)
{
	clients_begin(2);
	assert_string_equal(ask_two(1, XS_SET_PERMS, 0, "none", "n1"), "ENOENT");
	assert_string_equal(ask_two(1, XS_SET_PERMS, 0, "/local/domain/2/none", "n1"), "EACCES");
	assert_string_equal(ask_two(1, XS_SET_PERMS, 0, HOME "/", "n1"), "EINVAL");
	assert_string_equal(ask_two(1, XS_SET_PERMS, 0, "//", "n1"), "EINVAL");
	assert_string_equal(ask(0, XS_CONTROL, 0, "help"), "");
	assert_non_null(strstr(client[0].reply, "quota"));
	assert_string_equal(put_value(1, 0, "x", "four"), "");
	assert_string_equal(ask(0, XS_CONTROL, 0, "quota"), "");
	assert_non_null(
	    strstr(client[0].reply, "domain 1: 2 nodes, 4 bytes, 0 watches, 0 transactions, 0 events"));
	assert_string_equal(ask(0, XS_CONTROL, 0, "other"), "EINVAL");
	assert_string_equal(ask_two(0, XS_CONTROL, 0, "check", "twice"), "EINVAL");
	clients_end();
}

static void silence(void **state)
{
	const struct xsd_sockmsg wild = {.type = XS_READ, .len = 1u << 30};
	unsigned before;

	clients_begin(3);
	assert_string_equal(ask_two(1, XS_WATCH, 0, "w", "t"), "");
	look(1);
	client[1].ring.req_prod += 5000;
	settle();
	assert_true(client[1].conn->broken);
	before = client[1].ring.rsp_prod;
	assert_string_equal(put_value(0, 0, HOME "w", ""), "");
	settle();
	assert_int_equal(client[1].ring.rsp_prod, before);
	/* An index is looked at when it is needed. */
	client[2].ring.rsp_cons -= 5000;
	put_bytes(2, &(struct xsd_sockmsg){.type = XS_READ}, 3);
	settle();
	assert_false(client[2].conn->broken);
	/* What is left of a head that broke the protocol is no part of the next one. */
	client[2].ring.rsp_cons += 5000;
	client[2].ring.req_prod = client[2].ring.req_cons;
	client[2].ring.connection = XENSTORE_RECONNECT;
	settle();
	put_bytes(2, &wild, sizeof(wild));
	settle();
	assert_true(client[2].conn->broken);
	client[2].ring.connection = XENSTORE_RECONNECT;
	settle();
	put_bytes(2, &(struct xsd_sockmsg){.type = XS_READ}, 3);
	settle();
	assert_false(client[2].conn->broken);
	/* A ring that is full: its owner knows. */
	assert_string_equal(ask_two(3, XS_WATCH, 0, "w", "t"), "");
	look(3);
	for (int i = 0; i < 200; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/local/domain/3/w/%d", i);
		assert_string_equal(put_value(0, 0, path, ""), "");
	}
	before = told[3];
	assert_string_equal(put_value(0, 0, "/local/domain/3/w/new", ""), "");
	settle();
	assert_int_equal(told[3], before);
	clients_end();
}

/* A ring that was used under a store that is lost, in one direction. */
static void rings_in_use(void **state)
{
	for (unsigned requests = 0; requests < 2; requests++) {
		struct xenstore_domain_interface *ring = &client[2].ring;

		clients_begin(1);
		ring->req_prod = ring->req_cons = requests ? 8 : 0;
		ring->rsp_prod = ring->rsp_cons = requests ? 0 : 8;
		assert_string_equal(introduce(0, "2", "1", "1"), "");
		settle();
		assert_int_equal(ring->error, XENSTORE_ERROR_COMM);
		client[2].conn = conn_find(&store, 2);
		assert_string_equal(value(2, 0, "/nothing"), "[EACCES]"); /* nothing was under way */
		clients_end();
	}
}

/* ---- What a client does while the store shows what it did ---- */

static void (*meanwhile)(void);
static void keep(struct store *s)
{
	if (meanwhile)
		meanwhile();
	meanwhile = NULL;
}
static const struct xsd_sockmsg question = {.type = XS_IS_DOMAIN_INTRODUCED, .len = 2};
static void goes_on(void)
{
	put_bytes(1, (const char *)&question + 3, sizeof(question) - 3);
	put_bytes(1, "1", 2);
}
static void reads(void)
{
	client[1].ring.rsp_cons = client[1].ring.rsp_prod;
}
/* A round that takes the beginning of a question: does the store want another one at once? */
static bool round_for_some(void)
{
	put_bytes(1, &question, 3);
	return round_for(1);
}

/* It need not send an event for that, so the store looks. */
static void no_event_is_needed(void **state)
{
	struct xenstore_domain_interface *ring = &client[1].ring;
	struct store_ops ops;

	clients_begin(1);
	ops = *store.ops;
	ops.keep = keep;
	store.ops = &ops;
	assert_string_equal(ask_two(1, XS_WATCH, 0, "w", "t"), "");
	look(1);
	assert_false(round_for_some());
	goes_on();
	settle();
	look(1);
	meanwhile = goes_on;
	assert_true(round_for_some());
	while (round_more())
		;
	assert_int_equal(ring->req_cons, ring->req_prod);
	reads();
	for (int i = 0; i < 100; i++) { /* no room is left */
		char path[64];

		snprintf(path, sizeof(path), HOME "w/%d", i);
		assert_string_equal(put_value(0, 0, path, ""), "");
	}
	assert_int_equal(ring->rsp_prod - ring->rsp_cons, XENSTORE_RING_SIZE);
	assert_false(round_for_some());
	goes_on();
	settle();
	meanwhile = reads;
	assert_true(round_for_some());
	round_more();
	assert_int_not_equal(ring->rsp_prod, ring->rsp_cons);
	clients_end();
}

static void introduced_again(void **state)
{
	clients_begin(1);
	assert_string_equal(ask_two(0, XS_WATCH, 0, "@introduceDomain", "in"), "");
	assert_string_equal(ask_two(0, XS_WATCH, 0, "@releaseDomain", "out"), "");
	assert_string_equal(ask_two(1, XS_WATCH, 0, "w", "t"), "");
	begin(1);
	look(0);
	look(1);
	put_bytes(1, &(struct xsd_sockmsg){.type = XS_READ}, 3); /* half a head */
	settle();
	client[1].ring.req_prod = client[1].ring.req_cons;
	assert_string_equal(introduce(0, "1", "1", "1"), "");
	client[1].conn = conn_find(&store, 1);
	assert_int_equal(look(0), 0); /* it was here before */
	assert_int_equal(client[1].conn->n_watches, 0);
	assert_null(client[1].conn->txns);
	assert_string_equal(value(1, 0, "/local/domain/1"), "");
	assert_string_equal(introduce(0, "1", "666", "1"), "EINVAL");
	assert_null(conn_find(&store, 1));
	assert_int_equal(look(0), 1);
	assert_string_equal(client[0].event[0], "@releaseDomain out");
	/* A domain that never was here is not told to have gone. */
	assert_string_equal(introduce(0, "2", "666", "1"), "EINVAL");
	assert_int_equal(look(0), 0);
	clients_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(domains_as_arguments), cmocka_unit_test(pages_and_ports_as_arguments),
	    cmocka_unit_test(names_of_no_node),     cmocka_unit_test(just_long_enough),
	    cmocka_unit_test(hashes_are_no_names),  cmocka_unit_test(conflicts_in_each_look),
	    cmocka_unit_test(nothing_there),        cmocka_unit_test(silence),
	    cmocka_unit_test(introduced_again),     cmocka_unit_test(rings_in_use),
	    cmocka_unit_test(no_event_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

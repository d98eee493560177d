/* SPDX-License-Identifier: MIT */
/*
 * Specification: what the store keeps in files (stored/save.c). A log that was cut short anywhere is as good as all whole rounds
 * in it; one that is spoilt, or an invalid state, is refused with one line; where nothing can be written nothing old is
 * left to be believed, and all is kept again as soon as that is possible. A ring that was in use under a store that is
 * forgotten is not served as if nothing had happened: its client is told, and may start again.
 */
#include "err.h"
#include "files.h"
#include "record.h"
#include "save.h"
#include "tools_store_client.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* err.h has another */

static char folder[] = "/tmp/rl-saved-XXXXXX";
static struct store_ops ops;

static const char *file(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/store/%s", folder, name);
	return path;
}

static const char *log_file(void)
{
	return access(file("log.1"), F_OK) ? file("log.0") : file("log.1");
}

static void put_file(const char *path, const char *data, size_t len)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(data, 1, len, out), len);
	fclose(out);
}

/* A store that is kept, with these values of one node, each of a round or more. */
static void begin_kept(unsigned values)
{
	char text[16];

	clients_begin(1);
	ops = *store.ops;
	ops.keep = save_keep;
	store.ops = &ops;
	assert_int_equal(save_open(&store), 0);
	save_begin(&store);
	for (unsigned n = 1; n <= values; n++) {
		snprintf(text, sizeof(text), "%u", n);
		assert_string_equal(put_value(0, 0, "/n", text), "");
	}
}

static void end_kept(void)
{
	clients_end();
	unlink(file("state"));
	unlink(file("log.0"));
	unlink(file("log.1"));
}

static uint32_t found_cons; /* up to where Dom0's requests were taken, as the next daemon thinks */

/* The value that the next daemon finds, 0 if there is none; -1: it starts empty. */
static int found(void)
{
	struct store *other = calloc(1, sizeof(*other));
	struct node *node = NULL;
	int value = -1;
	char text[16];

	store_init(other, &ops);
	fail_quiet(true);
	if (save_open(other) == 1) {
		if (op_look(&other->tree, conn_find(other, 0), "/n", &node) == 0)
			snprintf(text, sizeof(text), "%.*s", (int)node->len, node->value);
		value = node ? atoi(text) : 0;
		found_cons = conn_find(other, 0)->req_cons;
	}
	fail_quiet(false);
	for (struct conn *c = other->conns; c; c = c->next)
		c->ring = NULL; /* they are the first one's */
	store_free(other);
	free(other);
	return value;
}

static void a_log_that_was_cut_short(void **unused)
{
	char path[256], *log;
	int value, last = 0;
	size_t len;

	begin_kept(5);
	snprintf(path, sizeof(path), "%s", log_file());
	log = file_read(path, SIZE_MAX, &len);
	assert_non_null(log);
	for (size_t n = 0; n <= len; n++) {
		put_file(path, log, n);
		value = found();
		assert_in_range(value, last, last + 1);
		last = value;
	}
	assert_int_equal(last, 5);
	free(log);
	end_kept();
}

/* One byte of @name: number @at, or (0) the one behind the first "/n". */
static void spoil(const char *name, size_t at)
{
	char path[256], *whole, *value;
	size_t len;

	snprintf(path, sizeof(path), "%s", file(name));
	whole = file_read(path, SIZE_MAX, &len);
	value = whole + at;
	while (!at && memcmp(value, "/n", 3))
		value++;
	value += at ? 0 : 3;
	*value ^= 0x0f;
	put_file(path, whole, len);
	assert_int_equal(found(), -1);
	assert_non_null(strstr(fail_last(), "state: it, or its log, is damaged"));
	*value ^= 0x0f;
	put_file(path, whole, len);
	assert_int_equal(found(), 3);
	free(whole);
}

static void what_is_spoilt(void **unused)
{
	const char *log;

	begin_kept(3);
	log = strstr(log_file(), "log.1") ? "log.1" : "log.0";
	spoil("state", 8); /* behind a number */
	spoil(log, 8);     /* behind a length and a sum: what kind of note it is */
	spoil(log, 0);     /* what a client wrote */
	end_kept();
}

static void no_room_for_a_while(unsigned idle)
{
	struct rlimit before, little;

	getrlimit(RLIMIT_FSIZE, &before);
	little = before;
	little.rlim_cur = 4096;
	begin_kept(1);
	fail_quiet(true);
	setrlimit(RLIMIT_FSIZE, &little);
	for (unsigned n = 0; access(file("state"), F_OK) == 0; n++) {
		assert_true(n < 200);
		assert_string_equal(put_value(0, 0, "/n", "a value that takes some room in the log"), "");
	}
	fail_quiet(false);
	assert_non_null(
	    strstr(fail_last(), "until that is fixed, the store loses everything if it is killed"));
	assert_int_equal(found(), -1);
	setrlimit(RLIMIT_FSIZE, &before);
	while (idle--)
		one_round();
	for (unsigned n = 0; access(file("state"), F_OK); n++) {
		assert_true(n < 3000);
		assert_string_equal(put_value(0, 0, "/n", "6"), "");
	}
	assert_int_equal(found(), 6);
	assert_int_equal(found_cons, client[0].ring.req_cons);
	assert_string_equal(put_value(0, 0, "/n", "7"), "");
	assert_int_equal(found(), 7);
	end_kept();
}

/* The round in which all is kept again is one with a request, or one without. */
static void no_room(void **unused)
{
	for (unsigned idle = 0; idle < 4; idle++)
		no_room_for_a_while(idle);
}

/* A new store, which knows nothing, takes over the rings of an old one. */
static void forget(void)
{
	store_free(&store);
	store_init(&store, &ops);
	for (unsigned id = 0; id < 2; id++)
		assert_int_equal(conn_introduce(&store, id, 1, 1, &client[id].conn), 0);
	one_round();
}

static void a_ring_in_use(void **unused)
{
	struct xsd_sockmsg head = {.type = XS_READ, .req_id = 5, .len = 2};
	struct xenstore_domain_interface *ring = &client[1].ring;

	clients_begin(1);
	ops = *store.ops;
	assert_int_equal(ring->error, XENSTORE_ERROR_NONE); /* a new one */
	assert_string_equal(put_value(1, 0, "data", "x"), "");
	told[1] = 0;
	forget();
	assert_int_equal(ring->error, XENSTORE_ERROR_COMM);
	assert_true(told[1]);
	assert_string_equal(value(1, 0, "data"),
			    "[EACCES]"); /* nothing was under way: it may go on, without its home */

	put_bytes(1, &head, sizeof(head) - 3);
	one_round();
	put_bytes(1, (char *)&head + sizeof(head) - 3, 3);
	forget();
	put_bytes(1, "/", 2);
	settle();
	assert_true(ring->req_prod != ring->req_cons); /* the end of what it does not know */
	ring->connection = XENSTORE_RECONNECT;
	settle();
	assert_int_equal(ring->connection, XENSTORE_CONNECTED);
	assert_int_equal(ring->error, XENSTORE_ERROR_NONE);
	assert_string_equal(value(1, 0, "data"), "[EACCES]");
	clients_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_log_that_was_cut_short),
	    cmocka_unit_test(what_is_spoilt),
	    cmocka_unit_test(no_room),
	    cmocka_unit_test(a_ring_in_use),
	};
	int failed;

	signal(SIGXFSZ, SIG_IGN);
	run_dir = mkdtemp(folder);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(file("")); /* with its slash */
	rmdir(folder);
	return failed;
}

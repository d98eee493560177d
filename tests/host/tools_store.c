/* SPDX-License-Identifier: MIT */
/* The small store of rl-consoled, spoken to through its ring as a guest's kernel would. */
#include "files.h"
#include "guest.h"
#include "record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct xenstore_domain_interface ring;
static struct guest guest;

static void begin(void)
{
	struct record r = {.id = 4, .name = "four", .vcpus = 2};

	store_free(&guest);
	memset(&ring, 0, sizeof(ring));
	memset(&guest, 0, sizeof(guest));
	guest.id = 4;
	guest.store.ring = &ring;
	store_init(&guest, &r);
}

static void send(uint32_t type, const char *data, uint32_t len)
{
	struct xsd_sockmsg m = {.type = type, .req_id = 77, .len = len};

	for (size_t i = 0; i < sizeof(m); i++)
		ring.req[MASK_XENSTORE_IDX(ring.req_prod++)] = ((char *)&m)[i];
	for (size_t i = 0; i < len; i++)
		ring.req[MASK_XENSTORE_IDX(ring.req_prod++)] = data[i];
	store_serve(&guest);
}

/* The next message from the store; its type. */
static uint32_t receive(char *data, uint32_t *len)
{
	struct xsd_sockmsg m;

	assert_true(ring.rsp_prod - ring.rsp_cons >= sizeof(m));
	for (size_t i = 0; i < sizeof(m); i++)
		((char *)&m)[i] = ring.rsp[MASK_XENSTORE_IDX(ring.rsp_cons++)];
	for (size_t i = 0; i < m.len; i++)
		data[i] = ring.rsp[MASK_XENSTORE_IDX(ring.rsp_cons++)];
	data[m.len] = '\0';
	*len = m.len;
	return m.type;
}

static void shutdown_is_watched(void **state)
{
	char data[1100];
	uint32_t len;

	begin();
	send(XS_WATCH, "control/shutdown\0tok", 21);
	assert_int_equal(receive(data, &len), XS_WATCH);
	assert_int_equal(receive(data, &len), XS_WATCH_EVENT);
	assert_string_equal(data, "control/shutdown");
	assert_string_equal(data + 17, "tok");
	send(XS_READ, "control/shutdown", 17);
	assert_int_equal(receive(data, &len), XS_READ);
	assert_int_equal(len, 0);
	assert_true(store_shutdown(&guest, "poweroff"));
	assert_int_equal(receive(data, &len), XS_WATCH_EVENT);
	send(XS_READ, "/local/domain/4/control/shutdown", 33);
	assert_int_equal(receive(data, &len), XS_READ);
	assert_string_equal(data, "poweroff");
	/* The kernel says that it has understood; it sees its own write too. */
	send(XS_WRITE, "control/shutdown\0", 17);
	assert_int_equal(receive(data, &len), XS_WRITE);
	assert_int_equal(receive(data, &len), XS_WATCH_EVENT);
}

/* The watch outlives the daemon: what is kept in the file is known again. */
static void watch_outlives_the_daemon(void **state)
{
	char dir[] = "/tmp/ringlet-tools-XXXXXX", data[1100], command[64];
	const char *before = run_dir;
	uint32_t len;

	run_dir = mkdtemp(dir);
	assert_int_equal(make_dirs(console_path(4, NULL)), 0);
	begin();
	send(XS_WATCH, "control/shutdown\0tok", 21);
	begin();
	assert_true(store_shutdown(&guest, "reboot"));
	assert_int_equal(receive(data, &len), XS_WATCH_EVENT);
	assert_string_equal(data + 17, "tok");
	send(XS_UNWATCH, "control/shutdown\0tok", 21);
	begin();
	store_shutdown(&guest, "reboot");
	assert_int_equal(ring.rsp_prod, 0);
	run_dir = before;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

static void nodes_and_directories(void **state)
{
	char data[1100];
	uint32_t len;

	begin();
	send(XS_DIRECTORY, "device/vbd", 11);
	assert_int_equal(receive(data, &len), XS_ERROR);
	assert_string_equal(data, "ENOENT");
	send(XS_WRITE, "data/a/x\0one", 12);
	receive(data, &len);
	send(XS_WRITE, "data/b\0two", 10);
	receive(data, &len);
	send(XS_DIRECTORY, "data", 5);
	assert_int_equal(receive(data, &len), XS_DIRECTORY);
	assert_int_equal(len, 4);
	assert_memory_equal(data, "a\0b\0", 4);
	send(XS_RM, "data/a", 7);
	receive(data, &len);
	send(XS_READ, "data/a/x", 9);
	assert_int_equal(receive(data, &len), XS_ERROR);
	send(XS_READ, "name", 5);
	receive(data, &len);
	assert_string_equal(data, "four");
	send(XS_DIRECTORY, "cpu", 4);
	receive(data, &len);
	assert_memory_equal(data,
			    "0\0"
			    "1\0",
			    4);
	send(XS_READ, "/local/domain/0/name", 21);
	assert_int_equal(receive(data, &len), XS_ERROR);
	send(XS_INTRODUCE, "9", 2);
	receive(data, &len);
	assert_string_equal(data, "ENOSYS");
}

static void wild_guests_do_no_harm(void **state)
{
	char data[1100], big[600];
	struct xsd_sockmsg m = {.type = XS_READ, .len = 1u << 30};
	uint32_t len;

	begin();
	ring.req_prod = 5000; /* more than a ring's worth */
	store_serve(&guest);
	assert_true(guest.store.broken);
	begin();
	memcpy(ring.req, &m, sizeof(m));
	ring.req_prod = sizeof(m);
	store_serve(&guest);
	assert_true(guest.store.broken);
	/* Asking without reading the answers ends in silence, not in growth. */
	begin();
	for (int i = 0; i < 500; i++)
		send(XS_READ, "name", 5);
	assert_true(guest.store.out_len <= STORE_OUT);
	/* As many nodes as one likes: refused beyond the limit. */
	begin();
	for (int i = 0; i < 100; i++) {
		len = snprintf(big, sizeof(big), "n%d", i) + 1;
		send(XS_WRITE, big, len);
		receive(data, &len);
	}
	assert_string_equal(data, "ENOSPC");
	/* An empty request, a request without its zero byte. */
	begin();
	send(XS_READ, "", 0);
	assert_int_equal(receive(data, &len), XS_ERROR);
	send(XS_WRITE, "abc", 3);
	assert_int_equal(receive(data, &len), XS_WRITE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(shutdown_is_watched),
	    cmocka_unit_test(watch_outlives_the_daemon),
	    cmocka_unit_test(nodes_and_directories),
	    cmocka_unit_test(wild_guests_do_no_harm),
	};
	int failed;

	run_dir = "/tmp/ringlet-tools-nowhere"; /* no marker files */
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	store_free(&guest);
	return failed;
}

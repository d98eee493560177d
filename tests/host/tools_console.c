/* SPDX-License-Identifier: MIT */
/*
 * rl-consoled with a ring that is written after its guest's end: the guest may have granted the page to a domain that lives
 * on. Whatever is taken from the ring, there is more of it; the daemon lets go of the guest all the same.
 */
#include "consoled/guest.h"

static int append(struct conlog *log, const void *data, size_t len);
#define conlog_append append
#include "consoled/console.c"
#undef conlog_append

int consoled_main(void);
#define main consoled_main
#include "consoled/main.c"
#undef main

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#undef fail
#include <cmocka.h>

#define PATIENCE 10 /* rings full that a guest may leave behind */

static struct xencons_interface ring;
static unsigned appended;

/* The other domain has its turn while the daemon writes the log. */
static int append(struct conlog *log, const void *data, size_t len)
{
	assert_true(len <= sizeof(ring.out));
	assert_true(++appended < PATIENCE);
	ring.out_prod = ring.out_cons + 5;
	return 0;
}

static void unmap(struct hv *h, void *at, size_t pages)
{
}

static void gone_while_it_is_written(void **state)
{
	static const struct hv_ops ops = {.unmap = unmap};
	struct guest *g = calloc(1, sizeof(*g));

	*g = (struct guest){.id = 9999, .port = -1, .in = -1, .ring = &ring, .log = {.fd = -1}};
	hv.ops = &ops;
	guests = g;
	nr_guests = 1;
	ring.out_prod = 5;
	remove_guest(9999);
	assert_true(appended > 0);
	assert_null(guests);
	assert_int_equal(nr_guests, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(gone_while_it_is_written)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

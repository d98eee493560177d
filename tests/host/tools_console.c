/* SPDX-License-Identifier: MIT */
/*
 * Specification of rl-consoled's rounds.
 *   gone       a ring that is written after its guest's end (it may have granted the page to a domain that lives on): whatever
 *              is taken from it, there is more; the daemon lets go of the guest all the same
 *   masked     an event is taken once for a burst: the port stays masked until a look finds the ring empty
 *   one each   of a guest that writes while it is looked at a round takes one ring's worth, and of the others as much
 *   silent     a guest that sent no event is not looked at
 *   told       a guest that may wait for room is told that there is some; one that has room is not
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
	ring.out_prod = 5;
	remove_guest(9999);
	assert_true(appended > 0);
	assert_null(guests);
}

#define GUESTS 3

static struct xencons_interface rings[GUESTS];
static struct guest *g[GUESTS];
static int unmasked[2]; /* a pipe for what the daemon writes to its event channels */

static void begin(void)
{
	assert_int_equal(pipe(unmasked), 0);
	fcntl(unmasked[0], F_SETFL, O_NONBLOCK);
	evtchn = unmasked[1];
	memset(rings, 0, sizeof(rings));
	appended = 0;
	for (unsigned i = 0; i < GUESTS; i++) {
		g[i] = calloc(1, sizeof(*g[i]));
		*g[i] = (struct guest){
		    .id = i + 1, .port = i + 100, .in = -1, .ring = &rings[i], .log = {.fd = -1}};
	}
}

static void end(void)
{
	for (unsigned i = 0; i < GUESTS; i++) {
		queue_remove(&ready, &g[i]->ready);
		free(g[i]);
	}
	assert_null(ready.first);
	close(unmasked[0]);
	close(unmasked[1]);
}

/* Which port may send events again since the last time; 0: none, -1: several. */
static int unmasked_port(void)
{
	uint32_t port[2];
	ssize_t n = read(unmasked[0], port, sizeof(port));

	return n <= 0 ? 0 : n > (ssize_t)sizeof(*port) ? -1 : (int)port[0];
}

static void masked_while_it_speaks(void **state)
{
	begin();
	queue_add(&ready, &g[0]->ready);
	queue_add(&ready, &g[0]->ready); /* an event more changes nothing */
	for (unsigned i = 0; i < 3; i++) {
		rings[0].out_prod += 10;
		look_at_ready();
		assert_int_equal(rings[0].out_cons, rings[0].out_prod);
		assert_int_equal(unmasked_port(), 0);
	}
	look_at_ready();
	assert_int_equal(unmasked_port(), 100);
	look_at_ready();
	assert_int_equal(unmasked_port(), 0);
	end();
}

/* append() has written more into `ring` by the time it returns. */
static void one_ring_each(void **state)
{
	begin();
	g[1]->ring = &ring;
	ring.out_cons = 0;
	ring.out_prod = sizeof(ring.out);
	rings[2].out_prod = 7;
	queue_add(&ready, &g[1]->ready);
	queue_add(&ready, &g[2]->ready);
	look_at_ready();
	assert_int_equal(appended, 2);
	assert_int_equal(ring.out_cons, sizeof(ring.out));
	assert_int_equal(rings[2].out_cons, 7);
	assert_true(g[1]->ready.queued && g[2]->ready.queued);
	end();
}

static void silent_ones_cost_nothing(void **state)
{
	begin();
	rings[0].out_prod = rings[1].out_prod = 5;
	queue_add(&ready, &g[1]->ready);
	look_at_ready();
	assert_int_equal(appended, 1);
	assert_int_equal(rings[0].out_cons, 0);
	assert_int_equal(rings[1].out_cons, 5);
	end();
}

static void told_of_room(void **state)
{
	bool tell;

	begin();
	rings[0].out_prod = 40;
	assert_int_equal(console_drain(g[0], &tell), 40);
	assert_false(tell);
	rings[0].out_prod += sizeof(rings[0].out);
	assert_int_equal(console_drain(g[0], &tell), sizeof(rings[0].out));
	assert_true(tell);
	rings[0].out_prod += sizeof(rings[0].out) + 1; /* nonsense */
	assert_int_equal(console_drain(g[0], &tell), 0);
	assert_int_equal(rings[0].out_cons, rings[0].out_prod);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gone_while_it_is_written),
	    cmocka_unit_test(masked_while_it_speaks),
	    cmocka_unit_test(one_ring_each),
	    cmocka_unit_test(silent_ones_cost_nothing),
	    cmocka_unit_test(told_of_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

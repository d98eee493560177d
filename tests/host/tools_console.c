/* SPDX-License-Identifier: MIT */
/*
 * Specification of rl-consoled's rounds.
 *   gone       a ring that is written after its guest's end (it may have granted the page to a domain that lives on): whatever
 *              is taken from it, there is more; the daemon lets go of the guest all the same
 *   masked     an event is taken once for a burst: the port stays masked until a look finds the ring empty
 *   one each   of a guest that writes while it is looked at a round takes one ring's worth, and of the others as much
 *   silent     a guest that sent no event is not looked at
 *   told       a guest is told when something of what it wrote was taken, be it a letter or what a broken ring had; else it is not
 *   terminal   of a domain that xl made: is shown all that the log has, once and in order, as fast as it takes it; what it
 *              does not take in the log's length is lost
 */
#include "consoled/guest.h"

static int append(struct conlog *log, const void *data, size_t len);
#define conlog_append append
#include "consoled/console.c"
#undef conlog_append
#include "consoled/terminal.c"

int consoled_main(void);
#define main consoled_main
#include "consoled/main.c"
#undef main

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>

#undef fail
#include <cmocka.h>

#define NO_TERMINAL .terminal = -1, .far_end = -1, .shown = {.fd = -1}
#define PATIENCE    10 /* rings full that a guest may leave behind */

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

	*g = (struct guest){.id = 9999, .port = -1, .in = -1, .ring = &ring, .log = {.fd = -1}, NO_TERMINAL};
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
		*g[i] = (struct guest){.id = i + 1,
				       .port = i + 100,
				       .in = -1,
				       .ring = &rings[i],
				       .log = {.fd = -1},
				       NO_TERMINAL};
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

static void told_of_what_was_taken(void **state)
{
	bool tell;

	begin();
	rings[0].out_prod = 1;
	assert_int_equal(console_drain(g[0], &tell), 1);
	assert_true(tell);
	assert_int_equal(console_drain(g[0], &tell), 0);
	assert_false(tell);
	rings[0].out_prod += sizeof(rings[0].out);
	assert_int_equal(console_drain(g[0], &tell), sizeof(rings[0].out));
	assert_true(tell);
	rings[0].out_prod += sizeof(rings[0].out) + 1; /* nonsense */
	assert_int_equal(console_drain(g[0], &tell), 0);
	assert_true(tell);
	assert_int_equal(rings[0].out_cons, rings[0].out_prod);
	end();
}

/* Show until the terminal takes no more, then take from it: every byte is the next one's number. */
static void show_and_take(struct guest *guest, int near_end, uint64_t *next)
{
	uint8_t text[CONLOG_CHUNK];
	ssize_t got;

	terminal_show(guest);
	while ((got = read(near_end, text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < got; i++)
			assert_int_equal(text[i], (uint8_t)(*next)++);
}

static void terminal_is_shown_all(void **state)
{
	char path[] = "/tmp/tools_console.XXXXXX";
	struct guest guest = {.far_end = -1};
	uint8_t text[CONLOG_CHUNK];
	uint64_t next = 0;
	int ends[2];

	close(mkstemp(path));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &(int){4096}, sizeof(int)),
			 0); /* less than all */
	guest.terminal = ends[1];
	assert_int_equal(conlog_create(&guest.log, path), 0);
	assert_int_equal(conlog_open(&guest.shown, path), 0);
	assert_false(terminal_behind(&guest));
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = i;
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(conlog_append(&guest.log, text, sizeof(text)), 0);
	terminal_show(&guest);
	assert_true(terminal_behind(&guest));
	while (next < 10 * sizeof(text))
		show_and_take(&guest, ends[0], &next);
	assert_false(terminal_behind(&guest));
	for (unsigned i = 0; i < 2 * CONLOG_SIZE / sizeof(text); i++)
		assert_int_equal(conlog_append(&guest.log, text, sizeof(text)), 0);
	next = guest.log.at - (CONLOG_SIZE - CONLOG_CHUNK);
	while (terminal_behind(&guest))
		show_and_take(&guest, ends[0], &next);
	assert_int_equal(next, guest.log.at);
	terminal_close(&guest);
	conlog_close(&guest.log);
	close(ends[0]);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gone_while_it_is_written),
	    cmocka_unit_test(masked_while_it_speaks),
	    cmocka_unit_test(one_ring_each),
	    cmocka_unit_test(silent_ones_cost_nothing),
	    cmocka_unit_test(told_of_what_was_taken),
	    cmocka_unit_test(terminal_is_shown_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

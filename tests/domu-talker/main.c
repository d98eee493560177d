/* SPDX-License-Identifier: MIT */
/*
 * A guest that is as small as a guest can be: it says one line on its console ring and sleeps (`quiet`), or writes lines
 * without end, each with an event, as a kernel does whose console is not buffered. Where the ring is full it waits for a
 * millisecond at a time (`talk`) or yields as Linux does (`spin`); or it computes for a tenth of one after each line (`busy`).
 * After its word it may ask to be started again (`reboot`). Run by tests/system/scale.py, killed.py.
 */
#include "fw.h"
#include "time.h"
#include "xen/io/console.h"

const char test_title[] = "domu-talker";

#define LINE "a line of forty characters and no more\r\n"

static struct xencons_interface *ring;

static void wait_for_room(bool spin)
{
	struct sched_poll nap = {.nr_ports = 0, .timeout = system_time() + 1000000};

	if (spin)
		hypercall_sched_op(SCHEDOP_yield, NULL);
	else
		hypercall_sched_op(SCHEDOP_poll, &nap);
}

static void say(const char *text, size_t len, bool spin)
{
	struct evtchn_send send = {.port = start_info->console.domU.evtchn};

	while (len) {
		XENCONS_RING_IDX prod = ring->out_prod,
				 room = sizeof(ring->out) -
					(prod - *(volatile XENCONS_RING_IDX *)&ring->out_cons);

		for (; room && len; room--, len--)
			ring->out[MASK_XENCONS_IDX(prod++, ring->out)] = *text++;
		barrier();
		ring->out_prod = prod;
		hypercall_event_channel_op(EVTCHNOP_send, &send);
		if (len)
			wait_for_room(spin);
	}
}

static void compute(void)
{
	uint64_t until = system_time() + 100000;

	while (system_time() < until)
		;
}

void test_main(void)
{
	struct sched_shutdown reboot = {.reason = SHUTDOWN_reboot};
	const char *how = (const char *)start_info->cmd_line;

	bind_timer(); /* stops the periodic timer: a vCPU that sleeps costs nothing */
	ring = mfn_to_va(start_info->console.domU.mfn);
	say("here\r\n", 6, false);
	if (how[0] == 'r')
		hypercall_sched_op(SCHEDOP_shutdown, &reboot);
	while (how[0] != 'q') {
		say(LINE, sizeof(LINE) - 1, how[0] == 's');
		if (how[0] == 'b')
			compute();
	}
	for (;;)
		hypercall_sched_op(SCHEDOP_block, NULL);
}

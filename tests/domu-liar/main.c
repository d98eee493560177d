/* SPDX-License-Identifier: MIT */
/*
 * A guest that lies to the back ends of its disk and its network card in Dom0: with rings, grants, events and in the store.
 * Whatever it tells, Dom0, its other guests and the hypervisor must go on; what becomes of its own devices does not matter.
 * It says in the store, as data/lie, what it tells just now; `all told` comes at the end with their number as data/told, and then
 * it goes on with any of them until it is destroyed. What it has no device for is not told. Started by Debian's xl on a Linux Dom0
 * (tests/system/linux_dom0_xl.py lying), and by rl with a disk that rl-blkd serves (tests/system/lying_disks.py).
 *
 * On the command line: seed=, and only= (one lie: the disk's from 1 on, the cards' from 101 on).
 */
#include "liar.h"
#include "time.h"

const char test_title[] = "domu-liar";

#define DISK "device/vbd/51712"

static uint32_t state;

uint32_t chance(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

void rest(unsigned ms)
{
	struct sched_poll poll = {.nr_ports = 0, .timeout = system_time() + ms * 1000000ull};

	hypercall_sched_op(SCHEDOP_poll, &poll);
}

void storm(unsigned port, unsigned times)
{
	struct evtchn_send send = {.port = port};

	while (times--)
		hypercall_event_channel_op(EVTCHNOP_send, &send);
}

static bool tell(const char *front, const struct lie *l, bool (*connect)(struct device *))
{
	struct device d;
	bool connected;

	if (!device_init(&d, front, 16))
		return false;
	connected = connect(&d);
	if (connected)
		l->tell(&d);
	device_close(&d);
	return connected;
}

/* A card that has sent nonsense is not served any more: a new one for each lie. */
static const char *card(unsigned i)
{
	char digits[] = {'0' + i / 10, '0' + i % 10, 0};

	return joined("device/vif/", i < 10 ? digits + 1 : digits);
}

/* How many could be told. */
static unsigned tell_all(void)
{
	unsigned only = option("only=", 0), told = 0;

	for (unsigned i = 0; blk_lies[i].name; i++)
		if (!only || only == 1 + i) {
			store_write("data/lie", blk_lies[i].name);
			told += tell(DISK, &blk_lies[i], blk_connect);
		}
	for (unsigned i = 0; net_lies[i].name; i++)
		if (!only || only == 101 + i) {
			store_write("data/lie", net_lies[i].name);
			told += tell(card(i), &net_lies[i], net_connect);
		}
	return told;
}

void test_main(void)
{
	unsigned told;

	bind_timer(); /* stops the periodic timer */
	state = option("seed=", 1);
	store_init();
	told = tell_all();
	store_write_number("data/told", told);
	store_write("data/lie", "all told");
	for (;;) {
		unsigned i = chance() % 10; /* not the last one, after which the disk may be no more */

		tell(DISK, &blk_lies[i], blk_connect);
		tell(card(i), &net_lies[i], net_connect);
	}
}

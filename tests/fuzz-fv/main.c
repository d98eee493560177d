/* SPDX-License-Identifier: MIT */
/*
 * A kernel for an fv domain (docs/fv.md) of 8 MiB that does things at random: privileged and sensitive instructions with
 * any operand, control registers, far branches and returns, its GDT and IDT full of any descriptors, page tables that map
 * one another, ports, PIC and PIT, code that is random bytes or changes while it runs, in ring 0 and 3. What happens to it
 * is its own affair; the hypervisor and all other domains must stay whole (system/fuzz.py).
 *
 * Command line: seed=N calls=N. It tells on its serial line how many attempts it has made, each of which makes the
 * hypervisor act at least once, and ends after that many.
 */
#include "../fw/option.h"
#include "fuzz.h"

#define TELL 50

static uint64_t state;

static const struct {
	void (*fn)(void);
	unsigned weight;
} actions[] = {
    {do_privileged, 40}, {do_random, 20}, {do_far, 10},  {do_descriptors, 4}, {do_gates, 1},
    {do_entry, 20},      {do_touch, 20},  {do_space, 5}, {do_change_code, 5}, {do_devices, 5},
};

/* xorshift64* (Vigna 2014). */
uint32_t random32(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1dull) >> 32;
}

uint32_t below(uint32_t n)
{
	return (uint64_t)random32() * n >> 32;
}

uint32_t arena_address(void)
{
	uint32_t at = ARENA + below(RAM_END - ARENA);

	return one_in(4) ? at | (PAGE - 1 - below(8)) : at & ~3u;
}

static uint32_t some_word(void)
{
	switch (below(8)) {
	case 0:
		return below(64);
	case 1:
		return -below(64);
	case 2:
		return (1u << below(32)) - below(2);
	case 3:
		return random32();
	case 4:
		return RAM_END - 8 + below(16);
	default:
		return arena_address();
	}
}

/* Hardly ever in our own image: a store there would be the end. */
uint32_t any_word(void)
{
	uint32_t v = some_word();

	return v >= IMAGE && v < ARENA && !one_in(200) ? v + ARENA : v;
}

static void tell(uint32_t n)
{
	put("at ", 0);
	put(number(n), 0);
	put(" attempts\n", 0);
}

static void step(void)
{
	unsigned total = 0, i = 0, pick;

	for (unsigned k = 0; k < sizeof(actions) / sizeof(*actions); k++)
		total += actions[k].weight;
	for (pick = below(total); pick >= actions[i].weight; i++)
		pick -= actions[i].weight;
	actions[i].fn();
}

void main(const uint32_t *mbi)
{
	const char *cmdline = mbi[0] & 4 ? (const char *)mbi[4] : "";
	uint32_t wanted = option_in(cmdline, "calls=", 10000);

	state = option_in(cmdline, "seed=", 1) * 0x9e3779b97f4a7c15ull + 1;
	memory_init();
	for (uint32_t n = 0; n < wanted; n++) {
		if (n % 8 == 0)
			devices_right();
		if (n % TELL == 0)
			tell(n);
		step();
	}
	tell(wanted);
}

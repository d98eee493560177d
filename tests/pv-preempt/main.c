/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor does not keep interrupts waiting while it validates a big tree or takes one apart: a timer that falls
 * due meanwhile is delivered in the middle of the hypercall, which then goes on to its end and result. So it is for
 * pinning, unpinning, loading a root, and for hooking a tree into a live table and out again. The tree maps 128 MiB by
 * 64 L1 tables. Where ticks are instructions, the longest wait has a limit.
 */
#include "big_tree.h"

const char test_title[] = "pv-preempt";

#define LIMIT_NS 60000 /* with nothing but this guest on the CPU */

static volatile uint64_t longest;
static volatile unsigned ticks;

static void tick(struct frame *f)
{
	uint64_t now = system_time();

	if (!event_test_and_clear(tick_port))
		return;
	ticks++;
	longest = now > tick_due && now - tick_due > longest ? now - tick_due : longest;
	tick_arm();
}

/* The upper table's entry above a free part of the address space: the second. */
static uint64_t free_slot(void)
{
	unsigned long va = ROOT_LEVEL == 4 ? VIRT_BASE : 0x40000000ul;
	pte_t *table = pte_of(va, 3);

	return ((uint64_t)va_to_mfn((void *)((unsigned long)table & ~0xffful)) << 12) + sizeof(pte_t);
}

static int hook(void)
{
	return pte_write(free_slot(), tree_entry(tree_table[2], ROOT_LEVEL == 4 ? TREE_RW | PTE_U : PTE_P));
}

static int unhook(void)
{
	return pte_write(free_slot(), 0);
}

#ifdef __x86_64__
static int load_user(void)
{
	return mmuext1(MMUEXT_NEW_USER_BASEPTR, tree_mfn(), 0);
}

static int leave_user(void)
{
	return mmuext1(MMUEXT_NEW_USER_BASEPTR, 0, 0);
}
#endif

static uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* The same loop always takes the same time, only if ticks are instructions. */
static bool ticks_are_instructions(void)
{
	uint64_t first = 0;

	for (unsigned n = 0; n < 20; n++) {
		uint64_t t = rdtsc();

		for (volatile unsigned i = 0; i < 1000; i++)
			;
		t = rdtsc() - t;
		if (n > 1 && t != first)
			return false;
		first = t;
	}
	return true;
}

/* Do it and undo it until both were interrupted; how many times depends on how fast the machine is. */
static void interrupted(const char *what, int (*doing)(void), int (*undoing)(void), bool limited)
{
	unsigned in_doing = 0, in_undoing = 0;

	longest = 0;
	for (unsigned n = 0; n < 200 && (!in_doing || !in_undoing || n < 3); n++) {
		unsigned before;

		tick_arm();
		events_on();
		before = ticks;
		check_eq(doing(), 0);
		in_doing += ticks - before;
		check(page_set_ro(tree_l1[TREE_L1S - 1], false) < 0); /* a table to the last */
		before = ticks;
		check_eq(undoing(), 0);
		in_undoing += ticks - before;
		events_off();
		tree_is_memory();
	}
	printk("# %s: longest wait %u ns\n", what, (unsigned)longest);
	check(in_doing && in_undoing);
	check(!limited || longest < LIMIT_NS);
}

void test_main(void)
{
	bool limited = ticks_are_instructions();

	tick_init(tick);
	tree_build();
	interrupted("pin, unpin", tree_pin, tree_unpin, limited);
	interrupted("an entry above", hook, unhook, limited);
#ifdef __x86_64__
	interrupted("root of applications", load_user, leave_user, limited);
#endif
}

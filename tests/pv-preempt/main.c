/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor does not keep interrupts waiting while it validates a big tree or takes one apart: a timer that falls
 * due meanwhile is delivered in the middle of the hypercall, which then goes on to its end and result. So it is for
 * pinning, unpinning, loading a root, and for hooking a tree into a live table and out again. The tree maps 128 MiB by
 * 64 L1 tables. Where ticks are instructions, the longest wait has a limit.
 */
#include "time.h"

const char test_title[] = "pv-preempt";

#define L1_TABLES  64
#define PERIOD_NS  50000
#define LIMIT_NS   250000 /* with nothing but this guest on the CPU */
#define RW         (PTE_P | PTE_RW | PTE_A | PTE_D)
#define TREE_LEVEL (ROOT_LEVEL == 4 ? 4 : 2)

static pte_t l1[L1_TABLES][512] __attribute__((aligned(4096)));
static char data[4096] __attribute__((aligned(4096)));
static pte_t *upper[5]; /* by level */
static unsigned port;
static volatile uint64_t due, longest;
static volatile unsigned ticks;

static pte_t entry(const void *page, pte_t flags)
{
	return (pte_t)va_to_mfn(page) << 12 | flags;
}

static void arm(void)
{
	due = system_time() + PERIOD_NS;
	hypercall_set_timer_op(due);
}

static void tick(struct frame *f)
{
	uint64_t now = system_time();

	if (!event_test_and_clear(port))
		return;
	ticks++;
	longest = now > due && now - due > longest ? now - due : longest;
	arm();
}

static void build(void)
{
	for (unsigned t = 0; t < L1_TABLES; t++) {
		for (unsigned i = 0; i < 512; i++)
			l1[t][i] = entry(data, RW);
		table_ready(l1[t]);
	}
	for (int level = 2; level <= TREE_LEVEL; level++) {
		upper[level] = page_alloc();
		for (unsigned i = 0; i < (level == 2 ? L1_TABLES : 1); i++)
			upper[level][i] = entry(level == 2 ? l1[i] : upper[level - 1], RW | PTE_U);
		table_ready(upper[level]);
	}
}

static int pin(void)
{
	return mmuext1(MMUEXT_PIN_L1_TABLE + TREE_LEVEL - 1, va_to_mfn(upper[TREE_LEVEL]), 0);
}

static int unpin(void)
{
	return mmuext1(MMUEXT_UNPIN_TABLE, va_to_mfn(upper[TREE_LEVEL]), 0);
}

/* The upper table above a free part of the address space, and its entry for the L2. */
static uint64_t free_slot(void)
{
	unsigned long va = ROOT_LEVEL == 4 ? VIRT_BASE : 0x40000000ul;
	pte_t *table = pte_of(va, 3);

	return ((uint64_t)va_to_mfn((void *)((unsigned long)table & ~0xffful)) << 12) +
	       (ROOT_LEVEL == 4 ? 8 : 8 * 1);
}

static int hook(void)
{
	return pte_write(free_slot(), entry(upper[2], ROOT_LEVEL == 4 ? RW | PTE_U : PTE_P));
}

static int unhook(void)
{
	return pte_write(free_slot(), 0);
}

#ifdef __x86_64__
static int load_user(void)
{
	return mmuext1(MMUEXT_NEW_USER_BASEPTR, va_to_mfn(upper[4]), 0);
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

		arm();
		events_on();
		before = ticks;
		check_eq(doing(), 0);
		in_doing += ticks - before;
		check(page_set_ro(l1[L1_TABLES - 1], false) < 0); /* a table to the last */
		before = ticks;
		check_eq(undoing(), 0);
		in_undoing += ticks - before;
		events_off();
		check_eq(page_set_ro(l1[0], false), 0); /* memory again, all of it */
		check_eq(page_set_ro(l1[L1_TABLES - 1], false), 0);
		table_ready(l1[0]);
		table_ready(l1[L1_TABLES - 1]);
	}
	printk("# %s: longest wait %u ns\n", what, (unsigned)longest);
	check(in_doing && in_undoing);
	check(!limited || longest < LIMIT_NS);
}

void test_main(void)
{
	bool limited = ticks_are_instructions();

	port = bind_timer();
	event_mask(port, false);
	event_hook = tick;
	build();
	interrupted("pin, unpin", pin, unpin, limited);
	interrupted("an entry above", hook, unhook, limited);
#ifdef __x86_64__
	interrupted("root of applications", load_user, leave_user, limited);
#endif
}

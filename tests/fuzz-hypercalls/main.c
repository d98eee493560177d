/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls at random, and some that nearly make sense: right structures, values at borders, frames of its
 * own, of others and of page tables in use, from two vCPUs that race. The hypervisor must stay whole: it
 * never panics, and its auditor (hypervisor/audit/audit.c) finds every count right after each batch. What
 * happens to this guest is its own affair.
 *
 * Command line: seed=N calls=N; alone=1: one vCPU, and the same seed gives the same calls, of which it prints a digest at
 * its end; twin=1 or twin=2: the next domain, or the one before, does the same and is our peer: each maps and copies what the
 * other grants, binds its ports; peer=N: that domain. As Dom0 it leaves out what would end the machine, and calls the auditor
 * itself; for a DomU Dom0 does so (tests/system/fuzz.py).
 */
#include "fuzz.h"
#include "xen/sysctl.h"

const char test_title[] = "fuzz-hypercalls";

#define BATCH 10000 /* calls from one audit, or one word about what was done, to the next; at first fewer */
#define FIRST 1000
#define ALIVE 100 /* calls made by a guest that has not broken what it needs */

static const struct {
	action_fn *fn;
	unsigned weight;
} actions[] = {
    {do_mmu_update, 20}, {do_va_mapping, 20}, {do_mmuext, 15},     {do_build_table, 10}, {do_store, 20},
    {do_repair, 1},      {do_reservation, 6}, {do_exchange, 4},    {do_memory_other, 3}, {do_grant_setup, 1},
    {do_grant_entry, 6}, {do_grant_map, 8},   {do_grant_unmap, 8}, {do_grant_copy, 4},   {do_grant_other, 3},
    {do_gdt, 3},         {do_ldt, 2},         {do_descriptor, 4},  {do_traps, 1},        {do_callbacks, 1},
    {do_stack, 1},       {do_segment, 1},     {do_debugreg, 1},    {do_vcpu, 4},         {do_events, 10},
    {do_sched, 1},       {do_timer, 1},       {do_version, 1},     {do_console, 1},      {do_assist, 1},
    {do_physdev, 1},     {do_anything, 3},    {do_domctl, 2},      {do_control, 8},      {do_trace, 2},
    {do_context, 4},     {do_areas, 2},       {do_hard_store, 25},
};

static struct multicall_entry multis[2][MULTI_MAX];
static struct fuzz fuzzers[2] = {
    {.first = true, .ring = region.ring0, .multi = multis[0]},
    {.ring = region.ring1, .multi = multis[1]},
};
unsigned long worked[WORKED];
static unsigned long seed = 1, calls_wanted = 20000, broken;
static struct recovery main_loop;

static void one_action(struct fuzz *f)
{
	static action_fn *const shared_ones[] = {do_grant_entry, do_grant_map, do_grant_map,   do_grant_unmap,
						 do_grant_copy,  do_events,    do_grant_other, do_events};
	unsigned total = 0, pick;

	if (f->peer && one_in(f, 3)) {
		shared_ones[below(f, ARRAY_SIZE(shared_ones))](f);
		return;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(actions); i++)
		total += actions[i].weight;
	pick = below(f, total);
	for (unsigned i = 0; i < ARRAY_SIZE(actions); i++) {
		if (pick < actions[i].weight) {
			actions[i].fn(f);
			return;
		}
		pick -= actions[i].weight;
	}
}

static void step(struct fuzz *f)
{
	if (one_in(f, 20)) {
		f->queueing = true;
		for (unsigned i = 0; i < MULTI_MAX; i++)
			one_action(f);
		call_multi(f);
	} else {
		one_action(f);
	}
	if (f->mend_traps && f->first)
		trap_init();
	f->mend_traps = false;
}

/* Behind a fault, or at the start. */
static void begin(struct fuzz *f)
{
	f->queueing = false;
	f->queued = 0;
	mend_ring(f);
}

void second(void)
{
	begin(&fuzzers[1]);
	for (;;)
		step(&fuzzers[1]);
}

/* Breakpoints that it set itself do not matter. A fault where none is expected means that it broke something of its own:
 * it goes on, unless that happens at once again. */
static bool own_fault(struct frame *f)
{
	static unsigned long at;

	if (f->vector == VEC_DB || f->vector == VEC_BP)
		return true;
	if (recovery)
		return false;
	if (fuzzers[0].calls >= at) {
		at = fuzzers[0].calls + ALIVE;
		recovery = &main_loop;
		return false;
	}
	printk("broke itself: exception %lu at %lx, cr2 %lx\n", f->vector, f->ip,
	       shared->vcpu_info[0].arch.cr2);
	finish();
}

static void audit(void)
{
	static struct xen_sysctl op;
	static char key = 'a';

	op.cmd = XEN_SYSCTL_debug_keys;
	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	set_xen_guest_handle(op.u.debug_keys.keys, &key);
	op.u.debug_keys.nr_keys = 1;
	if (hypercall_sysctl(&op))
		error("no audit");
}

static void tell(const struct fuzz *f)
{
	static const char *const names[WORKED] = {"mapped", "copied", "bound", "up", "stored"};

	printk("at %lu + %lu calls, %lu broken", f->calls, fuzzers[1].calls, broken);
	for (unsigned i = 0; i < WORKED; i++)
		printk(", %lu %s", worked[i], names[i]);
	printk("\n");
}

static void find_peer(void)
{
	static const int twins[] = {0, 1, -1};
	unsigned long twin = option("twin=", 0);
	domid_t peer = option("peer=", 0);

	if (twin && twin < ARRAY_SIZE(twins))
		peer = fuzzers[0].self + twins[twin];
	fuzzers[0].peer = fuzzers[1].peer = peer;
}

static void run(struct fuzz *f)
{
	static unsigned long next = FIRST;

	if (recovery_set(&main_loop)) {
		recovery = NULL;
		broken++;
		begin(f);
		trap_init();
	}
	while (f->calls < calls_wanted) {
		step(f);
		if (f->calls < next)
			continue;
		next += next < BATCH ? next : BATCH;
		if (f->dom0)
			audit();
		else
			tell(f);
	}
}

void test_main(void)
{
	struct fuzz *f = &fuzzers[0];

	seed = option("seed=", seed);
	calls_wanted = option("calls=", calls_wanted);
	f->dom0 = fuzzers[1].dom0 = start_info->flags & SIF_INITDOMAIN;
	f->alone = option("alone=", 0);
	f->random = seed * 0x9e3779b97f4a7c15ull + 1;
	fuzzers[1].random = ~f->random;
	printk("seed=%lu calls=%lu\n", seed, calls_wanted);
	hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	trap_hook = own_fault;
	pool_init(f, &fuzzers[1]);
	stores_init();
	f->self = fuzzers[1].self = own_domid();
	find_peer();
	grants_init(f);
	do_repair(f);
	if (!f->alone)
		start_second();
	run(f);
	printk("%lu calls, %lu of the other vCPU\n", f->calls, fuzzers[1].calls);
	if (f->dom0)
		control_tell();
	if (f->alone)
		printk("digest %lx\n", (unsigned long)f->digest);
}

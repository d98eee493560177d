/* SPDX-License-Identifier: MIT */
/*
 * A second vCPU: VCPUOP_initialise and _up start it with the registers and the page tables given; is_up
 * tells; an IPI reaches it; after a flush of all vCPUs' TLBs it cannot see an old mapping any more;
 * VCPUOP_down stops it, and up lets it go on. Initialising it twice is refused. Skipped where Dom0 has one
 * vCPU.
 */
#include "time.h"

const char test_title[] = "pv-smp";

#define MS 1000000ull

static volatile unsigned long started, rounds, seen, orders;
static char target[4096] __attribute__((aligned(4096)));
static char frames[2][4096] __attribute__((aligned(4096)));

static volatile unsigned char *volatile place = (unsigned char *)target; /* where vCPU 1 looks */

enum {
	ORDER_RUN,
	ORDER_DOWN,
};

/* vCPU 1: look at the page, count, obey. */
static void second(void)
{
	started = 1;
	for (;;) {
		seen = *place;
		barrier();
		rounds++;
		if (orders == ORDER_DOWN) {
			orders = ORDER_RUN;
			hypercall_vcpu_op(VCPUOP_down, 1, NULL);
			started++;
		}
	}
}

/* Wait, with a limit; other vCPUs run meanwhile even on one processor. */
static bool reaches(volatile unsigned long *word, unsigned long value)
{
	uint64_t until = system_time() + 1000 * MS;

	while (*word < value && system_time() < until)
		hypercall_sched_op(SCHEDOP_yield, NULL);
	return *word >= value;
}

static void map(unsigned i, unsigned long flags)
{
	pte_t pte = (pte_t)va_to_mfn(frames[i]) << 12 | PTE_P | PTE_RW | PTE_A | PTE_D;

	check_eq(hypercall_update_va_mapping((unsigned long)target, pte, flags), 0);
}

/* No vCPU may use the old mapping once the flushing call has returned. */
static void shootdown(void)
{
	unsigned stale = 0;

	frames[0][0] = 1;
	frames[1][0] = 2;
	for (unsigned i = 0; i < 200; i++) {
		map(i & 1, (i & 2 ? UVMF_INVLPG : UVMF_TLB_FLUSH) | UVMF_ALL);
		unsigned long from = rounds;
		if (!reaches(&rounds, from + 2))
			error("vCPU 1 does not run");
		stale += seen != (i & 1) + 1;
	}
	check_eq(stale, 0);
}

/* The same for an entry of a table above: the page is reached by one L1 or by the other. */
static void upper_shootdown(void)
{
	unsigned long va = VIRT_BASE + (200ul << 20);
	uint64_t where = pte_maddr(va, 2);
	unsigned stale = 0;
	pte_t hook[2];

	for (unsigned i = 0; i < 2; i++) {
		pte_t *l1 = page_alloc();

		l1[(va >> 12) & 511] = (pte_t)va_to_mfn(frames[i]) << 12 | PTE_P | PTE_RW | PTE_A | PTE_D;
		table_ready(l1);
		hook[i] = (pte_t)va_to_mfn(l1) << 12 | PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D;
	}
	check_eq(pte_write(where, hook[0]), 0);
	place = (volatile unsigned char *)va;
	for (unsigned i = 1; i < 100; i++) {
		check_eq(pte_write(where, hook[i & 1]), 0);
		unsigned long from = rounds;
		if (!reaches(&rounds, from + 2))
			error("vCPU 1 does not run");
		stale += seen != (i & 1) + 1;
	}
	check_eq(stale, 0);
	place = (unsigned char *)target;
	if (!reaches(&rounds, rounds + 2))
		error("vCPU 1 does not run");
	check_eq(pte_write(where, 0), 0);
}

static void interrupt(void)
{
	struct evtchn_bind_ipi bind = {.vcpu = 1};
	struct evtchn_send send;

	check_eq(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind), 0);
	send.port = bind.port;
	check_eq(hypercall_event_channel_op(EVTCHNOP_send, &send), 0);
	check_eq(shared->vcpu_info[1].evtchn_upcall_pending, 1);
	check_eq(shared->vcpu_info[0].evtchn_upcall_pending, 0);
	check(event_test_and_clear(bind.port));
}

void test_main(void)
{
	struct vcpu_runstate_info state;

	hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	if (hypercall_vcpu_op(VCPUOP_is_up, 1, NULL) == -XEN_ENOENT)
		skip("Dom0 has one vCPU");
	map(0, UVMF_INVLPG);
	check_eq(hypercall_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	check_eq(hypercall_vcpu_op(VCPUOP_initialise, 1, vcpu_context(second)), 0);
	check_eq(hypercall_vcpu_op(VCPUOP_initialise, 1, vcpu_context(second)), -XEN_EEXIST);
	check_eq(hypercall_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	check_eq(started, 0);
	check_eq(hypercall_vcpu_op(VCPUOP_up, 1, NULL), 0);
	if (!reaches(&started, 1))
		error("vCPU 1 did not start");
	check_eq(hypercall_vcpu_op(VCPUOP_is_up, 1, NULL), 1);

	interrupt();
	shootdown();
	upper_shootdown();

	orders = ORDER_DOWN;
	uint64_t until = system_time() + 1000 * MS;
	while (hypercall_vcpu_op(VCPUOP_is_up, 1, NULL) == 1 && system_time() < until)
		hypercall_sched_op(SCHEDOP_yield, NULL);
	check_eq(hypercall_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	/* Its processor may take a while to hear of it. */
	until = system_time() + 5000 * MS;
	do
		check_eq(hypercall_vcpu_op(VCPUOP_get_runstate_info, 1, &state), 0);
	while (state.state != RUNSTATE_offline && system_time() < until);
	check_eq(state.state, RUNSTATE_offline);
	unsigned long at = rounds;
	for (uint64_t t = system_time(); system_time() < t + 5 * MS;)
		hypercall_sched_op(SCHEDOP_yield, NULL);
	check_eq(rounds, at);
	check_eq(hypercall_vcpu_op(VCPUOP_up, 1, NULL), 0);
	check(reaches(&started, 2));
	check(reaches(&rounds, at + 2));
	orders = ORDER_DOWN;
}

/* SPDX-License-Identifier: MIT */
/*
 * vcpu_op: our vCPU is up, others are absent; timers fire; runstate tells that we run; vcpu_info can move
 * once to our own page, and works there; runstate and time can be shown in memory of our own. Where there is a
 * second vCPU: a context that breaks a rule is refused and leaves it as it was; it cannot come up before it is
 * initialised; it goes down and up again, and the vCPU that a call is not for is not touched. Bad vCPU numbers,
 * commands and pointers are refused.
 */
#include "fw.h"
#include "time.h"

const char test_title[] = "hc-vcpu-op";

/* The areas are written at once, and again when the vCPU comes back from not running. */
static void areas(unsigned port)
{
	static const unsigned long bad[] = BAD_POINTERS;
	static struct vcpu_runstate_info run;
	static struct vcpu_time_info time;
	struct vcpu_register_runstate_memory_area run_area = {0};
	struct vcpu_register_time_memory_area time_area = {0};
	uint64_t before;

	set_xen_guest_handle(run_area.addr.h, &run);
	check_eq(hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &run_area), 0);
	check_eq(run.state, RUNSTATE_running);
	check(run.time[RUNSTATE_running] > 0);
	set_xen_guest_handle(time_area.addr.h, &time);
	check_eq(hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &time_area), 0);
	check(time.tsc_to_system_mul != 0 && !(time.version & 1));

	before = run.time[RUNSTATE_blocked] + run.time[RUNSTATE_runnable];
	wait_for_port(port, system_time() + 20000000);
	check_eq(run.state, RUNSTATE_running);
	check(run.time[RUNSTATE_blocked] + run.time[RUNSTATE_runnable] >= before + 10000000);

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		run_area.addr.p = time_area.addr.p = bad[i];
		check_eq(hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &run_area), -XEN_EFAULT);
		check_eq(hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &time_area),
			 -XEN_EFAULT);
		check_eq(hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, (void *)bad[i]),
			 -XEN_EFAULT);
	}
}

static volatile unsigned long rounds;

static void second(void)
{
	for (;;) {
		rounds++;
		hypercall_sched_op(SCHEDOP_yield, NULL);
	}
}

static void refused(struct vcpu_guest_context *c)
{
	check_eq(hypercall_vcpu_op(VCPUOP_initialise, 1, c), -XEN_EINVAL);
	check_eq(hypercall_vcpu_op(VCPUOP_up, 1, NULL), -XEN_EINVAL);
}

/* Each breaks one rule. */
static void bad_contexts(void)
{
	static const unsigned long bad[] = BAD_POINTERS;
	struct vcpu_guest_context *c;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		check_eq(hypercall_vcpu_op(VCPUOP_initialise, 1, (void *)bad[i]), -XEN_EFAULT);
	c = vcpu_context(second);
	c->gdt_ents = 100000;
	refused(c);
	c = vcpu_context(second);
	c->ldt_ents = 100000;
	refused(c);
	c = vcpu_context(second);
	c->ldt_base = 1;
	c->ldt_ents = 8;
	refused(c);
	c = vcpu_context(second);
	c->ctrlreg[3] = xen_pfn_to_cr3(0);
	refused(c);
	c = vcpu_context(second);
	c->gdt_frames[0] = root_mfn(); /* a page table cannot be a GDT */
	c->gdt_ents = 8;
	refused(c);
}

static bool goes_on(void)
{
	unsigned long from = rounds;
	uint64_t until = system_time() + 2000000000ull;

	while (rounds < from + 2 && system_time() < until)
		hypercall_sched_op(SCHEDOP_yield, NULL);
	return rounds >= from + 2;
}

/* A state begins when it is another one: a vCPU that yields to no other has been running all the time. */
static void runs_on(void)
{
	struct vcpu_runstate_info before, run;

	if (!(start_info->flags & SIF_INITDOMAIN)) /* Dom0 is there, too */
		return;
	check_eq(hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &before), 0);
	for (int i = 0; i < 5; i++)
		hypercall_sched_op(SCHEDOP_yield, NULL);
	check_eq(hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &run), 0);
	check_eq(run.state, RUNSTATE_running);
	check(run.state_entry_time == before.state_entry_time);
	check(run.time[RUNSTATE_running] > before.time[RUNSTATE_running]);
}

/* From the other side: pv-smp lets a vCPU stop itself. */
static void down_and_up(void)
{
	struct vcpu_runstate_info run;
	struct vcpu_set_singleshot_timer shot = {.timeout_abs_ns = system_time() + 1000000000ull};

	check_eq(hypercall_vcpu_op(VCPUOP_initialise, 1, vcpu_context(second)), 0);
	check_eq(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 1, &shot), -XEN_EINVAL); /* only its own */
	check_eq(hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 1, NULL), -XEN_EINVAL);
	for (int i = 0; i < 20; i++) {
		check_eq(hypercall_vcpu_op(VCPUOP_up, 1, NULL), 0);
		check_eq(hypercall_vcpu_op(VCPUOP_is_up, 1, NULL), 1);
		check(goes_on());
		check_eq(hypercall_vcpu_op(VCPUOP_down, 1, NULL), 0);
		check_eq(hypercall_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
		check_eq(hypercall_vcpu_op(VCPUOP_is_up, 0, NULL), 1);
	}
	/* It may take a moment to leave its processor. */
	for (uint64_t until = system_time() + 2000000000ull; system_time() < until;) {
		check_eq(hypercall_vcpu_op(VCPUOP_get_runstate_info, 1, &run), 0);
		if (run.state == RUNSTATE_offline)
			break;
		hypercall_sched_op(SCHEDOP_yield, NULL);
	}
	check_eq(run.state, RUNSTATE_offline);
	check(run.time[RUNSTATE_running] > 0 && run.time[RUNSTATE_offline] > 0);
}

static void second_vcpu(void)
{
	if (hypercall_vcpu_op(VCPUOP_is_up, 1, NULL) == -XEN_ENOENT)
		return;
	check_eq(hypercall_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	check_eq(hypercall_vcpu_op(VCPUOP_up, 1, NULL), -XEN_EINVAL);
	bad_contexts();
	down_and_up();
}

void test_main(void)
{
	static const unsigned long bad[] = BAD_POINTERS;
	struct vcpu_runstate_info run;
	struct vcpu_set_singleshot_timer shot = {0};
	struct vcpu_set_periodic_timer every = {.period_ns = 10000000};
	unsigned port = bind_timer();

	check_eq(hypercall_vcpu_op(VCPUOP_is_up, 0, NULL), 1);
	check(hypercall_vcpu_op(VCPUOP_is_up, 31, NULL) < 0);
	check(hypercall_vcpu_op(VCPUOP_is_up, 99999, NULL) < 0);
	check_eq(hypercall_vcpu_op(VCPUOP_up, 0, NULL), 0);

	check_eq(hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &run), 0);
	check_eq(run.state, RUNSTATE_running);
	runs_on();

	shot.timeout_abs_ns = system_time() + 3000000;
	check_eq(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &shot), 0);
	check(wait_for_port(port, system_time() + 1000000000ull));
	shot.timeout_abs_ns = 1;
	shot.flags = VCPU_SSHOTTMR_future;
	long rc = hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &shot);
	check(rc == -XEN_ETIME || rc == 0); /* Xen took the flag away in 4.17 */
	wait_for_port(port, system_time() + 10000000);
	shot.flags = 0;
	shot.timeout_abs_ns = system_time() + 300000000;
	check_eq(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &shot), 0);
	check_eq(hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
	check(!wait_for_port(port, system_time() + 400000000));

	check_eq(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &every), 0);
	for (int i = 0; i < 3; i++)
		check(wait_for_port(port, system_time() + 1000000000ull));
	every.period_ns = 1;
	check_eq(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &every), -XEN_EINVAL);
	check_eq(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);

	second_vcpu();
	areas(port);

	struct vcpu_info *mine = page_alloc();
	struct vcpu_register_vcpu_info reg = {.mfn = va_to_mfn(mine)};
	static const uint32_t outside[] = {4096 - 63, 4095, 4096, 1 << 20, ~0u & ~63u, 3};
	static const uint64_t strange[] = {0,       0x100,       0x101,
					   1 << 24, ~0ull >> 12, ~0ull}; /* the hypervisor's, no domain's */

	for (unsigned i = 0; i < ARRAY_SIZE(outside); i++) {
		reg.offset = outside[i];
		check_eq(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), -XEN_ENXIO);
	}
	reg.offset = 64;
	for (unsigned i = 0; i < ARRAY_SIZE(strange); i++) {
		reg.mfn = strange[i];
		check_eq(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), -XEN_EINVAL);
	}
	reg.mfn = va_to_mfn(mine);
	check_eq(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), 0);
	mine = (void *)((char *)mine + 64);
	check(mine->time.tsc_to_system_mul != 0);
	check_eq(mine->evtchn_upcall_pending, 1); /* so that the guest scans once */
	check(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg) < 0);

	check_eq(hypercall_vcpu_op(99, 0, NULL), -XEN_ENOSYS);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		check_eq(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, (void *)bad[i]), -XEN_EFAULT);
}

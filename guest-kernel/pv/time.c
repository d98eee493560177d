/* SPDX-License-Identifier: MIT */
/*
 * Time of a PV guest: the hypervisor calibrated the time stamp counter and tells in shared memory how to read
 * it; single shots by set_timer_op, which come as events of VIRQ_TIMER. It also writes, in a structure of this
 * kernel for each vCPU, how long that ran, was blocked, or could have run and did not.
 */
#include "x86/internal.h"
#include "x86/cpu.h"
#include "cpu_ops.h"

#define SHORTEST_DELAY_NS 100000u

static uint64_t boot_time; /* system time when the kernel started */
static struct vcpu_runstate_info runstates[CPU_MAX];

static void timer_irq(void *data)
{
	timer_interrupt();
}

static uint64_t ticks_to_ns(const volatile struct vcpu_time_info *t, uint64_t ticks)
{
	return scale(t->tsc_shift >= 0 ? ticks << t->tsc_shift : ticks >> -t->tsc_shift,
		     t->tsc_to_system_mul);
}

/* Of the machine: the version is odd while the hypervisor writes, and changes when it wrote. */
uint64_t system_time(void)
{
	const volatile struct vcpu_time_info *t = &VCPU->time;
	uint64_t now;
	uint32_t version;

	do {
		version = t->version & ~1u;
		barrier();
		now = t->system_time + ticks_to_ns(t, rdtsc() - t->tsc_timestamp);
		barrier();
	} while (version != t->version);
	return now;
}

/* Without it no time seems stolen: nothing depends on that. */
static void runstate_register(unsigned cpu)
{
	struct vcpu_register_runstate_memory_area area = {0};

	set_xen_guest_handle(area.addr.h, &runstates[cpu]);
	hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, cpu, &area);
}

void time_bind(unsigned cpu)
{
	int port = evtchn_bind_virq(VIRQ_TIMER, cpu);

	if (port < 0)
		panic("no timer event for vCPU %u: error %d", cpu, port);
	hypercall_vcpu_op(VCPUOP_stop_periodic_timer, cpu, NULL);
	irq_register(port, timer_irq, NULL);
	runstate_register(cpu);
}

void time_init(void)
{
	boot_time = system_time();
	hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag);
	time_bind(0);
}

/* The processors' clocks may differ by a few nanoseconds, or more if one of them has just been corrected;
 * time_ns() never runs backwards from one to the other. */
uint64_t time_ns(void)
{
	static uint64_t latest;
	uint64_t now = system_time() - boot_time;

	if (now > latest)
		latest = now;
	return latest;
}

uint64_t time_ticks(void)
{
	return rdtsc();
}

/* The rate changes little, if at all. */
uint64_t time_ticks_ns(uint64_t ticks)
{
	return ticks_to_ns(&VCPU->time, ticks);
}

/* The structure of another vCPU may be written right now: a bit says so, and afterwards the time differs. */
uint64_t time_stolen_ns(unsigned cpu)
{
	const volatile struct vcpu_runstate_info *r = &runstates[cpu];
	uint64_t entered, stolen;

	do {
		entered = r->state_entry_time & ~XEN_RUNSTATE_UPDATE;
		barrier();
		stolen = r->time[RUNSTATE_runnable];
		barrier();
	} while (entered != r->state_entry_time);
	return stolen;
}

uint64_t time_wall_ns(void)
{
	const volatile struct shared_info *s = &shared_info;
	uint64_t start;
	uint32_t version;

	do {
		version = s->wc_version & ~1u;
		barrier();
		start = (uint64_t)s->wc_sec * 1000000000u + s->wc_nsec;
		barrier();
	} while (version != s->wc_version);
	return start + system_time();
}

/* A deadline in the past would bring the event before this call returns, again and again if the kernel sets
 * it from its timer handler. So there is a shortest delay, long enough for some progress in between. */
void timer_arm(uint64_t deadline_ns)
{
	uint64_t earliest = system_time() + SHORTEST_DELAY_NS, deadline = boot_time + deadline_ns;

	hypercall_set_timer_op(MAX(deadline, earliest));
}

/* SPDX-License-Identifier: MIT */
/*
 * Where time goes: what each task, process and processor has spent, and how many tasks have been ready to run lately. A
 * task's time is charged up to now (charged_to) when it leaves its processor, and when a program asks for times. The
 * clock tells how much that is; a counter, read on each way in and out, tells the part spent in the kernel: the clock
 * would cost a third of a short system call. Interrupts are off, and this processor has the kernel lock.
 */
#include "kern/proc/cpu.h"
#include "kern/proc/process.h"
#include "kern/time/clock.h"

#define LOAD_STEP_NS (5ULL * NSEC_PER_SEC)

static struct {
	u64 stepped; /* time of the last step */
	u32 average[3];
} loads;

/* Averages that forget: after each step of 5 seconds the old value keeps exp(-5/60), exp(-5/300) and
 * exp(-5/900) of its weight. Steps missed while idle are made up for, so no timer is needed. */
void sched_load_step(u64 now)
{
	static const u32 keep[3] = {60296, 64453, 65173}; /* times 65536 */
	u32 n = sched_waiting();
	int i, steps;

	for_each_cpu(cpu) n += !cpu_is_idle(cpu);
	n <<= 16;
	for (steps = 0; now - loads.stepped >= LOAD_STEP_NS && steps < 300; steps++) {
		loads.stepped += LOAD_STEP_NS;
		for (i = 0; i < 3; i++)
			loads.average[i] =
			    ((u64)loads.average[i] * keep[i] + (u64)n * (65536 - keep[i])) >> 16;
	}
	if (steps == 300)
		loads.stepped = now;
}

void sched_load(u32 averages[3])
{
	int i;

	sched_load_step(clock_monotonic());
	for (i = 0; i < 3; i++)
		averages[i] = loads.average[i];
}

struct cpu_times sched_times(const struct cpu *cpu)
{
	return (struct cpu_times){cpu->user_ns, cpu->system_ns, cpu->idle_ns, cpu->stolen_ns};
}

struct cpu_times sched_total_times(void)
{
	struct cpu_times sum = {0};

	for_each_cpu(cpu)
	{
		sum.user += cpu->user_ns;
		sum.system += cpu->system_ns;
		sum.idle += cpu->idle_ns;
		sum.stolen += cpu->stolen_ns;
	}
	return sum;
}

void sched_enter_kernel(void)
{
	current->times.entered = time_ticks();
}

void sched_leave_kernel(void)
{
	current->times.in_kernel += time_ticks() - current->times.entered;
}

void sched_charge_from_now(void)
{
	current->times.charged_to = clock_monotonic();
	current->times.entered = time_ticks();
}

/* What the hypervisor took of the time since the last charge is charged to no task. */
static u64 take_spent(struct cpu *cpu)
{
	u64 now = clock_monotonic(), spent = now - cpu->running->times.charged_to;
	u64 stolen_ns = time_stolen_ns(cpu - cpus), stolen = stolen_ns - cpu->stolen_ns;

	cpu->running->times.charged_to = now;
	cpu->stolen_ns = stolen_ns;
	return stolen < spent ? spent - stolen : 0;
}

void sched_charge(struct cpu *cpu)
{
	struct task *t = cpu->running;
	u64 spent = take_spent(cpu), in_kernel;

	if (cpu_is_idle(cpu)) {
		cpu->idle_ns += spent;
		return;
	}
	if (cpu == this_cpu()) { /* all others are in user mode, or wait for the lock */
		sched_leave_kernel();
		sched_enter_kernel();
	}
	in_kernel = MIN(time_ticks_ns(t->times.in_kernel), spent);
	t->times.in_kernel = 0;
	t->process->times.system_ns += in_kernel;
	cpu->system_ns += in_kernel;
	t->process->times.user_ns += spent - in_kernel;
	cpu->user_ns += spent - in_kernel;
}

void sched_charge_all(void)
{
	for_each_cpu(cpu) if (cpu->online) sched_charge(cpu);
}

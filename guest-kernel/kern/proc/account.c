/* SPDX-License-Identifier: MIT */
/*
 * Where time goes: what each task, process and processor has spent, and how many tasks have wanted to run of late. A
 * task's time is charged up to now (charged_to) whenever it changes sides between user mode and the kernel, and when it
 * leaves its processor. Interrupts are off, and this processor has the kernel lock.
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
	struct cpu_times t = {cpu->user_ns, cpu->system_ns, cpu->idle_ns, cpu->stolen_ns};

	if (cpu->online && cpu_is_idle(cpu))
		t.idle += clock_monotonic() - cpu->idle->charged_to;
	return t;
}

struct cpu_times sched_total_times(void)
{
	struct cpu_times sum = {0};

	for_each_cpu(cpu)
	{
		struct cpu_times t = sched_times(cpu);

		sum.user += t.user;
		sum.system += t.system;
		sum.idle += t.idle;
		sum.stolen += t.stolen;
	}
	return sum;
}

/* What the hypervisor took of the time since then is nobody's. */
static u64 charge(void)
{
	struct cpu *cpu = this_cpu();
	u64 now = clock_monotonic(), spent = now - current->charged_to;
	u64 stolen_ns = time_stolen_ns(cpu_id()), stolen = stolen_ns - cpu->stolen_ns;

	current->charged_to = now;
	cpu->stolen_ns = stolen_ns;
	return stolen < spent ? spent - stolen : 0;
}

void sched_charge_user(void)
{
	u64 spent = charge();

	current->process->user_ns += spent;
	this_cpu()->user_ns += spent;
}

void sched_charge_system(void)
{
	u64 spent = charge();

	current->process->system_ns += spent;
	this_cpu()->system_ns += spent;
}

void sched_charge_idle(void)
{
	this_cpu()->idle_ns += charge();
}

/* SPDX-License-Identifier: MIT */
/*
 * Processors. One lock guards the whole kernel: a processor takes it when it comes from user mode or out of
 * idling, and gives it back when it goes there, so at any time at most one processor is in the kernel, and
 * what held for one processor holds for several: nothing changes except while a task sleeps. Only struct cpu
 * exists for each.
 *
 * A processor with nothing to do runs its idle task, on the kernel's own page tables: so an unused
 * address space is on no processor, and only processors in user mode need to be told when one changes.
 */
#ifndef KERN_PROC_CPU_H
#define KERN_PROC_CPU_H

#include "machine.h"

struct task;

struct cpu {
	struct task *idle, *running; /* running may be idle */
	bool online;                 /* takes tasks */
	bool leaving;                /* goes offline as soon as it is in the kernel */
	bool waiting;                /* for an interrupt, in cpu_idle(), and no processor has called it yet */
	u64 programmed;              /* its timer stands at this time; 0: has fired, or was never set */
	u64 user_ns, system_ns, idle_ns;
	u64 stolen_ns; /* by the hypervisor, up to the last charge: not part of the three above */
};

extern struct cpu cpus[CPU_MAX];

static inline struct cpu *this_cpu(void)
{
	return &cpus[cpu_id()];
}

/* False also while it starts. */
static inline bool cpu_is_idle(const struct cpu *cpu)
{
	return cpu->running == cpu->idle;
}

#define for_each_cpu(cpu) for (struct cpu *cpu = cpus; cpu < cpus + cpu_count(); cpu++)

cpuset_t cpus_online(void);
unsigned cpus_online_count(void);

/* Makes the boot stack processor 0's idle task, and starts the other processors. */
void cpus_start(void);
/* Sleeps until the processor has stopped taking tasks, or lets it take some again. -EINVAL; -EBUSY: number 0.
 */
int cpu_set_online(unsigned number, bool online);
/* What a processor does when there is nothing to do: the end of every start. */
noreturn void cpu_idle_loop(void);

#endif

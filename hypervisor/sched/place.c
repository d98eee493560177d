/* SPDX-License-Identifier: MIT */
/* Where a vCPU that wakes should wait. */
#include "sched/policy.h"

struct percpu *queue_place(struct vcpu *v)
{
	struct percpu *best = NULL;

	if (nr_cpus == 1 || ((v->sched.hard_affinity >> v->cpu->id & 1) && queue_is_idle(queue_of(v->cpu))))
		return v->cpu; /* where its cache and timers are */
	for (uint32_t i = 0; i < nr_cpus; i++) {
		struct percpu *cpu = cpu_table[i];

		if (!cpu->sched || !(v->sched.hard_affinity >> i & 1))
			continue;
		if (queue_is_idle(queue_of(cpu)))
			return cpu;
		if (!best || queue_of(cpu)->nr_waiting < queue_of(best)->nr_waiting ||
		    (cpu == v->cpu && queue_of(cpu)->nr_waiting == queue_of(best)->nr_waiting))
			best = cpu;
	}
	return best ? best : v->cpu;
}

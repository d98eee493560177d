/* SPDX-License-Identifier: MIT */
/* Taking a vCPU that waits for another CPU. */
#include "sched/queue.h"

struct vcpu *queue_steal(struct sched_queue *q, int64_t limit,
			 struct vcpu *(*take)(struct sched_queue *from, struct sched_queue *q, int64_t limit))
{
	for (uint32_t i = 0; i < nr_cpus; i++) {
		struct sched_queue *from = queue_of(cpu_table[i]);
		struct vcpu *v;

		if (!from || from == q || !from->nr_waiting)
			continue;
		if (!spin_trylock(&from->lock)) { /* two CPUs may be doing this to each other */
			q->look_again = true;
			continue;
		}
		v = take(from, q, limit);
		if (v)
			v->cpu = q->cpu;
		spin_unlock(&from->lock);
		if (v)
			return v;
	}
	return NULL;
}

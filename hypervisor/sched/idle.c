/* SPDX-License-Identifier: MIT */
/*
 * No CPU stands idle while a vCPU that it may run waits for another one.
 *
 * An idle CPU looks into other queues only if it is told to, so no code may forget to tell it, and it must see all there is:
 *   (I1) A CPU says that it is idle (its bit in idle_cpus), and then looks once more.
 *   (I2) A CPU that lets a vCPU wait, on a queue whose CPU runs another one, counts it, then looks at idle_cpus, and raises
 *        one that may run it. Counting and looking here, saying and looking in (I1): one of the two sees the other.
 *   (I3) A CPU that stops being idle raises the other idle ones if any vCPU waits. It may have taken another vCPU than the
 *        one that it was raised for, and two may have been given to it at once.
 *   (I4) A CPU that finds nothing, but met a locked queue or a vCPU that is still being saved, looks again. The lock is
 *        held, and the vCPU is being saved, for a moment and by another CPU, which makes progress meanwhile.
 */
#include "cpu/cpuset.h"
#include "sched/queue.h"

cpuset_t idle_cpus;

static bool any_waits(void)
{
	for (uint32_t i = 0; i < nr_cpus; i++) {
		const struct sched_queue *q = queue_of(cpu_table[i]);

		if (q && q->nr_waiting)
			return true;
	}
	return false;
}

void idle_begin(struct sched_queue *q)
{
	cpuset_t bit = cpuset_of(q->cpu->id);

	if (!(idle_cpus & bit)) {
		__atomic_fetch_or(&idle_cpus, bit, __ATOMIC_SEQ_CST);
		q->look_again = any_waits();
	}
	if (q->look_again)
		cpu_raise(q->cpu, PENDING_SCHEDULE);
	q->look_again = false;
}

void idle_end(struct sched_queue *q)
{
	cpuset_t others = __atomic_and_fetch(&idle_cpus, ~cpuset_of(q->cpu->id), __ATOMIC_SEQ_CST);

	if (!others || !any_waits())
		return;
	for (uint32_t i = 0; i < nr_cpus; i++)
		if (cpuset_has(others, i))
			cpu_raise(cpu_table[i], PENDING_SCHEDULE);
}

void idle_raise(const struct vcpu *v)
{
	cpuset_t cpus = __atomic_load_n(&idle_cpus, __ATOMIC_RELAXED) & v->sched.hard_affinity;

	if (cpus)
		cpu_raise(cpu_table[cpuset_first(cpus)], PENDING_SCHEDULE);
}

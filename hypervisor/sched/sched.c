/* SPDX-License-Identifier: MIT */
/*
 * The scheduler's mechanism: the states of a vCPU, and which one runs where. The policy chooses the next one.
 *
 * A vCPU is in one of these conditions, all decided under the lock of its queue (that of v->cpu):
 *   chosen     q->running == v: a CPU executes it, or is about to
 *   waiting    on q's lists: runnable, not chosen
 *   at rest    neither: blocked, paused or offline
 * v->running is a different thing: some CPU still holds its registers. It outlives "chosen" by the context
 * switch; until it is false no other CPU may choose the vCPU, and no CPU may free its page tables.
 */
#include "evt/evtchn.h"
#include "cpu/panic.h"
#include "lib/format.h"
#include "lib/loglevel.h"
#include "lib/options.h"
#include "lib/string.h"
#include "lib/tracepoint.h"
#include "mm/page.h"
#include "sched/queue.h"
#include "xen/vcpu.h"

const struct sched_policy *sched_policy;

struct sched_queue *queue_lock_vcpu(struct vcpu *v)
{
	for (;;) {
		struct percpu *cpu = v->cpu;
		struct sched_queue *q = queue_of(cpu);

		spin_lock(&q->lock);
		if (likely(v->cpu == cpu))
			return q;
		spin_unlock(&q->lock);
	}
}

/* Something about @v changed: bring it into the condition it should be in. Enters with its queue @q locked,
 * leaves unlocked. */
static void settle(struct sched_queue *q, struct vcpu *v, enum sched_arrival how)
{
	bool again = false, waiting;

	for (bool placed = false;; placed = true) {
		struct percpu *cpu;

		waiting = !list_empty(&v->sched.run_link);
		if (q->running == v || waiting || !vcpu_runnable(v) || v->running || placed)
			break;
		cpu = sched_policy->place(v);
		if (cpu == q->cpu)
			break;
		v->cpu = cpu;
		spin_unlock(&q->lock);
		q = queue_lock_vcpu(v); /* anything may have happened meanwhile: look again */
	}
	if (q->running == v) {
		again = !vcpu_runnable(v) || !(v->sched.hard_affinity >> q->cpu->id & 1);
	} else if (waiting && !vcpu_runnable(v)) {
		sched_policy->dequeue(q, v);
	} else if (!waiting && vcpu_runnable(v)) {
		again = sched_policy->enqueue(q, v, how);
		if (q->running == q->cpu->idle)
			again = true;
		else
			idle_offer(v);
	}
	if (q->running != v)
		runstate_update(q, v, now());
	spin_unlock(&q->lock);
	if (again)
		cpu_raise(q->cpu, PENDING_SCHEDULE);
}

void vcpu_wake(struct vcpu *v)
{
	struct sched_queue *q = queue_lock_vcpu(v);
	bool woken = v->state == VCPU_BLOCKED;

	if (woken)
		v->state = VCPU_RUNNABLE;
	if (v->evt.polling) {
		v->evt.polling = false;
		__atomic_fetch_and(&v->domain->evt.pollers, ~(1u << v->id), __ATOMIC_SEQ_CST);
	}
	settle(q, v, woken ? SCHED_WAKES : SCHED_COMES);
}

/* current gives up the CPU, unless an upcall is due already: (W2) of evt/port.c. Enters with its queue @q locked, leaves
 * unlocked. */
static void block(struct sched_queue *q, struct vcpu *v)
{
	if (v->state != VCPU_OFFLINE) { /* another vCPU may have brought it down meanwhile */
		__atomic_store_n(&v->state, VCPU_BLOCKED, __ATOMIC_SEQ_CST);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (vcpu_event_pending(v) || v->entry.nmi_pending)
			v->state = VCPU_RUNNABLE;
	}
	settle(q, v, SCHED_COMES);
}

void vcpu_block(struct vcpu *v)
{
	v->info->upcall_mask = 0;
	block(queue_lock_vcpu(v), v);
}

/* (W4): from the note on, a CPU that wakes pollers waits for the lock, and then finds @v blocked. Without the lock, a
 * late sender, whose event is dealt with already, would end the poll before the sleep begins. */
void vcpu_poll_begin(struct vcpu *v, uint32_t port)
{
	struct sched_queue *q = queue_lock_vcpu(v);

	v->evt.poll_port = port;
	v->evt.polling = true;
	__atomic_fetch_or(&v->domain->evt.pollers, 1u << v->id, __ATOMIC_SEQ_CST);
	block(q, v);
	if (v->state != VCPU_BLOCKED)
		vcpu_wake(v);
}

void vcpu_yield(void)
{
	sched_policy->yield(current);
	cpu_raise_self(PENDING_SCHEDULE);
}

void vcpu_online(struct vcpu *v)
{
	struct sched_queue *q = queue_lock_vcpu(v);

	if (v->state == VCPU_OFFLINE)
		v->state = VCPU_RUNNABLE;
	settle(q, v, SCHED_WAKES);
}

void vcpu_offline(struct vcpu *v)
{
	struct sched_queue *q = queue_lock_vcpu(v);

	v->state = VCPU_OFFLINE;
	settle(q, v, SCHED_COMES);
}

void vcpu_reconsider(struct vcpu *v)
{
	settle(queue_lock_vcpu(v), v, SCHED_COMES);
}

void vcpu_pause_nosync(struct vcpu *v)
{
	struct sched_queue *q = queue_lock_vcpu(v);

	v->sched.pause_count++;
	settle(q, v, SCHED_COMES);
}

void vcpu_sync(struct vcpu *v)
{
	while (__atomic_load_n(&v->running, __ATOMIC_ACQUIRE)) {
		cpu_service_requests();
		cpu_relax();
	}
}

void vcpu_pause(struct vcpu *v)
{
	vcpu_pause_nosync(v);
	vcpu_sync(v);
}

void vcpu_unpause(struct vcpu *v)
{
	struct sched_queue *q = queue_lock_vcpu(v);

	v->sched.pause_count--;
	settle(q, v, SCHED_COMES);
	vcpu_timers_go_on(v);
}

void vcpu_kick(struct vcpu *v)
{
	struct percpu *cpu = v->cpu;

	if (v->running && cpu != this_cpu->self)
		cpu_raise(cpu, 0);
}

void vcpu_set_affinity(struct vcpu *v, uint32_t cpus)
{
	struct sched_queue *q = queue_lock_vcpu(v);

	v->sched.hard_affinity = cpus;
	if (!list_empty(&v->sched.run_link))
		sched_policy->dequeue(q, v);
	settle(q, v, SCHED_COMES);
}

/* Account the time that @prev has run, and put it where it belongs now. Its queue locked. True: it can run,
 * but not here. */
static bool retire(struct sched_queue *q, struct vcpu *prev, ns_t t)
{
	if (vcpu_is_idle(prev))
		return false;
	sched_policy->charge(q, prev, queue_uncharged(q, t));
	if (!vcpu_runnable(prev))
		return false;
	if (!(prev->sched.hard_affinity >> q->cpu->id & 1))
		return true;
	sched_policy->enqueue(q, prev, SCHED_GOES_ON);
	return false;
}

/* @v came to @q, where it may not run, because this CPU still saved it and no other could take it (settle()). The CPU is
 * idle for a moment, to find it another one, and then chooses again. */
static struct vcpu *turn_away(struct sched_queue *q, struct vcpu *v)
{
	domain_get(v->domain);
	cpu_raise(q->cpu, PENDING_SCHEDULE);
	return v;
}

/* The slice of @q's vCPU ends at @end. A timer that is set for an earlier time stays, and slice_over() sets it again: so
 * vCPUs that take turns at short intervals, which all have most of their slice before them, do not each set it again.
 * Only this CPU changes its queue's timer. */
static void slice_begins(struct sched_queue *q, ns_t end)
{
	q->slice_end = end;
	if (!q->slice.cpu || q->slice.expires > end)
		timer_set(&q->slice, end);
}

/* @v is current, and was not before: what its guest sees of that. */
static inline void vcpu_arrives(struct vcpu *v)
{
	vcpu_timers_resume(v);
	if (v->sched.runstate_area)
		vcpu_runstate_publish(v);
}

void schedule(void)
{
	struct sched_queue *q = queue_of(this_cpu->self);
	struct vcpu *prev = current, *next, *stray = NULL;
	ns_t t = now(), slice = 0;
	bool exiled, waits;

	spin_lock(&q->lock);
	exiled = retire(q, prev, t);
	if (exiled)
		domain_get(prev->domain); /* or it might be gone when we look at it again below */
	next = sched_policy->pick(q, &slice);
	if (next && unlikely(!(next->sched.hard_affinity >> q->cpu->id & 1))) {
		stray = turn_away(q, next);
		next = NULL;
		slice = 0;
	}
	waits = !list_empty(&prev->sched.run_link);
	if (!next) {
		next = q->cpu->idle;
		idle_begin(q);
	} else if (vcpu_is_idle(prev)) {
		idle_end(q);
	} else if (waits) {
		idle_offer(prev);
	}
	q->running = next;
	next->running = true;
	next->sched.run_since = t;
	if (next != prev) {
		runstate_enter(prev, waits ? RUNSTATE_runnable : runstate_of(q, prev), t);
		runstate_enter(next, RUNSTATE_running, t);
	}
	spin_unlock(&q->lock);

	if (slice)
		slice_begins(q, t + slice);
	else
		timer_stop(&q->slice);
	if (next != prev) {
		q->switches++;
		trace_point(TRACE_SWITCH, (uint64_t)next);
		vcpu_switch(prev, next);
		if (exiled) { /* find it another CPU, now that it is saved */
			vcpu_reconsider(prev);
			domain_put(prev->domain);
		}
	} else {
		/* A guest that yields though nobody waits here, or an idle CPU that looks again: both wait for another
		 * CPU, and for its sake, if they share a core or a host's thread, let it go first. */
		cpu_relax();
	}
	if (!vcpu_is_idle(next)) {
		if (next != prev)
			vcpu_arrives(next);
		if (time_is_stale(next))
			time_update_vcpu(next);
	} else if (stray) {
		vcpu_reconsider(stray);
		domain_put(stray->domain);
	}
}

static void slice_over(void *arg)
{
	struct sched_queue *q = queue_of(this_cpu->self);

	/* Set for another vCPU? To schedule now would cost this one its precedence. */
	if (now() < q->slice_end)
		timer_set(&q->slice, q->slice_end);
	else
		cpu_raise(q->cpu, PENDING_SCHEDULE);
}

/* Choose the policy with that name, or say which there are. */
static void choose_policy(const char *name)
{
	char names[64];
	size_t used = 0;

	for (unsigned i = 0; sched_policies[i]; i++) {
		if (!strcmp(name, sched_policies[i]->name)) {
			sched_policy = sched_policies[i];
			return;
		}
		used += snprintf(names + used, sizeof(names) - used, " %s", sched_policies[i]->name);
		used = MIN(used, sizeof(names) - 1);
	}
	log_warning("sched=%s: there is no such policy; known are:%s. Using %s.\n", name, names,
		    sched_policy->name);
}

void sched_init(void)
{
	evtchn_wake = vcpu_wake;
	evtchn_kick = vcpu_kick;
	sched_policy = sched_policies[0];
	if (options.sched[0])
		choose_policy(options.sched);
}

void sched_cpu_init(struct vcpu *idle)
{
	struct sched_queue *q = heap_alloc(sizeof(*q));
	struct percpu *cpu = this_cpu->self;

	if (!q || !idle || sched_policy->queue_init(q))
		panic("no memory for the run queue of CPU %u", cpu->id);
	idle->state = VCPU_RUNNABLE;
	idle->running = true;
	idle->cpu = cpu;
	idle->sched.runstate.state = RUNSTATE_running;
	idle->sched.runstate.state_entry_time = now();
	q->cpu = cpu;
	q->running = idle;
	timer_init(&q->slice, slice_over, NULL);
	cpu->idle = idle;
	cpu->vcpu = idle;
	__atomic_store_n(&cpu->sched, q, __ATOMIC_RELEASE);
	idle_begin(q);
}

int sched_domain_init(struct domain *d)
{
	return sched_policy->domain_init ? sched_policy->domain_init(d) : 0;
}

void sched_domain_free(struct domain *d)
{
	if (d->sched.policy)
		sched_policy->domain_free(d);
}

int sched_vcpu_init(struct vcpu *v)
{
	int rc = sched_policy->vcpu_init(v);

	if (rc)
		return rc;
	list_init(&v->sched.run_link);
	v->state = VCPU_OFFLINE;
	v->sched.hard_affinity = ~0u;
	v->cpu = this_cpu->self;
	v->sched.runstate.state = RUNSTATE_offline;
	v->sched.runstate.state_entry_time = now();
	v->cpu = sched_policy->place(v);
	return 0;
}

void sched_vcpu_free(struct vcpu *v)
{
	if (v->sched.policy)
		sched_policy->vcpu_free(v);
}

void sched_dump(void)
{
	for (uint32_t i = 0; i < nr_cpus; i++) {
		struct sched_queue *q = queue_of(cpu_table[i]);

		if (!q)
			continue;
		spin_lock(&q->lock); /* no vCPU that runs or waits here can end meanwhile */
		printk("CPU%u: runs %sv%u, %u ready, %lu switches, %lu timers\n", i, q->running->domain->name,
		       q->running->id, q->nr_waiting, q->switches, cpu_table[i]->timers.fired);
		sched_policy->dump(q);
		spin_unlock(&q->lock);
	}
}

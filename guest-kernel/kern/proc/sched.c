/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: one queue of ready tasks, from which every processor takes, for at most a slice, the first
 * that may run there.
 *
 * Invariants: interrupts are off here and everywhere in the kernel except inside cpu_idle(), and this
 * processor has the kernel lock. A running task is not in the queue; every other TASK_READY task is. Nothing
 * is preempted in kernel mode: sched_preempt() is called on the way to user mode only. The lock is handed
 * from the task that switches to the one that is switched to, so no processor can take a task whose stack is
 * still in use.
 */
#include "kern/proc/cpu.h"
#include "kern/proc/process.h"
#include "kern/lib/errno.h"
#include "kern/mm/space.h"
#include "kern/mm/user.h"
#include "kern/time/clock.h"

#define SLICE_NS    (20 * NSEC_PER_MSEC)
#define WAKE_RUN_NS (2 * NSEC_PER_MSEC) /* what the running task still gets when another wakes up */

static struct list ready = LIST_INIT(ready);
static u32 ready_count;   /* length of the queue */
static struct task *dead; /* has left its stack for the last time: free it */
static u64 switches;

static void sleep_expired(struct timer *t)
{
	struct task *sleeper = container_of(t, struct task, sched.sleep_timer);

	sleeper->sched.timed_out = true;
	sched_wake(sleeper);
}

/* Will another processor be interrupted by then, and see to the timers? */
static bool others_see_to(u64 deadline)
{
	for_each_cpu(cpu) if (cpu != this_cpu() && cpu->programmed &&
			      cpu->programmed <= deadline) return true;
	return false;
}

/* Asks for an interrupt at the end of the slice (if a task waits for it) or at the first timer. One that was
 * asked for earlier than needed stays: a timer interrupt without work is harmless. */
void sched_program_timer(void)
{
	struct cpu *cpu = this_cpu();
	u64 next = timer_next(), now;

	if (next != ~0ULL && others_see_to(next))
		next = ~0ULL;
	/* A slice that is over and could not end here, in the kernel, ends on the way out. Another timer for it would
	 * interrupt at once, and on a slow machine again before each instruction. */
	if (ready_count && !cpu_is_idle(cpu) && !current->sched.need_resched &&
	    current->sched.slice_end < next)
		next = current->sched.slice_end;
	if (next == ~0ULL)
		return;
	now = clock_monotonic();
	if (cpu->programmed > now && cpu->programmed <= next)
		return;
	cpu->programmed = next;
	timer_arm(next);
}

static void end_slice_if_over(void)
{
	if (!cpu_is_idle(this_cpu()) && clock_monotonic() >= current->sched.slice_end)
		current->sched.need_resched = true;
}

void timer_interrupt(void)
{
	this_cpu()->programmed = 0;
	if (!this_cpu()->online)
		return;
	timer_run();
	end_slice_if_over();
	sched_program_timer();
}

/* Another processor queued a task for this one, or sent its task a signal: both are handled on the way out. */
void ipi_interrupt(void)
{
	if (!this_cpu()->online)
		return;
	end_slice_if_over();
	sched_program_timer();
}

u64 sched_switches(void)
{
	return switches;
}

static void enqueue(struct task *t)
{
	list_add_tail(&ready, &t->sched.run);
	ready_count++;
}

static void dequeue(struct task *t)
{
	list_del(&t->sched.run);
	ready_count--;
}

/* Asked on every way to user mode, for a processor that is online: mostly the first test decides. */
static bool may_run(const struct task *t, const struct cpu *cpu)
{
	return (t->sched.allowed >> (cpu - cpus) & 1) || !(t->sched.allowed & cpus_online());
}

/* The next for the processor, or NULL. */
static struct task *first_for(const struct cpu *cpu)
{
	struct task *t;

	list_for_each (t, &ready, sched.run)
		if (may_run(t, cpu))
			return t;
	return NULL;
}

u32 sched_waiting(void)
{
	return ready_count;
}

bool sched_ready(void)
{
	return first_for(this_cpu());
}

/* Calls a processor for the task that waits in cpu_idle(). */
static bool call_idle(const struct task *t)
{
	for_each_cpu(cpu)
	{
		if (cpu == this_cpu() || !cpu->waiting || !cpu->online || !may_run(t, cpu))
			continue;
		cpu->waiting = false;
		ipi_send(cpu - cpus);
		return true;
	}
	return false;
}

/* Calls a processor whose task has had its slice, and goes on only because no task waited so far. */
static bool call_overdue(const struct task *t, u64 now)
{
	for_each_cpu(cpu)
	{
		if (cpu == this_cpu() || !cpu->online || cpu_is_idle(cpu) ||
		    cpu->running->sched.need_resched || cpu->running->sched.slice_end > now ||
		    !may_run(t, cpu))
			continue;
		cpu->running->sched.need_resched = true;
		ipi_send(cpu - cpus);
		return true;
	}
	return false;
}

/* Leaves the task there only a little of its slice; another processor sets its timer when it is called. */
static void shorten_slice(struct cpu *cpu, u64 now)
{
	if (!cpu_is_idle(cpu) && cpu->running->sched.slice_end > now + WAKE_RUN_NS)
		cpu->running->sched.slice_end = now + WAKE_RUN_NS;
	if (cpu == this_cpu())
		sched_program_timer();
	else
		ipi_send(cpu - cpus);
}

/* A task was put in the queue: which processor takes it? This one, if it is idle and the task is alone in the
 * queue; else one that has nothing to do; else one whose task has run long enough; else this one, soon, or the
 * first that may. */
static void find_processor(const struct task *t)
{
	struct cpu *me = this_cpu();
	bool mine = may_run(t, me);
	u64 now;

	if ((mine && cpu_is_idle(me) && ready_count == 1) || call_idle(t) || (mine && cpu_is_idle(me)))
		return;
	now = clock_monotonic();
	if (call_overdue(t, now))
		return;
	if (mine) {
		shorten_slice(me, now);
		return;
	}
	for_each_cpu(cpu)
	{
		if (cpu->online && may_run(t, cpu)) {
			shorten_slice(cpu, now);
			return;
		}
	}
}

static void make_ready(struct task *t)
{
	t->sched.state = TASK_READY;
	enqueue(t);
	find_processor(t);
}

void sched_add(struct task *t)
{
	timer_init(&t->sched.sleep_timer, sleep_expired);
	make_ready(t);
}

void sched_wake(struct task *t)
{
	if (t->sched.state == TASK_SLEEPING || t->sched.state == TASK_BLOCKED)
		make_ready(t);
}

/* A task that runs on another processor is called into the kernel, and sees the signal on its way out. */
void sched_interrupt(struct task *t)
{
	if (t->sched.state == TASK_SLEEPING)
		make_ready(t);
	for_each_cpu(cpu) if (cpu->running == t && cpu != this_cpu()) ipi_send(cpu - cpus);
}

void sched_allow(struct task *t, cpuset_t allowed)
{
	t->sched.allowed = allowed;
	for_each_cpu(cpu)
	{
		if (cpu->running != t)
			continue;
		if (cpu != this_cpu() && !may_run(t, cpu))
			ipi_send(cpu - cpus); /* it gives the task away on its way out */
		return;
	}
	if (t->sched.state == TASK_READY)
		find_processor(t);
}

void sched_continue(struct task *t)
{
	if (t->sched.state == TASK_STOPPED)
		make_ready(t);
}

/* The second half of a switch, on the new task's stack. */
static void finish_switch(void)
{
	sched_charge_from_now();
	current->sched.slice_end = current->times.charged_to + SLICE_NS;
	current->sched.need_resched = false;
	sched_program_timer();
	if (dead) {
		struct process *p = dead->process;

		task_free(dead);
		dead = NULL;
		if (p->forgotten)
			process_free(p);
	}
}

/* What the processor must have loaded for the task; an idle task never leaves the kernel and needs nothing.
 */
static void load(struct task *t)
{
	fpu_restore(t->regs.fpu);
	tls_load(t->regs.tls);
	kernel_stack_set((char *)t->stack + KERNEL_STACK_SIZE);
}

static void switch_to(struct task *next)
{
	struct task *prev = current;
	struct cpu *cpu = this_cpu();

	if (prev->stack->guard != STACK_GUARD)
		panic("kernel stack of task %d overflowed", prev->tid);
	if (prev->sched.state == TASK_DEAD)
		dead = prev;
	else if (prev != cpu->idle)
		fpu_save(prev->regs.fpu);
	switches++;
	cpu->running = next;
	next->stack->cpu = cpu_id();
	if (next != cpu->idle)
		load(next);
	mm_switch(next->process->mm);
	context_switch(&prev->regs.context, &next->regs.context);
	finish_switch();
}

/* The next task on this processor, taken out of the queue. */
static struct task *choose(const struct cpu *cpu)
{
	struct task *t = cpu->leaving ? NULL : first_for(cpu);

	if (!t)
		return cpu->idle;
	dequeue(t);
	return t;
}

void schedule(void)
{
	struct cpu *cpu = this_cpu();
	struct task *next;

	sched_charge(cpu);
	sched_load_step(current->times.charged_to);
	if (current->sched.state == TASK_READY && !cpu_is_idle(cpu)) {
		enqueue(current);
		if (!may_run(current, cpu))
			find_processor(current);
	}
	next = choose(cpu);
	if (next == current)
		finish_switch();
	else
		switch_to(next);
}

void sched_preempt(void)
{
	bool must_go = this_cpu()->leaving || !may_run(current, this_cpu());

	if (!current->sched.need_resched && !must_go)
		return;
	if (!must_go && !sched_ready()) {
		current->sched.need_resched = false;
		current->sched.slice_end = clock_monotonic() + SLICE_NS;
	} else {
		schedule();
	}
}

/* Where every new task begins: it then returns through its trap frame to user mode. */
static void first_steps(void)
{
	finish_switch();
	if (current->set_tid)
		(void)put_user(current->tid, current->set_tid);
	trap_exit(task_frame(current));
	kernel_unlock();
}

void sched_prepare(struct task *t)
{
	context_prepare(&t->regs.context, (char *)t->stack + KERNEL_STACK_SIZE, first_steps);
}

/* The first process: start() runs in the kernel and fills the trap frame. */
static void (*first_start)(void);

static void first_kernel_steps(void)
{
	finish_switch();
	first_start();
	trap_exit(task_frame(current));
	kernel_unlock();
}

void sched_prepare_kernel(struct task *t, void (*start)(void))
{
	first_start = start;
	context_prepare(&t->regs.context, (char *)t->stack + KERNEL_STACK_SIZE, first_kernel_steps);
}

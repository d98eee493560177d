/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: one queue of ready tasks, served in turn, each for at most a slice.
 *
 * Invariants: interrupts are off here and everywhere in the kernel except inside cpu_idle(). The running task
 * is not in the queue; every other TASK_READY task is. Nothing is preempted in kernel mode: sched_preempt()
 * is called on the way to user mode only.
 *
 * There is no idle task: a task that finds the queue empty halts the processor on its own kernel stack until
 * an interrupt makes somebody ready, possibly itself.
 */
#include "kern/proc/process.h"
#include "kern/lib/errno.h"
#include "kern/mm/space.h"
#include "kern/mm/user.h"
#include "kern/time/clock.h"

#define SLICE_NS     (20 * NSEC_PER_MSEC)
#define WAKE_RUN_NS  (2 * NSEC_PER_MSEC) /* what the running task still gets when another wakes up */
#define LOAD_STEP_NS (5ULL * NSEC_PER_SEC)

struct task *current;

static struct list ready = LIST_INIT(ready);
static u32 ready_count;   /* length of the queue */
static struct task *dead; /* has left its stack for the last time: free it */
static u64 programmed;    /* the machine's timer stands at this time */
static u64 idle_ns, total_user_ns, total_system_ns, switches;

static struct {
	u64 stepped; /* time of the last step */
	u32 average[3];
} load;

static void sleep_expired(struct timer *t)
{
	struct task *sleeper = container_of(t, struct task, sleep_timer);

	sleeper->timed_out = true;
	sched_wake(sleeper);
}

/* Asks for an interrupt at the end of the slice (if anyone waits for it) or at the first timer. One that was
 * asked for earlier than needed stays: a timer interrupt without work is harmless. */
static void program_timer(void)
{
	u64 next = timer_next(), now;

	if (ready_count && current && current->slice_end < next)
		next = current->slice_end;
	if (next == ~0ULL)
		return;
	now = clock_monotonic();
	if (programmed > now && programmed <= next)
		return;
	programmed = next;
	timer_arm(next);
}

void timer_interrupt(void)
{
	programmed = 0;
	timer_run();
	if (current && clock_monotonic() >= current->slice_end)
		current->need_resched = true;
	program_timer();
}

/* Averages that forget: after each step of 5 seconds the old value keeps exp(-5/60), exp(-5/300) and
 * exp(-5/900) of its weight. Steps missed while idle are made up for, so no timer is needed. */
static void load_step(u64 now)
{
	static const u32 keep[3] = {60296, 64453, 65173}; /* times 65536 */
	u32 n = (ready_count + (current && current->state == TASK_READY)) << 16;
	int i, steps;

	for (steps = 0; now - load.stepped >= LOAD_STEP_NS && steps < 300; steps++) {
		load.stepped += LOAD_STEP_NS;
		for (i = 0; i < 3; i++)
			load.average[i] = ((u64)load.average[i] * keep[i] + (u64)n * (65536 - keep[i])) >> 16;
	}
	if (steps == 300)
		load.stepped = now;
}

void sched_load(u32 averages[3])
{
	int i;

	load_step(clock_monotonic());
	for (i = 0; i < 3; i++)
		averages[i] = load.average[i];
}

u64 sched_idle_ns(void)
{
	return idle_ns;
}

void sched_times(u64 *user_ns, u64 *system_ns)
{
	*user_ns = total_user_ns;
	*system_ns = total_system_ns;
}

u64 sched_switches(void)
{
	return switches;
}

static void enqueue(struct task *t)
{
	list_add_tail(&ready, &t->run);
	ready_count++;
}

static struct task *dequeue(void)
{
	struct task *t = list_entry(ready.next, struct task, run);

	list_del(&t->run);
	ready_count--;
	return t;
}

void sched_add(struct task *t)
{
	timer_init(&t->sleep_timer, sleep_expired);
	t->state = TASK_READY;
	enqueue(t);
	program_timer();
}

static void make_ready(struct task *t)
{
	u64 soon = clock_monotonic() + WAKE_RUN_NS;

	t->state = TASK_READY;
	if (t == current) /* it halts in schedule(), waiting for this */
		return enqueue(t);
	enqueue(t);
	if (current && current->slice_end > soon)
		current->slice_end = soon;
	program_timer();
}

void sched_wake(struct task *t)
{
	if (t->state == TASK_SLEEPING || t->state == TASK_BLOCKED)
		make_ready(t);
}

void sched_interrupt(struct task *t)
{
	if (t->state == TASK_SLEEPING)
		make_ready(t);
}

void sched_continue(struct task *t)
{
	if (t->state == TASK_STOPPED)
		make_ready(t);
}

static u64 charge(void)
{
	u64 now = clock_monotonic(), spent = now - current->charged_to;

	current->charged_to = now;
	return spent;
}

void sched_charge_user(void)
{
	u64 spent = charge();

	current->process->user_ns += spent;
	total_user_ns += spent;
}

void sched_charge_system(void)
{
	u64 spent = charge();

	current->process->system_ns += spent;
	total_system_ns += spent;
}

/* The second half of a switch, on the new task's stack. */
static void finish_switch(void)
{
	current->charged_to = clock_monotonic();
	current->slice_end = current->charged_to + SLICE_NS;
	current->need_resched = false;
	program_timer();
	if (dead) {
		struct process *p = dead->process;

		task_free(dead);
		dead = NULL;
		if (p->forgotten)
			process_free(p);
	}
}

static void switch_to(struct task *next)
{
	struct task *prev = current;

	if (*(ulong *)prev->stack != STACK_GUARD)
		panic("kernel stack of task %d overflowed", prev->tid);
	if (prev->state == TASK_DEAD)
		dead = prev;
	else
		fpu_save(prev->fpu);
	switches++;
	current = next;
	fpu_restore(next->fpu);
	tls_load(next->tls);
	kernel_stack_set((char *)next->stack + KERNEL_STACK_SIZE);
	if (next->process->mm != prev->process->mm)
		mm_switch(next->process->mm);
	context_switch(&prev->context, &next->context);
	finish_switch();
}

static void idle_until_ready(void)
{
	u64 start;

	if (!list_empty(&ready))
		return;
	program_timer();
	start = clock_monotonic();
	while (list_empty(&ready))
		cpu_idle();
	idle_ns += clock_monotonic() - start;
}

void schedule(void)
{
	struct task *next;

	sched_charge_system();
	load_step(current->charged_to);
	if (current->state == TASK_READY)
		enqueue(current);
	idle_until_ready();
	next = dequeue();
	if (next == current)
		finish_switch();
	else
		switch_to(next);
}

void sched_preempt(void)
{
	if (!current->need_resched)
		return;
	if (list_empty(&ready)) {
		current->need_resched = false;
		current->slice_end = clock_monotonic() + SLICE_NS;
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
}

void sched_prepare(struct task *t)
{
	context_prepare(&t->context, (char *)t->stack + KERNEL_STACK_SIZE, first_steps);
}

/* The first process: start() runs in the kernel and fills the trap frame. */
static void (*first_start)(void);

static void first_kernel_steps(void)
{
	finish_switch();
	first_start();
	trap_exit(task_frame(current));
}

void sched_prepare_kernel(struct task *t, void (*start)(void))
{
	first_start = start;
	context_prepare(&t->context, (char *)t->stack + KERNEL_STACK_SIZE, first_kernel_steps);
}

noreturn void sched_start(void)
{
	struct context boot;

	load.stepped = clock_monotonic();
	current = dequeue();
	fpu_restore(current->fpu);
	tls_load(current->tls);
	kernel_stack_set((char *)current->stack + KERNEL_STACK_SIZE);
	mm_switch(current->process->mm);
	context_switch(&boot, &current->context);
	__builtin_unreachable();
}

/* SPDX-License-Identifier: MIT */
/* The kernel lock, idling, and processors that come and go: see cpu.h. */
#include "kern/proc/cpu.h"
#include "kern/console/log.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/page.h"
#include "kern/mm/kmalloc.h"
#include "kern/proc/process.h"
#include "kern/time/clock.h"

struct cpu cpus[CPU_MAX];

#define LOCK_HELD_NS NSEC_PER_MSEC
#define TURN_ROUNDS  20000 /* for which a waiting processor gets the chance to take the lock */

static u32 lock = 1;                /* processor 0 starts with it */
static u32 waiting;                 /* processors that spin for it */
static struct process idle_process; /* of the idle tasks; in no list, without memory of its own */
static struct wait_queue changed = {LIST_INIT(changed.waiters)}; /* a processor went offline */

/* No queue: in a guest the first in line may be a vCPU that the hypervisor does not run. */
void kernel_lock(void)
{
	u32 round = 0;

	if (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE)) {
		__atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
		do
			do
				cpu_spin(round++);
			while (__atomic_load_n(&lock, __ATOMIC_SEQ_CST));
		while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE));
		__atomic_sub_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
	}
	tlb_catch_up();
}

void kernel_unlock(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_SEQ_CST);
	cpu_spin_end();
}

/* The task's ticks began when it came in, or last let others run. */
bool kernel_held_long(void)
{
	return !cpu_is_idle(this_cpu()) &&
	       time_ticks_ns(time_ticks() - current->times.entered) >= LOCK_HELD_NS;
}

bool kernel_breathe(void)
{
	u32 round;

	if (!kernel_held_long())
		return false;
	if (sched_ready()) {
		schedule();
		return true;
	}
	sched_charge(this_cpu());
	kernel_unlock();
	irq_enable();
	for (round = 0; round < TURN_ROUNDS && __atomic_load_n(&waiting, __ATOMIC_SEQ_CST); round++)
		;
	irq_disable();
	kernel_lock();
	sched_charge_from_now();
	return true;
}

cpuset_t cpus_online(void)
{
	cpuset_t set = 0;

	for_each_cpu(cpu) set |= (cpuset_t)cpu->online << (cpu - cpus);
	return set;
}

unsigned cpus_online_count(void)
{
	unsigned n = 0;

	for_each_cpu(cpu) n += cpu->online;
	return n;
}

static void make_idle_task(unsigned number, struct stack_base *stack)
{
	struct task *t = kzalloc(sizeof(*t));

	if (!t)
		panic("no memory for the idle task of processor %u", number);
	t->stack = stack;
	t->process = &idle_process;
	t->times.charged_to = time_ns();
	*stack = (struct stack_base){.guard = STACK_GUARD, .task = t, .cpu = number};
	cpus[number].idle = cpus[number].running = t;
}

static void start(unsigned number)
{
	char *stack = stack_alloc();

	if (!stack)
		panic("no memory for the stack of processor %u", number);
	stack += STACK_OFFSET;
	make_idle_task(number, (struct stack_base *)stack);
	if (!cpu_start(number, stack + KERNEL_STACK_SIZE)) {
		log_warn("processor %u does not start\n", number);
		cpus[number].idle = cpus[number].running = NULL;
	}
}

void cpus_start(void)
{
	unsigned number;

	process_set_comm(&idle_process, "idle");
	list_init(&idle_process.tasks);
	make_idle_task(0, stack_base());
	cpus[0].online = true;
	for (number = 1; number < cpu_count(); number++)
		start(number);
}

void kernel_main_cpu(void)
{
	kernel_lock();
	this_cpu()->online = true;
	log_print("processor %u is online\n", cpu_id());
	cpu_idle_loop();
}

/* Its tasks are in the one queue already. Processor 0 takes over what its timer was set for. */
static void leave(struct cpu *cpu)
{
	sched_charge(cpu);
	cpu->leaving = cpu->online = false;
	cpu->programmed = 0;
	wake_all(&changed);
	ipi_send(0);
	kernel_unlock();
	do /* at least once: cpu_resume() may wait for it, with the lock */
		cpu_stop();
	while (!__atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE));
	kernel_lock();
	current->times.charged_to = time_ns();
}

static void wait(struct cpu *cpu)
{
	cpu->waiting = true;
	kernel_unlock();
	cpu_idle();
	kernel_lock();
	cpu->waiting = false;
}

noreturn void cpu_idle_loop(void)
{
	struct cpu *cpu = this_cpu();

	for (;;) {
		if (cpu->leaving)
			leave(cpu);
		else if (sched_ready())
			schedule();
		else
			wait(cpu);
	}
}

static int take_offline(unsigned number)
{
	struct cpu *cpu = &cpus[number];
	int rc = 0;

	if (number == 0)
		return -EBUSY; /* the devices interrupt this one */
	cpu->leaving = cpu->online;
	if (cpu->leaving && cpu != this_cpu())
		ipi_send(number);
	while (cpu->leaving && !rc)
		rc = wait_on(&changed);
	return rc;
}

int cpu_set_online(unsigned number, bool online)
{
	struct cpu *cpu = &cpus[number];

	if (number >= cpu_count() || !cpu->idle)
		return -EINVAL;
	if (!online)
		return take_offline(number);
	cpu->leaving = false;
	if (!cpu->online) {
		__atomic_store_n(&cpu->online, true, __ATOMIC_RELEASE);
		cpu_resume(number);
	}
	return 0;
}

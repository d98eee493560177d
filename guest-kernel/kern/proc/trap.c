/* SPDX-License-Identifier: MIT */
/* Exceptions: page faults are resolved, a program's error becomes a signal, a kernel bug a panic.
 */
#include "kern/console/log.h"
#include "kern/mm/page.h"
#include "kern/mm/space.h"
#include "kern/proc/panic.h"
#include "kern/proc/process.h"

#define VECTOR_DEBUG      1
#define VECTOR_BREAKPOINT 3
#define VECTOR_PAGE_FAULT 14

/* SDM 3A 6.3.1, table 6-1: exceptions as Linux reports them. */
static int signal_of(u32 vector)
{
	switch (vector) {
	case 0:  /* divide error */
	case 16: /* x87 */
	case 19: /* SIMD */
		return SIGFPE;
	case VECTOR_DEBUG:
	case VECTOR_BREAKPOINT:
		return SIGTRAP;
	case 6: /* invalid opcode */
		return SIGILL;
	case 11: /* segment not present */
	case 12: /* stack */
	case 17: /* alignment */
		return SIGBUS;
	}
	return SIGSEGV;
}

/* Ends the processes that have the victim's memory, and says so, once. Process 1 is never ended. */
static void doom(const struct process *victim)
{
	const struct mm *mm = victim->mm;
	struct process *p;

	if (victim->doomed || victim == init_process)
		return;
	log_warn("out of memory: %s[%d] is killed\n", victim->comm, victim->pid);
	list_for_each (p, &all_processes, all) {
		if (p->mm != mm)
			continue;
		p->doomed = true;
		signal_send(p, SIGKILL, NULL);
	}
}

/* Memory is short: the process that has most of it is ended. Until it has given that back, others wait by
 * faulting again. */
static void out_of_memory(void)
{
	struct process *p, *most = NULL;

	list_for_each (p, &all_processes, all) {
		if (p->mm && p->doomed)
			return;
		if (p->mm && p != init_process && (!most || p->mm->pages > most->mm->pages))
			most = p;
	}
	if (most)
		doom(most);
}

static void fault_signal(int sig, ulong address, u32 error)
{
	struct siginfo info = {
	    .signo = sig, .address = address, .code = SEGV_MAPERR + (error & PF_PRESENT ? 1 : 0)};

	signal_force(sig, &info);
}

/*
 * Resolves a fault on a user address. 0, or the signal that it deserves; SIGKILL: there is no memory for it. The last
 * frames are for the kernel's own copying, which cannot wait for more: a process that uses them up too is ended.
 */
static int resolve(ulong address, u32 error, bool user)
{
	bool enough = page_free_count() >= KERNEL_FRAMES;
	int sig = SIGKILL;

	if (!current || !current->process->mm || address >= USER_END)
		return SIGSEGV;
	if (enough || !user)
		sig = mm_fault(current->process->mm, address, error);
	if (sig == SIGKILL && !user)
		doom(current->process);
	else if (sig == SIGKILL || !enough)
		out_of_memory();
	return sig;
}

/* Only the stack's address tells whose it is: what lies at its end is overwritten. */
void kernel_stack_overflow(uintptr_t ip, uintptr_t sp)
{
	struct process *p;
	struct task *t;

	list_for_each (p, &all_processes, all) {
		list_for_each (t, &p->tasks, siblings) {
			if (sp - ((uintptr_t)t->stack - PAGE_SIZE) < 2 * PAGE_SIZE)
				panic("the kernel stack of task %d (%s) overflowed at %lx", t->tid, p->comm,
				      (ulong)ip);
		}
	}
	panic("double fault at %lx, stack %lx", (ulong)ip, (ulong)sp);
}

static void kernel_exception(struct trapframe *tf, ulong address)
{
	if (tf->trapno == VECTOR_PAGE_FAULT && address < USER_END && !resolve(address, tf->error, false))
		return;
	if (trap_fixup(tf))
		return;
	panic_show_registers(tf);
	panic("exception %lu in the kernel at %lx, address %lx", (ulong)tf->trapno, (ulong)tf->ip, address);
}

void trap_enter(struct trapframe *tf)
{
	if (trapframe_user(tf))
		sched_enter_kernel();
}

void trap(struct trapframe *tf)
{
	ulong address = tf->trapno == VECTOR_PAGE_FAULT ? fault_address() : (ulong)tf->ip;
	int sig;

	if (!trapframe_user(tf)) {
		kernel_exception(tf, address);
		return;
	}
	sig = tf->trapno == VECTOR_PAGE_FAULT ? resolve(address, tf->error, true) : signal_of(tf->trapno);
	if (sig == SIGKILL)
		current->sched.need_resched =
		    true; /* it faults again, unless it is the task that is killed */
	else if (sig)
		fault_signal(sig, address, tf->error);
}

/* The way back to user mode: others may run first, then signals are delivered. */
void trap_exit(struct trapframe *tf)
{
	if (!trapframe_user(tf))
		return;
	sched_preempt();
	if (signal_pending(current) || current->signals.restart || current->signals.restore_blocked)
		signal_deliver(tf);
	sched_leave_kernel();
}

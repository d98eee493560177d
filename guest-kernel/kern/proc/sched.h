/* SPDX-License-Identifier: MIT */
/* Which task runs, and where the time goes. The kernel lock guards every field. */
#ifndef KERN_PROC_SCHED_H
#define KERN_PROC_SCHED_H

#include "kern/time/timer.h"
#include "machine.h"

struct cpu;
struct task;

enum task_state {
	TASK_READY,    /* running, or in the run queue */
	TASK_SLEEPING, /* a signal ends the sleep */
	TASK_BLOCKED,  /* only a wake-up does */
	TASK_STOPPED,  /* by a job control signal */
	TASK_DEAD,
};

/* The task sets its own state when it stops running, and what makes it ready again (another task, its timer) resets that and
 * changes `run`. Its processor's timer and processors that have another task for that one change need_resched and slice_end. */
struct task_sched {
	enum task_state state;
	bool need_resched; /* give way on the way to user mode */
	bool timed_out;    /* by sleep_timer */
	u64 slice_end;     /* time; earlier once another task has woken up */
	struct list run;   /* in the run queue */
	struct timer sleep_timer;
	cpuset_t
	    allowed; /* processors it may run on, unless all of them are offline: sched_allow(), also by others */
};

/* Changed by the task's processor; charged_to and in_kernel also by one that reports times. */
struct task_times {
	u64 charged_to;         /* up to when time was accounted */
	u64 entered, in_kernel; /* ticks: when it came into the kernel; spent there since the last charge */
};

/* Charged by its tasks' processors and by one that reports times; the children's by the wait that frees them. */
struct process_times {
	u64 started, user_ns, system_ns, children_user_ns, children_system_ns;
};

/* proc/sched.c */
void sched_prepare_kernel(struct task *t, void (*start)(void)); /* process 1: start() calls exec_program() */
void sched_prepare(struct task *t);                 /* its context: user mode, as its trap frame says */
void sched_add(struct task *t);                     /* makes a new task ready */
void sched_wake(struct task *t);                    /* out of TASK_SLEEPING or TASK_BLOCKED */
void sched_interrupt(struct task *t);               /* out of TASK_SLEEPING: a signal came */
void sched_continue(struct task *t);                /* out of TASK_STOPPED */
bool sched_ready(void);                             /* is a task waiting that this processor may take? */
void sched_allow(struct task *t, cpuset_t allowed); /* moves it if it may not stay where it is */
void schedule(void);                                /* runs others until current is ready again */
void sched_preempt(void);       /* on the way to user mode: gives way if the slice is over */
void sched_program_timer(void); /* after timer_set(), unless the task goes to sleep */
u32 sched_waiting(void);        /* ready tasks that no processor runs */
u64 sched_switches(void);

/* proc/account.c */
void sched_enter_kernel(void);      /* the running task comes out of user mode */
void sched_leave_kernel(void);      /* ... and goes there */
void sched_charge_from_now(void);   /* the time until now is charged to no task */
void sched_charge(struct cpu *cpu); /* the time since the last charge, to the task that it runs */
void sched_charge_all(void);        /* before times are reported */
void sched_load(u32 load[3]);       /* ready tasks on average over 1, 5 and 15 minutes, times 65536 */
void sched_load_step(u64 now);      /* updates that; call now and then */

/* How a processor spent its time, in nanoseconds. */
struct cpu_times {
	u64 user, system, idle, stolen;
};
struct cpu_times sched_times(const struct cpu *cpu); /* up to the last charge */
struct cpu_times sched_total_times(void);

#endif

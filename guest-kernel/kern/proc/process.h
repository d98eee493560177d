/* SPDX-License-Identifier: MIT */
/*
 * Processes and tasks. A process owns what its threads share: address space, open files, directory, signal
 * actions, family. A task is one thread of control with its kernel stack; most processes have exactly one.
 *
 * Life of a process: fork makes it, its last task's exit closes everything and leaves a zombie, which the
 * parent's wait frees. Orphans are given to process 1.
 */
#ifndef KERN_PROC_PROCESS_H
#define KERN_PROC_PROCESS_H

#include "kern/fs/vfs.h"
#include "kern/proc/limits.h"
#include "kern/proc/signal.h"
#include "kern/proc/wait.h"
#include "kern/time/timer.h"
#include "machine.h"

struct cpu;
struct mm;
struct tty;

#define COMM_LEN       16
#define ALARM_SHORTEST NSEC_PER_MSEC /* otherwise one alarm's interrupts could use up all time */

struct process {
	struct list all;
	int pid, pgid, sid;
	struct process *parent;
	struct list children, sibling;
	struct list tasks;
	u32 task_count;
	struct task *execing; /* starts a program, as soon as all other threads have ended */

	struct mm *mm;
	struct files files;
	struct inode *cwd, *root; /* where its absolute paths begin: chroot */
	u32 umask;
	struct tty *tty; /* controlling terminal */

	struct limit limits[LIMITS];

	struct sigaction actions[NSIG];
	u64 pending; /* signals for any task of the process */
	struct siginfo pending_info[NSIG];
	struct timer alarm;
	u64 alarm_interval; /* 0, or no less than ALARM_SHORTEST */

	bool doomed; /* to give its memory back */
	bool zombie, exiting, stopped, report_stop, report_continue;
	bool executed;   /* has called execve: setpgid by the parent comes too late */
	bool forgotten;  /* the parent ignores SIGCHLD: freed with its last task */
	int exit_status; /* as wait4 stores it */
	struct wait_queue
	    child_changed;  /* a child died, stopped, went on or gave memory back; a thread ended */
	bool vfork_waiting; /* the parent sleeps until the address space is given back */

	u64 start_time, user_ns, system_ns, children_user_ns, children_system_ns;
	char comm[COMM_LEN];
	char *exe; /* path of the program's file; NULL before the first */
};

enum task_state {
	TASK_READY,    /* running, or in the run queue */
	TASK_SLEEPING, /* a signal ends the sleep */
	TASK_BLOCKED,  /* only a wake-up does */
	TASK_STOPPED,  /* by a job control signal */
	TASK_DEAD,
};

struct task {
	struct context context;
	struct stack_base *stack; /* KERNEL_STACK_SIZE bytes; the user's registers lie at its top */
	u8 fpu[FPU_AREA_SIZE] __attribute__((aligned(16)));
	uintptr_t tls; /* base of the thread's TLS segment */
	struct process *process;
	struct list siblings; /* in process->tasks */
	struct list run;
	enum task_state state;
	int tid;
	cpuset_t allowed; /* processors it may run on, unless all of them are offline */
	bool need_resched, timed_out;
	bool restart;              /* the system call ended with ERESTARTSYS: signal_deliver() decides */
	u64 slice_end, charged_to; /* times: end of the slice; up to where time was accounted */
	u64 entered, in_kernel; /* ticks: when it came into the kernel; spent there since the last charge */
	struct timer sleep_timer;

	u64 blocked, pending, saved_blocked;
	u64 awaited;          /* sigtimedwait takes these, blocked or ignored as they may be */
	bool restore_blocked; /* put saved_blocked back after the handler is set up (sigsuspend, ppoll) */
	struct siginfo pending_info[NSIG];
	struct sigaltstack altstack;

	int *set_tid;    /* user address where a new task writes its number; NULL: none */
	ulong clear_tid; /* user address to clear and wake at exit; 0: none */
};

#define current (stack_base()->task)

extern struct list all_processes;
extern struct process *init_process;

/* proc/process.c */
struct process *process_alloc(void);
struct task *task_alloc(struct process *p, int tid);
void task_free(struct task *t);
void process_free(struct process *p);
struct process *process_find(int pid);
struct task *task_find(int tid);
int pid_alloc(void);
u32 process_count(void);
void process_set_comm(struct process *p, const char *path);

static inline struct trapframe *task_frame(struct task *t)
{
	return trapframe_of((char *)t->stack + KERNEL_STACK_SIZE);
}

/* proc/exit.c */
noreturn void task_exit(int status);    /* this thread; ends the process if it is the last */
noreturn void process_exit(int status); /* all threads; status as wait4 stores it */
void process_mm_released(struct process *p);
void process_report_stop(struct process *p, int sig);
void process_report_continue(struct process *p);
bool group_is_orphaned(int pgid);

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

/* proc/stack.c */
/* Four frames in a row: one for the caller, one that must not be touched, and a kernel stack at STACK_OFFSET. NULL: no
 * memory. */
void *stack_alloc(void);
void stack_free(void *first);
#define STACK_OFFSET (2 * PAGE_SIZE)

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

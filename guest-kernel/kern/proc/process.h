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
#include "kern/proc/sched.h"
#include "kern/proc/signal.h"
#include "kern/proc/wait.h"

struct mm;
struct tty;

#define COMM_LEN 16

/* Job control (sys/ids.c, tty/). The process changes it; so do its parent by setpgid(), a sender of SIGCONT or SIGKILL
 * (the flags), the parent's wait (the reports), and the end of the session's leader (tty). */
struct process_job {
	int pgid, sid;
	struct tty *tty; /* controlling terminal, or NULL */
	bool stopped, report_stop, report_continue;
};

/*
 * Both structures: the kernel lock guards every field. The parts are declared by the files whose concern they are, which say
 * what else than the process (or task) itself changes them. The fields here are set at fork, except where a comment says more.
 */
struct process {
	struct list all;
	int pid;
	struct process_job job;
	struct process *parent;        /* process 1, once the parent has ended */
	struct list children, sibling; /* changed by whatever begins or ends a child */
	struct list tasks;             /* every thread joins when it is made, and leaves when it is freed */
	u32 task_count;                /* that have not ended */

	struct mm *mm; /* NULL: given back; exec changes it */
	struct files files;
	struct limit limits[LIMITS]; /* also set by other processes: prlimit */
	struct process_signals signals;
	struct process_times times;
	char comm[COMM_LEN]; /* set by exec, as the next one */
	char *exe;           /* path of the program's file; NULL before the first */

	/* The way to its end: set by the process, but `doomed` by one that finds no memory, vfork_waiting by the parent. */
	struct task *execing; /* starts a program, as soon as all other threads have ended */
	bool executed;        /* has called execve: setpgid by the parent comes too late */
	bool doomed;          /* to give its memory back */
	bool exiting, zombie;
	bool forgotten;                  /* the parent ignores SIGCHLD: freed with its last task */
	bool vfork_waiting;              /* the parent sleeps until the address space is given back */
	int exit_status;                 /* as wait4 stores it */
	struct wait_queue child_changed; /* died, stopped, went on or gave memory back; or a thread ended */
};

struct task {
	struct task_registers regs;
	struct stack_base *stack; /* KERNEL_STACK_SIZE bytes; the user's registers lie at its top */
	struct process *process;
	struct list siblings; /* in process->tasks */
	int tid;              /* exec changes it to the process's */
	struct task_sched sched;
	struct task_times times;
	struct task_signals signals;

	/* Set by clone; clear_tid by the task, too. */
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

/* proc/stack.c */
/* Four frames in a row: one for the caller, one that must not be touched, and a kernel stack at STACK_OFFSET. NULL: no
 * memory. */
void *stack_alloc(void);
void stack_free(void *first);
#define STACK_OFFSET (2 * PAGE_SIZE)

#endif

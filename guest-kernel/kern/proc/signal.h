/* SPDX-License-Identifier: MIT */
/* Signals: numbers, actions, sending and delivery. Layouts are Linux's for the kernel's word size. */
#ifndef KERN_PROC_SIGNAL_H
#define KERN_PROC_SIGNAL_H

#include "kern/time/timer.h"

struct process;
struct task;
struct trapframe;

#define NSIG 64

enum {
	SIGHUP = 1,
	SIGINT,
	SIGQUIT,
	SIGILL,
	SIGTRAP,
	SIGABRT,
	SIGBUS,
	SIGFPE,
	SIGKILL,
	SIGUSR1,
	SIGSEGV,
	SIGUSR2,
	SIGPIPE,
	SIGALRM,
	SIGTERM,
	SIGSTKFLT,
	SIGCHLD,
	SIGCONT,
	SIGSTOP,
	SIGTSTP,
	SIGTTIN,
	SIGTTOU,
	SIGURG,
	SIGXCPU,
	SIGXFSZ,
	SIGVTALRM,
	SIGPROF,
	SIGWINCH,
	SIGIO,
	SIGPWR,
	SIGSYS,
};

#define SIGMASK(n)  (1ULL << ((n)-1))
#define UNBLOCKABLE (SIGMASK(SIGKILL) | SIGMASK(SIGSTOP))

#define SIG_DFL 0UL
#define SIG_IGN 1UL

#define SA_NOCLDSTOP 0x00000001UL
#define SA_NOCLDWAIT 0x00000002UL
#define SA_SIGINFO   0x00000004UL
#define SA_RESTORER  0x04000000UL
#define SA_ONSTACK   0x08000000UL
#define SA_RESTART   0x10000000UL
#define SA_NODEFER   0x40000000UL
#define SA_RESETHAND 0x80000000UL

/* As rt_sigaction passes it. */
struct sigaction {
	ulong handler, flags, restorer;
	u64 mask;
};

#define SS_ONSTACK 1
#define SS_DISABLE 2

struct sigaltstack {
	ulong sp;
	int flags;
	ulong size;
};

#define SI_USER       0
#define SI_KERNEL     0x80
#define SI_TKILL      (-6)
#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_STOPPED   5
#define CLD_CONTINUED 6
#define SEGV_MAPERR   1

/* The part of Linux's siginfo that handlers look at; 128 bytes when it is stored (see struct siginfo_user).
 */
struct siginfo {
	int signo, error, code;
	int pid, uid, status;
	ulong address;
};

struct siginfo_user {
	int signo, error, code;
#if __SIZEOF_LONG__ == 8
	int pad;
#endif
	union {
		struct {
			int pid, uid, status;
		} who;
		ulong address;
		int fill[(128 - 4 * sizeof(int)) / sizeof(int)];
	} u;
};

#define ALARM_SHORTEST NSEC_PER_MSEC /* otherwise one alarm's interrupts could use up all time */

/* The kernel lock guards both. A sender sets what is pending, SIGCONT and the signals that stop take it off again; all else is
 * the process's and the task's own, except for the alarm's timer. */
struct process_signals {
	struct sigaction actions[NSIG];
	u64 pending; /* for any task of the process */
	struct siginfo pending_info[NSIG];
	struct timer alarm;
	u64 alarm_interval; /* 0, or no less than ALARM_SHORTEST */
};

struct task_signals {
	u64 blocked, pending, saved_blocked;
	u64 awaited;          /* sigtimedwait takes these, blocked or ignored as they may be */
	bool restore_blocked; /* put saved_blocked back after the handler is set up (sigsuspend, ppoll) */
	bool restart;         /* the system call ended with ERESTARTSYS: signal_deliver() decides */
	struct sigaltstack altstack;
	struct siginfo pending_info[NSIG];
};

void siginfo_to_user(const struct siginfo *info, struct siginfo_user *out);

int signal_send(struct process *p, int sig, const struct siginfo *info); /* info NULL: from the kernel */
/* Would it be delivered, or be kept until it is awaited? */
bool signal_is_heard(const struct process *p, int sig);
int signal_send_task(struct task *t, int sig, const struct siginfo *info);
void signal_send_group(int pgid, int sig);
/* A fault of the current task: cannot be blocked or ignored. */
void signal_force(int sig, const struct siginfo *info);
bool signal_pending(struct task *t);
/* Takes the current task's lowest pending signal of the set off it or its process; the task's own, faults included,
 * come first, and SIGKILL before all. 0: none. */
int signal_take(u64 set, struct siginfo *info);
/* For the current task, which sleeps: is one pending that ends a system call? Stops happen here, since without
 * a handler neither stops nor ignored signals may end the call: false after them. */
bool signal_ends_sleep(void);
/* Delivers what is pending to the current task, on its way to user mode. */
void signal_deliver(struct trapframe *tf);
/* On exec: handlers become the default action. */
void signal_reset_handlers(struct process *p);
void signal_set_blocked(u64 mask);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Signals: sending, and delivery on the way to user mode. The frames that handlers run on depend on the word
 * size and are in x86/linux32.c and x86/linux64.c.
 */
#include "kern/proc/signal.h"
#include "kern/console/log.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/proc/process.h"
#include "x86/linux_abi.h"

#define STOPPERS (SIGMASK(SIGSTOP) | SIGMASK(SIGTSTP) | SIGMASK(SIGTTIN) | SIGMASK(SIGTTOU))
#define IGNORED  (SIGMASK(SIGCHLD) | SIGMASK(SIGURG) | SIGMASK(SIGWINCH) | SIGMASK(SIGCONT))

static bool is_ignored(const struct process *p, int sig)
{
	ulong handler = p->signals.actions[sig - 1].handler;

	if (p == init_process && handler == SIG_DFL)
		return true; /* by default no signal kills or stops process 1 */
	return handler == SIG_IGN || (handler == SIG_DFL && (SIGMASK(sig) & IGNORED));
}

void siginfo_to_user(const struct siginfo *info, struct siginfo_user *out)
{
	memset(out, 0, sizeof(*out));
	out->signo = info->signo;
	out->error = info->error;
	out->code = info->code;
	if (info->signo == SIGSEGV || info->signo == SIGBUS || info->signo == SIGILL ||
	    info->signo == SIGFPE) {
		out->u.address = info->address;
	} else {
		out->u.who.pid = info->pid;
		out->u.who.uid = info->uid;
		out->u.who.status = info->status;
	}
}

bool signal_pending(struct task *t)
{
	return (t->signals.pending | t->process->signals.pending) &
	       (~t->signals.blocked | t->signals.awaited);
}

static void remember(struct siginfo *slot, int sig, const struct siginfo *info)
{
	*slot = info ? *info : (struct siginfo){.signo = sig, .code = SI_KERNEL};
	slot->signo = sig;
}

static void drop_pending(struct process *p, u64 mask)
{
	struct task *t;

	p->signals.pending &= ~mask;
	list_for_each (t, &p->tasks, siblings)
		t->signals.pending &= ~mask;
}

/* SIGCONT makes a stopped process go on even if it is blocked or ignored, and stops and goes cancel out. */
static void before_sending(struct process *p, int sig)
{
	struct task *t;

	if (sig == SIGCONT || sig == SIGKILL) {
		drop_pending(p, STOPPERS);
		if (p->job.stopped) {
			p->job.stopped = false;
			if (sig == SIGCONT)
				process_report_continue(p);
		}
		list_for_each (t, &p->tasks, siblings)
			sched_continue(t);
	} else if (SIGMASK(sig) & STOPPERS) {
		drop_pending(p, SIGMASK(SIGCONT));
	}
}

/* An ignored signal is dropped, unless a task has blocked it or waits for it: what happens then is decided
 * later. */
static bool is_dropped(const struct task *t, int sig)
{
	return is_ignored(t->process, sig) && !(SIGMASK(sig) & (t->signals.blocked | t->signals.awaited)) &&
	       sig != SIGKILL;
}

static bool wants(const struct task *t, int sig)
{
	return t->sched.state != TASK_DEAD && (SIGMASK(sig) & (~t->signals.blocked | t->signals.awaited));
}

bool signal_is_heard(const struct process *p, int sig)
{
	const struct task *t;

	list_for_each (t, &p->tasks, siblings) {
		if (is_dropped(t, sig))
			return false;
	}
	return true;
}

int signal_send(struct process *p, int sig, const struct siginfo *info)
{
	struct task *t;

	if (p->zombie || !sig)
		return 0;
	before_sending(p, sig);
	if (!signal_is_heard(p, sig))
		return 0;
	if (sig == SIGKILL && p == init_process)
		return 0;
	if (!(p->signals.pending & SIGMASK(sig)))
		remember(&p->signals.pending_info[sig - 1], sig, info);
	p->signals.pending |= SIGMASK(sig);
	list_for_each (t, &p->tasks, siblings) {
		if (wants(t, sig)) {
			sched_interrupt(t);
			break;
		}
	}
	return 0;
}

int signal_send_task(struct task *t, int sig, const struct siginfo *info)
{
	if (t->sched.state == TASK_DEAD || !sig)
		return 0;
	before_sending(t->process, sig);
	if (is_dropped(t, sig))
		return 0;
	remember(&t->signals.pending_info[sig - 1], sig, info);
	t->signals.pending |= SIGMASK(sig);
	if (wants(t, sig))
		sched_interrupt(t);
	return 0;
}

void signal_send_group(int pgid, int sig)
{
	struct process *p;

	list_for_each (p, &all_processes, all) {
		if (p->job.pgid == pgid)
			signal_send(p, sig, NULL);
	}
}

void signal_force(int sig, const struct siginfo *info)
{
	struct sigaction *act = &current->process->signals.actions[sig - 1];

	if ((current->signals.blocked & SIGMASK(sig)) || act->handler == SIG_IGN)
		act->handler = SIG_DFL;
	if (current->process == init_process && act->handler == SIG_DFL)
		panic("process 1: signal %d at address %lx", sig, info ? info->address : 0);
	current->signals.blocked &= ~SIGMASK(sig);
	remember(&current->signals.pending_info[sig - 1], sig, info);
	current->signals.pending |= SIGMASK(sig);
}

void signal_set_blocked(u64 mask)
{
	current->signals.blocked = mask & ~UNBLOCKABLE;
}

void signal_reset_handlers(struct process *p)
{
	int i;

	for (i = 0; i < NSIG; i++) {
		if (p->signals.actions[i].handler != SIG_IGN)
			memset(&p->signals.actions[i], 0, sizeof(p->signals.actions[i]));
	}
}

static int first_of(u64 set)
{
	return (u32)set ? __builtin_ctz((u32)set) + 1 : set ? __builtin_ctz((u32)(set >> 32)) + 33 : 0;
}

int signal_take(u64 set, struct siginfo *info)
{
	struct process *p = current->process;
	u64 own = current->signals.pending & set, shared = p->signals.pending & set;
	int sig = (own | shared) & SIGMASK(SIGKILL) ? SIGKILL : first_of(own ? own : shared);

	if (!sig)
		return 0;
	if (own & SIGMASK(sig)) {
		*info = current->signals.pending_info[sig - 1];
		current->signals.pending &= ~SIGMASK(sig);
	} else {
		*info = p->signals.pending_info[sig - 1];
		p->signals.pending &= ~SIGMASK(sig);
	}
	return sig;
}

/* Every task of the process comes here by itself: the first one tells the parent and interrupts the others.
 */
static void stop_process(int sig)
{
	struct process *p = current->process;
	struct task *t;

	if (sig != SIGSTOP && group_is_orphaned(p->job.pgid))
		return; /* no process could ever continue it */
	if (!p->job.stopped) {
		p->job.stopped = true;
		list_for_each (t, &p->tasks, siblings) {
			if (t != current)
				signal_send_task(t, SIGSTOP, NULL);
		}
		process_report_stop(p, sig);
	}
	current->sched.state = TASK_STOPPED;
	schedule();
}

bool signal_ends_sleep(void)
{
	u64 all, set;

	while ((all = current->signals.pending | current->process->signals.pending) &
	       (~current->signals.blocked | current->signals.awaited)) {
		int sig = first_of(set = all & ~current->signals.blocked);
		bool ignored = sig && is_ignored(current->process, sig);
		struct siginfo info;

		if ((all & current->signals.awaited) || (set & SIGMASK(SIGKILL)) ||
		    current->process->signals.actions[sig - 1].handler > SIG_IGN ||
		    (!ignored && !(SIGMASK(sig) & STOPPERS)))
			return true;
		signal_take(SIGMASK(sig), &info);
		if (!ignored)
			stop_process(sig);
	}
	return false;
}

static void default_action(int sig, const struct siginfo *info, const struct trapframe *tf)
{
	if (SIGMASK(sig) & STOPPERS) {
		stop_process(sig);
		return;
	}
	if (sig == SIGSEGV || sig == SIGILL || sig == SIGBUS || sig == SIGFPE)
		log_print("%s[%d]: signal %d at ip %lx sp %lx, address %lx\n", current->process->comm,
			  current->process->pid, sig, (ulong)tf->ip, (ulong)tf->sp, info->address);
	if (current->process->execing && current->process->execing != current)
		task_exit(0); /* the process lives on, in the thread that executes a program */
	process_exit(sig);
}

/*
 * The interrupted system call ended with ERESTARTSYS. Handlers installed with SA_RESTART, and no handler at
 * all, let it run again; otherwise it fails with EINTR.
 */
static void settle_restart(struct trapframe *tf, bool *restart, bool again)
{
	if (!*restart)
		return;
	*restart = false;
	if (again)
		sc_restart(tf);
	else
		sc_set_result(tf, -EINTR);
}

static void call_handler(struct trapframe *tf, int sig, const struct siginfo *info)
{
	struct sigaction *act = &current->process->signals.actions[sig - 1], used = *act;
	u64 mask =
	    current->signals.restore_blocked ? current->signals.saved_blocked : current->signals.blocked;

	current->signals.restore_blocked = false;
	if (abi_push_signal_frame(tf, sig, &used, info, mask)) {
		log_print("%s[%d]: no stack for signal %d\n", current->process->comm, current->process->pid,
			  sig);
		process_exit(SIGSEGV);
	}
	trapframe_sanitise(tf); /* the handler's address may be any number */
	if (used.flags & SA_RESETHAND)
		memset(act, 0, sizeof(*act));
	signal_set_blocked(current->signals.blocked | used.mask |
			   (used.flags & SA_NODEFER ? 0 : SIGMASK(sig)));
}

void signal_deliver(struct trapframe *tf)
{
	bool restart = current->signals.restart;
	struct siginfo info;
	int sig;

	current->signals.restart = false;
	while ((sig = signal_take(~current->signals.blocked, &info))) {
		struct sigaction *act = &current->process->signals.actions[sig - 1];

		if (sig == SIGKILL || (act->handler == SIG_DFL && !is_ignored(current->process, sig))) {
			default_action(sig, &info, tf);
			continue;
		}
		if (is_ignored(current->process, sig))
			continue;
		settle_restart(tf, &restart, act->flags & SA_RESTART);
		call_handler(tf, sig, &info);
	}
	settle_restart(tf, &restart, true);
	if (current->signals.restore_blocked) {
		current->signals.restore_blocked = false;
		signal_set_blocked(current->signals.saved_blocked);
	}
}

/* SPDX-License-Identifier: MIT */
/* The end of tasks and processes, and what parents learn of it. */
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/space.h"
#include "kern/mm/user.h"
#include "kern/proc/futex.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"
#include "kern/tty/tty.h"

#define WNOHANG    1
#define WUNTRACED  2
#define WCONTINUED 8

/* From the parent's point of view the address space is given back: a vfork is over. */
void process_mm_released(struct process *p)
{
	if (!p->vfork_waiting)
		return;
	p->vfork_waiting = false;
	wake_all(&p->parent->child_changed);
}

static void tell_parent(struct process *p, int code, int status)
{
	struct siginfo info = {.signo = SIGCHLD, .code = code, .pid = p->pid, .status = status};
	const struct sigaction *act = &p->parent->signals.actions[SIGCHLD - 1];
	bool stop_or_go = code == CLD_STOPPED || code == CLD_CONTINUED;

	if (!(stop_or_go && (act->flags & SA_NOCLDSTOP)))
		signal_send(p->parent, SIGCHLD, &info);
	wake_all(&p->parent->child_changed);
}

void process_report_stop(struct process *p, int sig)
{
	p->job.report_stop = true;
	p->exit_status = sig << 8 | 0x7f;
	tell_parent(p, CLD_STOPPED, sig);
}

void process_report_continue(struct process *p)
{
	p->job.report_stop = false;
	p->job.report_continue = true;
	tell_parent(p, CLD_CONTINUED, SIGCONT);
}

/* A process group without a member whose parent is in another group of the session: no process controls its jobs.
 */
bool group_is_orphaned(int pgid)
{
	struct process *p;

	list_for_each (p, &all_processes, all) {
		if (p->job.pgid == pgid && !p->zombie && p->parent && p->parent->job.pgid != pgid &&
		    p->parent->job.sid == p->job.sid)
			return false;
	}
	return true;
}

static void give_children_to_init(struct process *p)
{
	struct process *child, *next;

	list_for_each_safe (child, next, &p->children, sibling) {
		list_del(&child->sibling);
		child->parent = init_process;
		list_add_tail(&init_process->children, &child->sibling);
		if (child->zombie)
			tell_parent(child, CLD_EXITED, 0);
	}
}

static void process_end(struct process *p)
{
	struct mm *mm = p->mm;
	int status = p->exit_status;
	const struct sigaction *act;

	if (p == init_process)
		panic("process 1 ended with status %x", status);
	timer_cancel(&p->signals.alarm);
	files_close_all(&p->files);
	if (p->job.tty && p->job.sid == p->pid)
		tty_hangup_session(p->job.tty, p->job.sid);
	p->mm = NULL;
	mm_put(mm);
	mm_switch(NULL);
	process_mm_released(p);
	give_children_to_init(p);
	p->zombie = true;
	act = &p->parent->signals.actions[SIGCHLD - 1];
	tell_parent(p, status & 0x7f ? CLD_KILLED : CLD_EXITED, status & 0x7f ? status & 0x7f : status >> 8);
	p->forgotten = act->handler == SIG_IGN || (act->flags & SA_NOCLDWAIT);
	if (p->forgotten)
		list_del(&p->sibling);
}

noreturn void task_exit(int status)
{
	struct process *p = current->process;

	if (current->clear_tid && !put_user(0, (int *)current->clear_tid))
		futex_wake_all(current->clear_tid);
	if (!p->exiting)
		p->exit_status = status;
	if (--p->task_count == 0)
		process_end(p);
	else
		wake_all(&p->child_changed); /* a thread that executes a program waits for this */
	current->sched.state = TASK_DEAD;
	schedule();
	__builtin_unreachable();
}

noreturn void process_exit(int status)
{
	struct process *p = current->process;
	struct task *t;

	if (!p->exiting) {
		p->exiting = true;
		p->exit_status = status;
		list_for_each (t, &p->tasks, siblings) {
			if (t != current)
				signal_send_task(t, SIGKILL, NULL);
		}
	}
	task_exit(status);
}

long sys_exit(int code)
{
	task_exit((code & 0xff) << 8);
}

long sys_exit_group(int code)
{
	process_exit((code & 0xff) << 8);
}

static bool matches(const struct process *child, int pid)
{
	if (pid > 0)
		return child->pid == pid;
	if (pid == 0)
		return child->job.pgid == current->process->job.pgid;
	return pid == -1 || child->job.pgid == -pid;
}

static void reap(struct process *child)
{
	current->process->times.children_user_ns += child->times.user_ns + child->times.children_user_ns;
	current->process->times.children_system_ns +=
	    child->times.system_ns + child->times.children_system_ns;
	process_free(child);
}

/* Takes a child's report of its status, if it has one. Returns its pid, or 0: no report. */
static int take_status(struct process *child, int options, int *status, struct rusage_times *times)
{
	int pid = child->pid;

	*status = child->exit_status;
	times->user = child->times.user_ns;
	times->system = child->times.system_ns;
	if (child->zombie) {
		reap(child);
		return pid;
	}
	if (child->job.report_stop && (options & WUNTRACED)) {
		child->job.report_stop = false;
		return pid;
	}
	if (child->job.report_continue && (options & WCONTINUED)) {
		child->job.report_continue = false;
		*status = 0xffff;
		return pid;
	}
	return 0;
}

static int look_for_child(int pid, int options, int *status, struct rusage_times *times)
{
	struct process *child, *next;
	int found = -ECHILD;

	list_for_each_safe (child, next, &current->process->children, sibling) {
		int rc;

		if (!matches(child, pid))
			continue;
		rc = take_status(child, options, status, times);
		if (rc)
			return rc;
		found = 0;
	}
	return found;
}

long sys_wait4(int pid, int *user_status, int options, struct rusage *usage)
{
	struct rusage_times times;
	int status, rc;

	for (;;) {
		rc = look_for_child(pid, options, &status, &times);
		if (rc || (options & WNOHANG))
			break;
		rc = wait_on(&current->process->child_changed);
		if (rc)
			return rc;
	}
	if (rc > 0 && user_status && put_user(status, user_status))
		return -EFAULT;
	if (rc > 0 && usage && rusage_to_user(usage, &times))
		return -EFAULT;
	return rc;
}

long sys_waitpid(int pid, int *user_status, int options)
{
	return sys_wait4(pid, user_status, options, NULL);
}

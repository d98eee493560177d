/* SPDX-License-Identifier: MIT */
/* The system calls of signals. */
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"
#include "kern/time/clock.h"

#define SIG_BLOCK   0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2
#define MIN_STACK   2048

long sys_rt_sigaction(int sig, const struct sigaction *user, struct sigaction *old, size_t size)
{
	struct sigaction act, *slot;

	if (sig < 1 || sig > NSIG || size != sizeof(u64))
		return -EINVAL;
	if (user && (sig == SIGKILL || sig == SIGSTOP))
		return -EINVAL;
	if (user && copy_from_user(&act, user, sizeof(act)))
		return -EFAULT;
	slot = &current->process->signals.actions[sig - 1];
	if (old && copy_to_user(old, slot, sizeof(*old)))
		return -EFAULT;
	if (user)
		*slot = act;
	return 0;
}

long sys_rt_sigprocmask(int how, const u64 *user, u64 *old, size_t size)
{
	u64 set, before = current->signals.blocked;

	if (size != sizeof(u64))
		return -EINVAL;
	if (user) {
		if (get_user(set, user))
			return -EFAULT;
		if (how == SIG_BLOCK)
			set |= before;
		else if (how == SIG_UNBLOCK)
			set = before & ~set;
		else if (how != SIG_SETMASK)
			return -EINVAL;
		signal_set_blocked(set);
	}
	return old ? put_user(before, old) : 0;
}

long sys_rt_sigpending(u64 *set, size_t size)
{
	return put_user(
	    (current->signals.pending | current->process->signals.pending) & current->signals.blocked, set);
}

long sys_rt_sigsuspend(const u64 *user, size_t size)
{
	u64 mask;

	if (get_user(mask, user))
		return -EFAULT;
	current->signals.saved_blocked = current->signals.blocked;
	current->signals.restore_blocked = true;
	signal_set_blocked(mask);
	return sys_pause();
}

long sys_pause(void)
{
	while (!wait_until(WAIT_FOREVER)) /* stopped meanwhile */
		;
	return -EINTR;
}

static long wait_for_signal(const u64 *user_set, void *user_info, u64 deadline)
{
	u64 set;
	struct siginfo info;
	struct siginfo_user out;
	int sig, rc = 0;

	if (get_user(set, user_set))
		return -EFAULT;
	set &= ~UNBLOCKABLE;
	while (!(sig = signal_take(set, &info)) && !rc) {
		current->signals.awaited = set;
		rc = wait_until(deadline);
		current->signals.awaited = 0;
		if (rc == -ERESTARTSYS &&
		    ((current->signals.pending | current->process->signals.pending) & set))
			rc = 0;
	}
	if (!sig)
		return rc == -ETIMEDOUT ? -EAGAIN : -EINTR;
	siginfo_to_user(&info, &out);
	return user_info && copy_to_user(user_info, &out, sizeof(out)) ? -EFAULT : sig;
}

long sys_rt_sigtimedwait(const u64 *set, void *info, const struct timespec *timeout, size_t size)
{
	u64 ns;
	int rc = timeout ? get_timespec(timeout, &ns) : 0;

	return rc ? rc : wait_for_signal(set, info, timeout ? clock_monotonic() + ns : WAIT_FOREVER);
}

long sys_rt_sigtimedwait_time64(const u64 *set, void *info, const struct timespec64 *timeout, size_t size)
{
	u64 ns;
	int rc = timeout ? get_timespec64(timeout, &ns) : 0;

	return rc ? rc : wait_for_signal(set, info, timeout ? clock_monotonic() + ns : WAIT_FOREVER);
}

long sys_sigaltstack(const struct sigaltstack *user, struct sigaltstack *old)
{
	struct sigaltstack stack, before = current->signals.altstack;
	bool on = task_frame(current)->sp - before.sp < before.size && !(before.flags & SS_DISABLE);

	if (on)
		before.flags |= SS_ONSTACK;
	if (user) {
		if (copy_from_user(&stack, user, sizeof(stack)))
			return -EFAULT;
		if (on)
			return -EPERM;
		if (!(stack.flags & SS_DISABLE) && stack.size < MIN_STACK)
			return -ENOMEM;
		current->signals.altstack = stack;
	}
	return old ? copy_to_user(old, &before, sizeof(before)) : 0;
}

static bool is_target(const struct process *p, int pid)
{
	if (p->zombie && pid <= 0)
		return false;
	if (pid > 0)
		return p->pid == pid;
	if (pid == 0)
		return p->job.pgid == current->process->job.pgid;
	if (pid == -1)
		return p != init_process && p != current->process;
	return p->job.pgid == -pid;
}

long sys_kill(int pid, int sig)
{
	struct siginfo info = {.signo = sig, .code = SI_USER, .pid = current->process->pid};
	struct process *p;
	int found = 0;

	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	list_for_each (p, &all_processes, all) {
		if (is_target(p, pid)) {
			signal_send(p, sig, &info);
			found++;
		}
	}
	return found ? 0 : -ESRCH;
}

long sys_tgkill(int pid, int tid, int sig)
{
	struct siginfo info = {.signo = sig, .code = SI_TKILL, .pid = current->process->pid};
	struct task *t = task_find(tid);

	if (sig < 0 || sig > NSIG || tid <= 0)
		return -EINVAL;
	if (!t || (pid > 0 && t->process->pid != pid))
		return -ESRCH;
	if (sig == SIGKILL && t->process == init_process)
		return 0; /* as signal_send() does */
	return signal_send_task(t, sig, &info);
}

long sys_tkill(int tid, int sig)
{
	return sys_tgkill(0, tid, sig);
}

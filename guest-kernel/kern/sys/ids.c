/* SPDX-License-Identifier: MIT */
/* The identity of a process: numbers, groups, sessions. There is one user, root. */
#include "kern/lib/errno.h"
#include "kern/mm/user.h"
#include "kern/proc/cpu.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"

long sys_getpid(void)
{
	return current->process->pid;
}

long sys_gettid(void)
{
	return current->tid;
}

long sys_getppid(void)
{
	return current->process->parent ? current->process->parent->pid : 0;
}

static struct process *process_or_self(int pid)
{
	return pid ? process_find(pid) : current->process;
}

static bool group_exists(int pgid, int sid)
{
	struct process *p;

	list_for_each (p, &all_processes, all) {
		if (p->job.pgid == pgid && p->job.sid == sid)
			return true;
	}
	return false;
}

long sys_setpgid(int pid, int pgid)
{
	struct process *p = process_or_self(pid), *self = current->process;

	if (pgid < 0)
		return -EINVAL;
	if (!p || (p != self && p->parent != self))
		return -ESRCH;
	if (p != self && p->executed)
		return -EACCES;
	if (!pgid)
		pgid = p->pid;
	if (p->job.sid == p->pid || p->job.sid != self->job.sid ||
	    (pgid != p->pid && !group_exists(pgid, p->job.sid)))
		return -EPERM;
	p->job.pgid = pgid;
	return 0;
}

long sys_getpgid(int pid)
{
	struct process *p = process_or_self(pid);

	return p ? p->job.pgid : -ESRCH;
}

long sys_getpgrp(void)
{
	return current->process->job.pgid;
}

long sys_setsid(void)
{
	struct process *p = current->process;

	if (p->job.pgid == p->pid)
		return -EPERM;
	p->job.pgid = p->job.sid = p->pid;
	p->job.tty = NULL;
	return p->pid;
}

long sys_getsid(int pid)
{
	struct process *p = process_or_self(pid);

	return p ? p->job.sid : -ESRCH;
}

long sys_getuid(void)
{
	return 0;
}

long sys_setuid(u32 id)
{
	return id ? -EINVAL : 0;
}

static bool other_than_root(u32 id)
{
	return id && id != ~0U;
}

long sys_setreuid(u32 real, u32 effective)
{
	return other_than_root(real) || other_than_root(effective) ? -EINVAL : 0;
}

long sys_setresuid(u32 real, u32 effective, u32 saved)
{
	return other_than_root(saved) ? -EINVAL : sys_setreuid(real, effective);
}

long sys_getresuid(u32 *real, u32 *effective, u32 *saved)
{
	return put_user(0U, real) || put_user(0U, effective) || put_user(0U, saved) ? -EFAULT : 0;
}

long sys_getgroups(int size, u32 *list)
{
	return 0;
}

long sys_setgroups(size_t size, const u32 *list)
{
	return 0;
}

long sys_set_tid_address(int *address)
{
	current->clear_tid = (ulong)address;
	return current->tid;
}

#define PR_SET_NAME 15
#define PR_GET_NAME 16

long sys_prctl(int option, ulong arg2)
{
	char name[COMM_LEN];
	long n;

	switch (option) {
	case PR_SET_NAME:
		n = strncpy_from_user(name, (char *)arg2, sizeof(name));
		if (n == -EFAULT)
			return n;
		name[COMM_LEN - 1] = 0;
		process_set_comm(current->process, name);
		return 0;
	case PR_GET_NAME:
		return copy_to_user((void *)arg2, current->process->comm, COMM_LEN);
	}
	return -EINVAL;
}

long sys_sched_yield(void)
{
	schedule();
	return 0;
}

static struct task *task_or_self(int tid)
{
	return tid ? task_find(tid) : current;
}

/* The online processors that the task is allowed: Linux gives the same answer. */
long sys_sched_getaffinity(int pid, size_t size, ulong *mask)
{
	struct task *t = task_or_self(pid);

	if (size < sizeof(ulong))
		return -EINVAL;
	if (!t)
		return -ESRCH;
	return put_user((ulong)(t->sched.allowed & cpus_online()), mask) ? -EFAULT : (long)sizeof(ulong);
}

long sys_sched_setaffinity(int pid, size_t size, const ulong *mask)
{
	struct task *t = task_or_self(pid);
	ulong set = 0;

	if (copy_from_user(&set, mask, MIN(size, sizeof(set))))
		return -EFAULT;
	if (!t)
		return -ESRCH;
	if (!(set & cpus_online()))
		return -EINVAL;
	sched_allow(t, set);
	return 0;
}

long sys_getcpu(u32 *cpu, u32 *node)
{
	if ((cpu && put_user(cpu_id(), cpu)) || (node && put_user(0, node)))
		return -EFAULT;
	return 0;
}

/* All processes are equal: Linux returns 20 - nice. */
long sys_getpriority(int which, int who)
{
	return 20;
}

long sys_setpriority(int which, int who, int value)
{
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* fork, vfork and clone: a new process, or a new thread of this one. */
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"
#include "kern/mm/space.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"
#include "x86/linux_abi.h"

#define CLONE_VM             0x00000100UL
#define CLONE_VFORK          0x00004000UL
#define CLONE_THREAD         0x00010000UL
#define CLONE_SETTLS         0x00080000UL
#define CLONE_PARENT_SETTID  0x00100000UL
#define CLONE_CHILD_CLEARTID 0x00200000UL
#define CLONE_CHILD_SETTID   0x01000000UL

/*
 * The new process gets copies of files, directory and signal actions; sharing them without being a thread of
 * the same process is not offered, as programs do not ask for it.
 */
static struct process *process_copy(const struct process *old, bool share_memory)
{
	int pid = pid_alloc();
	struct mm *mm = share_memory ? mm_get(old->mm) : mm_fork(old->mm);
	/* After everything that lets other tasks run: they would see half a process. */
	struct process *p = mm ? process_alloc() : NULL;

	if (!p || files_copy(&p->files, &old->files)) {
		if (p)
			process_free(p);
		if (mm)
			mm_put(mm);
		return NULL;
	}
	p->mm = mm;
	p->pid = pid;
	p->job.pgid = old->job.pgid;
	p->job.sid = old->job.sid;
	p->job.tty = old->job.tty;
	memcpy(p->limits, old->limits, sizeof(p->limits));
	memcpy(p->signals.actions, old->signals.actions, sizeof(p->signals.actions));
	memcpy(p->comm, old->comm, COMM_LEN);
	p->exe = old->exe ? kstrdup(old->exe) : NULL;
	return p;
}

static void process_undo(struct process *p)
{
	files_close_all(&p->files);
	mm_put(p->mm);
	process_free(p);
}

/* The child returns 0 from the same system call, on its own stack if it was given one. */
static void task_copy(struct task *t, ulong stack)
{
	struct trapframe *tf = task_frame(t);

	*tf = *task_frame(current);
	sc_set_result(tf, 0);
	if (stack)
		tf->sp = stack;
	fpu_save(current->regs.fpu);
	memcpy(t->regs.fpu, current->regs.fpu, FPU_AREA_SIZE);
	t->regs.tls = current->regs.tls;
	t->sched.allowed = current->sched.allowed;
	t->signals.blocked = current->signals.blocked;
	t->signals.altstack = current->signals.altstack;
	sched_prepare(t);
}

static int apply_flags(struct task *t, ulong flags, int *parent_tid, int *child_tid, ulong tls)
{
	if ((flags & CLONE_SETTLS) && abi_clone_tls(tls, &t->regs.tls))
		return -EFAULT;
	if ((flags & CLONE_PARENT_SETTID) && put_user(t->tid, parent_tid))
		return -EFAULT;
	if (flags & CLONE_CHILD_SETTID)
		t->set_tid = child_tid; /* written by the child: the memory may be its own copy already */
	if (flags & CLONE_CHILD_CLEARTID)
		t->clear_tid = (ulong)child_tid;
	return 0;
}

/* The parent sleeps until its child no longer uses the memory they share. Either may be killed first. */
static void wait_for_vfork(struct process *child)
{
	int pid = child->pid;

	child->vfork_waiting = true;
	while (process_find(pid) == child && child->vfork_waiting)
		if (wait_on_killable(&current->process->child_changed))
			return;
}

static long do_clone(ulong flags, ulong stack, int *parent_tid, int *child_tid, ulong tls)
{
	bool thread = flags & CLONE_THREAD;
	struct process *p = current->process;
	struct task *t;
	int tid;

	if (thread && (p->exiting || p->execing))
		return -EAGAIN; /* all threads of this process have been told to end, this one too */
	if (!limit_allows_task())
		return -EAGAIN;
	if (page_free_count() < 2 * KERNEL_FRAMES) /* they are kept for running programs */
		return -ENOMEM;
	if (!thread) {
		p = process_copy(current->process, flags & CLONE_VM);
		if (!p)
			return -ENOMEM;
	}
	tid = thread ? pid_alloc() : p->pid;
	t = task_alloc(p, tid);
	if (!t || (task_copy(t, stack), apply_flags(t, flags, parent_tid, child_tid, tls))) {
		if (t) {
			p->task_count--;
			task_free(t);
		}
		if (!thread)
			process_undo(p);
		return t ? -EFAULT : -ENOMEM;
	}
	if (!thread) {
		p->parent = current->process;
		list_add_tail(&p->parent->children, &p->sibling);
	}
	sched_add(t);
	if (!thread && (flags & CLONE_VFORK))
		wait_for_vfork(p);
	return tid;
}

long sys_fork(void)
{
	return do_clone(0, 0, NULL, NULL, 0);
}

long sys_vfork(void)
{
	return do_clone(CLONE_VM | CLONE_VFORK, 0, NULL, NULL, 0);
}

/* The order of the last two arguments depends on the word size: see x86/linux_abi.h. */
long sys_clone(ulong flags, ulong stack, int *parent_tid, ulong arg4, ulong arg5)
{
	ulong child_tid = arg4, tls = arg5;

	abi_clone_args(&child_tid, &tls);
	return do_clone(flags, stack, parent_tid, (int *)child_tid, tls);
}

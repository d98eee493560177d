/* SPDX-License-Identifier: MIT */
/* The files of /proc/<pid>. */
#include "kern/fs/devfs.h"
#include "kern/fs/procfs.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/space.h"
#include "kern/proc/process.h"
#include "kern/time/clock.h"
#include "kern/tty/tty.h"

#define TICK_NS (10 * NSEC_PER_MSEC)

static unsigned long long ticks(u64 ns)
{
	return div64(ns, TICK_NS, NULL);
}

static char state_letter(const struct process *p)
{
	struct task *t;
	char letter = 'Z';

	list_for_each (t, &p->tasks, siblings) {
		if (t->sched.state == TASK_READY)
			return 'R';
		letter = t->sched.state == TASK_SLEEPING  ? 'S'
			 : t->sched.state == TASK_BLOCKED ? 'D'
			 : t->sched.state == TASK_STOPPED ? 'T'
							  : letter;
	}
	return p->zombie ? 'Z' : letter;
}

static int parent_pid(const struct process *p)
{
	return p->parent ? p->parent->pid : 0;
}

static void show_stat(struct proc_text *t, struct process *p)
{
	sched_charge_all();
	proc_print(t, "%d (%s) %c %d %d %d %d %d 0 0 0 0 0 ", p->pid, p->comm, state_letter(p), parent_pid(p),
		   p->job.pgid, p->job.sid, p->job.tty ? (int)DEV_CONSOLE : 0,
		   p->job.tty ? p->job.tty->foreground : -1);
	proc_print(t, "%llu %llu %llu %llu 20 0 %u 0 %llu ", ticks(p->times.user_ns),
		   ticks(p->times.system_ns), ticks(p->times.children_user_ns),
		   ticks(p->times.children_system_ns), p->task_count, ticks(p->times.started));
	proc_print(t, "%lu %lu %lu 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
		   p->mm ? mm_size(p->mm) : 0, p->mm ? p->mm->pages : 0, ~0UL);
}

static void show_statm(struct proc_text *t, struct process *p)
{
	proc_print(t, "%lu %lu 0 0 0 0 0\n", p->mm ? mm_size(p->mm) >> PAGE_SHIFT : 0,
		   p->mm ? p->mm->pages : 0);
}

static void show_status(struct proc_text *t, struct process *p)
{
	proc_print(t, "Name:\t%s\nState:\t%c\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\n", p->comm, state_letter(p),
		   p->pid, p->pid, parent_pid(p));
	proc_print(t, "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nVmSize:\t%8lu kB\nVmRSS:\t%8lu kB\nThreads:\t%u\n",
		   p->mm ? mm_size(p->mm) / 1024 : 0, p->mm ? p->mm->pages * (PAGE_SIZE / 1024) : 0,
		   p->task_count);
}

/* The arguments still lie where execve put them, unless the program has changed them. */
static void show_cmdline(struct proc_text *t, struct process *p)
{
	size_t n, size;
	char *text;

	if (!p->mm || p->mm->arg_end <= p->mm->arg_start)
		return;
	size = MIN(p->mm->arg_end - p->mm->arg_start, PAGE_SIZE);
	text = kmalloc(size);
	if (!text)
		return;
	n = mm_peek(p->mm, p->mm->arg_start, text, size);
	proc_write(t, text, n);
	kfree(text);
}

static void show_comm(struct proc_text *t, struct process *p)
{
	proc_print(t, "%s\n", p->comm);
}

/* There may be many areas: other tasks run in between. */
static void show_maps(struct proc_text *t, struct process *p)
{
	struct mm *mm = p->mm;
	struct area *a;
	ulong at = 0;
	int pid = p->pid;

	if (!mm)
		return;
	mm_get(mm);
	while ((a = area_find(mm, at))) {
		const char *what = a->flags & AREA_HEAP      ? "[heap]"
				   : a->flags & AREA_STACK   ? "[stack]"
				   : a->flags & AREA_FOREIGN ? "[foreign]"
				   : a->file                 ? p->exe
							     : "";

		proc_print(t, "%08lx-%08lx %c%c%c%c %08llx 00:00 %llu %s\n", a->start, a->end,
			   a->prot & PROT_READ ? 'r' : '-', a->prot & PROT_WRITE ? 'w' : '-',
			   a->prot & PROT_EXEC ? 'x' : '-', a->flags & AREA_SHARED ? 's' : 'p',
			   (unsigned long long)a->offset,
			   (unsigned long long)(a->file ? a->file->inode->ino : 0), what);
		at = a->end;
		if (kernel_breathe() && (process_find(pid) != p || p->mm != mm))
			break; /* it has ended, or runs another program */
	}
	mm_put(mm);
}

static void show_exe(struct proc_text *t, struct process *p)
{
	if (p->exe)
		proc_print(t, "%s", p->exe);
}

static void show_cwd(struct proc_text *t, struct process *p)
{
	char *path = p->files.cwd ? kmalloc(PATH_MAX) : NULL;

	if (path && path_of_dir(p->files.cwd, path, PATH_MAX) > 0)
		proc_write(t, path, strlen(path));
	kfree(path);
}

const struct proc_file proc_process_files[] = {
    {"stat", S_IFREG | 0444, show_stat, NULL},
    {"statm", S_IFREG | 0444, show_statm, NULL},
    {"status", S_IFREG | 0444, show_status, NULL},
    {"cmdline", S_IFREG | 0444, show_cmdline, NULL},
    {"comm", S_IFREG | 0444, show_comm, NULL},
    {"maps", S_IFREG | 0444, show_maps, NULL},
    {"mounts", S_IFREG | 0444, proc_show_mounts, NULL},
    {"exe", S_IFLNK | 0777, show_exe, NULL},
    {"fd", S_IFDIR | 0500, NULL, NULL},
    {"cwd", S_IFLNK | 0777, show_cwd, NULL},
    {NULL, 0, NULL, NULL},
};

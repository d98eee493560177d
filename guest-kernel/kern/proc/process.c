/* SPDX-License-Identifier: MIT */
/* Processes and tasks: allocation and lookup. */
#include "kern/proc/process.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/time/clock.h"

#define PID_LAST 32767

struct list all_processes = LIST_INIT(all_processes);
struct process *init_process;

static void alarm_expired(struct timer *t)
{
	struct process *p = container_of(t, struct process, signals.alarm);

	signal_send(p, SIGALRM, NULL);
	if (p->signals.alarm_interval)
		timer_set(t,
			  MAX(t->deadline + p->signals.alarm_interval, clock_monotonic() + ALARM_SHORTEST));
}

struct process *process_alloc(void)
{
	struct process *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->tasks);
	wait_init(&p->child_changed);
	timer_init(&p->signals.alarm, alarm_expired);
	p->files.umask = 022;
	p->times.started = clock_monotonic();
	list_add_tail(&all_processes, &p->all);
	return p;
}

void process_free(struct process *p)
{
	timer_cancel(&p->signals.alarm);
	list_del(&p->all);
	list_del(&p->sibling);
	kfree(p->exe);
	kfree(p);
}

_Static_assert(sizeof(struct task) <= PAGE_SIZE, "a task has one frame besides its stack");

struct task *task_alloc(struct process *p, int tid)
{
	struct task *t = stack_alloc();

	if (!t)
		return NULL;
	memset(t, 0, sizeof(*t));
	t->stack = (void *)((char *)t + STACK_OFFSET);
	*t->stack = (struct stack_base){.guard = STACK_GUARD, .task = t};
	t->process = p;
	t->tid = tid;
	t->sched.allowed = ~(cpuset_t)0;
	t->signals.altstack.flags = SS_DISABLE;
	list_init(&t->sched.run);
	list_add_tail(&p->tasks, &t->siblings);
	p->task_count++;
	return t;
}

/* Not for the running task, nor on the task's own stack. */
void task_free(struct task *t)
{
	list_del(&t->siblings);
	stack_free(t);
}

struct process *process_find(int pid)
{
	struct process *p;

	list_for_each (p, &all_processes, all) {
		if (p->pid == pid)
			return p;
	}
	return NULL;
}

struct task *task_find(int tid)
{
	struct process *p;
	struct task *t;

	list_for_each (p, &all_processes, all) {
		list_for_each (t, &p->tasks, siblings) {
			if (t->tid == tid && t->sched.state != TASK_DEAD)
				return t;
		}
	}
	return NULL;
}

static bool pid_taken(int pid)
{
	struct process *p;

	list_for_each (p, &all_processes, all) {
		if (p->pid == pid || p->job.pgid == pid || p->job.sid == pid)
			return true;
	}
	return task_find(pid);
}

int pid_alloc(void)
{
	static int last = 1; /* process 1 is made by main.c */

	int pid;

	do {
		kernel_breathe();
		pid = last = last == PID_LAST ? 2 : last + 1;
	} while (pid_taken(pid));
	return pid;
}

u32 process_count(void)
{
	struct process *p;
	u32 n = 0;

	list_for_each (p, &all_processes, all)
		n++;
	return n;
}

void process_set_comm(struct process *p, const char *path)
{
	const char *slash;

	while ((slash = strchr(path, '/')))
		path = slash + 1;
	strlcpy(p->comm, path, COMM_LEN);
}

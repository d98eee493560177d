/* SPDX-License-Identifier: MIT */
/*
 * Limits of resources: each process has its own, from its parent; they are checked where it takes more. Every
 * process is root's and may raise them. Limits without effect here (CPU, CORE, ...) are stored too.
 */
#include "kern/proc/limits.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/page.h"
#include "kern/mm/space.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"

#define UNLIMITED      (~0ULL)
#define FRAMES_OF_TASK 32 /* what a small process costs: LIMIT_NPROC lets such processes use up all memory */

u64 limit(int resource)
{
	return current->process->limits[resource].soft;
}

void limits_init(struct limit limits[LIMITS])
{
	memset(limits, 0xff, LIMITS * sizeof(*limits));
	limits[LIMIT_STACK].soft = 8ULL << 20;
	limits[LIMIT_NPROC].soft = limits[LIMIT_NPROC].hard = page_total_count() / FRAMES_OF_TASK;
	limits[LIMIT_NOFILE].soft = limits[LIMIT_NOFILE].hard = FD_MAX;
}

bool limit_allows_task(void)
{
	struct process *p;
	u64 tasks = 0;

	list_for_each (p, &all_processes, all)
		tasks += MAX(p->task_count, 1u); /* a zombie counts too */
	return tasks < limit(LIMIT_NPROC);
}

bool limit_allows_memory(const struct mm *mm, ulong more)
{
	return limit(LIMIT_AS) == UNLIMITED || mm_size(mm) + (u64)more <= limit(LIMIT_AS);
}

int limit_file_size(u64 pos, size_t *n)
{
	u64 most = limit(LIMIT_FSIZE);

	if (*n && pos >= most) {
		signal_send(current->process, SIGXFSZ, NULL);
		return -EFBIG;
	}
	*n = MIN((u64)*n, most - pos);
	return 0;
}

static long set_limit(struct process *p, int resource, const struct limit *limit)
{
	if (limit->soft > limit->hard)
		return -EINVAL;
	if (resource == LIMIT_NOFILE && limit->hard > FD_MAX)
		return -EPERM;
	p->limits[resource] = *limit;
	return 0;
}

long sys_prlimit64(int pid, int resource, const u64 *user, u64 *old)
{
	struct process *p = pid ? process_find(pid) : current->process;
	struct limit limit, before;

	if (resource < 0 || resource >= LIMITS)
		return -EINVAL;
	if (user && copy_from_user(&limit, user, sizeof(limit)))
		return -EFAULT;
	if (!p)
		return -ESRCH;
	before = p->limits[resource];
	if (user) {
		long rc = set_limit(p, resource, &limit);

		if (rc)
			return rc;
	}
	return old ? copy_to_user(old, &before, sizeof(before)) : 0;
}

/* In 32 bit a limit that does not fit is shown as unlimited, and setting that value means unlimited. */
long sys_getrlimit(int resource, ulong *user)
{
	struct limit l;
	ulong pair[2];

	if (resource < 0 || resource >= LIMITS)
		return -EINVAL;
	l = current->process->limits[resource];
	pair[0] = MIN(l.soft, (u64)~0UL);
	pair[1] = MIN(l.hard, (u64)~0UL);
	return copy_to_user(user, pair, sizeof(pair));
}

long sys_setrlimit(int resource, const ulong *user)
{
	ulong pair[2];
	struct limit l;

	if (resource < 0 || resource >= LIMITS)
		return -EINVAL;
	if (copy_from_user(pair, user, sizeof(pair)))
		return -EFAULT;
	l.soft = pair[0] == ~0UL ? UNLIMITED : pair[0];
	l.hard = pair[1] == ~0UL ? UNLIMITED : pair[1];
	return set_limit(current->process, resource, &l);
}

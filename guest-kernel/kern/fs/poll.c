/* SPDX-License-Identifier: MIT */
/*
 * poll and select. One pass asks every file and joins its queues; if none is ready the task sleeps until any
 * queue wakes it and asks again. select is translated to poll's form.
 */
#include "kern/fs/poll.h"
#include "kern/fs/vfs.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"
#include "kern/time/clock.h"

#define QUEUES_PER_FILE 2

struct pollfd {
	int fd;
	s16 events, revents;
};

/* A queue lives as long as its file, which another thread may close while this one waits. */
struct poll_set {
	struct poll_entry {
		struct waiter waiter;
		struct file *file;
	} * entries;
	u32 used, room;
	struct file *asked;
};

void poll_wait(struct poll_set *set, struct wait_queue *q)
{
	struct poll_entry *e;

	if (!set || set->used == set->room)
		return;
	e = &set->entries[set->used++];
	e->file = file_get(set->asked);
	wait_add(q, &e->waiter);
}

static void leave_queues(struct poll_set *set)
{
	while (set->used) {
		struct poll_entry *e = &set->entries[--set->used];

		wait_remove(&e->waiter);
		file_put(e->file);
	}
}

static unsigned ask(struct pollfd *p, struct poll_set *set)
{
	struct file *file;

	if (p->fd < 0)
		return 0;
	file = fd_file(p->fd);
	if (!file)
		return POLLNVAL;
	if (!file->ops->poll)
		return (POLLIN | POLLOUT) & p->events;
	if (set)
		set->asked = file;
	return file->ops->poll(file, set) & (p->events | POLLERR | POLLHUP);
}

static int ask_all(struct pollfd *fds, u32 n, struct poll_set *set)
{
	int ready = 0;
	u32 i;

	for (i = 0; i < n; i++) {
		fds[i].revents = ask(&fds[i], ready ? NULL : set);
		ready += fds[i].revents != 0;
	}
	return ready;
}

static int poll_until(struct pollfd *fds, u32 n, u64 deadline)
{
	struct poll_set set = {.room = n * QUEUES_PER_FILE};
	int ready, rc = 0;

	set.entries = kmalloc((n ? n : 1) * QUEUES_PER_FILE * sizeof(*set.entries));
	if (!set.entries)
		return -ENOMEM;
	for (;;) {
		ready = ask_all(fds, n, &set);
		if (ready || rc)
			break;
		rc = wait_until(deadline);
		leave_queues(&set);
	}
	leave_queues(&set);
	kfree(set.entries);
	return ready ? ready : rc == -ETIMEDOUT ? 0 : rc;
}

static long poll_user(struct pollfd *user, u32 n, u64 deadline)
{
	struct pollfd *fds;
	long rc;

	if (n > limit(LIMIT_NOFILE))
		return -EINVAL;
	fds = kmalloc((n ? n : 1) * sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	rc = copy_from_user(fds, user, n * sizeof(*fds));
	if (!rc)
		rc = poll_until(fds, n, deadline);
	if (rc >= 0 && copy_to_user(user, fds, n * sizeof(*fds)))
		rc = -EFAULT;
	kfree(fds);
	return rc;
}

static u64 deadline_in(s64 ns)
{
	return ns < 0 ? WAIT_FOREVER : clock_monotonic() + ns;
}

/* A relative timeout of either timespec; NULL: for ever. */
static int deadline_get(const struct timespec *user, u64 *deadline)
{
	u64 ns;
	int rc = user ? get_timespec(user, &ns) : 0;

	*deadline = user && !rc ? deadline_in(ns) : WAIT_FOREVER;
	return rc;
}

static int deadline_get64(const struct timespec64 *user, u64 *deadline)
{
	u64 ns;
	int rc = user ? get_timespec64(user, &ns) : 0;

	*deadline = user && !rc ? deadline_in(ns) : WAIT_FOREVER;
	return rc;
}

/* ppoll and pselect wait with another signal mask; handlers run before the old one comes back. */
static int swap_mask(const u64 *user)
{
	u64 mask;

	if (!user)
		return 0;
	if (get_user(mask, user))
		return -EFAULT;
	current->signals.saved_blocked = current->signals.blocked;
	current->signals.restore_blocked = true;
	signal_set_blocked(mask);
	return 0;
}

/* With no signal to handle the mask is put back here; otherwise signal_deliver() does it. */
static long unswap_mask(long rc)
{
	if (rc != -ERESTARTSYS && current->signals.restore_blocked) {
		current->signals.restore_blocked = false;
		signal_set_blocked(current->signals.saved_blocked);
	}
	return rc == -ERESTARTSYS ? -EINTR : rc;
}

long sys_poll(void *fds, u32 n, int timeout_ms)
{
	return unswap_mask(poll_user(fds, n, deadline_in((s64)timeout_ms * NSEC_PER_MSEC)));
}

long sys_ppoll(void *fds, u32 n, const struct timespec *timeout, const u64 *mask)
{
	u64 deadline;
	int rc = deadline_get(timeout, &deadline);

	if (!rc)
		rc = swap_mask(mask);
	return rc ? rc : unswap_mask(poll_user(fds, n, deadline));
}

long sys_ppoll_time64(void *fds, u32 n, const struct timespec64 *timeout, const u64 *mask)
{
	u64 deadline;
	int rc = deadline_get64(timeout, &deadline);

	if (!rc)
		rc = swap_mask(mask);
	return rc ? rc : unswap_mask(poll_user(fds, n, deadline));
}

struct fd_sets {
	ulong *in[3], *out[3];
	struct pollfd *fds;
};

static const u16 events_of[3] = {POLLIN | POLLHUP | POLLERR, POLLOUT | POLLERR, POLLPRI};

static bool test(const ulong *set, int fd)
{
	return set[fd / (8 * sizeof(ulong))] >> (fd % (8 * sizeof(ulong))) & 1;
}

static u32 sets_to_poll(struct fd_sets *s, int n)
{
	u32 used = 0;
	int fd, i;

	for (fd = 0; fd < n; fd++) {
		u16 events = 0;

		for (i = 0; i < 3; i++)
			events |= test(s->in[i], fd) ? events_of[i] : 0;
		if (events)
			s->fds[used++] = (struct pollfd){.fd = fd, .events = events};
	}
	return used;
}

static int poll_to_sets(struct fd_sets *s, u32 used)
{
	int i, count = 0;
	u32 k;

	for (k = 0; k < used; k++) {
		int fd = s->fds[k].fd;

		for (i = 0; i < 3; i++) {
			if (test(s->in[i], fd) && (s->fds[k].revents & events_of[i])) {
				s->out[i][fd / (8 * sizeof(ulong))] |= 1UL << (fd % (8 * sizeof(ulong)));
				count++;
			}
		}
	}
	return count;
}

static long select_sets(struct fd_sets *s, int n, ulong *user[3], u64 deadline)
{
	size_t bytes = ROUND_UP((size_t)n, 8 * sizeof(ulong)) / 8;
	long rc;
	u32 used;
	int i;

	for (i = 0; i < 3; i++) {
		if (user[i] && copy_from_user(s->in[i], user[i], bytes))
			return -EFAULT;
	}
	used = sets_to_poll(s, n);
	rc = poll_until(s->fds, used, deadline);
	if (rc < 0)
		return rc;
	for (i = 0; i < (int)used; i++) {
		if (s->fds[i].revents & POLLNVAL)
			return -EBADF;
	}
	rc = poll_to_sets(s, used);
	for (i = 0; i < 3; i++) {
		if (user[i] && copy_to_user(user[i], s->out[i], bytes))
			return -EFAULT;
	}
	return rc;
}

static long do_select(int n, ulong *in, ulong *out, ulong *except, u64 deadline)
{
	ulong *user[3] = {in, out, except};
	struct fd_sets s;
	size_t words;
	ulong *memory;
	long rc;
	int i;

	if (n < 0)
		return -EINVAL;
	n = MIN(n, FD_MAX);
	words = ROUND_UP((size_t)n, 8 * sizeof(ulong)) / (8 * sizeof(ulong));
	memory = kzalloc(6 * words * sizeof(ulong) + n * sizeof(*s.fds));
	if (!memory)
		return -ENOMEM;
	for (i = 0; i < 3; i++) {
		s.in[i] = memory + i * words;
		s.out[i] = memory + (3 + i) * words;
	}
	s.fds = (struct pollfd *)(memory + 6 * words);
	rc = select_sets(&s, n, user, deadline);
	kfree(memory);
	return rc;
}

long sys_select(int n, ulong *in, ulong *out, ulong *except, struct timeval *timeout)
{
	struct timeval t;
	u64 deadline = WAIT_FOREVER, ns;

	if (timeout) {
		if (copy_from_user(&t, timeout, sizeof(t)))
			return -EFAULT;
		if (clock_span(t.sec, t.usec, NSEC_PER_USEC, &ns))
			return -EINVAL;
		deadline = deadline_in(ns);
	}
	return unswap_mask(do_select(n, in, out, except, deadline));
}

/* The sixth argument points to a pointer to the mask and its size. */
static int swap_packed_mask(const ulong *packed)
{
	ulong mask;

	if (!packed)
		return 0;
	return get_user(mask, packed) ? -EFAULT : swap_mask((const u64 *)mask);
}

long sys_pselect6(int n, ulong *in, ulong *out, ulong *except, const struct timespec *timeout,
		  const ulong *packed)
{
	u64 deadline;
	int rc = deadline_get(timeout, &deadline);

	if (!rc)
		rc = swap_packed_mask(packed);
	return rc ? rc : unswap_mask(do_select(n, in, out, except, deadline));
}

long sys_pselect6_time64(int n, ulong *in, ulong *out, ulong *except, const struct timespec64 *timeout,
			 const ulong *packed)
{
	u64 deadline;
	int rc = deadline_get64(timeout, &deadline);

	if (!rc)
		rc = swap_packed_mask(packed);
	return rc ? rc : unswap_mask(do_select(n, in, out, except, deadline));
}

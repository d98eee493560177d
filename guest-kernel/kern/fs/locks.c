/* SPDX-License-Identifier: MIT */
/*
 * Advisory locks on ranges of files. A lock's owner is a process (fcntl: dropped when the process closes any
 * descriptor of the file) or an open file (flock, and fcntl's F_OFD_*: dropped with its last descriptor). flock's
 * locks cover the whole file and are independent of the others. An owner's locks on a file never overlap.
 */
#include "kern/fs/locks.h"
#include "kern/lib/errno.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"

#define F_RDLCK   0
#define F_WRLCK   1
#define F_UNLCK   2
#define LAST      0x7fffffffffffffffLL /* a range to the end of the file */
#define LOCKS_MAX 512                  /* on one file: they are searched with the kernel lock held */
#define CHAIN_MAX 32                   /* owners that wait for each other, before it counts as a deadlock */

#define LOCK_SH 1
#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8

struct lock {
	struct lock *next;
	const void *owner;
	s64 first, last;
	int type, pid;
	bool flock;
};

/* A task that waits for a lock; on its stack. */
struct lock_wait {
	struct list list;
	struct inode *inode;
	const struct lock *wanted;
};

/* As programs pass it; in 64 bit both are the same. */
struct flock {
	s16 type, whence;
	long start, len;
	int pid;
};

struct flock64 {
	s16 type, whence;
	s64 start, len;
	int pid;
};

static struct list waits = LIST_INIT(waits);
static struct wait_queue changed = {LIST_INIT(changed.waiters)}; /* a lock was given back, of any file */

static bool same_owner(const struct lock *a, const struct lock *b)
{
	return a->owner == b->owner && a->flock == b->flock;
}

static const struct lock *conflict(const struct inode *inode, const struct lock *wanted)
{
	const struct lock *l;

	for (l = inode->locks; l; l = l->next) {
		if (l->flock == wanted->flock && l->owner != wanted->owner && l->first <= wanted->last &&
		    l->last >= wanted->first && (l->type == F_WRLCK || wanted->type == F_WRLCK))
			return l;
	}
	return NULL;
}

/* Takes [first, last] out of the owner's locks; `spare` is used for the upper part of one that is cut in two. */
static void carve(struct inode *inode, const struct lock *range, struct lock **spare)
{
	struct lock **at = &inode->locks, *l, *upper;

	while ((l = *at)) {
		if (!same_owner(l, range) || l->first > range->last || l->last < range->first) {
			at = &l->next;
			continue;
		}
		if (l->first < range->first && l->last > range->last) {
			upper = *spare;
			*spare = NULL;
			*upper = *l;
			upper->first = range->last + 1;
			l->next = upper;
			l->last = range->first - 1;
			return;
		}
		if (l->first >= range->first && l->last <= range->last) {
			*at = l->next;
			kfree(l);
			continue;
		}
		if (l->first < range->first)
			l->last = range->first - 1;
		else
			l->first = range->last + 1;
		at = &l->next;
	}
}

/* Grows the range by the owner's locks of the same type that it touches, so that many small locks become one. */
static void merge(const struct inode *inode, struct lock *range)
{
	const struct lock *l;

	for (l = inode->locks; l; l = l->next) {
		if (same_owner(l, range) && l->type == range->type && l->first - 1 <= range->last &&
		    l->last >= range->first - 1) {
			range->first = MIN(range->first, l->first);
			range->last = MAX(range->last, l->last);
		}
	}
}

/* Sets a lock that conflicts with none, or clears it (F_UNLCK). 0 or -ENOLCK. */
static int apply(struct inode *inode, struct lock range)
{
	struct lock *spare = kmalloc(sizeof(*spare)), *fresh = kmalloc(sizeof(*fresh)), *l;
	unsigned count = 0;

	for (l = inode->locks; l; l = l->next)
		count++;
	if (!spare || !fresh || (count >= LOCKS_MAX && range.type != F_UNLCK)) {
		kfree(spare);
		kfree(fresh);
		return -ENOLCK;
	}
	if (range.type != F_UNLCK)
		merge(inode, &range);
	carve(inode, &range, &spare);
	if (range.type != F_UNLCK) {
		*fresh = range;
		fresh->next = inode->locks;
		inode->locks = fresh;
		fresh = NULL;
	}
	kfree(spare);
	kfree(fresh);
	wake_all(&changed);
	return 0;
}

void locks_drop(struct inode *inode, const void *owner)
{
	struct lock **at = &inode->locks, *l;

	while ((l = *at)) {
		if (l->owner != owner) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		kfree(l);
		wake_all(&changed);
	}
}

/* Would it wait for a process that waits for it, directly or through others? Only for processes' locks, as in Linux. */
static bool is_deadlock(const struct lock *wanted, const struct lock *blocker)
{
	struct lock_wait *w;
	unsigned step;

	for (step = 0; step < CHAIN_MAX; step++) {
		const struct lock *next = NULL;

		if (blocker->owner == wanted->owner)
			return true;
		list_for_each (w, &waits, list) {
			if (same_owner(w->wanted, blocker) && (next = conflict(w->inode, w->wanted)))
				break;
		}
		if (!next)
			return false;
		blocker = next;
	}
	return true;
}

static int acquire(struct inode *inode, const struct lock *wanted, bool wait)
{
	struct lock_wait w = {.inode = inode, .wanted = wanted};
	const struct lock *blocker;
	int rc = 0;

	while (!rc && wanted->type != F_UNLCK && (blocker = conflict(inode, wanted))) {
		if (!wait)
			return -EAGAIN;
		if (wanted->owner == current->process && is_deadlock(wanted, blocker))
			return -EDEADLK;
		list_add_tail(&waits, &w.list);
		rc = wait_on(&changed);
		list_del(&w.list);
	}
	return rc ? rc : apply(inode, *wanted);
}

static int read_request(const struct file *file, const struct flock64 *f, struct lock *l)
{
	s64 from = 0, end;

	if (f->whence == SEEK_CUR)
		from = file->pos;
	else if (f->whence == SEEK_END)
		from = file->inode->size;
	else if (f->whence != SEEK_SET)
		return -EINVAL;
	if (f->type < F_RDLCK || f->type > F_UNLCK)
		return -EINVAL;
	if (__builtin_add_overflow(from, f->start, &from) || __builtin_add_overflow(from, f->len, &end))
		return -EOVERFLOW;
	l->first = f->len < 0 ? end : from;
	l->last = !f->len ? LAST : f->len < 0 ? from - 1 : end - 1;
	l->type = f->type;
	return l->first < 0 ? -EINVAL : 0;
}

static void describe(const struct lock *l, struct flock64 *f)
{
	f->type = l ? l->type : F_UNLCK;
	if (!l)
		return;
	f->whence = SEEK_SET;
	f->start = l->first;
	f->len = l->last == LAST ? 0 : l->last - l->first + 1;
	f->pid = l->pid;
}

static int get_flock(struct flock64 *f, const void *user, bool wide)
{
	struct flock narrow;

	if (wide)
		return copy_from_user(f, user, sizeof(*f));
	if (copy_from_user(&narrow, user, sizeof(narrow)))
		return -EFAULT;
	*f = (struct flock64){narrow.type, narrow.whence, narrow.start, narrow.len, narrow.pid};
	return 0;
}

static int put_flock(const struct flock64 *f, void *user, bool wide)
{
	struct flock narrow = {f->type, f->whence, f->start, f->len, f->pid};

	if (wide)
		return copy_to_user(user, f, sizeof(*f));
	if (narrow.start != f->start || narrow.len != f->len)
		return -EOVERFLOW;
	return copy_to_user(user, &narrow, sizeof(narrow));
}

static int may_lock(const struct file *file, int type)
{
	u32 mode = file->flags & O_ACCMODE;

	return (type == F_RDLCK && mode == O_WRONLY) || (type == F_WRLCK && mode == O_RDONLY) ? -EBADF : 0;
}

static long fcntl_lock(int fd, struct file *file, int command, void *user)
{
	bool ofd = command >= F_OFD_GETLK, wide = ofd || command >= F_GETLK64;
	bool wait = command == F_SETLKW || command == F_SETLKW64 || command == F_OFD_SETLKW;
	struct lock l = {.owner = ofd ? (void *)file : current->process,
			 .pid = ofd ? -1 : current->process->pid};
	struct flock64 f;
	int rc = get_flock(&f, user, wide);

	if (!rc)
		rc = ofd && f.pid ? -EINVAL : read_request(file, &f, &l);
	if (rc)
		return rc;
	if (command == F_GETLK || command == F_GETLK64 || command == F_OFD_GETLK) {
		if (f.type == F_UNLCK)
			return -EINVAL;
		describe(conflict(file->inode, &l), &f);
		return put_flock(&f, user, wide);
	}
	rc = may_lock(file, l.type);
	if (!rc)
		rc = acquire(file->inode, &l, wait);
	if (!rc && fd_file(fd) != file) { /* another thread has closed it meanwhile */
		locks_drop(file->inode, current->process);
		rc = -EBADF;
	}
	return rc;
}

long file_lock(int fd, int command, ulong arg)
{
	struct file *file = file_get(fd_file(fd));
	long rc = file->flags & O_PATH ? -EBADF : fcntl_lock(fd, file, command, (void *)arg);

	file_put(file);
	return rc;
}

/* What the file held is given back first, even if it then gets nothing: otherwise two files that share a lock and both
 * ask for an exclusive one would wait for each other. */
long sys_flock(int fd, int operation)
{
	struct file *file = fd_file(fd);
	struct lock l = {.owner = file, .last = LAST, .flock = true, .pid = current->process->pid};
	int what = operation & ~LOCK_NB;
	long rc;

	if (!file || (file->flags & O_PATH))
		return -EBADF;
	if (what != LOCK_SH && what != LOCK_EX && what != LOCK_UN)
		return -EINVAL;
	file_get(file);
	l.type = F_UNLCK;
	rc = apply(file->inode, l);
	l.type = what == LOCK_SH ? F_RDLCK : F_WRLCK;
	if (!rc && what != LOCK_UN)
		rc = acquire(file->inode, &l, !(operation & LOCK_NB));
	file_put(file);
	return rc;
}

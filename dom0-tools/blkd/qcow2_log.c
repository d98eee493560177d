/* SPDX-License-Identifier: MIT */
/*
 * A guest that was answered relies on its write, and the tables that say where it lies may be in memory only, until a flush.
 * A power cut may take such a write, as a real disk's cache does; the end of this process may not, as the guest does not notice it:
 * another process takes the disk over. So each change of a table is also in a file of <run>/blkd, in memory, before the guest
 * is answered. That file is gone after a power cut, as it must be, and is empty after a flush.
 *
 * A change says what was there before. Where something else stands in the image, another program has changed that in
 * between, and the file means nothing any more.
 */
#define _GNU_SOURCE /* syscall, AT_EMPTY_PATH */
#include "qcow2.h"

#include "err.h"
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif
#define STATX_BORN 0x800

/* When the file was made (statx(2)), in nanoseconds; 0: nobody knows. A number of an inode is used again. */
static uint64_t born(int fd)
{
	uint64_t answer[32] = {0}; /* struct statx: a mask, and the time at byte 80 */

	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_BORN, answer) || !(answer[0] & STATX_BORN))
		return 0;
	return answer[10] * 1000000000 + (uint32_t)answer[11];
}

void log_open(struct qcow2 *q)
{
	char path[256];
	struct stat st;

	if (q->image.readonly || fstat(q->fd, &st))
		return;
	snprintf(path, sizeof(path), "%s/blkd/%llx-%llx-%llx.changes", run_dir, (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino, (unsigned long long)born(q->fd));
	q->log_path = strdup(path);
	q->held = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static int append(struct qcow2 *q)
{
	size_t bytes = q->nr_changes * sizeof(*q->changes);
	int rc = q->log < 0 ? -EBADF : image_pwrite(q->log, q->changes, bytes, q->log_end);

	if (rc)
		return rc;
	q->log_end += bytes;
	q->nr_changes = 0;
	return 0;
}

void log_change(struct qcow2 *q, enum meta_rank rank, uint64_t offset, uint64_t old, uint64_t new)
{
	if (q->log < 0)
		return;
	if (q->nr_changes == QCOW2_CHANGES && append(q)) {
		/* Half a log is worse than none. */
		log_close(q);
		return;
	}
	q->changes[q->nr_changes++] = (struct change){offset, old, new, rank};
}

int log_commit(struct qcow2 *q)
{
	if (q->log >= 0 && (!q->nr_changes || !append(q)))
		return 0;
	log_close(q);
	return meta_flush(q);
}

void log_empty(struct qcow2 *q)
{
	q->nr_changes = 0;
	if (q->log >= 0 && q->log_end && ftruncate(q->log, 0))
		log_close(q);
	q->log_end = 0;
}

void log_close(struct qcow2 *q)
{
	if (q->log >= 0) {
		unlink(q->log_path);
		close(q->log);
	}
	q->log = -1;
	q->nr_changes = 0;
}

/* Whether @value can stand at the place of change @i: before it, or after it or a later one, if the process was killed
 * while it wrote tables. */
static bool can_be(const struct change *all, size_t i, size_t count, uint64_t value)
{
	uint64_t offset = all[i].offset;

	if (value == all[i].old)
		return true;
	for (; i < count; i++)
		if (all[i].offset == offset && all[i].rank < META_RANKS && all[i].new == value)
			return true;
	return false;
}

static int again(struct qcow2 *q, const struct change *all, size_t i, size_t count)
{
	const struct change *c = &all[i];
	uint64_t value;
	int rc;

	if (c->rank >= META_RANKS) {
		refs_drop(q, c->offset);
		return 0;
	}
	rc = meta_read64(q, c->offset, c->rank, &value);
	if (!rc && !can_be(all, i, count, value))
		return -ESTALE;
	return rc ? rc : meta_write64(q, c->offset, c->rank, c->new);
}

int log_replay(struct qcow2 *q)
{
	int64_t bytes = q->held < 0 ? 0 : image_file_size(q->held);
	size_t count = bytes < 0 ? 0 : bytes / sizeof(struct change);
	struct change *all = malloc(count * sizeof(*all) + 1);
	int rc = all ? image_pread(q->held, all, count * sizeof(*all), 0) : -ENOMEM;

	q->replayed = count;
	for (size_t i = 0; i < count && !rc; i++)
		rc = again(q, all, i, count);
	free(all);
	return rc;
}

void log_reject(struct qcow2 *q)
{
	warn("%s: another program has changed it since the process that wrote to it was killed; what its "
	     "guest wrote last is lost",
	     q->path);
	unlink(q->log_path);
}

int log_start(struct qcow2 *q)
{
	if (q->image.readonly)
		return 0;
	q->log = q->held;
	q->held = -1;
	q->log_end = q->replayed * sizeof(struct change);
	if (q->replayed)
		warn(
		    "%s: taken over from a process that was killed; %zu changes of its tables are done again",
		    q->path, q->replayed);
	return meta_flush(q); /* which empties the log */
}

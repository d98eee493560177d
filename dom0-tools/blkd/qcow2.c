/* SPDX-License-Identifier: MIT */
/*
 * qcow2 images, read and written in the form that `qemu-img create` makes them. Facts: QEMU's docs/interop/qcow2.txt.
 *
 * The order in which things reach the disk, so that after a power cut the image is whole, has what was flushed, and at worst
 * counts clusters that nothing refers to (`qemu-img check -r leaks` finds them). Tables are kept in memory and written when the
 * guest flushes, or when the cache is full of changes; each line is on the disk (fdatasync) before the next begins:
 *
 *	1. data, new L2 tables (zeros), counts of clusters taken or free again
 *	2. the table of the blocks of counts
 *	3. entries of L2
 *	4. entries of L1
 *
 * A cluster that an entry no longer names is counted down, and may be taken again, only after the end of such a round: until
 * then the entry on the disk may still name it. What is written into a cluster that the disk's tables name goes there at once. A
 * table that must grow is copied to a new place, and the header changes when the copy is on the disk.
 *
 * The dirty bit is never set: counts are never too low. Not offered: compression, encryption, internal snapshots, external data
 * files, extended L2 entries (qcow2_open.c refuses them).
 */
#include "qcow2.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct qcow2 *of(struct image *image)
{
	return (struct qcow2 *)image;
}

static int read_behind(struct qcow2 *q, uint64_t guest, void *to, size_t bytes)
{
	uint64_t end = q->backing ? q->backing->sectors << SECTOR_SHIFT : 0;
	size_t there = guest >= end ? 0 : end - guest < bytes ? end - guest : bytes;

	memset((uint8_t *)to + there, 0, bytes - there);
	return there ? q->backing->ops->read(q->backing, guest >> SECTOR_SHIFT, to, there) : 0;
}

static int qcow2_read(struct image *image, uint64_t sector, void *to, size_t bytes)
{
	struct qcow2 *q = of(image);
	uint64_t guest = sector << SECTOR_SHIFT;
	struct map_run run;
	int rc = 0;

	for (uint8_t *into = to; bytes && !rc; into += run.bytes, guest += run.bytes, bytes -= run.bytes) {
		rc = map_find(q, guest, bytes, &run);
		if (rc)
			break;
		if (run.kind == MAP_DATA)
			rc = qcow2_pread(q, into, run.bytes, run.at);
		else if (run.kind == MAP_HOLE)
			rc = read_behind(q, guest, into, run.bytes);
		else
			memset(into, 0, run.bytes);
	}
	return rc;
}

/* What was at [@guest, @guest + @bytes) of the disk, a part of a cluster, goes to the new cluster at @at. */
static int copy_old(struct qcow2 *q, enum map_kind kind, uint64_t guest, uint64_t bytes, uint64_t at)
{
	uint8_t *old;
	int rc;

	if (!bytes)
		return 0;
	if (kind == MAP_ZERO || !q->backing)
		return qcow2_zero(q, at, bytes);
	old = malloc(bytes);
	if (!old)
		return -ENOMEM;
	rc = read_behind(q, guest, old, bytes);
	if (!rc)
		rc = qcow2_pwrite(q, old, bytes, at);
	free(old);
	return rc;
}

/* New clusters at @at for [@guest, @guest + @bytes): what is written, and around it what was there. */
static int fill(struct qcow2 *q, enum map_kind kind, uint64_t guest, const void *from, size_t bytes,
		uint64_t at)
{
	uint64_t head = guest & (q->cluster - 1), end = head + bytes, tail = -end & (q->cluster - 1);
	bool fresh = at >= q->file_end;
	bool zeros = kind == MAP_ZERO || !q->backing;
	int rc = qcow2_extend(q, at + end + tail);

	if (!rc && !(fresh && zeros))
		rc = copy_old(q, kind, guest - head, head, at);
	if (!rc)
		rc = qcow2_pwrite(q, from, bytes, at + head);
	if (!rc && !(fresh && zeros))
		rc = copy_old(q, kind, guest + bytes, tail, at + end);
	return rc;
}

/* Write into clusters that the guest does not have yet: as many as follow one another, at most @bytes; *done says how much. */
static int write_new(struct qcow2 *q, enum map_kind kind, uint64_t guest, const void *from, uint64_t bytes,
		     uint64_t *done)
{
	uint64_t head = guest & (q->cluster - 1), at, set = 0;
	uint64_t count = (head + bytes + q->cluster - 1) >> q->cluster_bits;
	int rc = refs_take(q, &count, &at);

	if (rc)
		return rc;
	*done = (count << q->cluster_bits) - head < bytes ? (count << q->cluster_bits) - head : bytes;
	rc = fill(q, kind, guest, from, *done, at);
	for (; set < count && !rc; set += !rc)
		rc = map_set(q, guest - head + (set << q->cluster_bits),
			     (at + (set << q->cluster_bits)) | QCOW2_COPIED);
	for (; set < count; set++)
		refs_release(q, (at >> q->cluster_bits) + set);
	return rc;
}

/* Whatever was done outlives this process, also if only a part of it could be. */
static int answer(struct qcow2 *q, int rc)
{
	int committed = log_commit(q);

	return rc ? rc : committed;
}

static int qcow2_write(struct image *image, uint64_t sector, const void *from, size_t bytes)
{
	struct qcow2 *q = of(image);
	uint64_t guest = sector << SECTOR_SHIFT, done;
	struct map_run run;
	int rc = q->broken;

	for (const uint8_t *data = from; bytes && !rc; data += done, guest += done, bytes -= done) {
		rc = map_find(q, guest, bytes, &run);
		if (rc)
			break;
		done = run.bytes;
		if (run.kind == MAP_DATA)
			rc = qcow2_pwrite(q, data, run.bytes, run.at);
		else
			rc = write_new(q, run.kind, guest, data, run.bytes, &done);
	}
	return answer(q, rc);
}

static int qcow2_flush(struct image *image)
{
	struct qcow2 *q = of(image);

	return q->image.readonly ? 0 : meta_flush(q);
}

/* Whole clusters go back to the file system; parts of one stay as they are. Behind a hole the older image would show, so there a
 * cluster becomes one of zeros, which version 2 does not have. */
static int qcow2_discard(struct image *image, uint64_t sector, uint64_t sectors)
{
	struct qcow2 *q = of(image);
	uint64_t guest = sector << SECTOR_SHIFT, end = guest + (sectors << SECTOR_SHIFT);
	uint64_t entry = q->backing ? QCOW2_ZERO : 0;
	struct map_run run;
	int rc = q->broken;

	if (rc || (entry && q->version < 3))
		return rc;
	guest = (guest + q->cluster - 1) & ~(q->cluster - 1);
	if (end == q->image.sectors << SECTOR_SHIFT)
		end += -end & (q->cluster - 1);
	for (; !rc && guest + q->cluster <= end; guest += q->cluster) {
		rc = map_find(q, guest, q->cluster, &run);
		if (!rc && (run.kind == MAP_DATA || (run.kind == MAP_HOLE && entry)))
			rc = map_set(q, guest, entry);
	}
	return answer(q, rc);
}

static void release(struct qcow2 *q)
{
	if (q->backing)
		q->backing->ops->close(q->backing);
	if (q->fd >= 0)
		close(q->fd);
	if (q->log >= 0)
		close(q->log);
	if (q->held >= 0)
		close(q->held);
	meta_free(q);
	free(q->log_path);
	free(q->path);
	free(q);
}

static void qcow2_close(struct image *image)
{
	struct qcow2 *q = of(image);

	/* The second round writes the counts of what the first one set free. */
	if (!q->image.readonly && !meta_flush(q) && !meta_flush(q))
		log_close(q);
	release(q);
}

static const struct image_ops qcow2_ops = {
    .read = qcow2_read,
    .write = qcow2_write,
    .flush = qcow2_flush,
    .discard = qcow2_discard,
    .close = qcow2_close,
};

/* Read the header, do again what a killed process did, look at the whole. */
static int prepare(struct qcow2 *q, const char *user, char *why, size_t size)
{
	int rc = qcow2_read_header(q, user, why, size);

	if (rc)
		return rc;
	log_open(q);
	rc = log_replay(q);
	if (!rc)
		rc = qcow2_walk(q, why, size);
	if (rc)
		return rc;
	rc = log_start(q);
	if (!rc)
		return 0;
	q->replayed = 0; /* the log is right, and still there for the next attempt */
	snprintf(why, size, "%s: cannot be written: %s", q->path, strerror(-rc));
	return rc;
}

static int qcow2_open(const char *path, bool readonly, const char *user, struct image **image, char *why,
		      size_t size)
{
	struct qcow2 *q = calloc(1, sizeof(*q));
	bool replayed;
	int rc;

	if (!q)
		return -ENOMEM;
	q->image = (struct image){.ops = &qcow2_ops, .readonly = readonly};
	q->log = q->held = -1;
	q->path = strdup(path);
	q->fd = q->path ? image_file(path, readonly, user, why, size) : -ENOMEM;
	rc = q->fd < 0 ? q->fd : prepare(q, user, why, size);
	if (!rc) {
		*image = &q->image;
		return 0;
	}
	replayed = q->replayed;
	if (replayed)
		log_reject(q);
	release(q);
	return replayed ? qcow2_open(path, readonly, user, image, why, size) : rc;
}

const struct image_format qcow2_format = {.name = "qcow2", .open = qcow2_open};

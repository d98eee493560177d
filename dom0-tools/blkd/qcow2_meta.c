/* SPDX-License-Identifier: MIT */
/*
 * Tables of a qcow2 image, through a cache of pages that are written back in order (qcow2.c).
 */
#include "qcow2.h"

#include "err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int qcow2_damaged(struct qcow2 *q, const char *what, uint64_t at)
{
	if (!q->told)
		warn("%s is damaged (%s, %#llx); stop its guest and look at it with: qemu-img check %s",
		     q->path, what, (unsigned long long)at, q->path);
	q->told = true;
	return -EIO;
}

int meta_init(struct qcow2 *q)
{
	q->page = q->cluster < META_PAGE ? q->cluster : META_PAGE;
	for (unsigned s = 0; s < META_SETS; s++)
		for (unsigned w = 0; w < META_WAYS; w++) {
			q->meta[s][w].data = malloc(q->page);
			if (!q->meta[s][w].data)
				return -ENOMEM;
		}
	return 0;
}

void meta_free(struct qcow2 *q)
{
	for (unsigned s = 0; s < META_SETS; s++)
		for (unsigned w = 0; w < META_WAYS; w++)
			free(q->meta[s][w].data);
}

int qcow2_sync(struct qcow2 *q)
{
	if (!q->unsynced)
		return q->broken;
	/* The kernel reports a write that failed once, and then takes what was not written for written. */
	if (!q->broken && fdatasync(q->fd))
		q->broken = -errno;
	if (!q->broken)
		q->unsynced = false;
	return q->broken;
}

int qcow2_pwrite(struct qcow2 *q, const void *from, size_t bytes, uint64_t offset)
{
	q->unsynced = true;
	return image_pwrite(q->fd, from, bytes, offset);
}

int qcow2_pread(struct qcow2 *q, void *to, size_t bytes, uint64_t offset)
{
	size_t there = offset >= q->file_size ? 0 : q->file_size - offset;

	if (there < bytes)
		memset((uint8_t *)to + there, 0, bytes - there);
	return image_pread(q->fd, to, there < bytes ? there : bytes, offset);
}

int qcow2_extend(struct qcow2 *q, uint64_t end)
{
	if (end <= q->file_size)
		return 0;
	q->unsynced = true;
	if (ftruncate(q->fd, end))
		return -errno;
	q->file_end = q->file_size = end;
	return 0;
}

int qcow2_zero(struct qcow2 *q, uint64_t offset, uint64_t bytes)
{
	static const uint8_t zeros[META_PAGE];
	uint64_t end = q->file_end;
	int rc = qcow2_extend(q, offset + bytes);

	for (uint64_t part; !rc && bytes && offset < end; offset += part, bytes -= part) {
		part = bytes < sizeof(zeros) ? bytes : sizeof(zeros);
		rc = qcow2_pwrite(q, zeros, part, offset);
	}
	return rc;
}

static int write_back(struct qcow2 *q, struct meta *m)
{
	int rc = qcow2_pwrite(q, m->data, q->page, m->at);

	if (rc)
		return rc;
	m->dirty = false;
	q->nr_dirty[m->rank]--;
	return 0;
}

static int write_rank(struct qcow2 *q, enum meta_rank rank)
{
	int rc = 0;

	for (unsigned s = 0; s < META_SETS && q->nr_dirty[rank]; s++)
		for (unsigned w = 0; w < META_WAYS && !rc; w++)
			if (q->meta[s][w].dirty && q->meta[s][w].rank == rank)
				rc = write_back(q, &q->meta[s][w]);
	return rc;
}

int meta_flush(struct qcow2 *q)
{
	uint64_t freed[QCOW2_FREED];
	unsigned nr;
	int rc = 0;

	for (enum meta_rank rank = 0; rank < META_RANKS && !rc; rank++) {
		if (!q->nr_dirty[rank])
			continue;
		/* Counts refer to nothing, so nothing need be there before them. */
		if (rank > META_REFCOUNTS)
			rc = qcow2_sync(q);
		if (!rc)
			rc = write_rank(q, rank);
	}
	if (!rc)
		rc = qcow2_sync(q);
	if (rc)
		return rc;
	log_empty(q);
	/* Taking them off the list first: counting down may lead here again. */
	nr = q->nr_freed;
	memcpy(freed, q->freed, nr * sizeof(*freed));
	q->nr_freed = 0;
	for (unsigned i = 0; i < nr; i++)
		refs_release(q, freed[i]);
	return 0;
}

static int load(struct qcow2 *q, struct meta *m, uint64_t at, enum meta_rank rank)
{
	int rc;

	m->at = 0;
	if (at >= q->file_end)
		return qcow2_damaged(q, "a table past the end of the file", at);
	rc = qcow2_pread(q, m->data, q->page, at);
	if (rc)
		return rc;
	m->at = at;
	m->rank = rank;
	return 0;
}

/* The page to be used for another: the one that was not used for longest; a dirty one only if there is no other. */
static struct meta *victim(struct meta *set)
{
	struct meta *best = NULL;

	for (unsigned w = 0; w < META_WAYS; w++)
		if (!set[w].dirty && (!best || set[w].used < best->used))
			best = &set[w];
	return best;
}

int meta_get(struct qcow2 *q, uint64_t offset, enum meta_rank rank, struct meta **m)
{
	uint64_t at = offset & ~(uint64_t)(q->page - 1);
	struct meta *set = q->meta[at / q->page % META_SETS];
	int rc;

	for (unsigned w = 0; w < META_WAYS; w++)
		if (at && set[w].at == at && set[w].rank == rank) {
			set[w].used = ++q->clock;
			*m = &set[w];
			return 0;
		}
	*m = victim(set);
	if (!*m) {
		rc = meta_flush(q);
		if (rc)
			return rc;
		*m = victim(set);
	}
	/* The flush may have counted down in every page of the set. */
	if (!*m)
		return meta_get(q, offset, rank, m);
	rc = load(q, *m, at, rank);
	(*m)->used = ++q->clock;
	return rc;
}

void meta_put(struct qcow2 *q, struct meta *m, unsigned within, uint64_t value)
{
	uint8_t *word = m->data + within;

	log_change(q, m->rank, m->at + within, be64(word), value);
	put_be64(word, value);
	if (!m->dirty)
		q->nr_dirty[m->rank]++;
	m->dirty = true;
}

int meta_read64(struct qcow2 *q, uint64_t offset, enum meta_rank rank, uint64_t *value)
{
	struct meta *m;
	int rc = meta_get(q, offset, rank, &m);

	if (!rc)
		*value = be64(m->data + offset % q->page);
	return rc;
}

int meta_write64(struct qcow2 *q, uint64_t offset, enum meta_rank rank, uint64_t value)
{
	struct meta *m;
	int rc = meta_get(q, offset, rank, &m);

	if (rc)
		return rc;
	meta_put(q, m, offset % q->page, value);
	return 0;
}

void meta_forget(struct qcow2 *q, uint64_t offset, uint64_t bytes)
{
	for (unsigned s = 0; s < META_SETS; s++)
		for (unsigned w = 0; w < META_WAYS; w++)
			if (q->meta[s][w].at >= offset && q->meta[s][w].at - offset < bytes)
				q->meta[s][w].at = 0;
}

/* SPDX-License-Identifier: MIT */
/* See execute.h. */
#include "execute.h"
#include "err.h"
#include "files.h"
#include "pool.h"

#include <errno.h>
#include <string.h>

#define REPORT_MS 60000 /* the same trouble is reported once in this time */

/* Neighbours: their data and their sectors follow each other. */
struct run {
	struct request *first;
	unsigned count;
	int rc;
};

static int transfer(struct image *image, const struct request *q, uint64_t sectors)
{
	size_t bytes = (size_t)sectors << SECTOR_SHIFT;

	return q->op == BLK_READ ? image->ops->read(image, q->sector, q->data, bytes)
				 : image->ops->write(image, q->sector, q->data, bytes);
}

/* If a run fails, each of its requests is tried alone: a bad sector is one request's trouble. */
static void do_run(struct image *image, struct run *run)
{
	struct request *last = run->first + run->count - 1;

	run->rc = transfer(image, run->first, last->sector + last->sectors - run->first->sector);
	for (unsigned i = 0; run->rc && i < run->count; i++)
		if (run->count == 1 || transfer(image, run->first + i, run->first[i].sectors))
			run->first[i].status = BLK_ERROR;
}

struct reads {
	struct image *image;
	struct run *runs[BATCH_REQUESTS];
};

static void do_read(void *arg, unsigned i)
{
	struct reads *reads = arg;

	do_run(reads->image, reads->runs[i]);
}

/* Reads wait for a disk, so several do at a time where the image allows that. Writes end in memory, as a rule, and a
 * large one of a raw image must have nothing beside it. */
static void do_runs(struct image *image, struct run *runs, unsigned count)
{
	struct reads reads = {.image = image};
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++) {
		if (image->parallel && runs[i].first->op == BLK_READ)
			reads.runs[n++] = &runs[i];
		else
			do_run(image, &runs[i]);
	}
	if (n)
		pool_run(do_read, &reads, n);
}

static int do_alone(struct image *image, struct request *q)
{
	int rc = 0;

	if (q->op == BLK_DISCARD)
		return image->ops->discard(image, q->sector, q->sectors);
	if (!image->readonly)
		rc = image->ops->flush(image);
	if (!rc && q->data)
		rc = transfer(image, q, q->sectors);
	if (!rc && q->op == BLK_BARRIER && !image->readonly)
		rc = image->ops->flush(image);
	return rc;
}

static void report(struct ring *r, const struct request *q, int rc)
{
	static const char *const names[] = {"read", "write", "write barrier", "flush", "", "discard"};
	uint64_t now = now_ms();

	if (rc == r->last_error && now - r->error_ms < REPORT_MS)
		return;
	r->last_error = rc;
	r->error_ms = now;
	warn("%s: %s at sector %llu: %s; the guest is told so, and the same is not reported again for a "
	     "minute",
	     r->name, names[q->op], (unsigned long long)q->sector, strerror(-rc));
}

static bool transfers(const struct request *q)
{
	return q->status == BLK_OKAY && (q->op == BLK_READ || q->op == BLK_WRITE);
}

static bool follows(const struct request *q, const struct request *before)
{
	return transfers(q) && q->op == before->op && q->sector == before->sector + before->sectors;
}

static void execute_alone(struct ring *r, struct request *q)
{
	int rc = do_alone(r->image, q);

	if (!rc)
		return;
	q->status = rc == -EOPNOTSUPP && q->op == BLK_DISCARD ? BLK_UNSUPPORTED : BLK_ERROR;
	if (q->status == BLK_ERROR)
		report(r, q, rc);
}

void execute(struct ring *r, struct request *requests, unsigned count)
{
	struct run runs[BATCH_REQUESTS];
	unsigned n = 0;

	if (count == 1 && requests->status == BLK_OKAY && !transfers(requests)) {
		execute_alone(r, requests);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		if (i && n && runs[n - 1].first + runs[n - 1].count == &requests[i] &&
		    follows(&requests[i], &requests[i - 1]))
			runs[n - 1].count++;
		else if (transfers(&requests[i]))
			runs[n++] = (struct run){.first = &requests[i], .count = 1};
	}
	do_runs(r->image, runs, n);
	for (unsigned i = 0; i < n; i++)
		if (runs[i].rc)
			report(r, runs[i].first, runs[i].rc);
}

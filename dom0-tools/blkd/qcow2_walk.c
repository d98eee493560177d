/* SPDX-License-Identifier: MIT */
/*
 * Looking at a whole qcow2 image when it is opened. Afterwards what is written can go to no cluster that something else uses, and
 * a damaged or hostile image is refused before a guest sees it. It reads the tables alone: 8 bytes for each cluster of the
 * guest, and 2 for each of the file.
 */
#include "qcow2.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Clusters in a file: a bit for each is kept while it is looked at. */
#define MAX_CLUSTERS (1ull << 29)

struct walk {
	struct qcow2 *q;
	uint8_t *taken; /* a bit for each cluster of the file */
	uint64_t clusters;
	struct qcow2_answer answer;
};

static int damaged(struct walk *w, const char *what, uint64_t at)
{
	return qcow2_refuse(&w->answer, "damaged: %s at %#llx; look at it with: qemu-img check %s", what,
			    (unsigned long long)at, w->q->path);
}

static int unreadable(struct walk *w, int rc)
{
	return qcow2_refuse(&w->answer, "its tables cannot be read: %s", strerror(-rc));
}

/* [@at, @at + @bytes) belongs to one thing, and to no other. */
static int claim(struct walk *w, const char *what, uint64_t at, uint64_t bytes)
{
	uint64_t first = at >> w->q->cluster_bits,
		 end = first + ((bytes + w->q->cluster - 1) >> w->q->cluster_bits);

	if (at & (w->q->cluster - 1))
		return damaged(w, what, at);
	if (first >= w->clusters || end > w->clusters)
		return qcow2_refuse(&w->answer,
				    "%s at %#llx lies past the end of the file; was the file cut short?",
				    what, (unsigned long long)at);
	for (uint64_t n = first; n < end; n++) {
		if (w->taken[n / 8] >> n % 8 & 1)
			return damaged(w, "a cluster used twice", n << w->q->cluster_bits);
		w->taken[n / 8] |= 1 << n % 8;
	}
	return 0;
}

static int walk_l2(struct walk *w, uint64_t table)
{
	const struct qcow2 *q = w->q;
	uint64_t entry;
	int rc = claim(w, "a table L2", table, q->cluster);

	for (uint64_t at = table; !rc && at < table + q->cluster; at += 8) {
		rc = meta_read64(w->q, at, META_L2, &entry);
		if (rc)
			return unreadable(w, rc);
		if (entry & QCOW2_COMPRESSED)
			return qcow2_refuse(&w->answer,
					    "compressed clusters are not supported; make a plain copy with: "
					    "qemu-img convert -O qcow2 %s NEW",
					    q->path);
		if (entry & QCOW2_RESERVED || (entry & QCOW2_ZERO && q->version < 3))
			return damaged(w, "an entry of L2", at);
		if (entry & QCOW2_OFFSET)
			rc = claim(w, "a cluster of data", entry & QCOW2_OFFSET, q->cluster);
	}
	return rc;
}

static int walk_l1(struct walk *w)
{
	const struct qcow2 *q = w->q;
	uint64_t table;
	int rc = q->l1_entries ? claim(w, "the table L1", q->l1_at, q->l1_entries * 8) : 0;

	for (uint64_t i = 0; i < q->l1_entries && !rc; i++) {
		rc = meta_read64(w->q, q->l1_at + i * 8, META_L1, &table);
		if (rc)
			return unreadable(w, rc);
		if (table & ~(QCOW2_OFFSET | QCOW2_COPIED))
			return damaged(w, "an entry of L1", q->l1_at + i * 8);
		if (table & QCOW2_OFFSET)
			rc = walk_l2(w, table & QCOW2_OFFSET);
	}
	return rc;
}

static int walk_counts(struct walk *w)
{
	const struct qcow2 *q = w->q;
	uint64_t block;
	int rc = claim(w, "the table of counts", q->reftable_at, q->reftable_entries * 8);

	for (uint64_t i = 0; i < q->reftable_entries && !rc; i++) {
		rc = meta_read64(w->q, q->reftable_at + i * 8, META_REFTABLE, &block);
		if (rc)
			return unreadable(w, rc);
		if (block)
			rc = claim(w, "a block of counts", block, q->cluster);
	}
	return rc;
}

/* All that is used is counted, so that it is not taken a second time. */
static int check_counts(struct walk *w)
{
	struct qcow2 *q = w->q;
	uint64_t count;
	bool taken;
	int rc;

	q->hint = w->clusters;
	for (uint64_t n = 0; n < w->clusters; n++) {
		rc = refs_get(q, n, &count);
		if (rc)
			return unreadable(w, rc);
		taken = w->taken[n / 8] >> n % 8 & 1;
		if (!taken && !count && n < q->hint)
			q->hint = n;
		if (!taken || count)
			continue;
		if (!q->dirty)
			return damaged(w, "a cluster in use is counted as free", n << q->cluster_bits);
		if (refs_set(q, n, 1))
			return qcow2_refuse(
			    &w->answer,
			    "was not closed, and its counts need more room; mend it with: qemu-img "
			    "check -r all %s",
			    q->path);
	}
	return 0;
}

/* The counts are right, and on the disk: the header may say so. */
static int mark_clean(struct walk *w)
{
	struct qcow2 *q = w->q;
	uint8_t field[8];
	int rc = meta_flush(q);

	if (!rc)
		rc = qcow2_pread(q, field, sizeof(field), QCOW2_INCOMPATIBLE);
	if (rc)
		return unreadable(w, rc);
	put_be64(field, be64(field) & ~QCOW2_DIRTY);
	rc = qcow2_pwrite(q, field, sizeof(field), QCOW2_INCOMPATIBLE);
	if (!rc)
		rc = qcow2_sync(q);
	return rc ? qcow2_refuse(&w->answer, "its header cannot be written: %s", strerror(-rc)) : 0;
}

int qcow2_walk(struct qcow2 *q, char *why, size_t size)
{
	struct walk w = {.q = q, .clusters = q->file_end >> q->cluster_bits, .answer = {q->path, why, size}};
	int rc;

	if (w.clusters > MAX_CLUSTERS)
		return qcow2_refuse(
		    &w.answer,
		    "a file of more than 2^29 clusters; make a copy with larger ones: qemu-img "
		    "convert -O qcow2 -o cluster_size=2M %s NEW",
		    q->path);
	w.taken = calloc(w.clusters / 8 + 1, 1);
	if (!w.taken)
		return qcow2_refuse(&w.answer, "not enough memory to look at its tables");
	rc = claim(&w, "the header", 0, q->cluster);
	if (!rc)
		rc = walk_l1(&w);
	if (!rc)
		rc = walk_counts(&w);
	if (!rc && !q->image.readonly)
		rc = check_counts(&w);
	free(w.taken);
	if (!rc && !q->image.readonly && q->dirty)
		rc = mark_clean(&w);
	return rc;
}

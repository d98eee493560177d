/* SPDX-License-Identifier: MIT */
/*
 * Where the guest's clusters lie: L1 names L2 tables, L2 tables name clusters.
 */
#include "qcow2.h"

#include <errno.h>

/* Where the guest's cluster has its entry; *at is 0 where L1 names no table for it. */
static int find_entry(struct qcow2 *q, uint64_t guest, uint64_t *at)
{
	uint64_t number = guest >> q->cluster_bits, per_table = q->cluster / 8, table;
	int rc = meta_read64(q, q->l1_at + number / per_table * 8, META_L1, &table);

	*at = 0;
	if (rc)
		return rc;
	if (table & QCOW2_OFFSET & (q->cluster - 1) || table & ~(QCOW2_OFFSET | QCOW2_COPIED))
		return qcow2_damaged(q, "a wrong entry of L1", table);
	if (table & QCOW2_OFFSET)
		*at = (table & QCOW2_OFFSET) + number % per_table * 8;
	return 0;
}

static int decode(struct qcow2 *q, uint64_t entry, struct map_run *run)
{
	run->at = entry & QCOW2_OFFSET;
	if (entry & QCOW2_COMPRESSED)
		return qcow2_damaged(q, "a compressed cluster", entry);
	if (entry & QCOW2_RESERVED || run->at & (q->cluster - 1) || (entry & QCOW2_ZERO && q->version < 3))
		return qcow2_damaged(q, "a wrong entry of L2", entry);
	if (run->at >= q->file_end)
		return qcow2_damaged(q, "a cluster past the end of the file", run->at);
	run->kind = entry & QCOW2_ZERO ? MAP_ZERO : run->at ? MAP_DATA : MAP_HOLE;
	return 0;
}

static int find_one(struct qcow2 *q, uint64_t guest, struct map_run *run)
{
	uint64_t at, entry = 0;
	int rc = find_entry(q, guest, &at);

	if (!rc && at)
		rc = meta_read64(q, at, META_L2, &entry);
	return rc ? rc : decode(q, entry, run);
}

int map_find(struct qcow2 *q, uint64_t guest, uint64_t bytes, struct map_run *run)
{
	uint64_t within = guest & (q->cluster - 1);
	struct map_run next;
	int rc = find_one(q, guest, run);

	if (rc)
		return rc;
	run->at += within;
	for (run->bytes = q->cluster - within; run->bytes < bytes; run->bytes += q->cluster) {
		rc = find_one(q, guest + run->bytes, &next);
		if (rc)
			return rc;
		if (next.kind != run->kind || (run->kind == MAP_DATA && next.at != run->at + run->bytes))
			break;
	}
	if (run->bytes > bytes)
		run->bytes = bytes;
	return 0;
}

/* A table of zeros, which L1 may name only when the zeros are on the disk: L1's rank sees to that. */
static int add_table(struct qcow2 *q, uint64_t guest)
{
	uint64_t one = 1, table, number = guest >> q->cluster_bits;
	int rc = refs_take(q, &one, &table);

	if (!rc) {
		rc = qcow2_zero(q, table, q->cluster);
		if (!rc)
			rc = meta_write64(q, q->l1_at + number / (q->cluster / 8) * 8, META_L1,
					  table | QCOW2_COPIED);
		if (rc)
			refs_release(q, table >> q->cluster_bits);
	}
	return rc;
}

int map_set(struct qcow2 *q, uint64_t guest, uint64_t entry)
{
	struct map_run old;
	uint64_t at;
	int rc = find_entry(q, guest, &at);

	if (!rc && !at && entry) {
		rc = add_table(q, guest);
		if (!rc)
			rc = find_entry(q, guest, &at);
	}
	if (rc || !at)
		return rc;
	rc = find_one(q, guest, &old);
	if (!rc)
		rc = meta_write64(q, at, META_L2, entry);
	if (!rc && old.at)
		refs_drop(q, old.at);
	return rc;
}

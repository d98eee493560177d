/* SPDX-License-Identifier: MIT */
/*
 * Making the disk of a qcow2 image larger: a longer L1 in a new place if the old one does not do, then the header, in one sector.
 */
#include "qcow2.h"

#include <errno.h>
#include <stdlib.h>

/* Zeros behind what the old table has: QEMU leaves nothing there, but nobody says that it must. */
static int clear_rest(struct qcow2 *q, uint64_t at)
{
	uint64_t used = q->l1_entries * 8, rest = -used & (q->cluster - 1);
	int rc = qcow2_zero(q, at + used, rest);

	meta_forget(q, at + used, rest);
	return rc;
}

static int move_l1(struct qcow2 *q, uint64_t entries, uint64_t *at)
{
	uint64_t clusters = (entries * 8 + q->cluster - 1) >> q->cluster_bits, entry;
	int rc = refs_take_run(q, clusters, at);

	for (uint64_t i = 0; i < q->l1_entries && !rc; i++) {
		rc = meta_read64(q, q->l1_at + i * 8, META_L1, &entry);
		if (!rc && entry)
			rc = meta_write64(q, *at + i * 8, META_L1, entry);
	}
	return rc ? rc : meta_flush(q);
}

static int write_header(struct qcow2 *q, uint64_t bytes, uint64_t l1_at, uint64_t l1_entries)
{
	uint8_t fields[QCOW2_L1_AT + 8 - QCOW2_SIZE] = {0}; /* the field between is the encryption: none */
	int rc = qcow2_sync(q);

	put_be64(fields, bytes);
	put_be32(fields + (QCOW2_L1_ENTRIES - QCOW2_SIZE), l1_entries);
	put_be64(fields + (QCOW2_L1_AT - QCOW2_SIZE), l1_at);
	if (!rc)
		rc = qcow2_pwrite(q, fields, sizeof(fields), QCOW2_SIZE);
	return rc ? rc : qcow2_sync(q);
}

int qcow2_grow(struct image *image, uint64_t sectors)
{
	struct qcow2 *q = (struct qcow2 *)image;
	uint64_t bytes = sectors << SECTOR_SHIFT, per_entry = q->cluster / 8 << q->cluster_bits;
	uint64_t entries = bytes / per_entry + (bytes % per_entry != 0), at = q->l1_at, old = q->l1_at;
	uint64_t old_clusters = (q->l1_entries * 8 + q->cluster - 1) >> q->cluster_bits;
	int rc = q->broken;

	/* A larger image behind it would show in what is new. */
	if (image->readonly || sectors < image->sectors || sectors >> (63 - SECTOR_SHIFT) ||
	    (q->backing && q->backing->sectors > image->sectors))
		return -EINVAL;
	if (entries * 8 > QCOW2_MAX_L1)
		return -EFBIG;
	if (entries < q->l1_entries)
		entries = q->l1_entries;
	if (!rc)
		rc = meta_flush(q);
	if (!rc && entries * 8 > old_clusters << q->cluster_bits)
		rc = move_l1(q, entries, &at);
	else if (!rc && entries > q->l1_entries)
		rc = clear_rest(q, at);
	if (!rc)
		rc = write_header(q, bytes, at, entries);
	if (rc)
		return rc;
	q->l1_at = at;
	q->l1_entries = entries;
	image->sectors = sectors;
	if (at != old) {
		meta_forget(q, old, old_clusters << q->cluster_bits);
		for (uint64_t i = 0; i < old_clusters; i++)
			refs_release(q, (old >> q->cluster_bits) + i);
	}
	return 0;
}

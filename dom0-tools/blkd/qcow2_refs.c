/* SPDX-License-Identifier: MIT */
/*
 * Reference counts of a qcow2 image: two levels of tables, and the search for clusters that are free. A block of counts that is
 * missing is made in the first cluster that it would describe, which nothing can have taken.
 */
#define _GNU_SOURCE /* fallocate */
#include "qcow2.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

uint64_t refs_per_block(const struct qcow2 *q)
{
	return q->cluster * 8 >> q->refcount_order;
}

uint64_t refs_peek(const uint8_t *block, unsigned order, uint64_t index)
{
	unsigned bits = 1u << order;
	uint64_t bit = index << order, value = 0;

	if (bits < 8)
		return block[bit / 8] >> bit % 8 & ((1u << bits) - 1);
	for (unsigned i = 0; i < bits / 8; i++)
		value = value << 8 | block[bit / 8 + i];
	return value;
}

void refs_put(uint8_t *block, unsigned order, uint64_t index, uint64_t count)
{
	unsigned bits = 1u << order, mask;
	uint64_t bit = index << order;

	if (bits < 8) {
		mask = ((1u << bits) - 1) << bit % 8;
		block[bit / 8] = (block[bit / 8] & ~mask) | count << bit % 8;
		return;
	}
	for (unsigned i = bits / 8; i--; count >>= 8)
		block[bit / 8 + i] = count;
}

/* The block that counts cluster @number; 0: there is none. */
static int find_block(struct qcow2 *q, uint64_t number, uint64_t *block)
{
	uint64_t index = number / refs_per_block(q);
	int rc;

	*block = 0;
	if (index >= q->reftable_entries)
		return 0;
	rc = meta_read64(q, q->reftable_at + index * 8, META_REFTABLE, block);
	if (!rc && *block & (q->cluster - 1))
		return qcow2_damaged(q, "a block of counts that begins in the middle of a cluster", *block);
	return rc;
}

/* The page with the count of cluster @number, and the count's index in it. */
static int find_count(struct qcow2 *q, uint64_t number, struct meta **m, uint64_t *index)
{
	uint64_t per_page = (uint64_t)q->page * 8 >> q->refcount_order, block;
	int rc = find_block(q, number, &block);

	if (rc)
		return rc;
	if (!block)
		return -ENOENT;
	*index = number % refs_per_block(q);
	block += *index / per_page * q->page;
	*index %= per_page;
	return meta_get(q, block, META_REFCOUNTS, m);
}

int refs_get(struct qcow2 *q, uint64_t number, uint64_t *count)
{
	struct meta *m;
	uint64_t index;
	int rc = find_count(q, number, &m, &index);

	*count = 0;
	if (!rc)
		*count = refs_peek(m->data, q->refcount_order, index);
	return rc == -ENOENT ? 0 : rc;
}

/* Counts change by words of 8 bytes, as all tables do. @index: within the page. */
static void put_count(struct qcow2 *q, struct meta *m, uint64_t index, uint64_t count)
{
	unsigned within = (index << q->refcount_order) / 64 * 8;
	uint8_t word[8];

	memcpy(word, m->data + within, sizeof(word));
	refs_put(word, q->refcount_order, index - ((uint64_t)within * 8 >> q->refcount_order), count);
	meta_put(q, m, within, be64(word));
}

int refs_set(struct qcow2 *q, uint64_t number, uint64_t count)
{
	struct meta *m;
	uint64_t index;
	int rc = find_count(q, number, &m, &index);

	if (rc)
		return rc;
	put_count(q, m, index, count);
	return 0;
}

void refs_release(struct qcow2 *q, uint64_t number)
{
	uint64_t count;

	/* If it cannot be counted down, it is lost until the next `qemu-img check -r leaks`. */
	if (refs_get(q, number, &count) || !count || refs_set(q, number, count - 1))
		return;
	if (count > 1)
		return;
	if (number < q->hint)
		q->hint = number;
	/* A file system that cannot do it keeps the space. */
	(void)fallocate(q->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, number << q->cluster_bits,
			q->cluster);
}

void refs_drop(struct qcow2 *q, uint64_t at)
{
	/* Without room on the list it stays counted: a leak, where giving it away would be worse. */
	if (q->nr_freed == QCOW2_FREED && meta_flush(q))
		return;
	q->freed[q->nr_freed++] = at >> q->cluster_bits;
	log_change(q, META_RANKS, at, 0, 0);
}

/* Blocks that count themselves, and @others that follow them; for the clusters from @number on. They must reach the disk before
 * the table that names them, so they are written past the cache. */
static int write_blocks(struct qcow2 *q, uint64_t number, uint64_t blocks, uint64_t others)
{
	uint64_t per_block = refs_per_block(q), taken = blocks + others;
	uint8_t *block = malloc(q->cluster);
	int rc = block ? qcow2_extend(q, (number + taken) << q->cluster_bits) : -ENOMEM;

	for (uint64_t i = 0; i < blocks && !rc; i++) {
		memset(block, 0, q->cluster);
		for (uint64_t n = 0; n < per_block && i * per_block + n < taken; n++)
			refs_put(block, q->refcount_order, n, 1);
		rc = qcow2_pwrite(q, block, q->cluster, (number + i) << q->cluster_bits);
	}
	free(block);
	return rc;
}

/* How many blocks it takes to count themselves and @others. */
static uint64_t blocks_for(const struct qcow2 *q, uint64_t others)
{
	uint64_t per_block = refs_per_block(q), blocks = 1;

	while (blocks * per_block < blocks + others)
		blocks++;
	return blocks;
}

static int copy_table(struct qcow2 *q, uint64_t to)
{
	uint8_t *cluster = malloc(q->cluster);
	uint64_t bytes = q->reftable_entries * 8;
	int rc = cluster ? 0 : -ENOMEM;

	for (uint64_t done = 0; done < bytes && !rc; done += q->cluster) {
		rc = qcow2_pread(q, cluster, q->cluster, q->reftable_at + done);
		if (!rc)
			rc = qcow2_pwrite(q, cluster, q->cluster, to + done);
	}
	free(cluster);
	return rc;
}

static int name_blocks(struct qcow2 *q, uint64_t table, uint64_t index, uint64_t first, uint64_t blocks)
{
	uint8_t entry[8];
	int rc = 0;

	for (uint64_t i = 0; i < blocks && !rc; i++) {
		put_be64(entry, (first + i) << q->cluster_bits);
		rc = qcow2_pwrite(q, entry, sizeof(entry), table + (index + i) * 8);
	}
	return rc;
}

/* The header changes in one sector, when the table that it then names is there. */
static int use_table(struct qcow2 *q, uint64_t at, uint64_t clusters)
{
	uint8_t field[12];
	int rc = qcow2_sync(q);

	put_be64(field, at);
	put_be32(field + 8, clusters);
	if (!rc)
		rc = qcow2_pwrite(q, field, sizeof(field), QCOW2_REFTABLE_AT);
	return rc ? rc : qcow2_sync(q);
}

/* A table twice as long, in clusters that the old one cannot count. */
static int grow_table(struct qcow2 *q)
{
	uint64_t old = q->reftable_at, old_clusters = q->reftable_entries * 8 >> q->cluster_bits;
	uint64_t first = q->reftable_entries * refs_per_block(q), clusters = 2 * old_clusters;
	uint64_t blocks = blocks_for(q, clusters), table = (first + blocks) << q->cluster_bits;
	int rc;

	if (clusters << q->cluster_bits > QCOW2_MAX_REFTABLE)
		return -EFBIG;
	rc = meta_flush(q);
	if (!rc)
		rc = write_blocks(q, first, blocks, clusters);
	if (!rc)
		rc = qcow2_zero(q, table, clusters << q->cluster_bits);
	if (!rc)
		rc = copy_table(q, table);
	if (!rc)
		rc = name_blocks(q, table, q->reftable_entries, first, blocks);
	if (!rc)
		rc = use_table(q, table, clusters);
	if (rc)
		return rc;
	meta_forget(q, old, old_clusters << q->cluster_bits);
	q->reftable_at = table;
	q->reftable_entries *= 2;
	for (uint64_t i = 0; i < old_clusters; i++)
		refs_release(q, (old >> q->cluster_bits) + i);
	return 0;
}

/* A block in cluster @number, which no block counts yet. */
static int add_block(struct qcow2 *q, uint64_t number)
{
	uint64_t at = number << q->cluster_bits, index = number % refs_per_block(q);
	uint64_t per_page = (uint64_t)q->page * 8 >> q->refcount_order;
	int rc = qcow2_zero(q, at, q->cluster);
	struct meta *m;

	if (!rc)
		rc = meta_get(q, at + index / per_page * q->page, META_REFCOUNTS, &m);
	if (rc)
		return rc;
	put_count(q, m, index % per_page, 1);
	return meta_write64(q, q->reftable_at + number / refs_per_block(q) * 8, META_REFTABLE, at);
}

/* Whether cluster @number is free; makes the block that counts it, if it has none, which may take the cluster. */
static int is_free(struct qcow2 *q, uint64_t number, bool *free)
{
	uint64_t block, count;
	int rc = 0;

	if (number / refs_per_block(q) >= q->reftable_entries)
		rc = grow_table(q);
	if (!rc)
		rc = find_block(q, number, &block);
	if (!rc && !block)
		rc = add_block(q, number);
	if (!rc)
		rc = refs_get(q, number, &count);
	*free = !rc && !count;
	return rc;
}

int refs_take(struct qcow2 *q, uint64_t *count, uint64_t *at)
{
	uint64_t number = q->hint, got = 0;
	bool free = false;
	int rc;

	while (!(rc = is_free(q, number, &free)) && !free)
		number++;
	while (!rc && free && !(rc = refs_set(q, number + got, 1)) && ++got < *count)
		rc = is_free(q, number + got, &free);
	q->hint = number + got;
	*at = number << q->cluster_bits;
	*count = got;
	/* What was taken before an error can be used. */
	return got ? 0 : rc;
}

int refs_take_run(struct qcow2 *q, uint64_t count, uint64_t *at)
{
	uint64_t per_block = refs_per_block(q), blocks = blocks_for(q, count), index = q->reftable_entries,
		 entry = 0;
	int rc = meta_flush(q);

	while (!rc && index && !entry) {
		rc = meta_read64(q, q->reftable_at + (index - 1) * 8, META_REFTABLE, &entry);
		index -= !entry;
	}
	if (!rc && index + blocks > q->reftable_entries) {
		rc = grow_table(q);
		return rc ? rc : refs_take_run(q, count, at);
	}
	if (!rc)
		rc = write_blocks(q, index * per_block, blocks, count);
	if (!rc)
		rc = qcow2_zero(q, (index * per_block + blocks) << q->cluster_bits, count << q->cluster_bits);
	for (uint64_t i = 0; i < blocks && !rc; i++)
		rc = meta_write64(q, q->reftable_at + (index + i) * 8, META_REFTABLE,
				  (index * per_block + i) << q->cluster_bits);
	*at = (index * per_block + blocks) << q->cluster_bits;
	return rc;
}

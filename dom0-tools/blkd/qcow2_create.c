/* SPDX-License-Identifier: MIT */
/*
 * New qcow2 images, as small as can be: a header, a table of counts with one block, an L1 of zeros. The file gets its header last, so a
 * half-made one is no image.
 */
#include "qcow2.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CREATE_BITS 16
#define CLUSTER     (1ull << CREATE_BITS)

/* The clusters, in their order. */
enum {
	HEADER,
	TABLE,
	BLOCK,
	L1
};

static uint64_t l1_entries(uint64_t bytes)
{
	uint64_t per_entry = CLUSTER / 8 << CREATE_BITS;

	return bytes / per_entry + (bytes % per_entry != 0);
}

static uint64_t l1_clusters(uint64_t bytes)
{
	uint64_t clusters = (l1_entries(bytes) * 8 + CLUSTER - 1) >> CREATE_BITS;

	return clusters ? clusters : 1;
}

static void fill_header(uint8_t *header, uint64_t bytes, const char *behind, const char *format)
{
	uint8_t *extension = header + QCOW2_V3_LENGTH;
	size_t length = format ? (strlen(format) + 7) & ~7ul : 0;

	put_be32(header, QCOW2_MAGIC);
	put_be32(header + QCOW2_VERSION, 3);
	put_be32(header + QCOW2_CLUSTER_BITS, CREATE_BITS);
	put_be64(header + QCOW2_SIZE, bytes);
	put_be32(header + QCOW2_L1_ENTRIES, l1_entries(bytes));
	put_be64(header + QCOW2_L1_AT, L1 * CLUSTER);
	put_be64(header + QCOW2_REFTABLE_AT, TABLE * CLUSTER);
	put_be32(header + QCOW2_REFTABLE_CLUSTERS, 1);
	put_be32(header + QCOW2_REFCOUNT_ORDER, 4);
	put_be32(header + QCOW2_LENGTH, QCOW2_V3_LENGTH);
	if (!behind)
		return;
	put_be32(extension, QCOW2_BACKING_FORMAT);
	put_be32(extension + 4, strlen(format));
	memcpy(extension + 8, format, strlen(format));
	/* Eight bytes of zeros end the extensions; the name follows. */
	put_be64(header + QCOW2_BACKING_AT, QCOW2_V3_LENGTH + 8 + length + 8);
	put_be32(header + QCOW2_BACKING_LENGTH, strlen(behind));
	memcpy(extension + 8 + length + 8, behind, strlen(behind));
}

static int write_all(int fd, uint8_t *cluster, uint64_t bytes, const char *behind, const char *format)
{
	uint64_t clusters = L1 + l1_clusters(bytes);
	int rc = ftruncate(fd, clusters << CREATE_BITS) ? -errno : 0;

	for (uint64_t n = 0; n < clusters; n++)
		refs_put(cluster, 4, n, 1);
	if (!rc)
		rc = image_pwrite(fd, cluster, clusters * 2, BLOCK * CLUSTER);
	memset(cluster, 0, CLUSTER);
	put_be64(cluster, BLOCK * CLUSTER);
	if (!rc)
		rc = image_pwrite(fd, cluster, 8, TABLE * CLUSTER);
	if (!rc && fdatasync(fd))
		rc = -errno;
	memset(cluster, 0, CLUSTER);
	fill_header(cluster, bytes, behind, format);
	if (!rc)
		rc = image_pwrite(fd, cluster, CLUSTER, 0);
	return rc || !fsync(fd) ? rc : -errno;
}

int qcow2_create(const char *path, uint64_t sectors, const char *behind, const char *format)
{
	uint8_t *cluster;
	int fd, rc;

	if (sectors >> (63 - SECTOR_SHIFT) || l1_entries(sectors << SECTOR_SHIFT) * 8 > QCOW2_MAX_L1)
		return -EFBIG;
	if (behind && strlen(behind) > 1023)
		return -ENAMETOOLONG;
	cluster = calloc(1, CLUSTER);
	if (!cluster)
		return -ENOMEM;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	rc = fd < 0 ? -errno : write_all(fd, cluster, sectors << SECTOR_SHIFT, behind, format);
	free(cluster);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && rc)
		unlink(path);
	return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * Virtual disks: what lies in the page that front and back end share. The layout follows the compiler's target: 112 bytes a
 * slot for 64 bits ("x86_64-abi"), 108 for 32 ("x86_32-abi"). Sectors are of 512 bytes, whatever the disk's own size is.
 */
#pragma once

#include <stdint.h>

#include "../grant_table.h"

typedef uint16_t blkif_vdev_t;
typedef uint64_t blkif_sector_t;

#define BLKIF_OP_READ            0
#define BLKIF_OP_WRITE           1
#define BLKIF_OP_WRITE_BARRIER   2
#define BLKIF_OP_FLUSH_DISKCACHE 3
#define BLKIF_OP_DISCARD         5
#define BLKIF_OP_INDIRECT        6 /* its answer has the operation inside, READ or WRITE */

#define BLKIF_RSP_OKAY       0
#define BLKIF_RSP_ERROR      (-1)
#define BLKIF_RSP_EOPNOTSUPP (-2)

#define BLKIF_MAX_SEGMENTS_PER_REQUEST       11
#define BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST 8
#define BLKIF_DISCARD_SECURE                 (1 << 0)

/* In the back end's `info` */
#define VDISK_CDROM     0x1
#define VDISK_REMOVABLE 0x2
#define VDISK_READONLY  0x4

/* Sectors of a granted page, the last included. */
struct blkif_request_segment {
	grant_ref_t gref;
	uint8_t first_sect, last_sect;
};

struct blkif_request {
	uint8_t operation;
	uint8_t nr_segments;
	blkif_vdev_t handle;
	uint64_t id; /* comes back in the answer */
	blkif_sector_t sector_number;
	struct blkif_request_segment seg[BLKIF_MAX_SEGMENTS_PER_REQUEST];
};

struct blkif_request_discard {
	uint8_t operation;
	uint8_t flag; /* BLKIF_DISCARD_SECURE */
	blkif_vdev_t handle;
	uint64_t id;
	blkif_sector_t sector_number;
	uint64_t nr_sectors;
};

/* Its segments are in granted pages, 512 in each. */
struct blkif_request_indirect {
	uint8_t operation;
	uint8_t indirect_op;
	uint16_t nr_segments;
	uint64_t id;
	blkif_sector_t sector_number;
	blkif_vdev_t handle;
	grant_ref_t indirect_grefs[BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST];
#ifdef __i386__
	uint64_t pad;
#endif
};

struct blkif_response {
	uint64_t id;
	uint8_t operation;
	int16_t status; /* BLKIF_RSP_* */
};

union blkif_sring_entry {
	struct blkif_request req;
	struct blkif_response rsp;
};

/* Indexes run freely; each has one writer. An end wants an event when the other's index passes its *_event. The slots are as many
 * as a power of two and fit: 32 in one page. */
struct blkif_sring {
	uint32_t req_prod, req_event;
	uint32_t rsp_prod, rsp_event;
	uint8_t pad[48];
	union blkif_sring_entry ring[1];
};

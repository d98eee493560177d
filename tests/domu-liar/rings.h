/* SPDX-License-Identifier: MIT */
/* What lies in the rings of disks and network cards (Xen's public io/blkif.h, io/netif.h, io/ring.h; 64-bit layout). */
#pragma once

#include <stdint.h>

/* At the beginning of each ring's page, which has nothing else: the other end may write to all of it. */
#define RING_PAGE __attribute__((aligned(4096)))
struct ring_head {
	uint32_t req_prod, req_event, rsp_prod, rsp_event;
	uint8_t pad[48];
};

#define BLK_READ       0
#define BLK_WRITE      1
#define BLK_BARRIER    2
#define BLK_FLUSH      3
#define BLK_DISCARD    5
#define BLK_INDIRECT   6
#define BLK_SEGMENTS   11
#define BLK_SLOTS      32
#define BLK_INDIRECTS  8
#define SECTORS_A_PAGE 8

struct blk_segment {
	uint32_t ref;
	uint8_t first_sector, last_sector;
	uint16_t pad;
};

union blk_request {
	uint8_t op;
	struct {
		uint8_t op_, segments;
		uint16_t handle;
		uint32_t pad;
		uint64_t id, sector;
		struct blk_segment segment[BLK_SEGMENTS];
	};
	struct {
		uint8_t op_, indirect_op;
		uint16_t segments, pad[2];
		uint64_t id, sector;
		uint16_t handle, pad2;
		uint32_t ref[BLK_INDIRECTS];
	} indirect;
	struct {
		uint8_t op_, flag;
		uint16_t handle;
		uint32_t pad;
		uint64_t id, sector, sectors;
	} discard;
};
_Static_assert(sizeof(union blk_request) == 112, "of the 64-bit protocol");

struct blk_ring {
	struct ring_head head;
	union blk_request slot[BLK_SLOTS];
} RING_PAGE;

#define NET_MORE_DATA 4
#define NET_EXTRA     8
#define NET_SLOTS     256

struct net_tx_request {
	uint32_t ref;
	uint16_t offset, flags, id, size;
};

struct net_rx_request {
	uint16_t id, pad;
	uint32_t ref;
};

struct net_tx_ring {
	struct ring_head head;
	struct net_tx_request slot[NET_SLOTS];
} RING_PAGE;

struct net_rx_ring {
	struct ring_head head;
	struct net_rx_request slot[NET_SLOTS];
} RING_PAGE;

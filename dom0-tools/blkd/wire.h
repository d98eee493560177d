/* SPDX-License-Identifier: MIT */
/*
 * The page that a block front end shares with its back end: numbers and layouts of Xen's public io/blkif.h and io/ring.h.
 * A front end of 32 bits and one of 64 differ in nothing but where a 64-bit word is aligned: so a layout is a few
 * offsets, and there is one code for both. Indexes run freely in 32 bits; a slot's number is its index modulo their
 * count, a power of two.
 */
#pragma once

#include <stdint.h>

/* Operations, and the statuses of their responses. */
enum {
	BLK_READ,
	BLK_WRITE,
	BLK_BARRIER,
	BLK_FLUSH,
	BLK_RESERVED,
	BLK_DISCARD,
	BLK_INDIRECT
};
#define BLK_OKAY        0
#define BLK_ERROR       (-1)
#define BLK_UNSUPPORTED (-2)

#define BLK_DIRECT_MAX     11  /* segments in a slot */
#define BLK_PAGE_MAX       512 /* segments described in an indirect page */
#define BLK_INDIRECT_MAX   64 /* segments of an indirect request that we take (feature-max-indirect-segments) */
#define BLK_LAST_SECTOR    7 /* of a page */
#define BLK_INFO_CDROM     1
#define BLK_INFO_REMOVABLE 2
#define BLK_INFO_READONLY  4

/* The head of the first page. */
struct blk_head {
	uint32_t req_prod, req_event, rsp_prod, rsp_event;
	/* Nobody's but the back end's. What a response overwrites is kept here while it is written (ring.c). */
	uint32_t note_magic, note_index;
	uint8_t note[16];
	uint8_t unused[24];
};

/* Offsets in a slot. */
struct blk_layout {
	const char *name; /* as the front end's `protocol` says it */
	uint8_t slot;     /* size of a slot, and so the distance of two responses */
	uint8_t id, sector;
	uint8_t segments; /* also: how many sectors to discard */
	uint8_t refs;     /* of the indirect pages */
};
#define BLK_OPERATION 0
#define BLK_COUNT     1 /* of segments; the flag of a discard; the inner operation of an indirect request */
#define BLK_COUNT_16  2 /* segments of an indirect request */
#define BLK_SLOT_MAX  112

/* A segment: reference, first and last sector. */
struct blk_segment {
	uint32_t ref;
	uint8_t first, last;
	uint16_t unused;
};

/* A response: what lies between its fields, and behind them, is zero. */
struct blk_response {
	uint64_t id;
	uint8_t operation, zero;
	int16_t status;
	uint8_t zeros[4]; /* only in slots of 64 bits */
};
#define BLK_RESPONSE 12 /* bytes that both have */

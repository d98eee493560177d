/* SPDX-License-Identifier: MIT */
/*
 * A request, as its front end wrote it, read once from a copy of its slot and checked. Nothing here touches shared memory: what
 * is checked is what is used.
 */
#pragma once

#include "image.h"
#include "wire.h"

#include <stdbool.h>

struct request {
	uint64_t id;
	uint8_t wire_op; /* what the response says: of an indirect request, the operation in it */
	uint8_t op;      /* BLK_READ ... BLK_DISCARD */
	bool indirect;
	int16_t status;
	uint16_t count; /* segments */
	uint64_t sector, sectors;
	uint8_t *data; /* in the batch's buffer; `sectors` of it */
	uint32_t
	    refs[BLK_INDIRECT_MAX / BLK_PAGE_MAX + 1]; /* pages with the segments of an indirect request */
	struct blk_segment segments[BLK_INDIRECT_MAX];
};

/* NULL: there is no such protocol. @name NULL: the one of this program's own word size. */
const struct blk_layout *blk_layout(const char *name);
/* How many slots @pages have. */
uint32_t blk_slots(const struct blk_layout *layout, unsigned pages);

/* From @slot, a private copy. A request that is wrong in itself gets a status other than BLK_OKAY, and is not to be done.
 * Of an indirect one the segments are still missing. */
void request_parse(const struct blk_layout *layout, const uint8_t *slot, struct request *r);
/* Segments in an indirect page. */
unsigned request_page_count(const struct request *r, unsigned page);
/* Sums up the segments and checks the range against the disk's size; sets the status. */
void request_check(struct request *r, const struct image *image);
/* Where the bytes of a segment lie in its page, and how many there are. */
static inline uint16_t segment_offset(const struct blk_segment *s)
{
	return (uint16_t)(s->first << SECTOR_SHIFT);
}

static inline uint16_t segment_bytes(const struct blk_segment *s)
{
	return (uint16_t)((s->last - s->first + 1) << SECTOR_SHIFT);
}

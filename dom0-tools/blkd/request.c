/* SPDX-License-Identifier: MIT */
/* See request.h. */
#include "request.h"

#include <string.h>

static const struct blk_layout layouts[] = {
    {.name = "x86_64-abi", .slot = 112, .id = 8, .sector = 16, .segments = 24, .refs = 28},
    {.name = "x86_32-abi", .slot = 108, .id = 4, .sector = 12, .segments = 20, .refs = 24},
};

const struct blk_layout *blk_layout(const char *name)
{
	if (!name)
		return &layouts[sizeof(void *) == 8 ? 0 : 1];
	for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++)
		if (!strcmp(layouts[i].name, name))
			return &layouts[i];
	return NULL;
}

uint32_t blk_slots(const struct blk_layout *layout, unsigned pages)
{
	uint32_t room = (pages * 4096 - (uint32_t)sizeof(struct blk_head)) / layout->slot, slots = 1;

	while (slots * 2 <= room)
		slots *= 2;
	return slots;
}

static void read_direct(const struct blk_layout *layout, const uint8_t *slot, struct request *r)
{
	r->count = slot[BLK_COUNT];
	if (r->count > BLK_DIRECT_MAX || (!r->count && r->op <= BLK_WRITE))
		r->status = BLK_ERROR;
	else
		memcpy(r->segments, slot + layout->segments, r->count * sizeof(*r->segments));
}

static void read_indirect(const struct blk_layout *layout, const uint8_t *slot, struct request *r)
{
	r->indirect = true;
	r->op = r->wire_op = slot[BLK_COUNT];
	memcpy(&r->count, slot + BLK_COUNT_16, sizeof(r->count));
	memcpy(r->refs, slot + layout->refs, sizeof(r->refs));
	if (r->op > BLK_WRITE || !r->count || r->count > BLK_INDIRECT_MAX)
		r->status = BLK_ERROR;
}

void request_parse(const struct blk_layout *layout, const uint8_t *slot, struct request *r)
{
	r->op = r->wire_op = slot[BLK_OPERATION];
	r->indirect = false;
	r->status = BLK_OKAY;
	r->count = 0;
	r->sectors = 0;
	r->data = NULL;
	memcpy(&r->id, slot + layout->id, sizeof(r->id));
	memcpy(&r->sector, slot + layout->sector, sizeof(r->sector));
	switch (r->op) {
	case BLK_READ:
	case BLK_WRITE:
	case BLK_BARRIER:
	case BLK_FLUSH:
		read_direct(layout, slot, r);
		break;
	case BLK_DISCARD:
		memcpy(&r->sectors, slot + layout->segments, sizeof(r->sectors));
		break;
	case BLK_INDIRECT:
		read_indirect(layout, slot, r);
		break;
	default:
		r->status = BLK_UNSUPPORTED;
	}
}

unsigned request_page_count(const struct request *r, unsigned page)
{
	unsigned before = page * BLK_PAGE_MAX;

	if (!r->indirect || before >= r->count)
		return 0;
	return r->count - before < BLK_PAGE_MAX ? r->count - before : BLK_PAGE_MAX;
}

static bool sum_up(struct request *r)
{
	if (r->op == BLK_DISCARD)
		return true;
	for (unsigned i = 0; i < r->count; i++) {
		const struct blk_segment *s = &r->segments[i];

		if (s->last > BLK_LAST_SECTOR || s->first > s->last)
			return false;
		r->sectors += s->last - s->first + 1u;
	}
	return true;
}

void request_check(struct request *r, const struct image *image)
{
	bool pure = (r->op == BLK_FLUSH || r->op == BLK_BARRIER) && !r->count;

	if (r->status != BLK_OKAY)
		return;
	if (!sum_up(r) || (r->op != BLK_READ && !pure && image->readonly))
		r->status = BLK_ERROR;
	else if (r->op == BLK_DISCARD && !image->discards)
		r->status = BLK_UNSUPPORTED;
	else if (!pure && (r->sectors > image->sectors || r->sector > image->sectors - r->sectors))
		r->status = BLK_ERROR;
}

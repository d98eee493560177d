// SPDX-License-Identifier: MIT
/*
 * Handles: the numbers by which a domain names what it mapped. Free ones are chained through the entries;
 * frames of entries are added as needed, up to the domain's limit, and stay until it ends.
 * Locking: grant_table.lock of the mapping domain. A claimed entry is its claimer's alone.
 */
#include "dom/domain.h"
#include "gnt/table.h"
#include "mm/page.h"

#define PARTS (GNTMAP_host_map | GNTMAP_device_map)

bool maptrack_grow(struct grant_table *gt)
{
	uint32_t first = gt->maptrack_frames * MAPTRACKS_PER_FRAME, last = first + MAPTRACKS_PER_FRAME - 1;
	struct maptrack *frame;

	if (gt->maptrack_frames == gt->max_maptrack_frames)
		return false;
	if (!gt->maptrack)
		gt->maptrack = heap_alloc(gt->max_maptrack_frames * sizeof(*gt->maptrack));
	frame = gt->maptrack ? heap_alloc_pages(0) : NULL;
	if (!frame)
		return false;
	gt->maptrack[gt->maptrack_frames++] = frame;
	for (uint32_t handle = first; handle < last; handle++)
		maptrack_at(gt, handle)->ref = handle + 1;
	maptrack_at(gt, last)->ref = gt->maptrack_free;
	gt->maptrack_free = first;
	return true;
}

static void put_locked(struct grant_table *gt, uint32_t handle)
{
	struct maptrack *m = maptrack_at(gt, handle);

	m->granter = NULL;
	m->flags = 0;
	m->ref = gt->maptrack_free;
	gt->maptrack_free = handle;
}

void maptrack_put(struct grant_table *gt, uint32_t handle)
{
	spin_lock(&gt->lock);
	put_locked(gt, handle);
	spin_unlock(&gt->lock);
}

struct maptrack *maptrack_claim(struct grant_table *gt, uint32_t handle)
{
	struct maptrack *m = NULL;

	spin_lock(&gt->lock);
	if (likely(handle < gt->maptrack_frames * MAPTRACKS_PER_FRAME)) {
		m = maptrack_at(gt, handle);
		if (unlikely(!(m->flags & PARTS) || (m->flags & MAPTRACK_BUSY)))
			m = NULL;
		else
			m->flags |= MAPTRACK_BUSY;
	}
	spin_unlock(&gt->lock);
	return m;
}

bool maptrack_unclaim(struct grant_table *gt, uint32_t handle, uint32_t done, struct maptrack *was)
{
	struct maptrack *m;
	bool last;

	spin_lock(&gt->lock);
	m = maptrack_at(gt, handle);
	m->flags &= ~(MAPTRACK_BUSY | done);
	last = !(m->flags & PARTS);
	*was = *m;
	if (last)
		put_locked(gt, handle);
	spin_unlock(&gt->lock);
	return last;
}

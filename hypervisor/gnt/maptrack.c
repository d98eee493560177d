/* SPDX-License-Identifier: MIT */
/*
 * Handles: the numbers by which a domain names what it mapped. Free ones are chained through the entries;
 * frames of entries are added as needed, up to the domain's limit, and stay until it ends. Getting, putting and
 * claiming one are in line in gnt/table.h.
 * Locking: grant_table.lock of the mapping domain for the chain. Only its claimer uses a claimed entry.
 */
#include "gnt/table.h"
#include "guest/domain.h"
#include "mm/page.h"

bool maptrack_grow(struct grant_table *gt)
{
	uint32_t first = gt->maptrack_frames * MAPTRACKS_PER_FRAME, last = first + MAPTRACKS_PER_FRAME - 1;
	struct maptrack *frame;

	if (gt->maptrack_frames == gt->max_maptrack_frames)
		return false;
	if (!gt->maptrack)
		gt->maptrack = heap_alloc_for(gt->domain, gt->max_maptrack_frames * sizeof(*gt->maptrack));
	frame = gt->maptrack ? heap_alloc_pages_for(gt->domain, 0) : NULL;
	if (!frame)
		return false;
	gt->maptrack[gt->maptrack_frames] = frame;
	__atomic_store_n(&gt->maptrack_frames, gt->maptrack_frames + 1, __ATOMIC_RELEASE);
	for (uint32_t handle = first; handle < last; handle++)
		maptrack_at(gt, handle)->ref = handle + 1;
	maptrack_at(gt, last)->ref = gt->maptrack_free;
	gt->maptrack_free = first;
	return true;
}

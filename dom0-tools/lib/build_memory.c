/* SPDX-License-Identifier: MIT */
/* Memory of a domain under construction (build.h): frames for it, and their contents through foreign mappings. */
#include "build.h"
#include "err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen/memory.h>

#define MAP_CHUNK 256  /* frames mapped at a time: 1 MiB of address space */
#define POPULATE  1024 /* extents per hypercall: fits the arena */

/* Free memory of the machine in KiB that no domain has claimed. */
static uint64_t free_kb(struct hv *hv)
{
	struct xen_sysctl op = {.cmd = XEN_SYSCTL_physinfo};

	if (hv_sysctl(hv, &op) < 0 || op.u.physinfo.free_pages < op.u.physinfo.outstanding_pages)
		return 0;
	return (op.u.physinfo.free_pages - op.u.physinfo.outstanding_pages) * 4;
}

static int too_little(uint64_t wanted_kb, uint64_t left_kb)
{
	return fail("memory = %llu: the machine has %llu MiB left to give; lower memory= or destroy a domain",
		    (unsigned long long)wanted_kb / 1024, (unsigned long long)left_kb / 1024);
}

int build_has_memory(struct hv *hv, uint64_t memory_kb, uint64_t spare_kb)
{
	uint64_t left_kb = free_kb(hv) + spare_kb;

	return memory_kb <= left_kb ? 0 : too_little(memory_kb, left_kb);
}

/* Ask for @count extents of 2^@order frames from @pfn on, with addresses of at most @addr_bits (0: any). Returns how
 * many came (maybe 0), or -errno. */
static long populate(struct build *b, uint64_t pfn, unsigned count, unsigned order, unsigned addr_bits)
{
	size_t mark = b->hv->used;
	xen_pfn_t *extent = hv_buf(b->hv, count * sizeof(*extent));
	struct xen_memory_reservation r = {.nr_extents = count,
					   .extent_order = order,
					   .mem_flags = XENMEMF_address_bits(addr_bits),
					   .domid = b->id};
	long done;

	if (!extent)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++)
		extent[i] = pfn + ((uint64_t)i << order);
	set_xen_guest_handle(r.extent_start, extent);
	done = hv_memory_op(b->hv, XENMEM_populate_physmap, &r, sizeof(r));
	for (long i = 0; i < done; i++)
		for (uint64_t j = 0; j < 1ull << order; j++)
			b->p2m[pfn + ((uint64_t)i << order) + j] = extent[i] + j;
	hv_release(b->hv, mark);
	return done;
}

/* Frames @have up to @want. Large extents first, which cost few hypercalls; single frames where memory is in pieces. */
static int populate_range(struct build *b, uint64_t have, uint64_t want)
{
	unsigned order = 9;

	while (have < want) {
		uint64_t left = (want - have) >> order;
		long got = left ? populate(b, have, left < POPULATE ? left : POPULATE, order, 0) : 0;

		if (got < 0 && got != -ENOMEM)
			return fail_errno(got, "memory of the domain");
		if (got > 0)
			have += (uint64_t)got << order;
		else if (order)
			order = order > 4 ? 4 : 0;
		else
			return too_little(b->plan.nr_pages * 4, free_kb(b->hv) + have * 4);
	}
	return 0;
}

/* A pv32 guest's first root lies below 4 GiB, which every kernel can use; later roots are the guest's choice. */
static int populate_root(struct build *b, uint64_t pfn)
{
	if (b->plan.kind != &first_pv32)
		return populate_range(b, pfn, pfn + 1);
	return populate(b, pfn, 1, 0, 32) == 1
		   ? 0
		   : fail("no memory below 4 GiB is left for a pv32 domain's page table; destroy a domain");
}

int build_memory(struct build *b)
{
	uint64_t pages = b->plan.nr_pages, root = b->plan.tables.pfn;

	b->p2m = calloc(pages, sizeof(*b->p2m));
	if (!b->p2m)
		return fail("out of memory in Dom0 for the frame list of %llu pages",
			    (unsigned long long)pages);
	if (!b->plan.tables.count) /* fv: the tables come later, and are the guest's own */
		return populate_range(b, 0, pages);
	return populate_range(b, 0, root) || populate_root(b, root) || populate_range(b, root + 1, pages) ? -1
													  : 0;
}

/* Call @fill for pieces of the range, mapped one after another; @first is the piece's offset in frames. */
int build_fill(struct build *b, struct first_range range,
	       void (*fill)(struct build *b, uint8_t *at, uint64_t first, uint64_t count))
{
	xen_pfn_t frames[MAP_CHUNK];

	for (uint64_t first = 0; first < range.count; first += MAP_CHUNK) {
		uint64_t count = range.count - first < MAP_CHUNK ? range.count - first : MAP_CHUNK;
		uint8_t *at;

		for (uint64_t i = 0; i < count; i++)
			frames[i] = b->p2m[range.pfn + first + i];
		at = hv_map(b->hv, b->id, frames, count);
		if (!at)
			return fail_errno(errno, "cannot map %llu frames of domain %u into Dom0",
					  (unsigned long long)count, b->id);
		fill(b, at, first, count);
		hv_unmap(b->hv, at, count);
	}
	return 0;
}

/* The part of [@from, @from + @size) that falls into the window [@start, @start + @len). */
void build_copy(uint8_t *window, uint64_t start, uint64_t len, uint64_t from, const uint8_t *data,
		uint64_t size)
{
	uint64_t low = from > start ? from : start;
	uint64_t high = from + size < start + len ? from + size : start + len;

	if (low < high)
		memcpy(window + (low - start), data + (low - from), high - low);
}

void build_initrd(struct build *b, uint8_t *at, uint64_t first, uint64_t count)
{
	memset(at + (count - 1) * FRAME_SIZE, 0, FRAME_SIZE);
	build_copy(at, first * FRAME_SIZE, count * FRAME_SIZE, 0, (uint8_t *)b->initrd, b->initrd_size);
}

void build_zero(struct build *b, uint8_t *at, uint64_t first, uint64_t count)
{
	memset(at, 0, count * FRAME_SIZE);
}

int build_rings(struct build *b)
{
	if (build_fill(b, b->plan.store, build_zero) || build_fill(b, b->plan.console, build_zero))
		return -1;
	b->result->console_mfn = b->p2m[b->plan.console.pfn];
	b->result->store_mfn = b->p2m[b->plan.store.pfn];
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * From the firmware's memory map to the frame allocator: what is RAM, which parts of it are taken, where
 * the frame table and the M2P go. Boot CPU only, no locking.
 */
#include "lib/loglevel.h"
#include "cpu/panic.h"
#include "lib/string.h"
#include "mm/bootmem.h"
#include "mm/init.h"
#include "mm/mm.h"
#include "mm/page.h"

#define EARLY_END   (1ull << 32) /* what the early tables map */
#define LARGE       (2ull << 20)
#define SLOT_FRAMES (512ull << (30 - PAGE_SHIFT)) /* that one slot of the root table maps */

struct mem_range boot_ram[BOOT_RAM_MAX], boot_reserved[BOOT_RESERVED_MAX];
unsigned boot_ram_count, boot_reserved_count;

static paddr_t reachable = EARLY_END;

static void insert(paddr_t start, paddr_t end, uint32_t type)
{
	unsigned i;

	if (start >= end)
		return;
	if (boot_ram_count == BOOT_RAM_MAX)
		panic("more than %d parts in the firmware's memory map", BOOT_RAM_MAX);
	for (i = boot_ram_count++; i > 0 && boot_ram[i - 1].start > start; i--)
		boot_ram[i] = boot_ram[i - 1];
	boot_ram[i] = (struct mem_range){start, end, type};
}

/* A part that overlaps [start, end), only of RAM if @ram; NULL if there is none. */
static struct mem_range *overlapping(paddr_t start, paddr_t end, bool ram)
{
	for (unsigned i = 0; i < boot_ram_count; i++) {
		struct mem_range *r = &boot_ram[i];

		if (r->start < end && r->end > start && (!ram || r->type == MEM_RAM))
			return r;
	}
	return NULL;
}

/* RAM that is something else too is not RAM. */
static void cut_out(paddr_t start, paddr_t end)
{
	struct mem_range *r, old;

	while ((r = overlapping(start, end, true))) {
		old = *r;
		boot_ram_count--;
		memmove(r, r + 1, (boot_ram + boot_ram_count - r) * sizeof(*r));
		insert(old.start, start, MEM_RAM);
		insert(end, old.end, MEM_RAM);
	}
}

static void add_ram(paddr_t start, paddr_t end)
{
	const struct mem_range *r;

	while (start < end && (r = overlapping(start, end, false))) {
		if (r->start > start)
			add_ram(start, r->start);
		start = r->end;
	}
	insert(start, end, MEM_RAM);
}

void boot_ram_add(paddr_t start, paddr_t end, uint32_t type)
{
	if (end < start) /* it wraps */
		end = ~0ull;
	if (type == MEM_RAM) {
		add_ram(start, end);
	} else {
		cut_out(start, end);
		insert(start, end, type);
	}
}

void boot_reserve(paddr_t start, paddr_t end)
{
	start = ROUND_DOWN(start, PAGE_SIZE);
	end = ROUND_UP(end, PAGE_SIZE);
	for (unsigned i = 0; i < boot_reserved_count; i++)
		if (boot_reserved[i].end == start) {
			boot_reserved[i].end = end;
			return;
		}
	if (boot_reserved_count == BOOT_RESERVED_MAX)
		panic("more than %d reserved parts of memory", BOOT_RESERVED_MAX);
	boot_reserved[boot_reserved_count++] = (struct mem_range){.start = start, .end = end};
}

/* The reserved part that covers an address of [start, end) and begins lowest, or NULL. */
static struct mem_range *first_reserved(paddr_t start, paddr_t end)
{
	struct mem_range *first = NULL;

	for (unsigned i = 0; i < boot_reserved_count; i++) {
		struct mem_range *r = &boot_reserved[i];

		if (r->start < end && r->end > start && (!first || r->start < first->start))
			first = r;
	}
	return first;
}

/* The lowest free room in @ram; 0: it has none. */
static paddr_t room_in(const struct mem_range *ram, uint64_t size, uint64_t align)
{
	paddr_t at = ROUND_UP(ram->start, align), end = MIN(ram->end, reachable);
	const struct mem_range *r;

	while (at + size <= end) {
		r = first_reserved(at, at + size);
		if (!r)
			return at;
		at = ROUND_UP(r->end, align);
	}
	return 0;
}

static uint64_t reserved(void)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < boot_reserved_count; i++)
		bytes += boot_reserved[i].end - boot_reserved[i].start;
	return bytes;
}

/* Tries the highest RAM first: low addresses are scarce. */
void *bootmem_alloc(uint64_t size)
{
	uint64_t align = size >= LARGE ? LARGE : PAGE_SIZE, ram = 0;

	size = ROUND_UP(size, PAGE_SIZE);
	for (unsigned i = boot_ram_count; i--;) {
		paddr_t at = boot_ram[i].type == MEM_RAM ? room_in(&boot_ram[i], size, align) : 0;

		if (at) {
			boot_reserve(at, at + size);
			return memset(paddr_to_virt(at), 0, size);
		}
		ram += boot_ram[i].type == MEM_RAM ? boot_ram[i].end - boot_ram[i].start : 0;
	}
	panic("no room for %lu KiB of the hypervisor's tables: of %lu KiB of RAM, image and boot modules "
	      "take %lu; the "
	      "machine needs more memory",
	      (unsigned long)size >> 10, (unsigned long)ram >> 10, (unsigned long)reserved() >> 10);
}

/* Whole frames of RAM range @r. */
static mfn_t first_frame(const struct mem_range *r)
{
	return ROUND_UP(r->start, PAGE_SIZE) >> PAGE_SHIFT;
}

static mfn_t end_frame(const struct mem_range *r)
{
	return r->end >> PAGE_SHIFT;
}

/* [start, end) of RAM without its reserved parts joins the allocator. */
static void add_free(paddr_t start, paddr_t end)
{
	while (start < end) {
		struct mem_range *r = first_reserved(start, end);

		if (r && r->start > start)
			buddy_add(start >> PAGE_SHIFT, r->start >> PAGE_SHIFT);
		if (!r)
			buddy_add(start >> PAGE_SHIFT, end >> PAGE_SHIFT);
		start = r ? r->end : end;
	}
}

void bootmem_find_end(void)
{
	const mfn_t limit = (SLOT_LAST - SLOT_DIRECT + 1) * SLOT_FRAMES;

	for (unsigned i = 0; i < boot_ram_count; i++)
		if (boot_ram[i].type == MEM_RAM)
			max_mfn = MAX(max_mfn, end_frame(&boot_ram[i]));
	if (max_mfn > limit)
		log_warning("Warning: RAM above %lu GiB is not used\n",
			    (unsigned long)(limit >> (30 - PAGE_SHIFT)));
	max_mfn = MIN(max_mfn, limit);
}

void bootmem_init(void)
{
	reachable = max_mfn << PAGE_SHIFT;
	frame_table = bootmem_alloc(max_mfn * sizeof(struct page_info));
}

void bootmem_give(void)
{
	for (mfn_t m = 0; m < max_mfn; m++)
		frame_table[m].count = PGC_IO;
	for (unsigned i = 0; i < boot_ram_count; i++) {
		if (boot_ram[i].type != MEM_RAM)
			continue;
		for (mfn_t m = first_frame(&boot_ram[i]); m < MIN(end_frame(&boot_ram[i]), max_mfn); m++)
			frame_table[m].count = 0;
	}
	for (unsigned i = 0; i < boot_ram_count; i++)
		if (boot_ram[i].type == MEM_RAM)
			add_free(first_frame(&boot_ram[i]) << PAGE_SHIFT,
				 MIN(end_frame(&boot_ram[i]), max_mfn) << PAGE_SHIFT);
}

void boot_release(paddr_t start, paddr_t end)
{
	buddy_add(ROUND_UP(start, PAGE_SIZE) >> PAGE_SHIFT, end >> PAGE_SHIFT);
}

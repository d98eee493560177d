// SPDX-License-Identifier: MIT
/*
 * From the firmware's memory map to the frame allocator: what is RAM, what of it is taken, where frame table
 * and M2P go. Boot CPU only, no locking.
 */
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/bootmem.h"
#include "mm/init.h"
#include "mm/mm.h"
#include "mm/page.h"

#define REACHABLE (1ull << 32) /* what the early tables map */
#define LARGE     (2ull << 20)

struct mem_range boot_ram[BOOT_RAM_MAX], boot_reserved[BOOT_RESERVED_MAX];
unsigned boot_ram_count, boot_reserved_count;

void boot_reserve(paddr_t start, paddr_t end)
{
	struct mem_range *r = &boot_reserved[boot_reserved_count];

	if (boot_reserved_count == BOOT_RESERVED_MAX)
		panic("more than %d reserved parts of memory", BOOT_RESERVED_MAX);
	r->start = ROUND_DOWN(start, PAGE_SIZE);
	r->end = ROUND_UP(end, PAGE_SIZE);
	boot_reserved_count++;
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

void *bootmem_alloc(uint64_t size)
{
	uint64_t align = size >= LARGE ? LARGE : PAGE_SIZE;

	size = ROUND_UP(size, PAGE_SIZE);
	for (unsigned i = 0; i < boot_ram_count; i++) {
		paddr_t at = ROUND_UP(boot_ram[i].start, align), end = MIN(boot_ram[i].end, REACHABLE);

		while (boot_ram[i].type == MEM_RAM && at + size <= end) {
			struct mem_range *r = first_reserved(at, at + size);

			if (!r) {
				boot_reserve(at, at + size);
				return memset(paddr_to_virt(at), 0, size);
			}
			at = ROUND_UP(r->end, align);
		}
	}
	panic("no %lu KiB of memory for the frame tables", (unsigned long)size >> 10);
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

void bootmem_init(void)
{
	for (unsigned i = 0; i < boot_ram_count; i++)
		if (boot_ram[i].type == MEM_RAM)
			max_mfn = MAX(max_mfn, end_frame(&boot_ram[i]));
	max_mfn = MIN(max_mfn, (SLOT_LAST - SLOT_DIRECT + 1) * (512ull << (30 - PAGE_SHIFT)));
	frame_table = bootmem_alloc(max_mfn * sizeof(struct page_info));
	m2p_init();

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

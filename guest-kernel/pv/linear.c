/* SPDX-License-Identifier: MIT */
/*
 * Maps all of the domain's memory in the order of its own frame numbers. The machine frames behind are scattered,
 * so it takes one entry per page; the tables come from the first free frames, in a row. A table is filled
 * through a window page while it still is ordinary memory, and is read-only everywhere before it is hooked
 * into the live tree: the hypervisor would refuse it otherwise.
 *
 * In 64 bit the linear map is new, and the builder's mapping (image base + frame) is taken away behind the
 * image: frames from there will become page tables, and must not stay writable there.
 * In 32 bit the builder's mapping is the start of the linear map.
 */
#include "x86/internal.h"
#include "cpu_ops.h"
#include "linear.h"

unsigned long *linear_frame_list;

union {
	struct shared_info info;
	char page[PAGE_SIZE];
} shared_info_page __asm__("shared_info") __attribute__((aligned(PAGE_SIZE)));
static pte_t window[TABLE_ENTRIES] __attribute__((aligned(PAGE_SIZE)));

static struct frame_range boot_tables, new_tables; /* to be mapped read-only */

/* Gives a page of the image another machine frame. */
static void remap(const void *page, pte_t pte)
{
	if (hypercall_update_va_mapping((uintptr_t)page, pte, UVMF_INVLPG)) {
		static const char text[] = "machine: cannot map a page\n";

		hypercall_console_io(CONSOLEIO_write, sizeof(text) - 1, text);
		machine_crash();
	}
}

static bool in_range(const struct frame_range *r, pfn_t pfn)
{
	return pfn >= r->first && pfn < r->end;
}

/* A level 1 table for 512 frames from this one on. */
static void fill_leaf(pfn_t table, pfn_t pfn)
{
	remap(window, pte_make(table, LINEAR_WRITABLE));
	for (unsigned i = 0; i < TABLE_ENTRIES; i++, pfn++) {
		bool read_only = in_range(&boot_tables, pfn) || in_range(&new_tables, pfn);

		window[i] = pfn >= boot_info.pages
				? 0
				: pte_make(pfn, read_only ? LINEAR_READ_ONLY : LINEAR_WRITABLE);
	}
	remap(window, 0);
}

/* One entry of a table in use, named by its frame: the linear map does not reach it yet. */
static void set_entry(pfn_t table, unsigned index, pte_t pte)
{
	struct mmu_update update = {
	    .ptr = pfn_to_mfn(table) << PAGE_SHIFT | index * sizeof(pte_t) | MMU_NORMAL_PT_UPDATE,
	    .val = pte,
	};
	unsigned done;

	if (hypercall_mmu_update(&update, 1, &done, DOMID_SELF))
		machine_crash();
}

/* Takes the frames for new tables, and removes the builder's writable mapping of them. That mapping does not
 * reach all of memory: where it has no table, the call fails, and there is nothing to do. */
static pfn_t take_tables(unsigned count, pte_t boot_flags)
{
	pfn_t first = boot_take_frames(count);

	new_tables = (struct frame_range){first, first + count};
	for (pfn_t pfn = first; pfn < first + count; pfn++)
		hypercall_update_va_mapping(IMAGE_BASE + (pfn << PAGE_SHIFT),
					    boot_flags ? pte_make(pfn, boot_flags) : 0, UVMF_INVLPG);
	return first;
}

#define HOOK_FLAGS   (PTE_P | PTE_W | PTE_U)
#define DIV_UP(n, d) (((n) + (d)-1) / (d))

#ifdef __x86_64__

extern char image_end[];

/* Fill an upper table with entries for `count` tables from `child` on. */
static void fill_upper(pfn_t table, pfn_t child, unsigned count)
{
	remap(window, pte_make(table, LINEAR_WRITABLE));
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		window[i] = i < count ? pte_make(child + i, HOOK_FLAGS) : 0;
	remap(window, 0);
}

static void build(void)
{
	unsigned leaves = DIV_UP(boot_info.pages, TABLE_ENTRIES);
	unsigned directories = DIV_UP(leaves, TABLE_ENTRIES);
	pfn_t pointers = take_tables(1 + directories + leaves, 0);
	pfn_t directory = pointers + 1, leaf = directory + directories;

	for (unsigned i = 0; i < leaves; i++)
		fill_leaf(leaf + i, (pfn_t)i * TABLE_ENTRIES);
	for (unsigned i = 0; i < directories; i++)
		fill_upper(directory + i, leaf + i * TABLE_ENTRIES, leaves - i * TABLE_ENTRIES);
	fill_upper(pointers, directory, directories);
	set_entry(kernel_root, table_index(LINEAR_BASE, 4), pte_make(pointers, HOOK_FLAGS));
}

/* Through the linear map, which exists now: the builder's tables lose all entries behind the image. */
static void drop_boot_map(void)
{
	struct root r = {.kernel = kernel_root};
	uintptr_t va = (uintptr_t)image_end;
	pte_t *entry;

	pte_batch_begin();
	for (; table_index(va, 1) && (entry = pte_find(&r, va, false)); va += PAGE_SIZE)
		pte_set(entry, 0);
	entry =
	    pte_find(&r, va - PAGE_SIZE, false); /* the last leaf table to stay; above it, its directory */
	pte_batch_end();
	for (const pte_t *table = pfn_to_virt(kernel_root), *dir = NULL; !dir;) {
		table = pfn_to_virt(pte_pfn(table[table_index(va - PAGE_SIZE, 4)]));
		dir = pfn_to_virt(pte_pfn(table[table_index(va - PAGE_SIZE, 3)]));
		for (unsigned i = table_index(va - PAGE_SIZE, 2) + 1; i < TABLE_ENTRIES; i++)
			if (dir[i] & PTE_P)
				pte_set((pte_t *)&dir[i], 0);
	}
	tlb_flush_all();
}

#else

static void build(void)
{
	const pte_t *root = pfn_to_virt(kernel_root);
	pfn_t directory = pte_pfn(root[KERNEL_SLOT]);
	const pte_t *entries = pfn_to_virt(directory);
	unsigned end = DIV_UP(boot_info.pages, TABLE_ENTRIES), first = 0;
	pfn_t leaf;

	while (first < end && entries[first] & PTE_P)
		first++;
	leaf = take_tables(end - first, LINEAR_READ_ONLY);
	for (unsigned i = first; i < end; i++, leaf++) {
		fill_leaf(leaf, (pfn_t)i * TABLE_ENTRIES);
		set_entry(directory, i, pte_make(leaf, HOOK_FLAGS));
	}
}

static void drop_boot_map(void)
{
}

#endif

/* The list of the frames that hold `count` of them from `first` on, in frames of its own: the first of those. */
static pfn_t list_frames(pfn_t first, unsigned count)
{
	const unsigned per_frame = PAGE_SIZE / sizeof(long);
	pfn_t list = boot_take_frames(DIV_UP(count, per_frame));
	unsigned long *entry = pfn_to_virt(list);

	for (unsigned i = 0; i < ROUND_UP(count, per_frame); i++)
		entry[i] = i < count ? pfn_to_mfn(first + i) : 0;
	return list;
}

/* Tools that save a domain or dump its core find its memory so: a frame that lists the frames that list those of the frame
 * list (arch-x86/xen.h, pfn_to_mfn_frame_list_list). */
static void tell_frames(void)
{
	unsigned frames = DIV_UP(start_info->nr_pages * sizeof(long), PAGE_SIZE);
	pfn_t lists = list_frames(virt_to_pfn(linear_frame_list), frames);
	pfn_t top = list_frames(lists, DIV_UP(frames * sizeof(long), PAGE_SIZE));

	shared_info.arch.max_pfn = start_info->nr_pages;
	shared_info.arch.pfn_to_mfn_frame_list_list = pfn_to_mfn(top);
}

void linear_map_init(void)
{
	linear_frame_list = (unsigned long *)start_info->mfn_list;
	boot_tables.first = image_to_pfn((const void *)start_info->pt_base);
	boot_tables.end = boot_tables.first + start_info->nr_pt_frames;
	build();
	linear_frame_list = pfn_to_virt(image_to_pfn(linear_frame_list));
	start_info = pfn_to_virt(image_to_pfn(start_info));
	drop_boot_map();
	remap(&shared_info_page, start_info->shared_info | LINEAR_WRITABLE);
	tell_frames();
}

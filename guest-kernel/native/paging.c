/* SPDX-License-Identifier: MIT */
/*
 * Page tables on the bare machine: plain memory that the processor reads. A frame number is a
 * physical address, an entry is written by a store, a new root by MOV to CR3.
 */
#include "x86/internal.h"
#include "cpu_ops.h"
#include "cpus.h"
#include "kern/lib/string.h"

extern pte_t boot_root[], boot_directory[]; /* boot.asm */
#ifdef __x86_64__
extern pte_t linear_pointers[];
#define ROOT_HALF         (TABLE_ENTRIES - KERNEL_SLOT)
#define HOOK_FLAGS(level) (PTE_P | PTE_W | PTE_U)
#else
#define ROOT_HALF         1
/* The four entries of a PAE root have no rights. (SDM 3A 4.4.1, PDPTE Registers) */
#define HOOK_FLAGS(level) ((level) == 3 ? PTE_P : PTE_P | PTE_W | PTE_U)
#endif

pfn_t kernel_root;

/* boot.asm mapped the first GiB; in 64 bit map the rest of memory in the same way. */
static void map_rest(void)
{
#ifdef __x86_64__
	for (pfn_t gib = 1; gib << 18 < boot_info.pages; gib++) {
		pfn_t pfn = boot_take_frames(1);
		pte_t *directory = pfn_to_virt(pfn);

		for (unsigned i = 0; i < TABLE_ENTRIES; i++)
			directory[i] = (gib << 30 | (pte_t)i << 21) | PTE_LARGE | PTE_W | PTE_P;
		linear_pointers[gib] = pte_make(pfn, PTE_W | PTE_P);
	}
#endif
}

void paging_init(void)
{
	kernel_root = image_to_pfn(boot_root);
	map_rest();
	paging_identity(false); /* it has done its work */
}

pte_t pte_make(pfn_t pfn, pte_t flags)
{
	return (pte_t)pfn << PAGE_SHIFT | flags;
}

pfn_t pte_pfn(pte_t pte)
{
	return (pte & PTE_FRAME) >> PAGE_SHIFT;
}

void pte_set(pte_t *ptep, pte_t pte)
{
#ifdef __x86_64__
	*(volatile pte_t *)ptep = pte;
#else
	/* Two stores: the half with the present bit goes last when it is set, and first when it is cleared,
	 * so the processor never sees a mixture. */
	volatile uint32_t *half = (volatile uint32_t *)ptep;

	half[0] = 0;
	half[1] = pte >> 32;
	half[0] = (uint32_t)pte;
#endif
}

void pte_batch_begin(void)
{
}

void pte_batch_end(void)
{
}

void table_enter(pfn_t pfn)
{
}

void table_leave(pfn_t pfn)
{
}

void table_hook(struct root *r, unsigned level, pte_t *slot, pfn_t pfn)
{
	pte_set(slot, pte_make(pfn, HOOK_FLAGS(level)));
	/* The processor reads a PAE root's four entries only when CR3 is loaded. */
	if (level == 3 && TABLE_LEVELS == 3)
		tlb_flush_all();
}

/* boot.asm mapped memory in pieces of 2 MiB: the first guard in one cuts it into pages. */
bool page_guard(void *page, bool on)
{
	uintptr_t va = (uintptr_t)page;
	pte_t *table = pfn_to_virt(kernel_root);
	volatile pte_t *slot;

	for (unsigned level = TABLE_LEVELS; level > 2; level--)
		table = pfn_to_virt(pte_pfn(table[table_index(va, level)]));
	slot = &table[table_index(va, 2)];
	if (*slot & PTE_LARGE) {
		pfn_t leaf = table_alloc();

		if (!leaf)
			return false;
		for (unsigned i = 0; i < TABLE_ENTRIES; i++)
			((pte_t *)pfn_to_virt(leaf))[i] = (*slot & ~PTE_LARGE) + ((pte_t)i << PAGE_SHIFT);
		*slot = pte_make(leaf, PTE_W | PTE_P);
	}
	table = pfn_to_virt(pte_pfn(*slot));
	pte_set(&table[table_index(va, 1)], on ? 0 : pte_make(virt_to_pfn(page), PTE_W | PTE_P));
	invlpg(va);
	return true;
}

int root_enter(struct root *r)
{
	pte_t *root = pfn_to_virt(r->kernel);
	const pte_t *kernel = pfn_to_virt(kernel_root);

	memcpy(root + KERNEL_SLOT, kernel + KERNEL_SLOT, ROOT_HALF * sizeof(pte_t));
	return 0;
}

void root_leave(struct root *r)
{
}

void root_free(struct root *r)
{
	table_free(r->kernel);
}

void root_load(const struct root *r)
{
	write_cr3((uintptr_t)(r ? r->kernel : kernel_root) << PAGE_SHIFT);
}

void tlb_flush_page(uintptr_t va)
{
	invlpg(va);
	tlb_flush_others(root_sharers());
}

void tlb_flush_all(void)
{
	tlb_flush_here();
	tlb_flush_others(root_sharers());
}

/* The kernel's half never changes. */
void tlb_catch_up(void)
{
}

void tlb_flush_here(void)
{
	write_cr3(read_cr3());
}

void paging_identity(bool on)
{
	boot_root[0] = on ? boot_root[ROOT_ENTRIES - 1] : 0;
	tlb_flush_here();
}

#define DEVICE_SLOTS 8u
#define LARGE_PAGE   (1ull << 21)

#ifdef __x86_64__
extern pte_t boot_pointers[];
#define DEVICE_WINDOW 0xffffffffc0000000ul /* the last GiB, which nothing else uses */

static void map_window(unsigned slot, pte_t pte)
{
	static pte_t directory[TABLE_ENTRIES] __attribute__((aligned(PAGE_SIZE)));

	directory[slot] = pte;
	boot_pointers[TABLE_ENTRIES - 1] = pte_make(image_to_pfn(directory), PTE_W | PTE_P);
}
#else
#define DEVICE_WINDOW 0xff000000ul /* the last 16 MiB: the linear map ends at LINEAR_MAX */

static void map_window(unsigned slot, pte_t pte)
{
	boot_directory[TABLE_ENTRIES - DEVICE_SLOTS + slot] = pte;
}
#endif

/* What lies in the same 2 MiB is mapped once. */
void *device_page(uint64_t address)
{
	static uint64_t mapped[DEVICE_SLOTS];
	uint64_t first = address & ~(LARGE_PAGE - 1);
	uintptr_t window = DEVICE_WINDOW;
	unsigned slot = 0;

	while (slot < DEVICE_SLOTS && mapped[slot] && mapped[slot] != first)
		slot++;
	if (slot == DEVICE_SLOTS)
		return NULL;
	mapped[slot] = first;
	map_window(slot, first | PTE_LARGE | PTE_UNCACHED | PTE_W | PTE_P);
	window += slot * LARGE_PAGE;
	invlpg(window);
	return (void *)(window + (uintptr_t)(address - first));
}

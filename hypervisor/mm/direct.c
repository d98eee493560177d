/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own address space: direct map of all RAM, the image with each section's protection, and
 * device memory. Built once on the boot CPU into idle_root, whose slots 256 to 271 every root table copies;
 * so nothing here changes after boot and nothing needs a lock, except the device windows (mm/window.c).
 *
 * No mapping is both writable and executable. All are global (see mm/tlb.c).
 */
#include "cpu/features.h"
#include "cpu/panic.h"
#include "guest/domain.h"
#include "lib/image.h"
#include "lib/loglevel.h"
#include "mm/bootmem.h"
#include "mm/init.h"
#include "mm/mm.h"
#include "mm/page.h"

#define TABLE_FLAGS  (PTE_P | PTE_RW | PTE_A)
#define CODE_FLAGS   (PTE_P | PTE_A | PTE_G)
#define RODATA_FLAGS (PTE_P | PTE_A | PTE_G | PTE_NX)
#define VGA_START    0xa0000ull
#define LOW_END      0x100000ull

uint64_t *idle_root;

static paddr_t hidden[8]; /* device pages no domain may map */
static unsigned hidden_count;

/* Most tables are needed before the allocator is ready. */
static void *new_table(void)
{
	void *page = frame_table ? heap_alloc_pages(0) : bootmem_alloc(PAGE_SIZE);

	if (!page)
		panic("no memory for the hypervisor's page tables");
	return page;
}

uint64_t *map_table(uint64_t *root, uint64_t va, int level, uint64_t table_flags)
{
	uint64_t *t = root;

	for (int l = 4; l > level; l--) {
		uint64_t *e = &t[pt_slot(va, l)];

		if (!(*e & PTE_P)) {
			*e = make_pte(virt_to_mfn(new_table()), table_flags);
		}
		t = mfn_to_virt(pte_mfn(*e));
	}
	return t;
}

void map_range(uint64_t *root, uint64_t va, paddr_t pa, uint64_t len, uint64_t flags, uint64_t table_flags,
	       int max_level)
{
	while (len) {
		int level = max_level;
		uint64_t size, *e;

		while (level > 1 && (((va | pa) & ((PAGE_SIZE << 9 * (level - 1)) - 1)) ||
				     len < PAGE_SIZE << 9 * (level - 1)))
			level--;
		size = PAGE_SIZE << 9 * (level - 1);
		e = &map_table(root, va, level, table_flags)[pt_slot(va, level)];
		if (!(*e & PTE_P))
			*e = pa | flags | (level > 1 ? PTE_PS : 0);
		va += size;
		pa += size;
		len -= size;
	}
}

static void map_direct(paddr_t start, paddr_t end, uint64_t flags)
{
	map_range(idle_root, DIRECTMAP + start, start, end - start, flags, TABLE_FLAGS,
		  features.gb_pages ? 3 : 2);
}

static void map_image(const uint8_t *start, const uint8_t *end, uint64_t flags)
{
	map_range(idle_root, (uint64_t)start, image_phys(start), end - start, flags, TABLE_FLAGS, 1);
}

void direct_init(void)
{
	idle_root = new_table();
	/* The first MiB whole: firmware tables are read there, and the VGA text buffer is written. */
	map_direct(0, VGA_START, DATA_FLAGS);
	map_direct(VGA_START, LOW_END, DEVICE_FLAGS);
	for (unsigned i = 0; i < boot_ram_count; i++) {
		paddr_t start = MAX(ROUND_UP(boot_ram[i].start, PAGE_SIZE), LOW_END);
		paddr_t end = MIN(ROUND_DOWN(boot_ram[i].end, PAGE_SIZE), max_mfn << PAGE_SHIFT);

		if (boot_ram[i].type == MEM_RAM && start < end)
			map_direct(start, end, DATA_FLAGS);
	}
	map_image(image_start, text_start, DATA_FLAGS);
	map_image(text_start, text_end, CODE_FLAGS);
	map_image(text_end, rodata_end, RODATA_FLAGS);
	map_image(rodata_end, image_end, DATA_FLAGS);
	map_table(idle_root, MMIO_WINDOW, 1, TABLE_FLAGS); /* empty: mm/window.c */
	tlb_load_cr3(virt_to_mfn(idle_root) << PAGE_SHIFT);
}

void mm_init(void)
{
	bootmem_find_end();
	direct_init();
	bootmem_init();
	m2p_init();
	bootmem_give();
	m2p_map();
	log_info("memory: %lu MiB, %lu MiB free\n", (unsigned long)(max_mfn >> 8),
		 (unsigned long)(frames_free() >> 8));
}

void *map_mmio(paddr_t pa, size_t len)
{
	paddr_t start = ROUND_DOWN(pa, PAGE_SIZE);

	map_range(idle_root, DIRECTMAP + start, start, ROUND_UP(pa + len, PAGE_SIZE) - start, DEVICE_FLAGS,
		  TABLE_FLAGS, 1);
	return paddr_to_virt(pa);
}

void mmio_hide(paddr_t pa)
{
	if (hidden_count == ARRAY_SIZE(hidden))
		panic("more than %zu hidden device pages", ARRAY_SIZE(hidden));
	hidden[hidden_count++] = pa;
}

bool mmio_allowed(mfn_t mfn)
{
	if (mfn >> (features.phys_bits - PAGE_SHIFT))
		return false;
	for (unsigned i = 0; i < hidden_count; i++)
		if (hidden[i] >> PAGE_SHIFT == mfn)
			return false;
	return true;
}

void root_install_slots(uint64_t *l4, struct domain *d)
{
	for (unsigned i = SLOT_FIRST; i <= SLOT_LAST; i++)
		l4[i] = idle_root[i];
	l4[SLOT_WINDOW] = d->mm.window_l3 ? make_pte(virt_to_mfn(d->mm.window_l3), TABLE_FLAGS) : 0;
}

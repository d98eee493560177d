/* SPDX-License-Identifier: MIT */
/*
 * A guest may map its own frames, and Dom0 the machine's devices; every other frame of RAM is refused,
 * readable or writable, by update_va_mapping and by mmu_update, as a leaf or as a page table. Tried with
 * every frame of RAM above 1 MiB that is not in the guest's own list nor shared with it.
 */
#include "fw.h"
#include "xen/grant_table.h"

const char test_title[] = "attack-foreign-frames";

#define MAX_FRAMES (1ul << 20) /* 4 GiB */

struct e820 {
	uint64_t start, size;
	uint32_t type;
} __attribute__((packed));

static uint8_t own[MAX_FRAMES / 8];
static char page[4096] __attribute__((aligned(4096)));

static void set_own(uint64_t mfn)
{
	if (mfn < MAX_FRAMES)
		own[mfn / 8] |= 1 << mfn % 8;
}

static uint64_t grant_frame(void)
{
	struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};
	xen_pfn_t frame;

	set_xen_guest_handle(setup.frame_list, &frame);
	if (hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1) || setup.status)
		error("no grant table");
	return frame;
}

static bool refused(uint64_t mfn, pte_t flags)
{
	return hypercall_update_va_mapping((unsigned long)page, mfn << 12 | flags, UVMF_INVLPG) < 0;
}

void test_main(void)
{
	static struct e820 map[64];
	struct xen_memory_map arg = {.nr_entries = ARRAY_SIZE(map)};
	const unsigned long *p2m = (const unsigned long *)start_info->mfn_list;
	unsigned long tried = 0, through = 0;
	uint64_t l1 = pte_maddr((unsigned long)page, 1), l2 = pte_maddr((unsigned long)page, 2);
	const pte_t mine = *pte_of((unsigned long)page, 1), upper = *pte_of((unsigned long)page, 2);

	for (unsigned long i = 0; i < start_info->nr_pages; i++)
		set_own(p2m[i]);
	set_own(start_info->shared_info >> 12);
	set_own(grant_frame());

	set_xen_guest_handle(arg.buffer, map);
	check_eq(hypercall_memory_op(XENMEM_machine_memory_map, &arg), 0);
	for (unsigned i = 0; i < arg.nr_entries; i++) {
		if (map[i].type != 1)
			continue;
		for (uint64_t mfn = map[i].start >> 12; mfn < (map[i].start + map[i].size) >> 12; mfn++) {
			if (mfn < 256 || mfn >= MAX_FRAMES || own[mfn / 8] & 1 << mfn % 8)
				continue;
			tried++;
			/* The M2P's own frames may be read: they are, at a fixed address. */
			if (!refused(mfn, PTE_P | PTE_RW | PTE_A | PTE_D)) {
				if (through++ < 4)
					failure("frame %llx is mapped writable", (unsigned long long)mfn);
			}
			if (tried % 16 == 0) {
				check(pte_write(l1, mfn << 12 | PTE_P | PTE_RW) < 0);
				check(pte_write(l2, mfn << 12 | PTE_P | PTE_RW | PTE_U | PTE_A) < 0);
			}
			if (tried % 64 == 0) {
				check(mmuext1(MMUEXT_PIN_L1_TABLE, mfn, 0) < 0);
				check(mmuext1(MMUEXT_NEW_BASEPTR, mfn, 0) < 0);
				check(mmuext1(MMUEXT_CLEAR_PAGE, mfn, 0) < 0);
				check(mmuext1(MMUEXT_COPY_PAGE, va_to_mfn(page), mfn) < 0);
				check(pte_write(mfn << 12, 0) < 0);
				check(pte_write(mfn << 12 | MMU_MACHPHYS_UPDATE, 0) < 0);
			}
		}
	}
	printk("%lu foreign frames tried, %lu mapped\n", tried, through);
	check(tried > 1000);
	/* Beyond all memory. */
	check(pte_write(l2, 1ull << 40 | PTE_P) < 0);
	check(mmuext1(MMUEXT_PIN_L1_TABLE, ~0ul, 0) < 0);
	/* Nothing of the kind stayed behind. */
	check((*pte_of((unsigned long)page, 1) & PTE_ADDR) == (mine & PTE_ADDR));
	check((*pte_of((unsigned long)page, 2) & PTE_ADDR) == (upper & PTE_ADDR));
}

/* SPDX-License-Identifier: MIT */
/*
 * An ordinary domain and frames that are not its own, by every route: as a leaf or a table in its page tables, by
 * update_va_mapping and mmu_update, for itself and for others; as a root, pinned, cleared, copied to and from; as
 * descriptor table, descriptor or vcpu_info; given away or exchanged; in the machine-to-physical table. RAM of other
 * domains, of the hypervisor, of no owner, and devices: all are refused. So is every question about others' memory, and
 * memory in larger pieces than an ordinary domain may ask for.
 */
#include "domu.h"

const char test_title[] = "attack-domu-frames";

#define MAX_FRAMES (1ul << 20) /* 4 GiB */
#define RW         (PTE_P | PTE_RW | PTE_A | PTE_D)
#define RO         (PTE_P | PTE_A | PTE_D)

static uint8_t own[MAX_FRAMES / 8];
static char page[4096] __attribute__((aligned(4096)));
static uint64_t l1, l2;
static unsigned long tried;

static void set_own(uint64_t mfn)
{
	if (mfn < MAX_FRAMES)
		own[mfn / 8] |= 1 << mfn % 8;
}

static void find_own(void)
{
	const unsigned long *p2m = (const unsigned long *)start_info->mfn_list;

	for (unsigned long i = 0; i < start_info->nr_pages; i++)
		set_own(p2m[i]);
	set_own(start_info->shared_info >> 12);
	set_own((*pte_of((unsigned long)grant_table(), 1) & PTE_ADDR) >> 12);
}

static long map(uint64_t mfn, pte_t flags)
{
	return hypercall_update_va_mapping((unsigned long)page, mfn << 12 | flags, UVMF_INVLPG);
}

static long update_for(uint64_t ptr, pte_t value, unsigned foreigndom)
{
	struct mmu_update u = {.ptr = ptr, .val = value};

	return hypercall_mmu_update(&u, 1, NULL, foreigndom);
}

static long extents(unsigned cmd, uint64_t mfn, domid_t domid)
{
	xen_pfn_t frame = mfn;
	struct xen_memory_reservation r = {.nr_extents = 1, .domid = domid};

	set_xen_guest_handle(r.extent_start, &frame);
	return hypercall_memory_op(cmd, &r);
}

static long exchange(uint64_t mfn, domid_t domid)
{
	xen_pfn_t in = mfn, out = 0;
	struct xen_memory_exchange x = {.in = {.nr_extents = 1, .domid = domid},
					.out = {.nr_extents = 1, .domid = domid}};

	set_xen_guest_handle(x.in.extent_start, &in);
	set_xen_guest_handle(x.out.extent_start, &out);
	return hypercall_memory_op(XENMEM_exchange, &x);
}

static void as_memory(uint64_t mfn)
{
	check_refused(map(mfn, RW));
	check_refused(map(mfn, RO));
	check_refused(pte_write(mfn << 12, 0)); /* another's page table, maybe a live one */
	check_refused(pte_write(mfn << 12 | 0x800, mfn << 12 | RW));
	check_refused(pte_write(l1, mfn << 12 | RW));
	check_refused(pte_write(l2, mfn << 12 | RW | PTE_U));
}

static void by_name(uint64_t mfn)
{
	const domid_t names[] = {0,         victim_domid(), own_domid() + 1, DOMID_IO,
				 DOMID_XEN, DOMID_COW,      DOMID_INVALID};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		check_refused(hypercall_update_va_mapping_otherdomain((unsigned long)page, mfn << 12 | RW,
								      UVMF_INVLPG, names[i]));
		check_refused(update_for(l1, mfn << 12 | RO, names[i]));
		check_refused(update_for(mfn << 12, 0, names[i] | (names[i] + 1) << 16));
		check_refused(update_for(mfn << 12 | MMU_MACHPHYS_UPDATE, 5, names[i]));
		check_eq(extents(XENMEM_decrease_reservation, mfn, names[i]), 0);
		check_eq(extents(XENMEM_populate_physmap, 5, names[i]), 0);
		check_refused(exchange(mfn, names[i]));
	}
}

static void as_table(uint64_t mfn)
{
	unsigned long frames[1] = {mfn};
	struct vcpu_register_vcpu_info info = {.mfn = mfn};
	struct mmuext_op op = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = mfn};
	int level;

	for (level = MMUEXT_PIN_L1_TABLE; level < MMUEXT_PIN_L1_TABLE + ROOT_LEVEL; level++)
		check_refused(mmuext1(level, mfn, 0));
	check_refused(mmuext1(MMUEXT_UNPIN_TABLE, mfn, 0));
	check_refused(hypercall_mmuext_op(&op, 1, NULL, victim_domid()));
	check_refused(mmuext1(MMUEXT_NEW_BASEPTR, mfn, 0));
	if (mfn) /* 0 means none */
		check_refused(mmuext1(MMUEXT_NEW_USER_BASEPTR, mfn, 0));
	check_refused(mmuext1(MMUEXT_CLEAR_PAGE, mfn, 0));
	check_refused(mmuext1(MMUEXT_COPY_PAGE, mfn, va_to_mfn(page)));
	check_refused(mmuext1(MMUEXT_COPY_PAGE, va_to_mfn(page), mfn));
	check_refused(pte_write(mfn << 12 | MMU_MACHPHYS_UPDATE, 0));
	check_refused(pte_write(mfn << 12 | MMU_PT_UPDATE_PRESERVE_AD, 0));
	check_refused(hypercall_set_gdt(frames, 512));
	check_refused(hypercall_update_descriptor(mfn << 12, 0));
	check_refused(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &info));
	check_eq(extents(XENMEM_decrease_reservation, mfn, DOMID_SELF), 0);
	check_refused(exchange(mfn, DOMID_SELF));
}

static void foreign(uint64_t mfn)
{
	as_memory(mfn);
	if (tried % 16 == 0)
		as_table(mfn);
	if (tried % 64 == 0)
		by_name(mfn);
	tried++;
}

/* Its own memory uncached, or by another of the processor's memory types, would differ from what others' caches hold. */
static void memory_types(void)
{
	static const pte_t bits[] = {PTE_PWT, PTE_PCD, PTE_PS,
				     PTE_PWT | PTE_PCD | PTE_PS}; /* PS is PAT in an L1 */
	pte_t *table = page_alloc();
	uint64_t mfn = va_to_mfn(table), data = (uint64_t)va_to_mfn(page) << 12;

	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
		check_refused(
		    hypercall_update_va_mapping((unsigned long)page, data | RW | bits[i], UVMF_INVLPG));
		check_refused(pte_write(l1, data | RO | bits[i]));
		check_refused(pte_write(l2, *pte_of((unsigned long)page, 2) | bits[i]));
		for (unsigned level = 1; level < ROOT_LEVEL; level++) {
			table[7] = data | RO | bits[i];
			check_eq(page_set_ro(table, true), 0);
			check_refused(mmuext1(MMUEXT_PIN_L1_TABLE + level - 1, mfn, 0));
			check_eq(page_set_ro(table, false), 0);
		}
		table[7] = 0;
	}
	table[7] = data | RO;
	check_eq(page_set_ro(table, true), 0);
	check_eq(mmuext1(MMUEXT_PIN_L1_TABLE, mfn, 0), 0);
	check_refused(pte_write((mfn << 12) + 7 * sizeof(pte_t), data | RO | PTE_PCD));
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, mfn, 0), 0);
	check_eq(page_set_ro(table, false), 0);
}

/* Devices, and frame numbers that do not exist. */
static void no_memory(void)
{
	static const uint64_t frames[] = {0,       0xa0,       0xb8,       0xf0,
					  0xfec00, 0xfed00,    0xfee00,    0xfffff,
					  1 << 20, 1ull << 28, 0x7fffffff, (1ull << 40) - 1};

	for (unsigned i = 0; i < ARRAY_SIZE(frames); i++) {
		if (frames[i] < MAX_FRAMES && own[frames[i] / 8] & 1 << frames[i] % 8)
			continue;
		foreign(frames[i]);
		as_table(frames[i]);
		by_name(frames[i]);
	}
}

static void questions(void)
{
	const domid_t others[] = {0, victim_domid(), own_domid() + 1};
	static char buffer[4096];
	struct xen_memory_map machine = {.nr_entries = 64};

	for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
		struct xen_memory_domain q = {.domid = others[i]};
		struct xen_memory_reservation claim = {.nr_extents = 1, .domid = others[i]};
		struct xen_foreign_memory_map set = {.domid = others[i], .map = {.nr_entries = 1}};
		struct xen_mem_acquire_resource resource = {
		    .domid = others[i], .type = XENMEM_resource_grant_table, .nr_frames = 1};

		set_xen_guest_handle(resource.frame_list, (xen_pfn_t *)buffer);
		check_eq(hypercall_memory_op(XENMEM_current_reservation, &q), -XEN_EPERM);
		check_eq(hypercall_memory_op(XENMEM_maximum_reservation, &q), -XEN_EPERM);
		check_eq(hypercall_memory_op(XENMEM_maximum_gpfn, &q), -XEN_EPERM);
		check_eq(hypercall_memory_op(XENMEM_acquire_resource, &resource), -XEN_EOPNOTSUPP);
		check_eq(hypercall_memory_op(XENMEM_claim_pages, &claim), -XEN_EPERM);
		claim.domid = DOMID_SELF;
		check_eq(hypercall_memory_op(XENMEM_claim_pages, &claim), -XEN_EPERM);
		set_xen_guest_handle(set.map.buffer, buffer);
		check_eq(hypercall_memory_op(XENMEM_set_memory_map, &set), -XEN_EPERM);
	}
	set_xen_guest_handle(machine.buffer, buffer);
	check_eq(hypercall_memory_op(XENMEM_machine_memory_map, &machine), -XEN_EPERM);
}

#define PIECE 9u /* order of the largest */

static long pieces(unsigned cmd, xen_pfn_t *list, unsigned n, unsigned order)
{
	struct xen_memory_reservation r = {.nr_extents = n, .extent_order = order, .domid = DOMID_SELF};

	set_xen_guest_handle(r.extent_start, list);
	return hypercall_memory_op(cmd, &r);
}

/* It has room for one, since it gave as much. */
static void large_pieces(void)
{
	static xen_pfn_t gave[2u << PIECE];
	unsigned long *p2m = (unsigned long *)start_info->mfn_list;
	unsigned long first = start_info->nr_pages - ARRAY_SIZE(gave);
	xen_pfn_t piece;

	for (unsigned i = 0; i < ARRAY_SIZE(gave); i++)
		gave[i] = p2m[first + i];
	if (pieces(XENMEM_decrease_reservation, gave, ARRAY_SIZE(gave), 0) != (long)ARRAY_SIZE(gave)) {
		failure("its last frames are not its own to give");
		return;
	}
	for (unsigned order = PIECE + 1; order < 70; order++) {
		piece = first;
		check_eq(pieces(XENMEM_populate_physmap, &piece, 1, order), 0);
		check_eq(pieces(XENMEM_increase_reservation, &piece, 1, order), 0);
	}
	piece = first;
	check_eq(pieces(XENMEM_populate_physmap, &piece, 1, PIECE), 1);
	check_eq(pieces(XENMEM_decrease_reservation, &piece, 1, PIECE + 1), 0);
	check_eq(pieces(XENMEM_decrease_reservation, &piece, 1, PIECE), 1);
	for (unsigned i = 0; i < ARRAY_SIZE(gave); i++)
		gave[i] = first + i;
	check_eq(pieces(XENMEM_populate_physmap, gave, ARRAY_SIZE(gave), 0), ARRAY_SIZE(gave));
}

void test_main(void)
{
	long frames = hypercall_memory_op(XENMEM_maximum_ram_page, NULL);
	const pte_t mine = *pte_of((unsigned long)page, 1), upper = *pte_of((unsigned long)page, 2);
	struct xen_memory_domain self = {.domid = DOMID_SELF};
	long pages = hypercall_memory_op(XENMEM_current_reservation, &self);

	check(victim_domid());
	l1 = pte_maddr((unsigned long)page, 1);
	l2 = pte_maddr((unsigned long)page, 2);
	find_own();
	for (uint64_t mfn = 0; mfn < (uint64_t)frames && mfn < MAX_FRAMES; mfn++)
		if (!(own[mfn / 8] & 1 << mfn % 8))
			foreign(mfn);
	printk("%lu foreign frames tried\n", tried);
	check(tried > 10000);
	no_memory();
	memory_types();
	questions();
	large_pieces();
	/* Nothing of the kind stayed behind. */
	check_eq(hypercall_memory_op(XENMEM_current_reservation, &self), pages);
	check((*pte_of((unsigned long)page, 1) & PTE_ADDR) == (mine & PTE_ADDR));
	check((*pte_of((unsigned long)page, 2) & PTE_ADDR) == (upper & PTE_ADDR));
}

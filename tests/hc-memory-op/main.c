/* SPDX-License-Identifier: MIT */
/*
 * memory_op: what a guest may ask about memory, giving pages back and taking some, one by one and in extents, with
 * short addresses; claims; memory maps, the machine's and those that Dom0 sets; where the M2P is; the
 * last pfn, which a domain says itself. DOMID_IO and DOMID_XEN have no memory to be changed. The hypervisor keeps no
 * physmap for PV guests. Bad commands give -ENOSYS, bad pointers -EFAULT.
 */
#include "fw.h"

const char test_title[] = "hc-memory-op";

#define ORDER   2
#define EXTENTS 3

static long pages_now(void)
{
	struct xen_memory_domain self = {.domid = DOMID_SELF};

	return hypercall_memory_op(XENMEM_current_reservation, &self);
}

static long reservation(unsigned cmd, xen_pfn_t *extents, unsigned n, unsigned order, unsigned flags)
{
	struct xen_memory_reservation r = {
	    .nr_extents = n, .extent_order = order, .mem_flags = flags, .domid = DOMID_SELF};

	set_xen_guest_handle(r.extent_start, extents);
	return hypercall_memory_op(cmd, &r);
}

static void one_page(void)
{
	static const unsigned long bad[] = BAD_POINTERS;
	domid_t self = DOMID_SELF;
	long max_page = hypercall_memory_op(XENMEM_maximum_ram_page, NULL);
	long pages = hypercall_memory_op(XENMEM_current_reservation, &self);
	void *page = page_alloc();
	unsigned long mfn = va_to_mfn(page), got = mfn;
	struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

	set_xen_guest_handle(r.extent_start, &got);
	check(max_page > 0);
	check(pages >= (long)start_info->nr_pages);
	check(hypercall_memory_op(XENMEM_maximum_reservation, &self) >= pages);

	/* A mapped frame may be given back: it stays ours until the mapping goes. */
	check_eq(hypercall_update_va_mapping((unsigned long)page, 0, UVMF_INVLPG), 0);
	check_eq(hypercall_memory_op(XENMEM_decrease_reservation, &r), 1);
	check_eq(hypercall_memory_op(XENMEM_current_reservation, &self), pages - 1);
	check(hypercall_update_va_mapping((unsigned long)page, (uint64_t)mfn << 12 | PTE_P | PTE_RW,
					  UVMF_INVLPG) < 0);

	/* And one back: populate takes the pfn and returns the mfn, zeroed or not. */
	unsigned long pfn = ((unsigned long)page - VIRT_BASE) / PAGE_SIZE;
	got = pfn;
	check_eq(hypercall_memory_op(XENMEM_populate_physmap, &r), 1);
	check_eq(hypercall_memory_op(XENMEM_current_reservation, &self), pages);
	check_eq(((unsigned long *)MACH2PHYS_VIRT_START)[got], pfn);
	check_eq(hypercall_update_va_mapping((unsigned long)page, (uint64_t)got << 12 | PTE_P | PTE_RW,
					     UVMF_INVLPG),
		 0);
	*(volatile char *)page = 1;

	struct xen_machphys_mapping map;
	check_eq(hypercall_memory_op(XENMEM_machphys_mapping, &map), 0);
	check_eq(map.v_start, MACH2PHYS_VIRT_START);
	check(map.max_mfn >= (unsigned long)max_page - 1);

	check_eq(hypercall_memory_op(60, &self), -XEN_ENOSYS);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		check_eq(hypercall_memory_op(XENMEM_current_reservation, (void *)bad[i]), -XEN_EFAULT);
		check(hypercall_memory_op(XENMEM_machphys_mapping, (void *)bad[i]) < 0);
	}
}

/* Frames of ours that are mapped nowhere. */
static void unmapped(xen_pfn_t *mfn, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		void *page = page_alloc();

		mfn[i] = va_to_mfn(page);
		check_eq(hypercall_update_va_mapping((unsigned long)page, 0, UVMF_INVLPG), 0);
	}
}

/* No frames come that the guest cannot be told of. */
static void untold(unsigned order)
{
	static char page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
	long before = pages_now();

	check_eq(page_set_ro(page, true), 0);
	check_eq(reservation(XENMEM_increase_reservation, (void *)page, 1, order, 0), 0);
	check_eq(reservation(XENMEM_populate_physmap, (void *)page, 1, order, 0), 0);
	check_eq(page_set_ro(page, false), 0);
	check_eq(pages_now(), before);
}

static void extents(void)
{
	const unsigned long *m2p = (const unsigned long *)MACH2PHYS_VIRT_START;
	xen_pfn_t mfn[EXTENTS << ORDER], extent[EXTENTS];
	long before = pages_now();

	unmapped(mfn, ARRAY_SIZE(mfn));
	check_eq(reservation(XENMEM_decrease_reservation, mfn, ARRAY_SIZE(mfn), 0, 0), ARRAY_SIZE(mfn));
	check_eq(reservation(XENMEM_decrease_reservation, mfn, ARRAY_SIZE(mfn), 0, 0), 0); /* not ours now */
	check_eq(pages_now(), before - ARRAY_SIZE(mfn));
	untold(0);
	untold(ORDER);
	check_eq(reservation(XENMEM_increase_reservation, extent, EXTENTS, ORDER, XENMEMF_address_bits(31)),
		 EXTENTS);
	for (unsigned i = 0; i < EXTENTS; i++) {
		check(!(extent[i] % (1 << ORDER)));
		check(extent[i] < 1ul << (31 - 12));
	}
	check_eq(pages_now(), before);
	check_eq(reservation(XENMEM_decrease_reservation, extent, EXTENTS, ORDER, 0), EXTENTS);
	for (unsigned i = 0; i < EXTENTS; i++)
		extent[i] = 0x40000 + (i << ORDER);
	check_eq(reservation(XENMEM_populate_physmap, extent, EXTENTS, ORDER, 0), EXTENTS);
	for (unsigned i = 0; i < EXTENTS << ORDER; i++)
		check_eq(m2p[extent[i >> ORDER] + i % (1 << ORDER)], 0x40000 + i);
	check_eq(pages_now(), before);
	/* What no domain can have. */
	for (unsigned order = 19; order < 100; order++) /* a shift by so much is not defined from 64 on */
		check_eq(reservation(XENMEM_increase_reservation, extent, 1, order, 0), 0);
	check_eq(pages_now(), before);
}

/* For Dom0, which we are, by its number: Xen does not know DOMID_SELF here. */
static long claim(unsigned long pages, unsigned order)
{
	struct xen_memory_reservation r = {.nr_extents = pages, .extent_order = order};

	return hypercall_memory_op(XENMEM_claim_pages, &r);
}

static void claims(void)
{
	long now = pages_now();
	xen_pfn_t mfn;

	unmapped(&mfn, 1);
	check_eq(reservation(XENMEM_decrease_reservation, &mfn, 1, 0, 0), 1);
	check_eq(claim(now, 0), 0);
	check_eq(claim(0, 0), 0); /* and none any more */
	check_eq(claim(now - 1, 0), -XEN_EINVAL);
	check_eq(claim(now, 1), -XEN_EINVAL);
	check_eq(claim(now, 0), 0);
	mfn = 0x50000;
	check_eq(reservation(XENMEM_populate_physmap, &mfn, 1, 0, 0), 1); /* out of the claim */
	check_eq(pages_now(), now);
	check_eq(claim(0, 0), 0);
}

struct e820 {
	uint64_t addr, size;
	uint32_t type;
} __attribute__((packed));

#define E820_RAM 1

static void maps(void)
{
	static struct e820 given[2] = {{0, 0xa0000, E820_RAM}, {0x100000, 0x3f00000, E820_RAM}}, read[64];
	struct xen_memory_map map = {.nr_entries = ARRAY_SIZE(read)};
	struct xen_foreign_memory_map set = {.domid = DOMID_SELF, .map.nr_entries = 2};
	uint64_t ram = 0, end = 0;

	set_xen_guest_handle(map.buffer, (void *)read);
	set_xen_guest_handle(set.map.buffer, (void *)given);
	check_eq(hypercall_memory_op(XENMEM_machine_memory_map, &map), 0);
	check(map.nr_entries > 1 && map.nr_entries < ARRAY_SIZE(read));
	for (unsigned i = 0; i < map.nr_entries; i++) {
		check(read[i].size && read[i].addr >= end);
		end = read[i].addr + read[i].size;
		if (read[i].type == E820_RAM)
			ram += read[i].size;
	}
	check(ram / PAGE_SIZE >= start_info->nr_pages);
	check_eq(hypercall_memory_op(XENMEM_set_memory_map, &set), 0);
	map.nr_entries = ARRAY_SIZE(read);
	check_eq(hypercall_memory_op(XENMEM_memory_map, &map), 0);
	check_eq(map.nr_entries, 2);
	check_eq(read[1].addr, given[1].addr);
	check_eq(read[1].size, given[1].size);
	check_eq(read[1].type, E820_RAM);
	set.domid = 77;
	check(hypercall_memory_op(XENMEM_set_memory_map, &set) < 0);
}

/* Frames of the M2P, which we see at its address too. Tools map each part of 2 MiB whole, the last one too. */
static void m2p_frames(unsigned cmd, bool own)
{
	xen_pfn_t frame[8] = {0};
	struct xen_machphys_mfn_list list = {.max_extents = ARRAY_SIZE(frame)};

	set_xen_guest_handle(list.extent_start, frame);
	check_eq(hypercall_memory_op(cmd, &list), 0);
	check(list.nr_extents > 0 && list.nr_extents <= ARRAY_SIZE(frame));
	for (unsigned i = 0; i < list.nr_extents; i++)
		check(frame[i]);
	if (own && list.nr_extents) {
		void *page = page_alloc();

		check_eq(hypercall_update_va_mapping_otherdomain(
			     (unsigned long)page, (pte_t)frame[0] << 12 | PTE_P, UVMF_INVLPG, DOMID_XEN),
			 0);
		check_eq(*(unsigned long *)page, *(const unsigned long *)MACH2PHYS_VIRT_START);
		for (unsigned i = 0; i < 512; i++)
			check_eq(hypercall_update_va_mapping_otherdomain(
				     (unsigned long)page,
				     (pte_t)(frame[list.nr_extents - 1] + i) << 12 | PTE_P, UVMF_INVLPG,
				     DOMID_XEN),
				 0);
	}
}

static void physmap(void)
{
	struct xen_add_to_physmap add = {.domid = DOMID_SELF, .space = XENMAPSPACE_grant_table};
	struct xen_remove_from_physmap drop = {.domid = DOMID_SELF};

	check_eq(hypercall_memory_op(XENMEM_add_to_physmap, &add), -XEN_EACCES);
	check(hypercall_memory_op(XENMEM_remove_from_physmap, &drop) < 0);
}

/* The owners of frames that belong to no domain have no allotment. */
static void nobody(void)
{
	static const domid_t names[] = {DOMID_IO, DOMID_XEN};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		xen_pfn_t mfn = va_to_mfn(page_alloc()), out = 0;
		struct xen_memory_domain whose = {.domid = names[i]};
		struct xen_memory_reservation r = {.nr_extents = 1, .domid = names[i]};
		struct xen_memory_exchange e = {.in = r, .out = r};

		set_xen_guest_handle(r.extent_start, &mfn);
		set_xen_guest_handle(e.in.extent_start, &mfn);
		set_xen_guest_handle(e.out.extent_start, &out);
		check_eq(hypercall_memory_op(XENMEM_exchange, &e), -XEN_ESRCH);
		check_eq(hypercall_memory_op(XENMEM_increase_reservation, &r), 0);
		check_eq(hypercall_memory_op(XENMEM_maximum_reservation, &whose), -XEN_ESRCH);
	}
}

/* The last of a domain's pfns, by its own word, which may be anything. */
static void last_pfn(void)
{
	static const struct {
		unsigned long says;
		long answer;
	} words[] = {{0, 0}, {1, 0}, {2, 1}, {0x7fffffff, 0x7ffffffe}, {0x80000000, 0}, {-1ul, 0}};
	static const unsigned long bad[] = BAD_POINTERS;
	static const domid_t none[] = {77, DOMID_IO, DOMID_XEN, DOMID_COW, DOMID_INVALID, DOMID_IDLE, 0x7fef};
	unsigned long said = shared->arch.max_pfn;
	domid_t self = DOMID_SELF;

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		shared->arch.max_pfn = words[i].says;
		check_eq(hypercall_memory_op(XENMEM_maximum_gpfn, &self), words[i].answer);
	}
	shared->arch.max_pfn = said;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		check_eq(hypercall_memory_op(XENMEM_maximum_gpfn, (void *)bad[i]), -XEN_EFAULT);
	for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
		struct xen_memory_domain q = {.domid = none[i]};

		check_eq(hypercall_memory_op(XENMEM_maximum_gpfn, &q), -XEN_ESRCH);
	}
}

/* Resources are not mapped so, nor are there nodes: Xen's tools know another way. Nothing is read or written. */
static void other_ways(void)
{
	static const unsigned long bad[] = BAD_POINTERS;
	static xen_pfn_t frames[2] = {5, 6};
	struct xen_mem_acquire_resource a = {.nr_frames = 2};

	set_xen_guest_handle(a.frame_list, frames);
	for (a.type = 0; a.type < 4; a.type++)
		for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
			const struct xen_mem_acquire_resource before = a;

			a.domid = i & 1 ? DOMID_SELF : 77;
			a.frame = i & 2 ? ~0ull : 0;
			check_eq(hypercall_memory_op(XENMEM_acquire_resource, &a), -XEN_EOPNOTSUPP);
			check_eq(a.nr_frames, before.nr_frames);
			check_eq(frames[0] + frames[1], 11);
			check_eq(hypercall_memory_op(XENMEM_acquire_resource, (void *)bad[i]),
				 -XEN_EOPNOTSUPP);
			check_eq(hypercall_memory_op(XENMEM_get_vnumainfo, (void *)bad[i]), -XEN_EOPNOTSUPP);
		}
}

void test_main(void)
{
	nobody();
	last_pfn();
	other_ways();
	one_page();
	extents();
	claims();
	maps();
	m2p_frames(XENMEM_machphys_mfn_list, true);
	m2p_frames(XENMEM_machphys_compat_mfn_list, false); /* a Xen without 32-bit guests has none */
	physmap();
}

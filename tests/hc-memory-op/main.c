/* SPDX-License-Identifier: MIT */
/*
 * memory_op: what a guest may ask about memory, giving a page back and taking one. Bad commands give -ENOSYS,
 * bad pointers -EFAULT.
 */
#include "fw.h"

const char test_title[] = "hc-memory-op";

void test_main(void)
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

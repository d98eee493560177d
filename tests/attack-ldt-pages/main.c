/* SPDX-License-Identifier: MIT */
/*
 * Pages of an LDT that change under it. The hypervisor shows the processor the frames that were mapped where the LDT
 * is at first use, and goes on doing so until the LDT is set again, whatever the guest maps there meanwhile. So it must
 * hold those frames: while it shows one, it is not writable, no page table and no other domain's, even if the guest has
 * given it away. Setting another LDT lets all go. (Xen 4.17 does the same.)
 */
#include "fw.h"

const char test_title[] = "attack-ldt-pages";

#define SELECTOR   7 /* the first of the LDT, for ring 3 */
#define DATA       0x00cff3000000ffffull
#define CALL_GATE  0x0000ec000000e033ull
#define load_fs(s) __asm__ volatile("mov %w0, %%fs" ::"r"(s))

static char place[4096] __attribute__((aligned(4096)));

static int set_ldt(void *va)
{
	return mmuext1(MMUEXT_SET_LDT, (unsigned long)va, va ? 512 : 0);
}

static long total(void)
{
	struct xen_memory_domain self = {.domid = DOMID_SELF};

	return hypercall_memory_op(XENMEM_current_reservation, &self);
}

static int map(void *va, unsigned long mfn, pte_t flags)
{
	return hypercall_update_va_mapping((unsigned long)va, (pte_t)mfn << 12 | flags, UVMF_INVLPG);
}

static bool give_away(unsigned long mfn)
{
	xen_pfn_t frame = mfn;
	struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

	set_xen_guest_handle(r.extent_start, &frame);
	return hypercall_memory_op(XENMEM_decrease_reservation, &r) == 1;
}

/* The frame is on show: nothing may make it anything else. */
static void held(uint64_t *page, unsigned long mfn)
{
	check(map(page, mfn, PTE_P | PTE_RW) < 0);
	check(mmuext1(MMUEXT_PIN_L1_TABLE, mfn, 0) < 0);
	check(mmuext1(MMUEXT_CLEAR_PAGE, mfn, 0) < 0);
	check(pte_write((uint64_t)mfn << 12 | 8, CALL_GATE) < 0);
}

/* It loads a selector of a page that has not been used yet. */
static void the_hypervisor_looks_first(uint64_t *page, unsigned long mfn)
{
#ifdef __x86_64__
	unsigned long limit = 0;

	load_fs(0);
	check_eq(set_ldt(NULL), 0);
	check_eq(set_ldt(place), 0);
	check_eq(hypercall_set_segment_base(SEGBASE_GS_USER_SEL, SELECTOR), 0);
	held(page, mfn);
	check_eq(hypercall_set_segment_base(SEGBASE_GS_USER_SEL, 0), 0);
	/* Beyond its end there is nothing to show: null is loaded, and it goes on. */
	hypercall_set_segment_base(SEGBASE_GS_USER_SEL, 513 * 8 | 7);
	__asm__ volatile("lsl %1, %0" : "+r"(limit) : "r"((unsigned long)SELECTOR));
	check_eq(limit, 0xffffffff);
#endif
}

void test_main(void)
{
	uint64_t *first = page_alloc(), *second = page_alloc();
	unsigned long a = va_to_mfn(first), b = va_to_mfn(second);
	long before = total();

	first[0] = DATA;
	check_eq(page_set_ro(first, true), 0);
	check_eq(page_set_ro(second, true), 0);
	check_eq(map(place, a, PTE_P), 0);
	check_eq(set_ldt(place), 0);
	check_no_fault(load_fs(SELECTOR));
	held(first, a);
	the_hypervisor_looks_first(first, a);

	/* Another page takes its place, and it is given away: it stays what it is. */
	check_eq(map(place, b, PTE_P), 0);
	held(first, a);
	check_eq(map(first, 0, 0), 0);
	check(give_away(a));
	check_eq(total(), before);
	FAULT_TRY(load_fs(SELECTOR)); /* either page's descriptor will do */
	check(!fault.happened || fault.vector == VEC_GP);
	load_fs(0);

	/* Let go: the frame is free, and the LDT is the second page, in which there is nothing. */
	check_eq(set_ldt(NULL), 0);
	check_eq(set_ldt(place), 0);
	check_eq(total(), before - 1);
	check(map(first, a, PTE_P) < 0);
	check_fault(VEC_GP, load_fs(SELECTOR));
	held(second, b);
	check_eq(set_ldt(NULL), 0);
	check_eq(map(second, b, PTE_P | PTE_RW), 0);

	/* Where nothing is mapped the fault tells the guest's address, not the one at which the hypervisor shows it. */
	check_eq(map(place, 0, 0), 0);
	check_eq(set_ldt(place), 0);
	check_fault(VEC_PF, load_fs(SELECTOR + 8 * 5));
	check_eq(fault.cr2, (unsigned long)place + 8 * 5);
	check_eq(set_ldt(NULL), 0);
	check_eq(map(place, b, PTE_P), 0);

	/* What is no descriptor never gets there. */
	second[0] = CALL_GATE;
	check_eq(page_set_ro(second, true), 0);
	check_eq(set_ldt(place), 0);
	FAULT_TRY(load_fs(SELECTOR));
	check(fault.happened);
	check_eq(set_ldt(NULL), 0);
	check_eq(map(second, b, PTE_P | PTE_RW), 0);
}

/* SPDX-License-Identifier: MIT */
/*
 * mmuext_op: pinning makes a page a validated table and keeps it one; a page with a writable mapping is no
 * table; pinning twice and unpinning what is not pinned fail. Loading the root again, flushes, the LDT. The
 * count of operations done is always written.
 */
#include "fw.h"

const char test_title[] = "hc-mmuext-op";

#ifdef __x86_64__
/* A root that is left is no table any more, whether the kernel's or the applications'. */
static void other_roots(void)
{
	const pte_t *now = root_page();
	pte_t *other = page_alloc();

	for (unsigned i = 0; i < 512; i++)
		other[i] = (now[i] & PTE_ADDR) == (pte_t)root_mfn() << 12 ? 0 : now[i];
	table_ready(other);
	for (unsigned i = 0; i < 2; i++) {
		check_eq(mmuext1(MMUEXT_NEW_BASEPTR, va_to_mfn(other), 0), 0);
		check(page_set_ro(other, false) < 0);
		check_eq(mmuext1(MMUEXT_NEW_BASEPTR, root_mfn(), 0), 0);
		check_eq(page_set_ro(other, false), 0);
		table_ready(other);
		check_eq(mmuext1(MMUEXT_NEW_USER_BASEPTR, va_to_mfn(other), 0), 0);
		check(page_set_ro(other, false) < 0);
		check_eq(mmuext1(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);
		check_eq(page_set_ro(other, false), 0);
		table_ready(other);
	}
}
#endif

/* A list that ends at its last entry, behind one that may have ended it. */
static void ended_late(void)
{
	pte_t *table = page_alloc();
	unsigned long vcpus = 1;
	unsigned done = 77;
	struct mmuext_op list[] = {{.cmd = MMUEXT_TLB_FLUSH_MULTI},
				   {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = va_to_mfn(table)},
				   {.cmd = 99}};

	set_xen_guest_handle(list[0].arg2.vcpumask, (void *)&vcpus);
	table_ready(table);
	check(hypercall_mmuext_op(list, 3, &done, DOMID_SELF) < 0);
	check_eq(done, 2);
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, va_to_mfn(table), 0), 0);
	check_eq(page_set_ro(table, false), 0);
}

void test_main(void)
{
	pte_t *table = page_alloc();
	unsigned long mfn = va_to_mfn(table);
	void *data = page_alloc();
	unsigned done;

	table[0] = (pte_t)va_to_mfn(data) << 12 | PTE_P | PTE_RW;
	check(mmuext1(MMUEXT_PIN_L1_TABLE, mfn, 0) < 0); /* mapped writable */
	check_eq(page_set_ro(table, true), 0);
	check_eq(mmuext1(MMUEXT_PIN_L1_TABLE, mfn, 0), 0);
	check(mmuext1(MMUEXT_PIN_L1_TABLE, mfn, 0) < 0);
	check(mmuext1(MMUEXT_PIN_L2_TABLE, mfn, 0) < 0);
	check(page_set_ro(table, false) < 0);
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, mfn, 0), 0);
	check(mmuext1(MMUEXT_UNPIN_TABLE, mfn, 0) < 0);
	check_eq(page_set_ro(table, false), 0);

	/* An L1 with one entry too many: maps the root writable. */
	table[1] = (pte_t)root_mfn() << 12 | PTE_P | PTE_RW;
	check_eq(page_set_ro(table, true), 0);
	check(mmuext1(MMUEXT_PIN_L1_TABLE, mfn, 0) < 0);
	check_eq(page_set_ro(table, false), 0);

	check_eq(mmuext1(MMUEXT_NEW_BASEPTR, root_mfn(), 0), 0);
	check(mmuext1(MMUEXT_NEW_BASEPTR, mfn, 0) < 0);
	check(mmuext1(MMUEXT_NEW_BASEPTR, 0x7fffff, 0) < 0);
	check_eq(mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
	check_eq(mmuext1(MMUEXT_TLB_FLUSH_ALL, 0, 0), 0);
	check_eq(mmuext1(MMUEXT_INVLPG_LOCAL, (unsigned long)data, 0), 0);
	check_eq(mmuext1(MMUEXT_INVLPG_ALL, (unsigned long)data, 0), 0);
	unsigned long vcpus = 1;
	check_eq(mmuext1(MMUEXT_TLB_FLUSH_MULTI, 0, (unsigned long)&vcpus), 0);
	check_eq(mmuext1(MMUEXT_INVLPG_MULTI, (unsigned long)data, (unsigned long)&vcpus), 0);
	check_eq(mmuext1(MMUEXT_TLB_FLUSH_MULTI, 0, 8), -XEN_EFAULT);
	check_eq(mmuext1(MMUEXT_INVLPG_MULTI, (unsigned long)data, HYPERVISOR_VIRT_START - 1), -XEN_EFAULT);
	/* There are no superpages. */
	check(mmuext1(MMUEXT_MARK_SUPER, mfn, 0) < 0);
	check(mmuext1(MMUEXT_UNMARK_SUPER, mfn, 0) < 0);
	check(mmuext1(MMUEXT_MARK_SUPER, mfn & ~511ul, 0) < 0);
	/* Caches are written back for a domain that drives devices, as Dom0 does. */
	check_eq(mmuext1(MMUEXT_FLUSH_CACHE, 0, 0), 0);
	check_eq(mmuext1(MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0), 0);
	check_eq(mmuext1(99, 0, 0), -XEN_ENOSYS);
#ifdef __x86_64__
	check_no_fault((void)mmuext1(MMUEXT_INVLPG_LOCAL, 0x0000800000000000ul, 0));
#endif

	/* Copy and clear. */
	char *from = page_alloc(), *to = page_alloc();
	from[77] = 5;
	check_eq(page_set_ro(to, false), 0);
	check_eq(mmuext1(MMUEXT_COPY_PAGE, va_to_mfn(to), va_to_mfn(from)), 0);
	check_eq(((volatile char *)to)[77], 5);
	check_eq(mmuext1(MMUEXT_CLEAR_PAGE, va_to_mfn(to), 0), 0);
	check_eq(((volatile char *)to)[77], 0);
	check(mmuext1(MMUEXT_CLEAR_PAGE, root_mfn(), 0) < 0);

	/* An LDT: read-only page of descriptors, its first selector is loaded. */
	uint64_t *ldt = page_alloc();
	ldt[0] = 0x00cff3000000ffffull;
	check_eq(page_set_ro(ldt, true), 0);
	check_eq(mmuext1(MMUEXT_SET_LDT, (unsigned long)ldt, 512), 0);
	check_no_fault(__asm__ volatile("mov %w0, %%fs" ::"r"(0 * 8 + 7)));
	__asm__ volatile("mov %w0, %%fs" ::"r"(0));
	check_eq(mmuext1(MMUEXT_SET_LDT, 0, 0), 0);
	check_fault(VEC_GP, __asm__ volatile("mov %w0, %%fs" ::"r"(0 * 8 + 7)));
	check(mmuext1(MMUEXT_SET_LDT, (unsigned long)ldt + 4, 512) < 0);
	check(mmuext1(MMUEXT_SET_LDT, (unsigned long)ldt, 8193) < 0);

	ended_late();
	struct mmuext_op list[2] = {{.cmd = MMUEXT_TLB_FLUSH_LOCAL}, {.cmd = 99}};
	done = 77;
	check(hypercall_mmuext_op(list, 2, &done, DOMID_SELF) < 0);
	check_eq(done, 1);
	check_eq(hypercall_mmuext_op((void *)8, 1, &done, DOMID_SELF), -XEN_EFAULT);
	check(hypercall_mmuext_op(list, 1, &done, 77) < 0);
	/* What concerns the calling vCPU is not done in the name of another domain. */
	check_eq(hypercall_mmuext_op(list, 1, &done, DOMID_IO), -XEN_EPERM);
	list[0] = (struct mmuext_op){.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = root_mfn()};
	check_eq(hypercall_mmuext_op(list, 1, &done, DOMID_IO), -XEN_EPERM);
#ifdef __x86_64__
	other_roots();
#endif
}

/* SPDX-License-Identifier: MIT */
/*
 * Specification: the hypercalls mmu_update and update_va_mapping (hypervisor/mm/mmu_op.c) on real frames.
 *   own       an entry of the caller's live table changes by its rules; an unvalidated frame of its own that may be
 *             written is written; nothing else is
 *   others'   live tables, frames and M2P entries of another domain stay as they are, unless Dom0 names their owner
 *   lists     stop at the first entry that fails; the number done is told
 *   flush     an upper entry that goes is flushed before the guest goes on; update_va_mapping flushes what it is asked to
 */
#include "mm_host.h"

#include <string.h>

#include "xlat.c"
#include "cpu/ipi.h"
#include "mm/mmu_list.c"
#include "mm/mmu_op.c"

#define RO (PTE_P | PTE_U)
#define RW (RO | PTE_RW)

enum {
	L4,
	L3,
	L2,
	L1,
	DATA,
	FRAMES = 8
};
static const struct guest_abi abi = {.layout = xlat_pv64, .low_end = 1ull << 47, .high_start = ~0ull};
static struct guest_kind pv64;
static struct domain *d[2];
static struct page_info *pg[2];
static struct vcpu v;
static unsigned pages_flushed, restarts;

int guest_read_any(void *dst, gva_t src, size_t n)
{
	memcpy(dst, (void *)src, n);
	return 0;
}
int guest_write_any(gva_t dst, const void *src, size_t n)
{
	memcpy((void *)dst, src, n);
	return 0;
}
long hypercall_restart(unsigned nr, unsigned nargs, const uint64_t *args)
{
	restarts++;
	return hc_mmu_update(args[0], args[1], args[2], args[3]);
}
struct domain *mmu_owner_get(domid_t id, int *rc)
{
	struct domain *of = id == DOMID_SELF ? current->domain : d[id - 1];

	*rc = of == current->domain || current->domain->privileged ? 0 : -EPERM;
	if (*rc)
		return NULL;
	of->refs++;
	return of;
}
int vcpumask_to_cpus(gva_t mask, uint32_t *cpus)
{
	*cpus = *(uint32_t *)mask;
	return 0;
}
void tlb_flush_page_local(gva_t va)
{
	pages_flushed |= 1;
}
static uint32_t page_cpus;
void tlb_flush_page_cpus(uint32_t cpus, gva_t va)
{
	page_cpus = cpus;
}

static uint64_t *entry(unsigned of, unsigned table, unsigned slot)
{
	return (uint64_t *)mfn_to_virt(page_to_mfn(&pg[of][table])) + slot;
}

static uint64_t pte(unsigned of, unsigned frame, uint64_t flags)
{
	return make_pte(page_to_mfn(&pg[of][frame]), flags);
}

/* Two domains with a tree each; the first is current, and runs on its own. */
static int setup(void **state)
{
	pv64 = host_pv64;
	pv64.abi = &abi;
	for (int i = 0; i < 2; i++) {
		d[i] = host_domain(&pv64, FRAMES);
		d[i]->id = i + 1;
		pg[i] = domain_alloc_pages(d[i], 3, 0);
		assert_non_null(pg[i]);
		*entry(i, L4, 0) = pte(i, L3, RW);
		*entry(i, L3, 0) = pte(i, L2, RW);
		*entry(i, L2, 0) = pte(i, L1, RW);
		*entry(i, L1, 1) = pte(i, DATA, RW);
		assert_int_equal(page_pin(&pg[i][L4], PGT_L4), 0);
	}
	v = (struct vcpu){.domain = d[0], .mm.kernel_cr3 = page_to_mfn(&pg[0][L4]) << PAGE_SHIFT};
	host_percpu.vcpu = &v;
	return 0;
}

static int teardown(void **state)
{
	host_percpu.vcpu = NULL;
	for (int i = 0; i < 2; i++)
		host_domain_free(d[i]);
	return 0;
}

/* One entry of mmu_update. */
static long update(uint64_t *where, uint64_t kind, uint64_t val, uint64_t foreigndom)
{
	struct mmu_update u = {.ptr = ((uint64_t)where - host_directmap) | kind, .val = val};

	return hc_mmu_update((uint64_t)&u, 1, 0, foreigndom);
}

static void own(void **state)
{
	unsigned before;

	assert_int_equal(update(entry(0, L1, 5), 0, pte(0, DATA, RO), DOMID_SELF), 0);
	assert_int_equal(*entry(0, L1, 5), pte(0, DATA, RO));
	assert_int_equal(update(entry(0, L1, 5), 0, pte(0, L1, RW), DOMID_SELF), -EINVAL);
	assert_int_equal(update(entry(0, L1, 5), 0, pte(1, DATA, RO), DOMID_SELF), -EINVAL);
	assert_int_equal(*entry(0, L1, 5), pte(0, DATA, RO));
	*entry(0, L1, 5) |= PTE_A;
	assert_int_equal(update(entry(0, L1, 5), MMU_PT_UPDATE_PRESERVE_AD, pte(0, DATA, RW), DOMID_SELF), 0);
	assert_int_equal(*entry(0, L1, 5), pte(0, DATA, RW | PTE_A));
	assert_int_equal(update(entry(0, 6, 3), 0, 0x1234, DOMID_SELF), 0); /* memory */
	assert_int_equal(*entry(0, 6, 3), 0x1234);
	before = host_flushes;
	assert_int_equal(update(entry(0, L3, 1), 0, pte(0, L2, RW), DOMID_SELF), 0);
	assert_int_equal(host_flushes, before);
	assert_int_equal(update(entry(0, L3, 1), 0, 0, DOMID_SELF), 0);
	assert_true(host_flushes > before);
	assert_int_equal(update(entry(0, L1, 5), 4, 0, DOMID_SELF), -ENOSYS);
	assert_int_equal(update((uint64_t *)(host_directmap + (max_mfn << PAGE_SHIFT)), 0, 0, DOMID_SELF),
			 -EINVAL);
	m2p_set(page_to_mfn(&pg[0][DATA]), 1);
	assert_int_equal(update(entry(0, DATA, 0), MMU_MACHPHYS_UPDATE, 77, DOMID_SELF), 0);
	assert_int_equal(m2p_get(page_to_mfn(&pg[0][DATA])), 77);
}

static void others(void **state)
{
	const unsigned frames[] = {L1, L2, L3, L4, DATA, 6};

	m2p_set(page_to_mfn(&pg[1][DATA]), 1);
	for (unsigned i = 0; i < ARRAY_SIZE(frames); i++) {
		uint64_t before = *entry(1, frames[i], 9);

		assert_int_equal(update(entry(1, frames[i], 9), 0, 0x5000, DOMID_SELF), -EINVAL);
		assert_int_equal(update(entry(1, frames[i], 9), 0, pte(0, DATA, RW), DOMID_SELF), -EINVAL);
		assert_int_equal(update(entry(1, frames[i], 9), 2, 0, DOMID_SELF), -EINVAL);
		assert_int_equal(*entry(1, frames[i], 9), before);
	}
	assert_int_equal(update(entry(1, DATA, 0), MMU_MACHPHYS_UPDATE, 77, DOMID_SELF), -EINVAL);
	assert_int_equal(m2p_get(page_to_mfn(&pg[1][DATA])), 1);
	assert_int_equal(update(entry(1, L1, 9), 0, 0, (2 + 1) << 16 | DOMID_SELF), -EPERM);
	assert_int_equal(update(entry(0, L1, 9), 0, pte(1, DATA, RO), 2), -EPERM);
	d[0]->privileged = true;
	assert_int_equal(update(entry(0, L1, 9), 0, pte(1, DATA, RO), 2), 0);
	assert_int_equal(update(entry(0, L1, 9), 0, pte(0, DATA, RO), 2), -EINVAL);
	assert_int_equal(update(entry(0, L1, 9), 0, 0, DOMID_SELF), 0);
	assert_int_equal(update(entry(1, L1, 9), 0, pte(1, DATA, RW), (2 + 1) << 16 | 2), 0);
	assert_int_equal(*entry(1, L1, 9), pte(1, DATA, RW));
	assert_int_equal(d[0]->refs + d[1]->refs, 4); /* their own, and their frames' */
}

/* Devices are Dom0's to map for itself, except what the hypervisor drives itself. */
static void devices(void **state)
{
	const mfn_t device = 0x20000, hidden = device + 1;

	mmio_hide(hidden << PAGE_SHIFT);
	assert_int_equal(update(entry(0, L1, 9), 0, make_pte(device, RW), DOMID_SELF), -EPERM);
	d[0]->privileged = true;
	assert_int_equal(update(entry(0, L1, 9), 0, make_pte(hidden, RW), DOMID_SELF), -EPERM);
	assert_int_equal(update(entry(0, L1, 9), 0, make_pte(device, RW), 2), -EPERM);
	assert_int_equal(*entry(0, L1, 9), 0);
	assert_int_equal(update(entry(0, L1, 9), 0, make_pte(device, RW), DOMID_SELF), 0);
	assert_int_equal(update(entry(0, L1, 9), 0, 0, DOMID_SELF), 0);
}

static void lists(void **state)
{
	struct mmu_update u[40];
	uint32_t done = 99;

	for (unsigned i = 0; i < ARRAY_SIZE(u); i++)
		u[i] = (struct mmu_update){.ptr = (uint64_t)entry(0, L1, 10 + i) - host_directmap,
					   .val = pte(0, DATA, RO)};
	assert_int_equal(hc_mmu_update((uint64_t)u, 40, (uint64_t)&done, DOMID_SELF), 0);
	assert_int_equal(done, 40);
	assert_int_equal(*entry(0, L1, 49), pte(0, DATA, RO));
	assert_int_equal(pg[0][DATA].count, PGC_ALLOCATED | 42);
	for (unsigned i = 0; i < ARRAY_SIZE(u); i++)
		u[i].val = 0;
	u[35].val = pte(0, L1, RW);
	assert_int_equal(hc_mmu_update((uint64_t)u, 40, (uint64_t)&done, DOMID_SELF), -EINVAL);
	assert_int_equal(done, 35);
	assert_int_equal(*entry(0, L1, 10 + 36), pte(0, DATA, RO));
}

/* Between so many entries it looks for other work, and makes way for it. */
static void makes_way(void **state)
{
	struct mmu_update u[3 * ENTRIES_PER_CHECK];
	uint32_t done = 99;

	for (unsigned i = 0; i < ARRAY_SIZE(u); i++)
		u[i] = (struct mmu_update){.ptr = (uint64_t)entry(0, L1, 10) - host_directmap,
					   .val = pte(0, DATA, RO)};
	for (host_work = 0; host_work < 2; host_work++) {
		host_looks = restarts = 0;
		assert_int_equal(hc_mmu_update((uint64_t)u, ARRAY_SIZE(u), (uint64_t)&done, DOMID_SELF), 0);
		assert_int_equal(done, ARRAY_SIZE(u));
		assert_true(host_looks >= 3);
		assert_int_equal(restarts, host_work * 3);
	}
	host_work = -1;
}

static void mappings(void **state)
{
	uint32_t mask = 0xa;
	unsigned before;

	assert_int_equal(hc_update_va_mapping(2 * PAGE_SIZE, pte(0, DATA, RO), 0), 0);
	assert_int_equal(*entry(0, L1, 2), pte(0, DATA, RO));
	assert_int_equal(pages_flushed, 0);
	assert_int_equal(hc_update_va_mapping(2 * PAGE_SIZE, 0, UVMF_INVLPG), 0);
	assert_int_equal(pages_flushed, 1);
	assert_int_equal(hc_update_va_mapping(2 * PAGE_SIZE, 0, UVMF_INVLPG | (uint64_t)&mask), 0);
	assert_int_equal(page_cpus, 0xa);
	d[0]->mm.tlb_cpus = 5;
	assert_int_equal(hc_update_va_mapping(2 * PAGE_SIZE, 0, UVMF_INVLPG | UVMF_ALL), 0);
	assert_int_equal(page_cpus, 5);
	d[0]->mm.tlb_cpus = 1;
	before = host_flushes;
	assert_int_equal(hc_update_va_mapping(2 * PAGE_SIZE, 0, UVMF_TLB_FLUSH | UVMF_LOCAL), 0);
	assert_int_equal(host_flushes, before + 1);
	assert_int_equal(hc_update_va_mapping(1ull << 30, 0, 0), -EINVAL); /* no table */
	assert_int_equal(hc_update_va_mapping(abi.low_end, 0, 0), -EINVAL);
	assert_int_equal(hc_update_va_mapping(2 * PAGE_SIZE, pte(0, L2, RW), 0), -EINVAL);
	assert_int_equal(hc_update_va_mapping_otherdomain(2 * PAGE_SIZE, pte(1, DATA, RO), 0, 2), -EPERM);
	assert_int_equal(*entry(0, L1, 2), 0);
	d[0]->privileged = true;
	assert_int_equal(hc_update_va_mapping_otherdomain(2 * PAGE_SIZE, pte(1, DATA, RO), 0, 2), 0);
	assert_int_equal(hc_update_va_mapping(2 * PAGE_SIZE, 0, 0), 0);
	/* Through a linear entry one arrives at another table than an L1. */
	assert_int_equal(update(entry(0, L3, 7), 0, pte(0, L3, RO), DOMID_SELF), 0);
	assert_int_equal(hc_update_va_mapping((7ull << 30) | 7ull << 21, 0, 0), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(own, setup, teardown),
	    cmocka_unit_test_setup_teardown(others, setup, teardown),
	    cmocka_unit_test_setup_teardown(devices, setup, teardown),
	    cmocka_unit_test_setup_teardown(lists, setup, teardown),
	    cmocka_unit_test_setup_teardown(makes_way, setup, teardown),
	    cmocka_unit_test_setup_teardown(mappings, setup, teardown),
	};

	host_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

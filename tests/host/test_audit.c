/* SPDX-License-Identifier: MIT */
/*
 * Specification: the auditor is content with a domain of either kind whose tables are in order, and notices each
 * thing that can be wrong: a reference or a use too many or too few, a page table that is mapped writable, a frame of
 * another domain or of the hypervisor, bits that a guest may not have, a slot of the hypervisor's, an owner without
 * list, a free frame that has an owner, a partial table that is not as it says; a vCPU that could not run on what it
 * has, a CPU that holds or walks what is not its vCPU's.
 */
#include "mm_host.h"

#include <string.h>

#include "gnt/grant.h"
#include "audit/audit.h"
#include "mm/pt.h"
#include "pv/pv_mm.h"
#include "xen/callback.h"

#define RW (PTE_P | PTE_U | PTE_RW)

/* ---- what the auditor asks of the rest: two domains without vCPUs, no grants ---- */

static struct domain *d, *other;

struct domain *domain_next(domid_t first)
{
	struct domain *next = first <= d->id ? d : first <= other->id ? other : NULL;

	if (next)
		domain_get(next);
	return next;
}

void vcpu_pause(struct vcpu *v)
{
}

void vcpu_unpause(struct vcpu *v)
{
}

void audit_grants(struct domain *dead)
{
}

bool audit_grant_maps(struct domain *mapper, mfn_t mfn, bool writable)
{
	return false;
}

/* ---- a tree ---- */

enum {
	L1,
	L2,
	L3,
	TOP, /* pv64: the L4; pv32: the L2 with the M2P */
	DATA,
	LINEAR,
	PLAIN
};

static struct page_info *f;

static uint64_t *table(unsigned i)
{
	return mfn_to_virt(page_to_mfn(&f[i]));
}

static uint64_t pte(unsigned i, uint64_t flags)
{
	return make_pte(page_to_mfn(&f[i]), flags);
}

static void begin(const struct guest_kind *kind)
{
	bool pae = kind->paging->root_level == 3;

	d = host_domain(kind, 8);
	other = host_domain(kind, 1);
	d->id = 1;
	other->id = 2;
	d->mm.window_l3 = heap_alloc_pages_for(d, 0);
	f = domain_alloc_pages(d, 3, 0);
	domain_alloc_pages(other, 0, 0);
	table(L1)[3] = pte(DATA, RW);
	table(L1)[4] = pte(L1, RW & ~PTE_RW);
	table(L2)[0] = table(L2)[1] = pte(L1, RW);
	table(LINEAR)[7] = pte(L2, RW & ~PTE_RW);
	table(L3)[0] = pte(L2, pae ? PTE_P : RW);
	table(L3)[1] = pte(LINEAR, pae ? PTE_P : RW);
	if (pae)
		table(L3)[3] = pte(TOP, PTE_P);
	else
		table(TOP)[0] = pte(L3, RW);
	assert_int_equal(page_pin(&f[pae ? L3 : TOP], kind->paging->root_level), 0);
	assert_true(audit_run());
}

static void end(void)
{
	assert_true(audit_run());
	heap_free_pages(d->mm.window_l3, 0);
	host_domain_free(d);
	host_domain_free(other);
}

/* *@word is @bad for a moment: the auditor must see it. */
#define notices(word, bad)                                \
	do {                                              \
		__typeof__(word) good_ = (word);          \
		(word) = (bad);                           \
		if (audit_run())                          \
			fail_msg("%s = %s", #word, #bad); \
		(word) = good_;                           \
		assert_true(audit_run());                 \
	} while (0)

static void counts(void)
{
	notices(f[DATA].count, f[DATA].count + 1);
	notices(f[DATA].count, f[DATA].count - 1);
	notices(f[DATA].type, f[DATA].type + 1);
	notices(f[PLAIN].type, f[PLAIN].type + 1);
	notices(f[L1].type, f[L1].type - 1);
	notices(f[L1].type, f[L1].type ^ PGT_VALIDATED);
	notices(f[L1].type, f[L1].type | PGT_PINNED);
	notices(f[PLAIN].count, f[PLAIN].count & ~PGC_ALLOCATED);
	notices(f[L2].linear, 0);
	notices(f[LINEAR].linear, 0);
	notices(f[PLAIN].owner, other);
	notices(d->mm.tot_pages, d->mm.tot_pages + 1);
	notices(d->mm.page_head, f[L1].next);
	notices(d->mm.heap_bytes, 0);
	notices(d->mm.heap_bytes, d->mm.heap_bytes + 16);
	notices(mfn_to_page(virt_to_mfn(d->mm.window_l3))->owner, other);
}

static void entries(void)
{
	struct page_info *strange = mfn_to_page(other->mm.page_head);

	notices(table(L1)[3], table(L1)[3] & ~PTE_RW);
	notices(table(L1)[4], table(L1)[4] | PTE_RW); /* a table mapped writable */
	notices(table(L1)[5], pte(L3, RW));
	notices(table(L1)[3], table(L1)[3] | PTE_PCD);
	notices(table(L1)[3], table(L1)[3] | PTE_G);
	notices(table(L1)[3], 0);
	notices(table(L1)[5], make_pte(page_to_mfn(strange), RW));
	notices(table(L1)[5], make_pte(virt_to_mfn(idle_root), RW));
	notices(table(L1)[5], make_pte(0xb8, RW)); /* a device */
	notices(table(L2)[0], table(L2)[0] | PTE_PS);
	notices(table(L2)[2], pte(DATA, RW));
	notices(table(LINEAR)[7], table(LINEAR)[7] | PTE_RW);
	notices(table(LINEAR)[8], pte(LINEAR, RW)); /* a writable self-map */
}

/* The hypervisor's slots, and its free frames. */
static void ours(unsigned with_slots, unsigned slot)
{
	mfn_t free_frame = buddy_alloc(0, 0);

	buddy_free(free_frame, 0);
	notices(table(with_slots)[slot], pte(DATA, RW));
	notices(table(with_slots)[slot], table(with_slots)[slot] | PTE_U | PTE_NX | PTE_PWT);
	notices(mfn_to_page(free_frame)->owner, d);
}

/* The tree on its way down: the root and the table at its border are partial. */
static void partial(unsigned root)
{
	/* As much as one table of an upper level takes (mm/promote.c). */
	host_allowance = 4 * PTES_PER_TABLE;
	assert_int_equal(page_unpin(&f[root]), PT_LEFT);
	host_allowance = 1 << 24;
	assert_true(f[root].type & PGT_PARTIAL);
	assert_true(d->mm.partial_tables > 1);
	assert_true(audit_run());
	notices(f[root].type, f[root].type - (1ull << PGT_HELD_SHIFT));
	notices(f[root].type, f[root].type | PGT_PINNED);
	notices(f[root].type, f[root].type | PGT_VALIDATED);
	notices(f[root].type, f[root].type ^ PGT_PARTIAL);
	notices(f[root].type, f[root].type + 1);
	notices(f[root].count, f[root].count - 1);
	notices(f[PLAIN].type, f[PLAIN].type | PGT_DOOMED);
	notices(d->mm.partial_tables, 0);
	notices(d->mm.pt_left, page_to_mfn(&f[PLAIN]));
	while (pt_settle(d))
		;
	assert_int_equal(d->mm.partial_tables, 0);
}

/* @v runs on the root, or in user mode on another. */
static void vcpus(void)
{
	struct vcpu idle = {0}, v = {.domain = d,
				     .mm.root = INVALID_MFN,
				     .mm.user_root = INVALID_MFN,
				     .dom.info_mfn = INVALID_MFN};
	struct vcpu gone = v;

	v.entry.special.no_user_root = v.entry.special.no_entry = true;

	v.state = VCPU_RUNNABLE;
	v.dom.initialised = true;
	for (unsigned i = 0; i < ARRAY_SIZE(v.pv.gdt_frames); i++)
		v.pv.gdt_frames[i] = INVALID_MFN;
	d->vcpu[0] = &v;
	d->max_vcpus = 1;
	assert_int_equal(vcpu_set_root(&v, page_to_mfn(&f[TOP])), 0);
	assert_int_equal(page_pin(&f[PLAIN], PGT_L4), 0);
	assert_int_equal(vcpu_set_user_root(&v, page_to_mfn(&f[PLAIN])), 0);
	host_percpu.idle = &idle;
	host_percpu.vcpu = &v;
	host_percpu.online = true;
	host_percpu.tlb_vcpu = NULL;
	vcpu_load_cr3(&v);
	assert_true(audit_run());
	notices(host_percpu.tlb_vcpu, NULL);
	notices(host_percpu.tlb_vcpu, &gone);
	notices(host_percpu.vcpu, &idle);
	notices(host_percpu.cr3, virt_to_mfn(idle_root) << PAGE_SHIFT);
	notices(host_percpu.cr3, v.mm.user_cr3);
	notices(d->mm.tlb_cpus, 0);
	notices(d->privileged, true); /* and not in the list */
	notices(v.dom.initialised, false);
	notices(v.mm.kernel_cr3, 0);
	notices(v.mm.kernel_cr3, virt_to_mfn(idle_root) << PAGE_SHIFT);
	notices(v.mm.user_cr3, 0);
	notices(v.mm.user_root, INVALID_MFN);
	notices(v.entry.special.no_user_root, true);
	notices(v.entry.special.no_entry, false);
	v.entry.syscall_cb.address = 0xffffffff81000000;
	v.entry.kernel_sp = 0x1008;
	v.entry.syscall_sp = 0x1000;
	v.entry.special.no_entry = false;
	assert_true(audit_run());
	notices(v.entry.special.no_entry, true);
	notices(v.entry.syscall_sp, 0x1008);
	notices(v.entry.kernel_sp, 0x2008);
	notices(v.entry.syscall_cb.address, 0);
	notices(v.entry.syscall_cb.flags, CALLBACKF_mask_events);
	notices(v.entry.kernel_sp, PV64_HIGH_START + 48); /* the frame would begin below */
	notices(v.entry.kernel_sp, PV64_LOW_END + 16);
	notices(v.entry.user_mode, true); /* and the kernel's tables loaded */
	notices(table(PLAIN)[SLOT_WINDOW], 0);
	v.entry.user_mode = true;
	vcpu_load_cr3(&v);
	assert_true(audit_run());
	host_percpu.vcpu = &idle;
	vcpu_load_cr3(&idle);
	assert_true(audit_run());
	assert_int_equal(vcpu_set_user_root(&v, 0), 0);
	assert_true(v.entry.special.no_user_root);
	if (audit_run())
		fail_msg("in user mode without a user root");
	v.entry.user_mode = false;
	vcpu_drop_roots(&v);
	assert_int_equal(page_unpin(&f[PLAIN]), 0);
	host_percpu.online = false;
	d->vcpu[0] = NULL;
}

static void pv64(void **state)
{
	begin(&host_pv64);
	counts();
	entries();
	notices(table(L1)[3], table(L1)[3] & ~PTE_U);
	ours(TOP, SLOT_DIRECT);
	vcpus();
	partial(TOP);
	end();
}

static void pv32(void **state)
{
	begin(&host_pv32);
	counts();
	entries();
	notices(table(L3)[3], 0);
	notices(table(L3)[4], pte(L2, PTE_P));
	ours(TOP, 428);
	partial(L3);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pv64),
	    cmocka_unit_test(pv32),
	};

	host_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

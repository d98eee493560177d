/* SPDX-License-Identifier: MIT */
/*
 * The hypercall mmuext_op: pins, roots, TLB and cache flushes, the LDT, and whole-page operations.
 * Copying in and authorising; the mechanisms are page_pin, vcpu_set_root and mm/tlb.c. Restarts between
 * operations, and within those that promote or demote a tree (mm/partial.c).
 */
#include "cpu/cpuset.h"
#include "cpu/ipi.h"
#include "cpu/x86.h"
#include "guest/domain.h"
#include "guest/hypercall.h"
#include "guest/kind.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "mm/mm.h"
#include "mm/mmu_list.h"
#include "mm/mmu_owner.h"
#include "mm/page.h"

static int pin(struct domain *owner, mfn_t mfn, int level)
{
	struct page_info *pg;
	int rc;

	/* Only guests with direct paging have page tables. */
	if (!owner->paging)
		return -EINVAL;
	/* A PAE guest has no such tables, and pinning one has always been reported as a success. */
	if (level > owner->paging->root_level)
		return 0;
	pg = page_get_mfn(mfn, owner);
	if (!pg)
		return -EINVAL;
	rc = page_pin(pg, level);
	page_put(pg);
	return rc;
}

static int unpin(struct domain *owner, mfn_t mfn)
{
	struct page_info *pg = page_get_mfn(mfn, owner);
	int rc;

	if (!pg)
		return -EINVAL;
	rc = page_unpin(pg);
	page_put(pg);
	return rc;
}

static struct page_info *get_writable(struct domain *owner, mfn_t mfn)
{
	return mfn_valid(mfn) && !page_get_and_type(mfn_to_page(mfn), owner, PGT_WRITABLE) ? mfn_to_page(mfn)
											   : NULL;
}

static int clear_page(struct domain *owner, mfn_t mfn)
{
	struct page_info *pg = get_writable(owner, mfn);

	if (!pg)
		return -EINVAL;
	memset(mfn_to_virt(mfn), 0, PAGE_SIZE);
	page_put_and_type(pg);
	return 0;
}

static int copy_page(struct domain *owner, mfn_t to, mfn_t from)
{
	struct page_info *src = page_get_mfn(from, owner), *dst;
	int rc = -EINVAL;

	if (!src)
		return rc;
	dst = get_writable(owner, to);
	if (dst) {
		memcpy(mfn_to_virt(to), mfn_to_virt(from), PAGE_SIZE);
		page_put_and_type(dst);
		rc = 0;
	}
	page_put(src);
	return rc;
}

static int flush_vcpus(gva_t vcpumask, bool one_page, gva_t va)
{
	cpuset_t cpus;
	int rc = vcpumask_to_cpus(vcpumask, &cpus);

	if (rc)
		return rc;
	if (one_page)
		tlb_flush_page_cpus(cpus, va);
	else
		tlb_flush_cpus(cpus);
	return 0;
}

static void flush_cache(void *unused)
{
	wbinvd();
}

/* Writing back caches concerns the whole machine: only for the domain that drives its devices. */
static int flush_caches(cpuset_t cpus)
{
	if (!current->domain->privileged)
		return -EACCES;
	cpu_call(cpus, flush_cache, NULL);
	return 0;
}

/* Operations on the calling vCPU and its domain. */
static __attribute__((noinline)) int own_op(const struct mmuext_op *op)
{
	struct vcpu *v = current;
	struct domain *d = v->domain;

	switch (op->cmd) {
	case MMUEXT_NEW_USER_BASEPTR:
		return d->paging->user_root ? vcpu_set_user_root(v, op->arg1.mfn) : -EINVAL;
	case MMUEXT_TLB_FLUSH_LOCAL:
		tlb_flush_local();
		return 0;
	case MMUEXT_INVLPG_LOCAL:
		tlb_flush_page_local(op->arg1.linear_addr);
		return 0;
	case MMUEXT_TLB_FLUSH_MULTI:
		return flush_vcpus(op->arg2.vcpumask, false, 0);
	case MMUEXT_INVLPG_MULTI:
		return flush_vcpus(op->arg2.vcpumask, true, op->arg1.linear_addr);
	case MMUEXT_TLB_FLUSH_ALL:
		tlb_flush_cpus(d->mm.tlb_cpus);
		return 0;
	case MMUEXT_INVLPG_ALL:
		tlb_flush_page_cpus(d->mm.tlb_cpus, op->arg1.linear_addr);
		return 0;
	case MMUEXT_FLUSH_CACHE:
		return flush_caches(cpuset_self());
	case MMUEXT_FLUSH_CACHE_GLOBAL:
		return flush_caches(cpus_online);
	case MMUEXT_SET_LDT:
		return d->pv->set_ldt(v, op->arg1.linear_addr, op->arg2.nr_ents);
	case MMUEXT_MARK_SUPER:
	case MMUEXT_UNMARK_SUPER:
		return -EOPNOTSUPP; /* guests have no large pages */
	default:
		return -ENOSYS;
	}
}

/* Apart, so that pins save no registers for it. */
static __attribute__((noinline)) int page_op(struct domain *owner, const struct mmuext_op *op)
{
	return op->cmd == MMUEXT_CLEAR_PAGE ? clear_page(owner, op->arg1.mfn)
					    : copy_page(owner, op->arg1.mfn, op->arg2.src_mfn);
}

static int one_op(struct domain *owner, const struct mmuext_op *op)
{
	switch (op->cmd) {
	case MMUEXT_PIN_L1_TABLE:
	case MMUEXT_PIN_L2_TABLE:
	case MMUEXT_PIN_L3_TABLE:
	case MMUEXT_PIN_L4_TABLE:
		return pin(owner, op->arg1.mfn, PGT_L1 + op->cmd - MMUEXT_PIN_L1_TABLE);
	case MMUEXT_UNPIN_TABLE:
		return unpin(owner, op->arg1.mfn);
	case MMUEXT_CLEAR_PAGE:
	case MMUEXT_COPY_PAGE:
		return page_op(owner, op);
	default:
		return owner == current->domain ? own_op(op) : -EPERM;
	}
}

static __always_inline int run(struct domain *owner, gva_t ops, uint32_t count, uint32_t *done)
{
	uint32_t i;
	int rc = 0;

	for (i = 0; i < count; i++) {
		struct mmuext_op op;

		rc = i && hypercall_preempt_check() ? -ERESTART : 0;
		if (!rc)
			rc = guest_get(&op, ops + i * guest_sizeof(mmuext_op), mmuext_op);
		if (!rc) /* first what guests do at every switch of processes */
			rc = op.cmd == MMUEXT_NEW_BASEPTR && owner == current->domain
				 ? vcpu_set_root(current, op.arg1.mfn)
				 : one_op(owner, &op);
		if (unlikely(rc))
			break;
	}
	*done = i;
	return rc;
}

/* What the list before a restart left is settled first. */
static __cold int any_run(uint32_t foreigndom, gva_t ops, uint32_t count, uint32_t *done)
{
	int rc;
	struct domain *owner = mmu_owner_get(foreigndom, &rc);

	*done = 0;
	if (!owner)
		return rc;
	rc = pt_settle(owner);
	if (!rc)
		rc = run(owner, ops, count, done);
	domain_put(owner);
	return rc;
}

static int own_run(gva_t ops, uint32_t count, uint32_t *done)
{
	return run(current->domain, ops, count, done);
}

static const struct mmu_list list = {HYPERCALL_RESTARTS_mmuext_op, XLAT_mmuext_op, any_run};

long hc_mmuext_op(uint64_t ops, uint64_t count, uint64_t pdone, uint64_t foreigndom)
{
	return mmu_list_run(&list, ops, count, pdone, foreigndom, own_run);
}

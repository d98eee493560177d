// SPDX-License-Identifier: MIT
/*
 * Roots: which page tables a vCPU runs on, and loading them.
 *
 * A root that a vCPU names (root, user_root) holds a reference and a use of the root's table type, so it
 * cannot be freed or become anything else while the processor may walk it. The old root is put only after the
 * new one is loaded. A CPU's tlb_vcpu and a domain's tlb_cpus say whose translations a CPU may hold: set
 * before the load that may bring them in, cleared after the load that forgets them. Locking: roots of a vCPU
 * change on the CPU that runs it, or while it does not run.
 */
#include "mm/pt.h"

static uint64_t wanted_cr3(const struct vcpu *v)
{
	uint64_t cr3 = v->user_mode ? v->user_cr3 : v->kernel_cr3;

	return v == this_cpu->idle || !cr3 ? virt_to_mfn(idle_root) << PAGE_SHIFT : cr3;
}

/* Another vCPU's translations come in. */
static void load_other(struct vcpu *v, uint64_t cr3)
{
	struct vcpu *before = this_cpu->tlb_vcpu, *after = v == this_cpu->idle ? NULL : v;
	struct domain *left = before ? before->domain : NULL, *entered = after ? after->domain : NULL;
	uint32_t self = 1u << this_cpu->id;

	if (entered) {
		__atomic_or_fetch(&entered->tlb_cpus, self, __ATOMIC_ACQ_REL);
		this_cpu->tlb_vcpu = after;
	}
	tlb_load_cr3(cr3);
	this_cpu->tlb_vcpu = after;
	if (left && left != entered)
		__atomic_and_fetch(&left->tlb_cpus, ~self, __ATOMIC_ACQ_REL);
}

static inline void load(struct vcpu *v, uint64_t cr3)
{
	if (likely(this_cpu->tlb_vcpu == v))
		tlb_load_cr3(cr3);
	else
		load_other(v, cr3);
}

void vcpu_load_cr3(struct vcpu *v)
{
	uint64_t cr3 = wanted_cr3(v);

	if (cr3 != this_cpu->cr3 || (v != this_cpu->tlb_vcpu && v != this_cpu->idle))
		load(v, cr3);
}

/* A use of @root for a vCPU of @d. The old root may be put under the same hold of the lock. */
static int root_get(struct domain *d, mfn_t root)
{
	int rc = table_settle(d);

	if (!rc)
		rc = mfn_valid(root) ? page_get_and_type(mfn_to_page(root), d, d->ops->root_level) : -EINVAL;
	return rc;
}

static int root_put(mfn_t root)
{
	return root == INVALID_MFN ? 0 : table_put(mfn_to_page(root));
}

static int change_root(struct vcpu *v, mfn_t root)
{
	struct domain *d = v->domain;
	mfn_t old = v->root;
	int rc;

	pt_begin(d);
	rc = root_get(d, root);
	if (!rc) {
		v->root = root;
		v->kernel_cr3 = d->ops->make_cr3(v, root, false);
		if (v == current)
			load(v, wanted_cr3(v));
		rc = root_put(old);
	}
	spin_unlock(&d->pt_lock);
	return rc;
}

int vcpu_set_root(struct vcpu *v, mfn_t root)
{
	if (root != v->root)
		return change_root(v, root);
	/* Even an equal value: the kind may have changed what lies behind it, and the guest asks for a flush.
	 */
	if (v == current)
		load(v, wanted_cr3(v));
	return 0;
}

int vcpu_set_user_root(struct vcpu *v, mfn_t root)
{
	struct domain *d = v->domain;
	mfn_t old = v->user_root;
	int rc;

	if (root == old)
		return 0;
	pt_begin(d);
	rc = root ? root_get(d, root) : table_settle(d);
	if (!rc) {
		v->user_root = root ? root : INVALID_MFN;
		v->user_cr3 = root ? d->ops->make_cr3(v, root, true) : 0;
		if (v == current && v->user_mode)
			load(v, wanted_cr3(v));
		rc = root_put(old);
	}
	spin_unlock(&d->pt_lock);
	return rc;
}

void vcpu_drop_roots(struct vcpu *v)
{
	struct domain *d = v->domain;
	mfn_t roots[] = {v->root, v->user_root};

	v->root = v->user_root = INVALID_MFN;
	v->kernel_cr3 = v->user_cr3 = 0;
	if (v == current)
		load(v, wanted_cr3(v));
	spin_lock(&d->pt_lock);
	d->pt_allowance = 0; /* not here: mm_relinquish takes the trees apart */
	for (unsigned i = 0; i < ARRAY_SIZE(roots); i++)
		if (roots[i] != INVALID_MFN)
			page_put_and_type(mfn_to_page(roots[i]));
	spin_unlock(&d->pt_lock);
}

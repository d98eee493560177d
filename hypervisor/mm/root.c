/* SPDX-License-Identifier: MIT */
/*
 * Roots: which page tables a vCPU runs on, and loading them.
 *
 * A root that a vCPU names (root, user_root) holds a reference and a use of the root's table type, so it
 * cannot be freed or become anything else while the processor may walk it. The old root is put only after the
 * new one is loaded. A CPU's tlb_vcpu and a domain's tlb_cpus say whose translations a CPU may hold: set
 * before the load that may bring them in, cleared after the load that forgets them.
 *
 * A guest is entered on tables of its own and on no others: only these show the window with its GDT, without which
 * the first segment load, or the return itself, ends the machine. Hence
 *
 *	(1) A vCPU that a CPU may choose (not VCPU_OFFLINE) is initialised, and one that is initialised has a root.
 *	    Code that sets a context first checks what can be checked, changing nothing; then the vCPU has no context
 *	    (vcpu_lose_context: offline, not to be brought up) until it has all of the new one. A failure or restart half
 *	    way leaves it so: what it holds by then stays held, and is replaced or released later.
 *	(2) A vCPU in user mode has a user root. Only two ways lead into user mode, a context and the iret hypercall in
 *	    its two forms; each checks for the user root first. Only the vCPU itself takes the user root away
 *	    (MMUEXT_NEW_USER_BASEPTR), in kernel mode since it makes a hypercall; a new context does, by (1); and the
 *	    end of the domain, whose vCPUs run no more.
 *	(3) A CPU's tlb_vcpu is its current vCPU, or NULL while it idles, once vcpu_load_cr3 returns, whatever was loaded
 *	    before: even if CR3 stays equal, tlb_vcpu changes. So no tlb_vcpu outlives its vCPU, and
 *	    a vCPU at the address of a dead one is not mistaken for it.
 *
 * The auditor checks all three (audit/vcpus.c).
 * Locking: roots of a vCPU change on the CPU that runs it, or while it does not run.
 */
#include "lib/printk.h"
#include "cpu/cpuset.h"
#include "cpu/panic.h"
#include "mm/pt.h"

static uint64_t wanted_cr3(const struct vcpu *v)
{
	uint64_t cr3 = v->entry.user_mode ? v->mm.user_cr3 : v->mm.kernel_cr3;

	if (unlikely(v == this_cpu->idle))
		return virt_to_mfn(idle_root) << PAGE_SHIFT;
	BUG_ON(!cr3); /* rules (1) and (2) */
	return cr3;
}

/* The vCPU whose translations a CPU that runs @v may hold. */
static inline struct vcpu *holder(struct vcpu *v)
{
	return v == this_cpu->idle ? NULL : v;
}

/* Another vCPU's translations come in. */
static void load_other(struct vcpu *v, uint64_t cr3)
{
	struct vcpu *before = this_cpu->tlb_vcpu, *after = holder(v);
	cpuset_t self = cpuset_self();

	if (after) {
		__atomic_or_fetch(&after->domain->mm.tlb_cpus, self, __ATOMIC_ACQ_REL);
		this_cpu->tlb_vcpu = after;
	}
	tlb_load_cr3(cr3);
	this_cpu->tlb_vcpu = after;
	if (before && before->domain != v->domain)
		__atomic_and_fetch(&before->domain->mm.tlb_cpus, ~self, __ATOMIC_ACQ_REL);
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

	if (cr3 != this_cpu->cr3 || this_cpu->tlb_vcpu != holder(v))
		load(v, cr3);
}

/* A use of @root for a vCPU of @d. The old root may be put under the same hold of the lock. */
static int root_get(struct domain *d, mfn_t root)
{
	int rc = table_settle(d);

	if (!rc)
		rc = mfn_valid(root) ? page_get_and_type(mfn_to_page(root), d, d->paging->root_level)
				     : -EINVAL;
	return rc;
}

static int root_put(mfn_t root)
{
	return root == INVALID_MFN ? 0 : table_put(mfn_to_page(root));
}

static int change_root(struct vcpu *v, mfn_t root)
{
	struct domain *d = v->domain;
	mfn_t old = v->mm.root;
	int rc;

	pt_begin(d);
	rc = root_get(d, root);
	if (!rc) {
		v->mm.root = root;
		v->mm.kernel_cr3 = d->paging->make_cr3(v, root, false);
		if (v == current)
			load(v, wanted_cr3(v));
		rc = root_put(old);
	}
	spin_unlock(&d->mm.pt_lock);
	return rc;
}

int vcpu_set_root(struct vcpu *v, mfn_t root)
{
	if (root != v->mm.root)
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
	mfn_t old = v->mm.user_root;
	int rc;

	if (root == old)
		return 0;
	pt_begin(d);
	rc = root ? root_get(d, root) : table_settle(d);
	if (!rc) {
		v->mm.user_root = root ? root : INVALID_MFN;
		v->mm.user_cr3 = root ? d->paging->make_cr3(v, root, true) : 0;
		v->entry.special.no_user_root = !root;
		if (v == current && v->entry.user_mode)
			load(v, wanted_cr3(v));
		rc = root_put(old);
	}
	spin_unlock(&d->mm.pt_lock);
	return rc;
}

void vcpu_drop_roots(struct vcpu *v)
{
	struct domain *d = v->domain;
	mfn_t roots[] = {v->mm.root, v->mm.user_root};

	BUG_ON(v->running);
	v->mm.root = v->mm.user_root = INVALID_MFN;
	v->mm.kernel_cr3 = v->mm.user_cr3 = 0;
	v->entry.special.no_user_root = true;
	spin_lock(&d->mm.pt_lock);
	d->mm.pt_allowance = 0; /* not here: mm_relinquish takes the trees apart */
	for (unsigned i = 0; i < ARRAY_SIZE(roots); i++)
		if (roots[i] != INVALID_MFN)
			page_put_and_type(mfn_to_page(roots[i]));
	spin_unlock(&d->mm.pt_lock);
}

/* SPDX-License-Identifier: MIT */
/*
 * Writable page tables: a guest kernel stores to an L1 table that it sees read-only, the store faults, emul/
 * decodes it and asks here for the same effect through pt_change_l1. Only stores within one entry of a live
 * L1 of the guest's own qualify. Locking: pt_lock, from the walk to the change.
 */
#include "guest/domain.h"
#include "lib/errno.h"
#include "mm/mm.h"
#include "mm/pt.h"
#include "mm/walk.h"

/* A store of @bytes to @va: which entry, and which part of it. */
struct store {
	uint64_t *where;
	unsigned shift;
	uint64_t mask; /* of the part, at its place */
};

static __always_inline bool find_entry(struct vcpu *v, gva_t va, unsigned bytes, struct store *s)
{
	uint64_t *leaf = walk_locked(v, va), pte = leaf ? *leaf : 0;
	struct page_info *pg = mfn_to_page(pte_mfn(pte));

	if (!l1_refuses_write(pte) || mfn_is_io(pte_mfn(pte)))
		return false;
	if (!is_live_l1(pg, v->domain))
		return false;
	s->where = (uint64_t *)((char *)mfn_to_virt(pte_mfn(pte)) + (va & ~PAGE_MASK & ~7ul));
	s->shift = (va & 7) * 8;
	s->mask = (bytes == 8 ? ~0ull : (1ull << bytes * 8) - 1) << s->shift;
	return true;
}

static __always_inline int change(struct vcpu *v, const struct store *s, uint64_t entry, uint64_t new,
				  unsigned bytes)
{
	struct domain *d = v->domain;
	uint64_t whole = (entry & ~s->mask) | (new << s->shift & s->mask);
	int rc = pt_change_l1(s->where, whole, d, d, false);

	/*
	 * A PAE guest changes an entry in two halves. If it begins with the upper one of a present entry, the
	 * mixture may name any frame. The other half follows at once: until then the entry is not
	 * present.
	 */
	if (rc && bytes == 4 && s->shift == 32)
		rc = pt_change_l1(s->where, whole & ~PTE_P, d, d, false);
	return rc;
}

/* Under the pt_lock nothing changes the entry, except that the processor sets bits in it: what is read here
 * holds until it is written, and no store is ever tried twice. */
static __always_inline int store(struct vcpu *v, gva_t va, unsigned bytes, struct ptwr_change *c,
				 uint64_t value)
{
	uint64_t entry;
	struct store s;
	int rc = -EINVAL;

	if ((va & 7) + bytes > 8)
		return -EINVAL;
	spin_lock(&v->domain->mm.pt_lock);
	if (find_entry(v, va, bytes, &s)) {
		entry = __atomic_load_n(s.where, __ATOMIC_RELAXED);
		rc = c && !c->compute(c, (entry & s.mask) >> s.shift, &value)
			 ? 0
			 : change(v, &s, entry, value, bytes);
	}
	spin_unlock(&v->domain->mm.pt_lock);
	return rc;
}

int ptwr_write(struct vcpu *v, gva_t va, uint64_t value, unsigned bytes)
{
	return store(v, va, bytes, NULL, value);
}

int ptwr_modify(struct vcpu *v, gva_t va, struct ptwr_change *c)
{
	return store(v, va, c->bytes, c, 0);
}

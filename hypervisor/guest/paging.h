/* SPDX-License-Identifier: MIT */
/*
 * The rules of direct paging: the processor walks tables that the guest made, and reads its descriptors, so mm/ checks
 * every entry by these rules. A kind of guest whose tables the processor never sees has none, and none of its frames is
 * ever promoted to a table: a frame becomes one for a root, a descriptor table, or an entry of a table in use, all of
 * its own domain, or by a pin, and that asks first (mm/mmuext_op.c).
 */
#pragma once

#include "lib/types.h"

struct domain;
struct vcpu;

/* Slots of a page table that is not a leaf. */
enum slot_rule {
	SLOT_GUEST,    /* the guest's */
	SLOT_CARRIER,  /* the guest's, but its table carries hypervisor mappings: fixed once in use (pv32
			  L3[3]) */
	SLOT_RESERVED, /* the hypervisor's: what the guest has there does not count */
};

struct paging_rules {
	int root_level; /* 4 or 3: which type a root table has */
	bool user_root; /* applications may have a root of their own (MMUEXT_NEW_USER_BASEPTR) */
	uint64_t
	    allowed[5]; /* by level 1..4: bits of an entry that the guest may choose, frame number included */
	uint64_t added[5]; /* bits added to present entries: above level 1 to all, at level 1 to those
			      without U */
	/* Which side owns a slot of a level 2..4 table? @carrier: the table is one with the hypervisor's share. */
	enum slot_rule (*slot_rule)(int level, unsigned slot, bool carrier);
	/* Last checks of a root table whose entries are valid; install the hypervisor's slots. 0 or -errno.
	 */
	int (*root_promote)(struct domain *d, mfn_t root);
	int (*l2_promote)(struct domain *d, mfn_t l2,
			  bool carrier); /* the same: pv32's carrier gets the M2P */
	gva_t hv_start;                  /* where the hypervisor's part of the address space begins */
	gva_t m2p_start, m2p_end;        /* where the guest sees the M2P, */
	unsigned m2p_entry_shift;        /* and log2 of the size of its entries: 3, 2 */
	/* Real CR3 for this root (pv32: through kind_root), the kernel's or its applications'. */
	uint64_t (*make_cr3)(struct vcpu *v, mfn_t root, bool user);
	mfn_t (*cr3_to_mfn)(uint64_t guest_cr3); /* the guest's CR3 value unfolded, and back */
	uint64_t (*mfn_to_cr3)(mfn_t mfn);
	bool (*descriptor_ok)(uint64_t *desc); /* audit and fix up a descriptor */
};

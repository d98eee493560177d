/* SPDX-License-Identifier: MIT */
/*
 * Every difference between the guest kinds, as one structure of functions and facts: pv/pv64.c and pv/pv32.c
 * fill it, the same members in the same order, so that the two files can be read side by side. The rest of
 * the hypervisor never asks "which kind?"; it calls through here.
 */
#pragma once

#include "lib/types.h"
#include "xlat.h" /* generated: enum xlat_struct, struct xlat */

struct callback;
struct cpu_user_regs;
struct domain;
struct vcpu;

/* Slots of a page table that is not a leaf. */
enum slot_rule {
	SLOT_GUEST,    /* the guest's */
	SLOT_CARRIER,  /* the guest's, but its table carries hypervisor mappings: fixed once in use (pv32
			  L3[3]) */
	SLOT_RESERVED, /* the hypervisor's: what the guest has there does not count */
};

/* What an auditor is told (audit/audit.h). */
struct audit_report {
	void (*use)(mfn_t mfn, unsigned kind);                   /* a use of a frame as an enum page_type */
	void (*wrong)(const char *fmt, ...) __printf_like(1, 2); /* a discrepancy */
};

struct guest_ops {
	const char *name;          /* "pv64", "pv32" */
	uint8_t elf_class;         /* of a kernel of this kind: 2 (ELFCLASS64), 1 (ELFCLASS32) */
	uint32_t max_ports;        /* event channels: 4096, 1024 */
	uint32_t word_shift;       /* log2 of bits in a guest long: 6, 5 */
	const struct xlat *layout; /* layout of each ABI structure, by enum xlat_struct */
	bool allow_smep;           /* SMEP/SMAP may be on: the kernel is not supervisor for paging */
	bool code64; /* 64-bit code segments exist: long mode is shown by CPUID, and by emul/ decoded */
	/* Selectors of the flat code segments that the hypervisor lends, and the bits of code there: what nearly
	 * all code uses. */
	uint16_t flat_cs[2];
	uint8_t flat_mode;
	gva_t hv_start; /* where the hypervisor's part of the address space begins */

	/* Memory rules (called by mm/). */
	int root_level; /* 4 or 3: which type a root table has */
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
	gva_t m2p_start, m2p_end;        /* where the guest sees the M2P, */
	unsigned m2p_entry_shift;        /* and log2 of the size of its entries: 3, 2 */
	unsigned
	    addr_bits; /* its frames have machine addresses of at most this many bits; 0: any (pv32: they have
			       entries in its M2P) */
	/* Real CR3 for this root (pv32: through kind_root), the kernel's or its applications'. */
	uint64_t (*make_cr3)(struct vcpu *v, mfn_t root, bool user);
	mfn_t (*cr3_to_mfn)(uint64_t guest_cr3); /* the guest's CR3 value unfolded, and back */
	uint64_t (*mfn_to_cr3)(mfn_t mfn);
	gva_t low_end, high_start; /* the guest's addresses lie below the one or from the other on */

	/* How many bytes of the hypervisor's memory a domain of @frames may need beyond the common (dom/quota.c);
	 * NULL: none. */
	uint64_t (*heap_most)(uint64_t frames);

	/* vCPU state. */
	int (*vcpu_init)(struct vcpu *v);
	int (*vcpu_relinquish)(
	    struct vcpu *v); /* first, what takes long: -ERESTART for more; NULL: nothing */
	void (*vcpu_free)(struct vcpu *v);
	void (*switch_out)(struct vcpu *v); /* save segments and bases into the vCPU */
	void (*switch_in)(struct vcpu *v);  /* load GDT, LDT, segments (failsafe on fault), bases, LSTAR.. */
	/* First registers of the initial domain (xen.h, start of day): RIP, RSP, RSI = start_info. */
	void (*start_regs)(struct vcpu *v, gva_t entry, gva_t stack, gva_t start_info);
	/* vcpu_guest_context in this kind's layout. -ERESTART: to be called again. */
	int (*set_context)(struct vcpu *v, const void *ctx);
	void (*get_context)(struct vcpu *v, void *ctx);
	size_t context_size;

	/* Entry and return (called by entry/ and pv/bounce.c). */
	bool (*in_kernel)(const struct vcpu *v); /* was the guest's kernel interrupted? */
	/* Push a frame for guest entry point @to on the guest kernel's stack, with the first @n of
	 * v->entry_words below the return frame, and aim the vCPU's registers at it. A bad stack ends the
	 * domain. */
	void (*enter)(struct vcpu *v, const struct callback *to, unsigned n);
	void (*set_cr2)(struct vcpu *v, gva_t address); /* the fault address, in vcpu_info */
	/* A page fault for the guest: set CR2; bounce it, the error code's user bit as the guest sees itself. */
	void (*page_fault)(struct vcpu *v, gva_t address, uint32_t error);
	gva_t (*get_cr2)(const struct vcpu *v);
	long (*iret)(struct vcpu *v); /* the iret hypercall; returns the new RAX */
	/* Run *left multicall entries from *list on, until done, interrupted or something else waits. 0, -EFAULT, or 1
	 * to restart the batch where it is. */
	int (*multicall)(struct vcpu *v, gva_t *list, uint32_t *left);
	/* Six argument registers or multicall words <-> arguments (@nargs of them; bit n of @wide: argument n makes two words of pv32). */
	void (*hypercall_join)(uint64_t args[6], const uint64_t words[6], unsigned nargs, unsigned wide);
	unsigned (*hypercall_split)(uint64_t words[6], const uint64_t *args, unsigned nargs, unsigned wide);
	/* Rewind over the hypercall instruction, with these arguments: it will be executed again. */
	void (*hypercall_rewind)(struct vcpu *v, unsigned nr, const uint64_t *words, unsigned n);
	void (*fill_hypercall_page)(void *page);
	/* set_callbacks and the structure of callback_op, whose form is the kind's own. */
	long (*set_callbacks)(struct vcpu *v, const uint64_t args[4]);
	int (*get_callback)(gva_t arg, uint16_t *type, struct callback *cb);
	long (*set_segment_base)(uint64_t which, uint64_t base);
	uint64_t *(*reserved_gdt)(void); /* this CPU's page of the hypervisor's descriptors for this kind */
	bool (*descriptor_ok)(uint64_t *desc);                        /* audit and fix up a descriptor */
	uint16_t (*fix_selector)(uint16_t sel);                       /* RPL at least 1 / 3 */
	int (*set_ldt)(struct vcpu *v, gva_t base, uint32_t entries); /* MMUEXT_SET_LDT of the current vCPU */

	/* Kinds without a paravirtual interface (fv): every exception and INT n of the guest, and what the
	 * upcall bytes announce. NULL: the exception is bounced, the event callback entered. */
	void (*trap)(struct vcpu *v, struct cpu_user_regs *regs);
	void (*deliver)(struct vcpu *v);
	void (*timers_go_on)(struct vcpu *v); /* unpaused: what repeats of its devices; NULL: nothing */
	/* Tell the auditor what else the vCPU holds; NULL: nothing. */
	void (*audit)(struct vcpu *v, const struct audit_report *to);
};

/* Only guest addresses, none of the hypervisor's? */
static inline bool range_ok(const struct guest_ops *ops, gva_t va, uint64_t len)
{
	gva_t end = va + len;

	return end >= va && (end <= ops->low_end || va >= ops->high_start);
}

/* The same for a few words at @va. Behind the lower part comes a page that is no address at all (pv64), maps nothing
 * (fv), or that every guest may read and none write (pv32's M2P): so only their beginning is checked. */
static inline bool words_ok(const struct guest_ops *ops, gva_t va)
{
	return va < ops->low_end || va >= ops->high_start;
}

extern const struct guest_ops pv64_ops, pv32_ops, fv_ops;

enum guest_kind {
	KIND_PV64,
	KIND_PV32,
	KIND_FV,
	KINDS,
};
/* The kinds that this hypervisor has (boot/main.c lists them); NULL: not this one. */
extern const struct guest_ops *guest_kinds[KINDS];

/* SPDX-License-Identifier: MIT */
/*
 * Kinds of guests. All differences between them are members of five interfaces, and a domain has a pointer to each:
 *   abi     how large words are, where structures and addresses lie          guest/abi.h
 *   calls   how hypercalls take their arguments; NULL: there are none        guest/abi.h
 *   paging  the rules of direct paging; NULL: the processor never sees a table of the guest   guest/paging.h
 *   pv      the entry points of a paravirtual kernel; NULL: it is entered as on the bare machine   below
 *   doors   what the hypervisor does with a vCPU of any kind                 below
 * A kind fills each interface that it has, except for functions that may be NULL and say so. pv/pv64.c and pv/pv32.c hold
 * the same members in the same order, so that the two files can be read side by side; fv/fv.c is the third kind.
 * The rest of the hypervisor never asks "which kind?": it calls through here, and scripts/check-kinds.py sees to it. A
 * further kind is one more folder, and one more row of guest_kinds.
 */
#pragma once

#include "guest/abi.h"
#include "guest/paging.h"
#include "lib/types.h"

struct callback;
struct domain;
struct vcpu;

/* What an auditor is told (audit/audit.h). */
struct audit_report {
	void (*use)(mfn_t mfn, unsigned kind);                   /* a use of a frame as an enum page_type */
	void (*wrong)(const char *fmt, ...) __printf_like(1, 2); /* a discrepancy */
};

/* What the hypervisor does with a vCPU of any kind. */
struct guest_doors {
	/* vCPU state. A kind that handles exceptions itself sets v->entry.trap here. */
	int (*vcpu_init)(struct vcpu *v);
	int (*vcpu_relinquish)(
	    struct vcpu *v); /* first, what takes long: -ERESTART for more; NULL: nothing */
	void (*vcpu_free)(struct vcpu *v);
	void (*switch_out)(struct vcpu *v); /* save segments and bases into the vCPU */
	void (*switch_in)(struct vcpu *v);  /* load GDT, LDT, segments (failsafe on fault), bases, LSTAR.. */
	/* vcpu_guest_context in this kind's layout. -ERESTART: to be called again. */
	int (*set_context)(struct vcpu *v, const void *ctx);
	void (*get_context)(struct vcpu *v, void *ctx);
	size_t context_size;

	bool (*in_kernel)(const struct vcpu *v); /* was the guest's kernel interrupted? */
	uint32_t
	    quick_leave_mode; /* RINGLET_MODE_*: where the shortest way back leads; 0: not always there */
	/* An event is pending, and the vCPU has no event callback: tell the guest in the kind's own way, or end it. */
	void (*deliver)(struct vcpu *v);
	void (*fill_hypercall_page)(void *page);

	void (*timers_go_on)(struct vcpu *v); /* unpaused: what repeats of its devices; NULL: nothing */
	/* How many bytes of the hypervisor's memory a domain of @frames may need beyond the common (dom/quota.c);
	 * NULL: none. */
	uint64_t (*heap_most)(uint64_t frames);
	/* Tell the auditor what else the vCPU holds; NULL: nothing. */
	void (*audit)(struct vcpu *v, const struct audit_report *to);
};

/* The entry points of a paravirtual kernel, which it has registered itself. */
struct pv_doors {
	/* First registers of the initial domain (xen.h, start of day): RIP, RSP, RSI = start_info. */
	void (*start_regs)(struct vcpu *v, gva_t entry, gva_t stack, gva_t start_info);
	/* Push a frame for guest entry point @to on the guest kernel's stack, with the first @n of
	 * v->pv.entry_words below the return frame, and aim the vCPU's registers at it. A bad stack ends the
	 * domain. */
	void (*enter)(struct vcpu *v, const struct callback *to, unsigned n);
	void (*set_cr2)(struct vcpu *v, gva_t address); /* the fault address, in vcpu_info */
	/* A page fault for the guest: set CR2; bounce it, the error code's user bit as the guest sees itself. */
	void (*page_fault)(struct vcpu *v, gva_t address, uint32_t error);
	gva_t (*get_cr2)(const struct vcpu *v);
	long (*iret)(struct vcpu *v); /* the iret hypercall; returns the new RAX */
	/* set_callbacks and the structure of callback_op, whose form is the kind's own. */
	long (*set_callbacks)(struct vcpu *v, const uint64_t args[4]);
	int (*get_callback)(gva_t arg, uint16_t *type, struct callback *cb);
	long (*set_segment_base)(uint64_t which, uint64_t base);
	uint64_t *(*reserved_gdt)(void); /* this CPU's page of the hypervisor's descriptors for this kind */
	uint16_t (*fix_selector)(uint16_t sel);                       /* RPL at least 1 / 3 */
	int (*set_ldt)(struct vcpu *v, gva_t base, uint32_t entries); /* MMUEXT_SET_LDT of the current vCPU */
	uint16_t syscall32_cs, syscall32_ss; /* what an application that made a 32-bit SYSCALL returns to */
};

struct guest_kind {
	const char *name; /* "pv64", "pv32", "fv" */
	const struct guest_abi *abi;
	const struct hypercall_abi *calls; /* NULL: it makes no hypercalls */
	const struct paging_rules *paging; /* NULL: the processor never sees its tables */
	const struct pv_doors *pv;         /* NULL: its kernel is entered as on the bare machine */
	const struct guest_doors *doors;
};

extern const struct guest_kind pv64_kind, pv32_kind, fv_kind;

enum kind_row {
	KIND_PV64,
	KIND_PV32,
	KIND_FV,
	KINDS,
};
/* The kinds that this hypervisor has (boot/main.c lists them); NULL: not this one. */
extern const struct guest_kind *guest_kinds[KINDS];

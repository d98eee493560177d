/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's descriptor tables. The guest names frames for its GDT; they are audited when they take the type
 * PGT_SEGDESC and mapped into the vCPU's window (docs/memory-layout.md), where GDTR points. LDT pages follow
 * lazily, on the processor's first look. All functions are for the current vCPU unless said otherwise; no other
 * vCPU touches a window, so there is no lock.
 */
#pragma once

#include "lib/types.h"

struct domain;
struct vcpu;

#define GDT_GUEST_PAGES     14
#define GDT_GUEST_ENTRIES   (GDT_GUEST_PAGES * 512)
#define LDT_MAX_ENTRIES     8192
#define DESC_RESERVED_PAGE  14
#define DESC_FIRST_LDT_PAGE 16
#define DESC_PAGES          32

/* A new vCPU (any): its 32 entries in the domain's window tables. -ENOMEM. */
int desc_init(struct vcpu *v);
/* A vCPU that will not run again: drop its frames. */
void desc_free(struct vcpu *v);

/* Any vCPU that is current or not running: use @frames for a GDT of @entries. -EINVAL: nothing changed; -ERESTART:
 * one more page of them was audited, call again with the same. */
int desc_set_gdt(struct vcpu *v, const mfn_t *frames, uint32_t entries);
int desc_set_ldt(struct vcpu *v, gva_t base, uint32_t entries);

/* Load GDTR and LDTR; @reserved: this CPU's page of the right kind (percpu.gdt or gdt_compat). */
void desc_switch_in(struct vcpu *v, uint64_t *reserved);
void desc_refresh_window(struct vcpu *v, uint64_t *reserved) __rare; /* inside desc.c */

/* The processor missed a descriptor at @addr in the LDT window: map the guest's page. False: it cannot be. */
bool desc_in_ldt_window(const struct vcpu *v, gva_t addr);
bool desc_ldt_fault(struct vcpu *v, gva_t addr);

/* A live descriptor, decoded. False: null, beyond its table, not present, or a system segment. */
struct segment {
	gva_t base;
	uint32_t limit;
	bool code, code64, big; /* big: 32-bit default sizes */
	bool readable, writable;
	bool down; /* expand-down data: valid above the limit */
};
bool desc_segment(struct vcpu *v, uint16_t selector, struct segment *seg);

/* The audit of one descriptor for a kernel of ring @rpl: fix it up, or refuse it (false). */
bool desc_audit(uint64_t *desc, unsigned rpl, bool code64);

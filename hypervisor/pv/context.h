/* SPDX-License-Identifier: MIT */
/*
 * struct vcpu_guest_context: the whole state of a vCPU, as VCPUOP_initialise and DOMCTL_setvcpucontext give
 * it. The kinds convert their layouts to the native one; what is common is here.
 */
#pragma once

#include "dom/domain.h"
#include "guest/kind.h"
#include "xen/callback.h"
#include "xen/xen.h"

/* A guest's gate as it is kept. One without an address is not set, and has no selector either (pv32_enter). */
static inline struct callback callback_of_trap(const struct trap_info *ti, const struct pv_doors *pv)
{
	return (struct callback){.address = ti->address,
				 .cs = ti->address ? pv->fix_selector(ti->cs) : 0,
				 .flags = TI_GET_IF(ti) ? CALLBACKF_mask_events : 0,
				 .dpl = TI_GET_DPL(ti)};
}

/* The frames of the context's GDT, page tables and the rest. -EINVAL: something is not as it must be; -ERESTART: see
 * vcpu_set_context. The kind sets the callbacks. */
int context_set(struct vcpu *v, const struct vcpu_guest_context *c);
void context_get(struct vcpu *v, struct vcpu_guest_context *c);
/* The domain's vm_assist has changed: update what its vCPUs derive from it. */
void context_assist_changed(struct domain *d);

/* Does a system call need no more than a frame on the kernel's stack and a jump? special.no_entry says the opposite. */
#define SYSCALL_FRAME (7 * 8) /* bytes (pv64_enter) */
static inline gva_t context_syscall_sp(const struct vcpu *v)
{
	return ROUND_DOWN(v->entry.kernel_sp, 16);
}
static inline bool context_takes_syscalls(const struct vcpu *v)
{
	return v->entry.syscall_cb.address && !(v->entry.syscall_cb.flags & CALLBACKF_mask_events) &&
	       range_ok(v->domain->abi, context_syscall_sp(v) - SYSCALL_FRAME, SYSCALL_FRAME);
}
/* The current @v's syscall_cb or kernel_sp has changed, or those of a vCPU that does not run: rule (4) of vcpu.entry.special. */
void context_entry_changed(struct vcpu *v);

/* Registers of a vCPU whose context says nothing: debug registers, CR0, CR4. */
void context_init(struct vcpu *v);
/* The guest's CR0 as it reads it (current vCPU), and what it may have in CR4. */
uint64_t context_cr0(const struct vcpu *v);
uint64_t context_cr4(uint64_t wanted);
/* What it begins with: 0 asks for all that there is, as from Xen. */
uint64_t context_first_cr4(uint64_t wanted);

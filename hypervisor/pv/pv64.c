/* SPDX-License-Identifier: MIT */
/*
 * pv64: a 64-bit guest whose kernel runs in ring 3 as its applications do. This file and pv32.c hold what
 * differs between the kinds, the same functions in the same order; memory rules are in pv64_mm.c, the ways in
 * and out in pv64_entry.c.
 */
#include "cpu/features.h"
#include "cpu/gdt.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "guest/kind.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "mm/mm.h"
#include "pv/bounce.h"
#include "pv/context.h"
#include "pv/debugreg.h"
#include "pv/desc.h"
#include "pv/pv64_entry.h"
#include "pv/pv_mm.h"
#include "pv/segments.h"
#include "pv/taskswitch.h"
#include "xen/callback.h"

#define KERNEL_RPL 3

static int pv64_vcpu_init(struct vcpu *v)
{
	context_init(v);
	return desc_init(v);
}

static void pv64_vcpu_free(struct vcpu *v)
{
	desc_free(v);
}

static uint64_t *pv64_reserved_gdt(void)
{
	return this_cpu->gdt;
}

static uint64_t *active_gs_base(struct vcpu *v)
{
	return v->entry.user_mode ? &v->pv.gs_base_user : &v->pv.gs_base_kernel;
}

/* 64-bit code has bases of FS and GS that no descriptor knows. */
static void save_bases(struct vcpu *v)
{
	v->pv.fs_base = rdmsr(MSR_FS_BASE);
	*active_gs_base(v) = rdmsr(MSR_KERNEL_GS_BASE);
}

/* A new context's selectors, which have just been loaded, bring their own if they are not null. */
static void take_bases(struct vcpu *v)
{
	if (!selector_is_null(v->regs.fs))
		v->pv.fs_base = rdmsr(MSR_FS_BASE);
	if (!selector_is_null(v->regs.gs))
		*active_gs_base(v) = rdmsr(MSR_KERNEL_GS_BASE);
}

static void load_bases(struct vcpu *v)
{
	wrmsr(MSR_FS_BASE, v->pv.fs_base);
	wrmsr(MSR_KERNEL_GS_BASE, *active_gs_base(v));
}

static void pv64_switch_out(struct vcpu *v)
{
	segments_save(v);
	save_bases(v);
	debugreg_switch_out(v);
	taskswitch_unload(v);
}

static void pv64_switch_in(struct vcpu *v)
{
	struct segment_selectors wanted;
	bool ok;

	desc_switch_in(v, pv64_reserved_gdt());
	cpu_set_supervisor_protection(true);
	ok = segments_load(v);
	if (unlikely(v->pv.segs_fresh)) {
		v->pv.segs_fresh = false;
		if (ok)
			take_bases(v);
	}
	load_bases(v);
	debugreg_switch_in(v);
	taskswitch_load(v);
	if (unlikely(!ok)) {
		segments_forget(v, &wanted);
		bounce_failsafe(v, &wanted);
	}
}

static void pv64_start_regs(struct vcpu *v, gva_t entry, gva_t stack, gva_t start_info)
{
	v->regs = (struct cpu_user_regs){
	    .rip = entry,
	    .rsp = stack,
	    .rsi = start_info,
	    .cs = SEL_GUEST_CS64,
	    .ss = SEL_GUEST_DS,
	    .rflags = RFLAGS_IF | RFLAGS_MBS,
	};
}

static int pv64_set_context(struct vcpu *v, const void *ctx)
{
	const struct vcpu_guest_context *c = ctx;
	const uint64_t entries[] = {c->event_callback_eip,   c->failsafe_callback_eip,
				    c->syscall_callback_eip, c->fs_base,
				    c->gs_base_kernel,       c->gs_base_user};
	int rc;

	for (unsigned i = 0; i < ARRAY_SIZE(entries); i++)
		if (!range_ok(&pv64_abi, entries[i], 1))
			return -EINVAL;
	rc = context_set(v, c);
	if (rc)
		return rc;
	v->entry.event_cb = (struct callback){.address = c->event_callback_eip};
	v->entry.failsafe_cb =
	    (struct callback){.address = c->failsafe_callback_eip,
			      .flags = c->flags & VGCF_failsafe_disables_events ? CALLBACKF_mask_events : 0};
	v->entry.syscall_cb =
	    (struct callback){.address = c->syscall_callback_eip,
			      .flags = c->flags & VGCF_syscall_disables_events ? CALLBACKF_mask_events : 0};
	context_entry_changed(v);
	v->pv.fs_base = c->fs_base;
	v->pv.gs_base_kernel = c->gs_base_kernel;
	v->pv.gs_base_user = c->gs_base_user;
	return 0;
}

static void pv64_get_context(struct vcpu *v, void *ctx)
{
	struct vcpu_guest_context *c = ctx;

	context_get(v, c);
	c->event_callback_eip = v->entry.event_cb.address;
	c->failsafe_callback_eip = v->entry.failsafe_cb.address;
	c->syscall_callback_eip = v->entry.syscall_cb.address;
	if (v->entry.failsafe_cb.flags & CALLBACKF_mask_events)
		c->flags |= VGCF_failsafe_disables_events;
	if (v->entry.syscall_cb.flags & CALLBACKF_mask_events)
		c->flags |= VGCF_syscall_disables_events;
	c->fs_base = v->pv.fs_base;
	c->gs_base_kernel = v->pv.gs_base_kernel;
	c->gs_base_user = v->pv.gs_base_user;
}

/* set_callbacks(event, failsafe, syscall) */
static long pv64_set_callbacks(struct vcpu *v, const uint64_t args[4])
{
	for (unsigned i = 0; i < 3; i++)
		if (!range_ok(&pv64_abi, args[i], 1))
			return -EINVAL;
	v->entry.event_cb.address = args[0];
	v->entry.failsafe_cb = (struct callback){.address = args[1]};
	v->entry.syscall_cb = (struct callback){.address = args[2]};
	context_entry_changed(v);
	return 0;
}

static int pv64_get_callback(gva_t arg, uint16_t *type, struct callback *cb)
{
	struct callback_register r;

	if (guest_read(&r, arg, sizeof(r)))
		return -EFAULT;
	if (!range_ok(&pv64_abi, r.address, 1))
		return -EINVAL;
	*type = r.type;
	*cb = (struct callback){.address = r.address, .flags = r.flags & CALLBACKF_mask_events};
	return 0;
}

/* Only the kernel makes hypercalls, so its GS is the active one and the user's waits in the vCPU. */
static long pv64_set_segment_base(uint64_t which, uint64_t base)
{
	struct vcpu *v;

	if (unlikely(!is_canonical(base) && (uint32_t)which != SEGBASE_GS_USER_SEL))
		return -EINVAL;
	if (likely((uint32_t)which == SEGBASE_FS)) {
		wrmsr(MSR_FS_BASE, base);
		return 0;
	}
	v = current;
	switch ((uint32_t)which) {
	case SEGBASE_GS_USER:
		v->pv.gs_base_user = base;
		return 0;
	case SEGBASE_GS_KERNEL:
		wrmsr(MSR_KERNEL_GS_BASE, base);
		return 0;
	case SEGBASE_GS_USER_SEL:
		if (!segments_load_gs(base, &v->pv.gs_base_user))
			segments_load_gs(0, &v->pv.gs_base_user);
		return 0;
	}
	return -EINVAL;
}

static bool pv64_descriptor_ok(uint64_t *desc)
{
	return desc_audit(desc, KERNEL_RPL, true);
}

static uint16_t pv64_fix_selector(uint16_t sel)
{
	return sel | KERNEL_RPL;
}

const struct guest_abi pv64_abi = {
    .elf_class = 2,
    .long_mode = true,
    .first_arg = offsetof(struct cpu_user_regs, rdi),
    .max_ports = 4096,
    .word_shift = 6,
    .layout = xlat_pv64,
    .flat_cs = {SEL_GUEST_CS64, SEL_GUEST_CS64},
    .flat_mode = 64,
    .addr_bits = 0,
    .low_end = PV64_LOW_END,
    .high_start = PV64_HIGH_START,
};

static const struct hypercall_abi calls = {
    .join = pv64_hypercall_join,
    .split = pv64_hypercall_split,
    .rewind = pv64_hypercall_rewind,
    .multicall = pv64_multicall,
};

static const struct paging_rules paging = {
    .root_level = 4,
    .user_root = true,
    .allowed = PV64_PTE_ALLOWED,
    .added = PV64_PTE_ADDED,
    .slot_rule = pv64_slot_rule,
    .root_promote = pv64_root_promote,
    .l2_promote = pv64_l2_promote,
    .hv_start = HYPERVISOR_VIRT_START,
    .m2p_start = MACH2PHYS_VIRT_START,
    .m2p_end = MACH2PHYS_VIRT_END,
    .m2p_entry_shift = 3,
    .make_cr3 = pv64_make_cr3,
    .cr3_to_mfn = pv64_cr3_to_mfn,
    .mfn_to_cr3 = pv64_mfn_to_cr3,
    .descriptor_ok = pv64_descriptor_ok,
};

static const struct pv_doors pv = {
    .start_regs = pv64_start_regs,
    .enter = pv64_enter,
    .set_cr2 = pv64_set_cr2,
    .page_fault = pv64_page_fault,
    .get_cr2 = pv64_get_cr2,
    .iret = pv64_iret,
    .set_callbacks = pv64_set_callbacks,
    .get_callback = pv64_get_callback,
    .set_segment_base = pv64_set_segment_base,
    .reserved_gdt = pv64_reserved_gdt,
    .fix_selector = pv64_fix_selector,
    .set_ldt = desc_set_ldt,
    .syscall32_cs = SEL_GUEST_CS32,
    .syscall32_ss = SEL_GUEST_DS,
};

static const struct guest_doors doors = {
    .vcpu_init = pv64_vcpu_init,
    .vcpu_free = pv64_vcpu_free,
    .switch_out = pv64_switch_out,
    .switch_in = pv64_switch_in,
    .set_context = pv64_set_context,
    .get_context = pv64_get_context,
    .context_size = sizeof(struct vcpu_guest_context),
    .in_kernel = pv64_in_kernel,
    .quick_leave_mode = 0, /* that of the next entry */
    .deliver = bounce_no_callback,
    .fill_hypercall_page = pv64_fill_hypercall_page,
};

const struct guest_kind pv64_kind = {
    .name = "pv64",
    .abi = &pv64_abi,
    .calls = &calls,
    .paging = &paging,
    .pv = &pv,
    .doors = &doors,
};

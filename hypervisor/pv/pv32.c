/* SPDX-License-Identifier: MIT */
/*
 * pv32: a 32-bit PAE guest in compatibility mode, its kernel in ring 1. This file and pv64.c hold what
 * differs between the kinds, the same functions in the same order; memory rules are in pv32_mm.c, the ways in
 * and out in pv32_entry.c.
 */
#include "compat_offsets.h"
#include "cpu/descriptor.h"
#include "cpu/features.h"
#include "cpu/gdt.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "guest/kind.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "pv/bounce.h"
#include "pv/context.h"
#include "pv/debugreg.h"
#include "pv/desc.h"
#include "pv/pv32_entry.h"
#include "pv/pv32_layout.h"
#include "pv/pv_mm.h"
#include "pv/segments.h"
#include "pv/taskswitch.h"
#include "ringlet/sysctl.h"
#include "xen/callback.h"

#define KERNEL_RPL 1

static uint16_t pv32_fix_selector(uint16_t sel);

static int pv32_vcpu_init(struct vcpu *v)
{
	int rc;

	context_init(v);
	rc = desc_init(v);
	return rc ? rc : pv32_kind_root_alloc(v);
}

static void pv32_vcpu_free(struct vcpu *v)
{
	desc_free(v);
	pv32_kind_root_free(v);
}

static uint64_t *pv32_reserved_gdt(void)
{
	return this_cpu->gdt_compat;
}

/* Bases come from the tables alone. */
static void pv32_switch_out(struct vcpu *v)
{
	segments_save(v);
	debugreg_switch_out(v);
	taskswitch_unload(v);
}

static void pv32_switch_in(struct vcpu *v)
{
	struct segment_selectors wanted;
	bool ok;

	desc_switch_in(v, pv32_reserved_gdt());
	cpu_set_supervisor_protection(false);
	ok = segments_load(v);
	debugreg_switch_in(v);
	taskswitch_load(v);
	if (unlikely(!ok)) {
		segments_forget(v, &wanted);
		bounce_failsafe(v, &wanted);
	}
}

static void pv32_start_regs(struct vcpu *v, gva_t entry, gva_t stack, gva_t start_info)
{
	v->regs = (struct cpu_user_regs){
	    .rip = entry,
	    .rsp = stack,
	    .rsi = start_info,
	    .cs = SEL_COMPAT_KERNEL_CS,
	    .ss = SEL_COMPAT_KERNEL_DS,
	    .ds = SEL_COMPAT_KERNEL_DS,
	    .es = SEL_COMPAT_KERNEL_DS,
	    .fs = SEL_COMPAT_KERNEL_DS,
	    .gs = SEL_COMPAT_KERNEL_DS,
	    .rflags = RFLAGS_IF | RFLAGS_MBS,
	};
}

static int pv32_set_context(struct vcpu *v, const void *ctx)
{
	struct vcpu_guest_context *c = heap_alloc_for(v->domain, sizeof(*c));
	int rc = -ENOMEM;

	if (!c)
		return rc;
	pv32_context_in(c, ctx);
	rc = context_set(v, c);
	heap_free(c);
	if (!rc)
		pv32_callbacks_in(v, ctx);
	return rc;
}

static void pv32_get_context(struct vcpu *v, void *ctx)
{
	struct vcpu_guest_context *c = heap_alloc_for(v->domain, sizeof(*c));

	memset(ctx, 0, COMPAT_SIZEOF_vcpu_guest_context);
	if (!c)
		return;
	context_get(v, c);
	pv32_context_out(ctx, c, v);
	heap_free(c);
}

/* set_callbacks(event cs, eip, failsafe cs, eip) */
static long pv32_set_callbacks(struct vcpu *v, const uint64_t args[4])
{
	v->entry.event_cb = (struct callback){.cs = pv32_fix_selector(args[0]), .address = args[1]};
	v->entry.failsafe_cb = (struct callback){.cs = pv32_fix_selector(args[2]), .address = args[3]};
	return 0;
}

static int pv32_get_callback(gva_t arg, uint16_t *type, struct callback *cb)
{
	uint8_t r[COMPAT_SIZEOF_callback_register];

	if (guest_read(r, arg, sizeof(r)))
		return -EFAULT;
	pv32_callback_in(r, type, cb);
	cb->cs = pv32_fix_selector(cb->cs);
	return *type == CALLBACKTYPE_syscall ? -EINVAL : 0;
}

static long pv32_set_segment_base(uint64_t which, uint64_t base)
{
	return -ENOSYS;
}

static bool pv32_descriptor_ok(uint64_t *desc)
{
	return desc_audit(desc, KERNEL_RPL, false);
}

static uint16_t pv32_fix_selector(uint16_t sel)
{
	return sel & SELECTOR_RPL ? sel : sel | KERNEL_RPL;
}

const struct guest_abi pv32_abi = {
    .elf_class = 1,
    .long_mode = false,
    .first_arg = offsetof(struct cpu_user_regs, rbx),
    .max_ports = 1024,
    .word_shift = 5,
    .layout = xlat_pv32,
    .flat_cs = {SEL_COMPAT_KERNEL_CS, SEL_COMPAT_USER_CS},
    .flat_mode = 32,
    .addr_bits = COMPAT_M2P_ADDR_BITS,
    .low_end = PV32_LOW_END,
    .high_start = PV32_HIGH_START,
};

static const struct hypercall_abi calls = {
    .join = pv32_hypercall_join,
    .split = pv32_hypercall_split,
    .rewind = pv32_hypercall_rewind,
    .multicall = pv32_multicall,
};

static const struct paging_rules paging = {
    .root_level = 3,
    .user_root = false,
    .allowed = PV32_PTE_ALLOWED,
    .added = PV32_PTE_ADDED,
    .slot_rule = pv32_slot_rule,
    .root_promote = pv32_root_promote,
    .l2_promote = pv32_l2_promote,
    .hv_start = HYPERVISOR_VIRT_START_PAE,
    .m2p_start = MACH2PHYS_VIRT_START_PAE,
    .m2p_end = COMPAT_M2P_END,
    .m2p_entry_shift = 2,
    .make_cr3 = pv32_make_cr3,
    .cr3_to_mfn = pv32_cr3_to_mfn,
    .mfn_to_cr3 = pv32_mfn_to_cr3,
    .descriptor_ok = pv32_descriptor_ok,
};

static const struct pv_doors pv = {
    .start_regs = pv32_start_regs,
    .enter = pv32_enter,
    .set_cr2 = pv32_set_cr2,
    .page_fault = pv32_page_fault,
    .get_cr2 = pv32_get_cr2,
    .iret = pv32_iret,
    .set_callbacks = pv32_set_callbacks,
    .get_callback = pv32_get_callback,
    .set_segment_base = pv32_set_segment_base,
    .reserved_gdt = pv32_reserved_gdt,
    .fix_selector = pv32_fix_selector,
    .set_ldt = desc_set_ldt,
    .syscall32_cs = SEL_COMPAT_USER_CS,
    .syscall32_ss = SEL_COMPAT_USER_DS,
};

static const struct guest_doors doors = {
    .vcpu_init = pv32_vcpu_init,
    .vcpu_free = pv32_vcpu_free,
    .switch_out = pv32_switch_out,
    .switch_in = pv32_switch_in,
    .set_context = pv32_set_context,
    .get_context = pv32_get_context,
    .context_size = COMPAT_SIZEOF_vcpu_guest_context,
    .in_kernel = pv32_in_kernel,
    .quick_leave_mode = RINGLET_MODE_KNOWN | RINGLET_MODE_KERNEL | KERNEL_RPL,
    .deliver = bounce_no_callback,
    .fill_hypercall_page = pv32_fill_hypercall_page,
    .audit = pv32_audit,
};

const struct guest_kind pv32_kind = {
    .name = "pv32",
    .abi = &pv32_abi,
    .calls = &calls,
    .paging = &paging,
    .pv = &pv,
    .doors = &doors,
};

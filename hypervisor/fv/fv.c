/* SPDX-License-Identifier: MIT */
/*
 * fv: full virtualisation by deprivileging, as a third kind of guest (guest/kind.h). Such a domain makes no
 * hypercalls, so of the paravirtual interface it has only what its builder and the debugger use: the pv32
 * layout of its registers.
 */
#include "fv/fv.h"
#include "compat_offsets.h"
#include "cpu/features.h"
#include "cpu/fpu.h"
#include "cpu/gdt.h"
#include "cpu/x86.h"
#include "guest/kind.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "pv/bounce.h"
#include "pv/context.h"
#include "pv/debugreg.h"
#include "pv/desc.h"
#include "pv/flags.h"
#include "pv/pv32_entry.h"
#include "pv/pv32_layout.h"
#include "pv/pv_mm.h"
#include "pv/segments.h"
#include "pv/taskswitch.h"
#include "sched/sched.h"

#define RESET_CR0 (CR0_PE | CR0_ET)

static int fv_vcpu_init(struct vcpu *v)
{
	int rc;

	if (v->id) /* EXERCISE: a second processor needs a local APIC to be started by */
		return -EOPNOTSUPP;
	context_init(v);
	v->pv.cr4 = context_cr4(0); /* its kernel sets what it wants, as on the bare machine */
	rc = desc_init(v);
	if (!rc)
		rc = pv32_kind_root_alloc(v);
	if (rc)
		return rc;
	v->fv = heap_alloc_for(v->domain, sizeof(*v->fv));
	if (!v->fv)
		return -ENOMEM;
	v->fv->v = v;
	v->entry.trap = fv_trap;
	pc_init(&v->fv->pc, &fv_pc_user);
	return fv_segments_init(v->fv);
}

static int fv_vcpu_relinquish(struct vcpu *v)
{
	int rc = v->fv ? fv_shadow_release(v->fv) : 0;

	return rc || !v->fv ? rc : fv_memory_release(v->fv);
}

static void fv_vcpu_free(struct vcpu *v)
{
	if (v->fv) {
		pc_stop(&v->fv->pc);
		while (fv_vcpu_relinquish(v))
			; /* nothing, or little: a domain that was built has been through it */
		fv_code_free(v->fv);
		fv_shadow_free(v->fv);
		fv_memory_free(v->fv);
		v->mm.desc_l1[0] = 0;
		fv_segments_free(v->fv);
	}
	heap_free(v->fv);
	v->fv = NULL;
	v->entry.trap = NULL;
	v->mm.kernel_cr3 = 0;
	desc_free(v);
	pv32_kind_root_free(v);
}

static uint64_t *fv_reserved_gdt(void)
{
	return this_cpu->gdt_compat;
}

static void fv_switch_out(struct vcpu *v)
{
	segments_save(v);
	debugreg_switch_out(v);
	taskswitch_unload(v);
	cpu_set_cr4(this_cpu->cr4 & ~CR4_UMIP);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
}

/* SYSCALL is not in the guest's processor (it loses the CPL, which would have to be guessed); SGDT and similar
 * instructions trap if the processor can do that. */
static void fv_switch_in(struct vcpu *v)
{
	struct segment_selectors wanted;

	desc_switch_in(v, fv_reserved_gdt());
	cpu_set_supervisor_protection(false);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SCE);
	if (features.umip)
		cpu_set_cr4(this_cpu->cr4 | CR4_UMIP);
	if (!segments_load(v))
		segments_forget(v, &wanted);
	debugreg_switch_in(v);
	taskswitch_load(v);
}

static uint32_t word(const void *ctx, unsigned offset)
{
	uint32_t value;

	memcpy(&value, (const uint8_t *)ctx + offset, sizeof(value));
	return value;
}

/* Power on: memory, then registers as a loader leaves them, in flat segments. Once; -ERESTART: there is more. */
static int power_on(struct vcpu *v, const void *ctx)
{
	struct fv *fv = v->fv;
	int rc;

	rc = fv_memory_init(fv, word(ctx, COMPAT_vcpu_guest_context_failsafe_callback_eip));
	if (!rc)
		rc = fv_shadow_init(fv);
	if (rc)
		return rc; /* what it holds is freed with the domain */
	fv->console_port = word(ctx, COMPAT_vcpu_guest_context_event_callback_eip);
	fv->patching = !v->domain->dom.fv_nopatch;
	fv->cr0 = RESET_CR0;
	v->mm.kernel_cr3 = virt_to_mfn(v->mm.kind_root) << PAGE_SHIFT;
	return 0;
}

static int fv_set_context(struct vcpu *v, const void *ctx)
{
	struct vcpu_guest_context *c;
	int rc;

	if (v->mm.kernel_cr3)
		return -EBUSY;
	c = heap_alloc_for(v->domain, sizeof(*c));
	if (!c)
		return -ENOMEM;
	vcpu_lose_context(v);
	rc = power_on(v, ctx);
	if (rc) {
		heap_free(c);
		return rc;
	}
	pv32_context_in(c, ctx);
	v->regs = c->user_regs;
	v->regs.cs = SEL_COMPAT_KERNEL_CS;
	v->regs.ss = v->regs.ds = v->regs.es = v->regs.fs = v->regs.gs = SEL_COMPAT_KERNEL_DS;
	v->regs.rflags = RFLAGS_IF | RFLAGS_MBS;
	v->info->upcall_mask = 1;
	v->pv.segs_fresh = true;
	fpu_reset(v->fpu);
	vcpu_set_periodic(v, 0); /* no virtual timer of Xen */
	heap_free(c);
	return 0;
}

static void fv_get_context(struct vcpu *v, void *ctx)
{
	struct vcpu_guest_context *c = heap_alloc_for(v->domain, sizeof(*c));
	const struct fv *fv = v->fv;

	memset(ctx, 0, COMPAT_SIZEOF_vcpu_guest_context);
	if (!c)
		return;
	c->flags = VGCF_i387_valid | (fv_in_kernel(v) ? VGCF_in_kernel : 0) |
		   (v->state != VCPU_OFFLINE ? VGCF_online : 0);
	c->user_regs = v->regs;
	c->user_regs.rflags = fv_flags_get(v);
	c->ctrlreg[0] = fv->cr0;
	c->ctrlreg[2] = fv->cr2;
	c->ctrlreg[3] = fv->cr3;
	c->ctrlreg[4] = fv->cr4;
	memcpy(c->debugreg, v->pv.debugreg, sizeof(c->debugreg));
	pv32_context_out(ctx, c, v);
	heap_free(c);
}

static void fv_timers_go_on(struct vcpu *v)
{
	if (v->fv)
		pc_go_on(&v->fv->pc);
}

static void fv_fill_hypercall_page(void *page)
{
	memset(page, 0xcc, PAGE_SIZE); /* there are none */
}

static const struct guest_abi abi = {
    .elf_class = 1,
    .long_mode = false,
    .first_arg = offsetof(struct cpu_user_regs, rbx),
    .max_ports = 1024,
    .word_shift = 5,
    .layout = xlat_pv32,
    .flat_cs = {SEL_COMPAT_KERNEL_CS, SEL_COMPAT_USER_CS},
    .flat_mode = 32,
    .addr_bits = 0,
    .low_end = 1ull << 32,
    .high_start = ~0ull,
};

static const struct guest_doors doors = {
    .vcpu_init = fv_vcpu_init,
    .vcpu_relinquish = fv_vcpu_relinquish,
    .vcpu_free = fv_vcpu_free,
    .switch_out = fv_switch_out,
    .switch_in = fv_switch_in,
    .set_context = fv_set_context,
    .get_context = fv_get_context,
    .context_size = COMPAT_SIZEOF_vcpu_guest_context,
    .in_kernel = fv_in_kernel,
    .quick_leave_mode = 0,
    .deliver = fv_deliver,
    .fill_hypercall_page = fv_fill_hypercall_page,
    .timers_go_on = fv_timers_go_on,
    .heap_most = fv_heap_most,
    .audit = fv_audit,
};

/* No hypercalls, no tables of the guest's that the processor uses, no entry points of a paravirtual kernel. */
const struct guest_kind fv_kind = {
    .name = "fv",
    .abi = &abi,
    .doors = &doors,
};

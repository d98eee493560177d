/* SPDX-License-Identifier: MIT */
/* See context.h. @v does not run. */
#include "pv/context.h"
#include "cpu/fpu.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "guest/kind.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "pv/debugreg.h"
#include "pv/desc.h"
#include "pv/flags.h"

/* CR4 as guests see it: what is on for every guest, and what each may choose. The processor's own DE is always set. */
#define CR4_FIXED (CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT)

uint64_t context_cr4(uint64_t wanted)
{
	return CR4_FIXED | (wanted & (CR4_DE | (fpu_xcr0_mask() ? CR4_OSXSAVE : 0)));
}

uint64_t context_first_cr4(uint64_t wanted)
{
	return context_cr4(wanted ? wanted : CR4_OSXSAVE);
}

uint64_t context_cr0(const struct vcpu *v)
{
	return v->pv.cr0 | (v->pv.ts_virtual ? CR0_TS : 0);
}

static bool shows_iopl(const struct domain *d)
{
	return d->vm_assist & 1u << VMASST_TYPE_architectural_iopl;
}

void context_assist_changed(struct domain *d)
{
	struct vcpu *v;

	for_each_vcpu (d, v)
		v->entry.special.iopl = shows_iopl(d);
}

void context_entry_changed(struct vcpu *v)
{
	v->entry.syscall_sp = context_syscall_sp(v);
	v->entry.special.no_entry = !context_takes_syscalls(v);
}

void context_init(struct vcpu *v)
{
	v->entry.special.no_user_root = v->entry.special.no_entry = true;
	v->entry.special.iopl = shows_iopl(v->domain);
	v->pv.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
	v->pv.cr4 = context_first_cr4(0);
	v->pv.debugreg[6] = DR6_FIXED;
	v->pv.debugreg[7] = DR7_FIXED;
	v->mm.root = v->mm.user_root = INVALID_MFN;
}

/* pv64: its kernel is a mode of ring 3, as its applications are, and they have roots of their own. */
static bool user_mode(const struct domain *d, const struct vcpu_guest_context *c)
{
	return d->paging->user_root && !(c->flags & VGCF_in_kernel);
}

/* Before anything is changed. */
static int check(const struct vcpu *v, const struct vcpu_guest_context *c)
{
	if (c->gdt_ents > GDT_GUEST_ENTRIES || c->ldt_ents > LDT_MAX_ENTRIES || (c->ldt_base & ~PAGE_MASK))
		return -EINVAL;
	for (unsigned i = 0; i < ARRAY_SIZE(c->trap_ctxt); i++)
		if (!range_ok(v->domain->abi, c->trap_ctxt[i].address, 1))
			return -EINVAL;
	/* An application has page tables of its own. */
	if (user_mode(v->domain, c) && !v->domain->paging->cr3_to_mfn(c->ctrlreg[1]))
		return -EINVAL;
	return range_ok(v->domain->abi, c->user_regs.rip, 1) ? 0 : -EINVAL;
}

/* Set both roots; the applications' may be none. What is left of earlier ones must be settled before @v can go on. */
static int set_roots(struct vcpu *v, const struct vcpu_guest_context *c)
{
	const struct paging_rules *rules = v->domain->paging;
	int rc = vcpu_set_root(v, rules->cr3_to_mfn(c->ctrlreg[3]));

	if (!rc && rules->user_root)
		rc = vcpu_set_user_root(v, rules->cr3_to_mfn(c->ctrlreg[1]));
	return rc == PT_LEFT ? -ERESTART : rc;
}

static void set_registers(struct vcpu *v, const struct vcpu_guest_context *c)
{
	const struct pv_doors *pv = v->domain->pv;
	struct cpu_user_regs *r = &v->regs;

	v->entry.user_mode = user_mode(v->domain, c);
	*r = c->user_regs;
	r->cs = pv->fix_selector(r->cs);
	r->ss = pv->fix_selector(r->ss);
	v->dom.iopl = RFLAGS_IOPL_OF(r->rflags);
	r->rflags = (r->rflags & FLAGS_SETTABLE) | RFLAGS_IF | RFLAGS_MBS;
	v->entry.way_back = BACK_BY_IRET;
	v->pv.segs_fresh = true;
	v->entry.special.nmi = false;
	v->entry.kernel_ss = pv->fix_selector(c->kernel_ss);
	v->entry.kernel_sp = c->kernel_sp;
	v->pv.ts_virtual = c->ctrlreg[0] & CR0_TS;
	v->pv.cr4 = context_first_cr4(c->ctrlreg[4]);
	for (unsigned i = 0; i < 8; i++)
		if (i != 4 && i != 5)
			debugreg_set(v, i, c->debugreg[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(v->traps); i++)
		v->traps[i] = callback_of_trap(&c->trap_ctxt[i], pv);
	fpu_reset(v->fpu);
	if (c->flags & VGCF_i387_valid)
		fpu_set_fxsave(v->fpu, c->fpu_ctxt.x);
	/* A vCPU that never asked for XCR0 gets it when it does: emul_first_xcr0(). */
	fpu_start_osxsave(v->fpu, v->pv.cr4 & c->ctrlreg[4] & CR4_OSXSAVE);
	context_entry_changed(v);
}

int context_set(struct vcpu *v, const struct vcpu_guest_context *c)
{
	mfn_t frames[GDT_GUEST_PAGES];
	int rc = check(v, c);

	if (rc)
		return rc;
	vcpu_lose_context(v);
	for (unsigned i = 0; i < GDT_GUEST_PAGES; i++)
		frames[i] = c->gdt_frames[i];
	rc = desc_set_gdt(v, frames, c->gdt_ents);
	if (!rc)
		rc = desc_set_ldt(v, c->ldt_base, c->ldt_ents);
	if (!rc)
		rc = set_roots(v, c);
	if (rc)
		return rc;
	set_registers(v, c);
	__atomic_or_fetch(&v->domain->vm_assist, c->vm_assist, __ATOMIC_RELAXED);
	context_assist_changed(v->domain);
	return 0;
}

void context_get(struct vcpu *v, struct vcpu_guest_context *c)
{
	const struct paging_rules *rules = v->domain->paging;

	memset(c, 0, sizeof(*c));
	fpu_get_fxsave(v->fpu, c->fpu_ctxt.x);
	c->flags = VGCF_i387_valid | (v->domain->doors->in_kernel(v) ? VGCF_in_kernel : 0) |
		   (v->state != VCPU_OFFLINE ? VGCF_online : 0);
	c->user_regs = v->regs;
	c->user_regs.saved_upcall_mask = v->info->upcall_mask;
	c->user_regs.rflags = flags_seen(v, v->regs.rflags, v->info->upcall_mask);
	for (unsigned i = 0; i < ARRAY_SIZE(v->traps); i++)
		c->trap_ctxt[i] = (struct trap_info){
		    .vector = i,
		    .flags = v->traps[i].dpl | (v->traps[i].flags & CALLBACKF_mask_events ? 4 : 0),
		    .cs = v->traps[i].cs,
		    .address = v->traps[i].address};
	c->ldt_base = v->pv.ldt_base;
	c->ldt_ents = v->pv.ldt_entries;
	for (unsigned i = 0; i < GDT_GUEST_PAGES; i++)
		c->gdt_frames[i] = v->pv.gdt_frames[i] == INVALID_MFN ? 0 : v->pv.gdt_frames[i];
	c->gdt_ents = v->pv.gdt_entries;
	c->kernel_ss = v->entry.kernel_ss;
	c->kernel_sp = v->entry.kernel_sp;
	c->ctrlreg[0] = context_cr0(v);
	c->ctrlreg[1] = v->mm.user_root == INVALID_MFN ? 0 : rules->mfn_to_cr3(v->mm.user_root);
	c->ctrlreg[2] = v->domain->pv->get_cr2(v);
	c->ctrlreg[3] = v->mm.root == INVALID_MFN ? 0 : rules->mfn_to_cr3(v->mm.root);
	c->ctrlreg[4] = v->pv.cr4;
	memcpy(c->debugreg, v->pv.debugreg, sizeof(c->debugreg));
	c->vm_assist = v->domain->vm_assist;
}

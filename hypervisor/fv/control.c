/* SPDX-License-Identifier: MIT */
/* The guest's control registers and MSRs (SDM 3A 2.5; SDM 4): kept here, and obeyed where they mean something. */
#include "cpu/fpu.h"
#include "cpu/x86.h"
#include "emul/emul.h"
#include "emul/operand.h"
#include "fv/fv.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "pv/context.h"
#include "pv/taskswitch.h"

#define MSR_TSC   0x10
#define PAT_RESET 0x0007040600070406ull
#define CR3_TABLE 0xffffffe0u /* a PAE root is 32 bytes, aligned so */
#define EFER_OURS (EFER_SCE | EFER_NXE)

static void load_root(struct fv *fv)
{
	const uint8_t *frame = fv_frame_at(fv, fv->cr3 >> PAGE_SHIFT);

	memcpy(fv->pdpte, frame + (fv->cr3 & CR3_TABLE & ~PAGE_MASK), sizeof(fv->pdpte));
	fv_shadow_load_cr3(fv);
}

enum emul_result fv_write_cr0(struct vcpu *v, uint32_t value)
{
	struct fv *fv = fv_of(v);
	uint32_t changed = value ^ fv->cr0;

	if ((value & CR0_PG) && !(value & CR0_PE))
		return EMUL_REFUSED;
	if (!(value & CR0_PE)) {
		domain_crash(v->domain, "real mode: only protected mode can be run in ring 1");
		return EMUL_AGAIN;
	}
	if ((value & CR0_PG) && !(fv->cr4 & CR4_PAE)) {
		domain_crash(v->domain, "paging without PAE: only three-level page tables are shadowed");
		return EMUL_AGAIN;
	}
	fv->cr0 = value;
	taskswitch_set(v, value & CR0_TS);
	if (changed & (CR0_PG | CR0_WP))
		fv_shadow_drop_all(fv);
	if (changed & value & CR0_PG)
		load_root(fv);
	return EMUL_DONE;
}

static enum emul_result write_cr(struct vcpu *v, unsigned reg, uint32_t value)
{
	struct fv *fv = fv_of(v);

	switch (reg) {
	case 0:
		return fv_write_cr0(v, value);
	case 2:
		fv->cr2 = value;
		return EMUL_DONE;
	case 3:
		fv->cr3 = value;
		if (fv->cr0 & CR0_PG)
			load_root(fv);
		return EMUL_DONE;
	case 4:
		fv->cr4 = value;
		v->pv.cr4 = context_cr4(value); /* what has an effect: OSXSAVE, DE */
		fpu_set_osxsave(v->fpu, v->pv.cr4 & CR4_OSXSAVE);
		fv_shadow_drop_all(fv);
		if (fv->cr0 & CR0_PG)
			load_root(fv);
		return EMUL_DONE;
	}
	return EMUL_REFUSED;
}

enum emul_result fv_mov_cr(struct emul *e)
{
	const struct fv *fv = fv_of(e->v);
	uint32_t value;

	if (e->insn.opcode & 2)
		return write_cr(e->v, e->insn.reg, *reg_ptr(e->regs, e->insn.rm));
	switch (e->insn.reg) {
	case 0:
		value = fv->cr0;
		break;
	case 2:
		value = fv->cr2;
		break;
	case 3:
		value = fv->cr3;
		break;
	case 4:
		value = fv->cr4;
		break;
	default:
		return EMUL_REFUSED;
	}
	*reg_ptr(e->regs, e->insn.rm) = value;
	return EMUL_DONE;
}

/* The processor's own, as where CPUID does not fault (cpu/cpuid_fault.h). */
enum emul_result fv_cpuid(struct emul *e)
{
	struct cpu_user_regs *r = e->regs;
	uint32_t answer[4];

	cpuid(r->rax, r->rcx, answer);
	r->rax = answer[0];
	r->rbx = answer[1];
	r->rcx = answer[2];
	r->rdx = answer[3];
	return EMUL_DONE;
}

enum emul_result fv_rdmsr(struct emul *e)
{
	struct vcpu *v = e->v;
	uint64_t value = 0;

	switch ((uint32_t)v->regs.rcx) {
	case MSR_EFER:
		value = fv_of(v)->efer;
		break;
	case MSR_TSC:
		value = rdtsc();
		break;
	case MSR_PAT:
		value = PAT_RESET;
		break;
	case MSR_APIC_BASE: /* none */
	case MSR_SYSENTER_CS ... MSR_SYSENTER_EIP:
		break;
	default:
		return EMUL_REFUSED;
	}
	v->regs.rax = (uint32_t)value;
	v->regs.rdx = value >> 32;
	return EMUL_DONE;
}

/* A value without effect here is accepted and ignored: SYSENTER and SYSCALL still raise #GP and #UD. */
enum emul_result fv_wrmsr(struct emul *e)
{
	struct vcpu *v = e->v;
	struct fv *fv = fv_of(v);
	uint64_t value = (uint32_t)v->regs.rax | v->regs.rdx << 32;

	switch ((uint32_t)v->regs.rcx) {
	case MSR_EFER:
		if (value & ~EFER_OURS)
			return EMUL_REFUSED;
		if ((value ^ fv->efer) & EFER_NXE) {
			fv_shadow_drop_all(fv);
			fv->efer = value;
			if (fv->cr0 & CR0_PG)
				load_root(fv);
		}
		fv->efer = value;
		return EMUL_DONE;
	case MSR_TSC:
	case MSR_PAT:
	case MSR_APIC_BASE:
	case MSR_SYSENTER_CS ... MSR_SYSENTER_EIP:
		return EMUL_DONE;
	}
	return EMUL_REFUSED;
}

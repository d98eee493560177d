/* SPDX-License-Identifier: MIT */
/* MOV to and from control and debug registers, CLTS, XSETBV: on the guest's own values (SDM 3A 2.5). */
#include "cpu/fpu.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "emul/pv.h"
#include "emul/operand.h"
#include "guest/kind.h"
#include "lib/errno.h"
#include "mm/mm.h"
#include "pv/context.h"
#include "pv/debugreg.h"
#include "pv/taskswitch.h"

#define MODRM_XSETBV 0xd1
#define XCR0         0

static uint64_t mask(const struct emul *e)
{
	return e->insn.mode == 64 ? ~0ull : 0xffffffffull;
}

static enum emul_result read_cr(struct emul *e, uint64_t *value)
{
	struct vcpu *v = e->v;

	switch (e->insn.reg) {
	case 0:
		*value = context_cr0(v);
		return EMUL_DONE;
	case 2:
		*value = v->domain->pv->get_cr2(v);
		return EMUL_DONE;
	case 3:
		*value = v->domain->paging->mfn_to_cr3(v->mm.root);
		return EMUL_DONE;
	case 4:
		*value = v->pv.cr4;
		return EMUL_DONE;
	}
	return EMUL_REFUSED;
}

/* CR0: only TS may change. CR4: bits that guests cannot choose stay as they are, silently. */
static enum emul_result write_cr(struct emul *e, uint64_t value)
{
	struct vcpu *v = e->v;
	int rc;

	switch (e->insn.reg) {
	case 0:
		if ((value ^ context_cr0(v)) & ~CR0_TS)
			return EMUL_REFUSED;
		taskswitch_set(v, value & CR0_TS);
		return EMUL_DONE;
	case 2:
		v->domain->pv->set_cr2(v, value);
		return EMUL_DONE;
	case 3:
		rc = vcpu_set_root(v, v->domain->paging->cr3_to_mfn(value));
		if (rc >= 0)
			rc = pt_settle(v->domain);
		return !rc ? EMUL_DONE : rc == -ERESTART ? EMUL_AGAIN : EMUL_REFUSED;
	case 4:
		v->pv.cr4 = context_cr4(value);
		fpu_set_osxsave(v->fpu, v->pv.cr4 & CR4_OSXSAVE);
		return EMUL_DONE;
	}
	return EMUL_REFUSED;
}

/* Bit 1 of the opcode: to the control or debug register. The r/m field always means a general register. */
enum emul_result emul_mov_cr(struct emul *e)
{
	uint64_t value = 0;
	enum emul_result result;

	if (e->insn.opcode & 2)
		return write_cr(e, *reg_ptr(e->regs, e->insn.rm) & mask(e));
	result = read_cr(e, &value);
	if (result == EMUL_DONE)
		*reg_ptr(e->regs, e->insn.rm) = value & mask(e);
	return result;
}

enum emul_result emul_mov_dr(struct emul *e)
{
	uint64_t value, *operand = reg_ptr(e->regs, e->insn.rm);
	bool is_write = e->insn.opcode & 2;
	int rc = is_write ? debugreg_set(e->v, e->insn.reg, *operand & mask(e))
			  : debugreg_get(e->v, e->insn.reg, &value);

	if (rc)
		return rc == -ENODEV || e->insn.reg > 7 ? EMUL_UNDEFINED : EMUL_REFUSED;
	if (!is_write)
		*operand = value & mask(e);
	return EMUL_DONE;
}

enum emul_result emul_clts(struct emul *e)
{
	taskswitch_set(e->v, false);
	return EMUL_DONE;
}

bool emul_first_xcr0(struct vcpu *v)
{
	if (!(v->pv.cr4 & CR4_OSXSAVE) || v->fpu->xcr0)
		return false;
	fpu_set_osxsave(v->fpu, true);
	return true;
}

enum emul_result emul_xsetbv(struct emul *e)
{
	struct cpu_user_regs *r = e->regs;

	if (e->insn.mod_rm != MODRM_XSETBV)
		return EMUL_REFUSED;
	/* Some processors look at the privilege first. */
	if (!(e->v->pv.cr4 & CR4_OSXSAVE))
		return EMUL_UNDEFINED;
	emul_first_xcr0(e->v);
	if ((uint32_t)r->rcx != XCR0)
		return EMUL_REFUSED;
	return fpu_set_xcr0(e->v->fpu, (uint32_t)r->rax | r->rdx << 32) ? EMUL_REFUSED : EMUL_DONE;
}

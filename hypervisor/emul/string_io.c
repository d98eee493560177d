/* SPDX-License-Identifier: MIT */
/*
 * INS and OUTS, with REP (SDM 2A). Each round of a REP is an instruction of its own: RCX, RSI and RDI tell how far it came,
 * events and single steps come in between, and a page fault leaves the instruction to be executed again from there.
 * Memory is checked before the port is read: a device's datum that cannot be stored would be lost.
 */
#include "cpu/x86.h"
#include "emul/face.h"
#include "emul/operand.h"

/* One element from port DX to ES:RDI. */
static enum emul_result in(struct emul *e, gva_t at, unsigned size)
{
	enum emul_result result = e->face->may_write(e, at, size);
	uint32_t value;

	if (result != EMUL_DONE)
		return result;
	value = e->face->ports->read(e->v, e->regs->rdx, size);
	return e->face->write(e, at, &value, size);
}

/* One element from seg:RSI to port DX. */
static enum emul_result out(struct emul *e, gva_t at, unsigned size)
{
	uint32_t value = 0;
	enum emul_result result = e->face->read(e, at, &value, size);

	if (result == EMUL_DONE)
		e->face->ports->write(e->v, e->regs->rdx, size, value);
	return result;
}

static enum emul_result element(struct emul *e)
{
	struct cpu_user_regs *r = e->regs;
	bool is_out = e->insn.opcode & EMUL_IS_OUT;
	unsigned size = e->insn.operand, index = is_out ? REG_RSI : REG_RDI;
	enum segment_register s = !is_out ? SEG_ES : e->insn.segment == SEG_NONE ? SEG_DS : e->insn.segment;
	uint64_t offset = *reg_ptr(r, index) & size_mask(e->insn.address);
	enum emul_result result;
	gva_t at;

	if (!segment_permits(e, s, offset, size, !is_out, &at))
		return EMUL_REFUSED;
	result = is_out ? out(e, at, size) : in(e, at, size);
	if (result != EMUL_DONE)
		return result;
	emul_port_used(e, r->rdx);
	reg_write(r, index, e->insn.address, true, offset + (r->rflags & RFLAGS_DF ? -(uint64_t)size : size));
	return EMUL_DONE;
}

enum emul_result emul_string_io(struct emul *e)
{
	struct cpu_user_regs *r = e->regs;
	uint64_t count = r->rcx & size_mask(e->insn.address);
	enum emul_result result;

	if (!e->face->ports->permitted(e->v, r->rdx, e->insn.operand))
		return EMUL_REFUSED;
	if (!e->insn.rep && !e->insn.repne)
		return element(e);
	if (!count)
		return EMUL_DONE;
	result = element(e);
	if (result != EMUL_DONE)
		return result;
	reg_write(r, REG_RCX, e->insn.address, true, --count);
	return count ? EMUL_ROUND : EMUL_DONE;
}

/* SPDX-License-Identifier: MIT */
/*
 * INS and OUTS, with REP (SDM 2A), on the virtual PC's ports. One element at a time: EIP stays until the last, and the
 * registers tell how far it came, so that interrupts come in between as on a processor.
 * Memory is checked before the port is read: a device's datum that cannot be stored would be lost.
 */
#include "cpu/x86.h"
#include "emul/emul.h"
#include "emul/operand.h"
#include "fv/fv.h"

/* One element from port DX to ES:EDI. What lies there is written back first, to see that it is writable. */
static bool in(struct emul *e, uint32_t va, unsigned size)
{
	uint32_t value;

	if (!fv_emul_read(e, va, &value, size) || !fv_emul_write(e, va, &value, size))
		return false;
	value = pc_read(&fv_of(e->v)->pc, e->regs->rdx, size);
	return fv_emul_write(e, va, &value, size);
}

/* One element from seg:ESI to port DX. */
static bool out(struct emul *e, uint32_t va, unsigned size)
{
	uint32_t value = 0;

	if (!fv_emul_read(e, va, &value, size))
		return false;
	pc_write(&fv_of(e->v)->pc, e->regs->rdx, size, value);
	return true;
}

static enum fv_result element(struct emul *e)
{
	const struct insn *i = &e->insn;
	bool is_out = i->opcode & 2;
	unsigned size = i->operand, index = is_out ? REG_RSI : REG_RDI;
	enum segment_register s = !is_out ? SEG_ES : i->segment == SEG_NONE ? SEG_DS : i->segment;
	uint64_t offset = *reg_ptr(e->regs, index) & size_mask(i->address);
	gva_t va;

	if (!segment_permits(e, s, offset, size, !is_out, &va))
		return FV_REFUSED;
	if (!(is_out ? out(e, va, size) : in(e, va, size)))
		return fv_emul_fault(e);
	reg_write(e->regs, index, i->address, true,
		  offset + (e->regs->rflags & RFLAGS_DF ? -(uint64_t)size : size));
	return FV_DONE;
}

enum fv_result fv_string_io(struct emul *e)
{
	const struct insn *i = &e->insn;
	uint64_t count = e->regs->rcx & size_mask(i->address);
	enum fv_result result;

	if (!i->rep && !i->repne)
		return element(e);
	if (!count)
		return FV_DONE;
	result = element(e);
	if (result != FV_DONE)
		return result;
	reg_write(e->regs, REG_RCX, i->address, true, --count);
	return count ? FV_STAY : FV_DONE;
}

/* SPDX-License-Identifier: MIT */
/*
 * INS and OUTS, with REP (SDM 2A). Each round is an instruction of its own: RCX, RSI and RDI tell how far it came,
 * events and single steps come in between, and a page fault leaves the instruction to be executed again from there.
 * Memory is checked before the port is read: a device's datum that cannot be stored would be lost.
 */
#include "cpu/percpu.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "emul/emul.h"
#include "emul/io.h"
#include "emul/operand.h"
#include "mm/guest_copy.h"
#include "pv/walk.h"

/* Would an access of the kind @error (PF_WRITE, PF_USER) to @at be a page fault? Then it is noted. */
static bool page_faults(struct emul *e, gva_t at, uint32_t error)
{
	uint64_t leaf;

	if (range_ok(e->v->domain->abi, at, 1) && walk_permits(this_cpu->cr3, at, error))
		return false;
	e->fault_address = at;
	e->fault_error = error | (walk_leaf(this_cpu->cr3, at, &leaf) ? PF_PRESENT : 0);
	return true;
}

/* The guest's own rights: the hypervisor's access would ignore the U bit. */
static bool access_faults(struct emul *e, gva_t at, unsigned size, bool store)
{
	uint32_t error = (store ? PF_WRITE : 0) | ((e->regs->cs & 3) == 3 ? PF_USER : 0);
	gva_t last = at + size - 1;

	return page_faults(e, at, error) ||
	       ((at ^ last) & PAGE_MASK && page_faults(e, last & PAGE_MASK, error));
}

/* One element from port DX to ES:RDI. */
static enum emul_result in(struct emul *e, gva_t at, unsigned size)
{
	uint32_t value;

	if (access_faults(e, at, size, true))
		return EMUL_FAULT;
	value = port_read(e->v, e->regs->rdx, size);
	/* Another vCPU may have taken the page away since. */
	return guest_write(at, &value, size) ? EMUL_AGAIN : EMUL_DONE;
}

/* One element from seg:RSI to port DX. */
static enum emul_result out(struct emul *e, gva_t at, unsigned size)
{
	uint32_t value = 0;

	if (access_faults(e, at, size, false))
		return EMUL_FAULT;
	if (guest_read(&value, at, size))
		return EMUL_AGAIN;
	port_write(e->v, e->regs->rdx, size, value);
	return EMUL_DONE;
}

static enum emul_result element(struct emul *e)
{
	struct cpu_user_regs *r = e->regs;
	bool is_out = e->insn.opcode & 2;
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
	port_used(e, r->rdx);
	reg_write(r, index, e->insn.address, true, offset + (r->rflags & RFLAGS_DF ? -(uint64_t)size : size));
	return EMUL_DONE;
}

enum emul_result emul_string_io(struct emul *e)
{
	struct cpu_user_regs *r = e->regs;
	uint64_t count = r->rcx & size_mask(e->insn.address);
	enum emul_result result;

	if (!port_permitted(e->v, r->rdx, e->insn.operand))
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

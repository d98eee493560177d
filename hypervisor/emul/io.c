/* SPDX-License-Identifier: MIT */
/*
 * IN, OUT, INS, OUTS. Two questions: may this code use the port at all (virtual IOPL, or the bitmap of
 * PHYSDEVOP_ set_iobitmap; otherwise #GP), and is there a device for it. Dom0 has the real ones but for those
 * that the hypervisor uses itself; for all others nothing is there: reads give ones, writes go nowhere.
 */
#include "cpu/x86.h"
#include "dev/console.h"
#include "dom/domain.h"
#include "emul/emul.h"
#include "emul/operand.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "pv/walk.h"

/* The interrupt controllers, the interval timer, the serial console's UART. */
static bool is_own(uint16_t port)
{
	switch (port) {
	case 0x20 ... 0x21:
	case 0x40 ... 0x43:
	case 0xa0 ... 0xa1:
	case 0x3f8 ... 0x3ff:
	case 0x4d0 ... 0x4d1:
		return true;
	}
	return false;
}

static bool is_real(const struct vcpu *v, uint16_t port, unsigned size)
{
	return v->domain->privileged && !is_own(port) && (size == 1 || !is_own(port + size - 1));
}

static __rare bool bitmap_permits(struct vcpu *v, uint16_t port, unsigned size)
{
	uint8_t bits[2] = {0xff, 0xff};

	if (!v->iobitmap || port + size > v->iobitmap_ports)
		return false;
	/* As the processor does, look at two bytes (SDM 1 18.5.2); the last one may be missing. */
	if (guest_read(bits, v->iobitmap + port / 8, 2) && guest_read(bits, v->iobitmap + port / 8, 1))
		return false;
	return !((bits[0] | bits[1] << 8) >> port % 8 & ((1u << size) - 1));
}

static inline bool permitted(struct vcpu *v, uint16_t port, unsigned size)
{
	return emul_iopl_ok(v) || bitmap_permits(v, port, size);
}

static uint32_t port_read(const struct vcpu *v, uint16_t port, unsigned size)
{
	if (!is_real(v, port, size))
		return ~0u;
	return size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
}

static void port_write(const struct vcpu *v, uint16_t port, unsigned size, uint32_t value)
{
	if (!is_real(v, port, size))
		return;
	if (size == 1)
		outb(port, value);
	else if (size == 2)
		outw(port, value);
	else
		outl(port, value);
}

static void set_rax(struct cpu_user_regs *r, unsigned size, uint32_t value)
{
	if (size == 4)
		r->rax = value;
	else
		memcpy(&r->rax, &value, size == 1 ? 1 : 2);
}

/* Bits 3 and 1 of the opcode: DX or a constant; in or out. */
static enum emul_result single(struct emul *e)
{
	uint16_t port = e->insn.opcode & 8 ? (uint16_t)e->regs->rdx : (uint8_t)e->insn.immediate;
	unsigned size = e->insn.operand;

	if (!permitted(e->v, port, size))
		return EMUL_REFUSED;
	if (e->insn.opcode & 2)
		port_write(e->v, port, size, e->regs->rax);
	else
		set_rax(e->regs, size, port_read(e->v, port, size));
	return EMUL_DONE;
}

static enum emul_result memory_fault(struct emul *e, gva_t at, uint32_t error)
{
	e->fault_address = at;
	e->fault_error = error;
	return EMUL_FAULT;
}

/* One element between port DX and memory at ES:RDI (in) or seg:RSI (out). */
static enum emul_result string_element(struct emul *e, bool out)
{
	struct cpu_user_regs *r = e->regs;
	unsigned size = e->insn.operand, index = out ? REG_RSI : REG_RDI;
	enum segment_register s = !out ? SEG_ES : e->insn.segment == SEG_NONE ? SEG_DS : e->insn.segment;
	uint64_t offset = *reg_ptr(r, index) & size_mask(e->insn.address);
	uint32_t value = 0;
	gva_t at;

	if (!segment_base(e, s, &at))
		return EMUL_REFUSED;
	at += offset;
	if (e->insn.mode != 64)
		at = (uint32_t)at;
	if (out) {
		if (guest_read(&value, at, size))
			return memory_fault(e, at, 0);
		port_write(e->v, r->rdx, size, value);
	} else {
		value = port_read(e->v, r->rdx, size);
		if (guest_write(at, &value, size))
			return memory_fault(e, at, PF_WRITE);
	}
	offset += r->rflags & RFLAGS_DF ? -(uint64_t)size : size;
	reg_write(r, index, e->insn.address, true, offset);
	return EMUL_DONE;
}

/* A round of REP is an instruction of its own: events come in between, as on the processor. */
static enum emul_result string(struct emul *e)
{
	struct cpu_user_regs *r = e->regs;
	uint64_t count = r->rcx & size_mask(e->insn.address);
	enum emul_result result;

	if (!permitted(e->v, r->rdx, e->insn.operand))
		return EMUL_REFUSED;
	if (!e->insn.rep)
		return string_element(e, e->insn.opcode & 2);
	if (!count)
		return EMUL_DONE;
	result = string_element(e, e->insn.opcode & 2);
	if (result != EMUL_DONE)
		return result;
	reg_write(r, REG_RCX, e->insn.address, true, --count);
	return count ? EMUL_AGAIN : EMUL_DONE;
}

enum emul_result emul_io(struct emul *e)
{
	return e->insn.opcode < 0x80 ? string(e) : single(e);
}

/* SPDX-License-Identifier: MIT */
/*
 * What differs between the faces of the emulator, and the way of an instruction through any of them. A face's own file
 * includes this: there the compiler knows the face, and the way has no detours.
 */
#pragma once

#include "cpu/gdt.h"
#include "dom/domain.h"
#include "emul/emul.h"
#include "emul/operand.h"
#include "lib/string.h"
#include "lib/tracepoint.h"
#include "pv/debugreg.h"
#include "pv/desc.h"

/* Ports, for accesses of @size bytes: 1, 2 or 4. May the guest's present code use them? */
struct emul_ports {
	bool (*permitted)(struct vcpu *v, uint16_t port, unsigned size);
	uint32_t (*read)(struct vcpu *v, uint16_t port, unsigned size);
	void (*write)(struct vcpu *v, uint16_t port, unsigned size, uint32_t value);
};

struct emul_face {
	bool (*in_kernel)(const struct vcpu *v); /* does the guest's kernel run? */
	/* How many bytes the instruction at RIP offers, up to INSN_MAX, and in *mode what code it is. 0: none. */
	unsigned (*fetch)(struct emul *e, uint8_t bytes[FETCH_BYTES], unsigned *mode);

	/* Memory at a linear address, by the rights of the guest's present code: EMUL_DONE, EMUL_FAULT, or EMUL_AGAIN if it
	 * changed meanwhile. */
	enum emul_result (*read)(struct emul *e, gva_t at, void *to, unsigned n);
	enum emul_result (*may_write)(struct emul *e, gva_t at, unsigned n);
	enum emul_result (*write)(struct emul *e, gva_t at, const void *from, unsigned n);

	const struct emul_ports *ports;

	/* What the guest learns. */
	void (*exception)(struct vcpu *v, uint8_t vector);
	void (*exception_with_error)(struct vcpu *v, uint8_t vector, uint32_t error);
	void (*page_fault)(struct vcpu *v, gva_t at, uint32_t error);
	void (*debug)(struct vcpu *v, uint64_t dr6); /* #DB, with these bits in DR6 */

	/* By enum insn_operation; e->insn is decoded. NULL: refused. */
	enum emul_result (*operation[INSN_OPERATIONS])(struct emul *e);
};

static inline void emul_begin(struct emul *e, struct vcpu *v, const struct emul_face *face)
{
	e->v = v;
	e->regs = &v->regs;
	e->face = face;
	e->dr6 = v->regs.rflags & RFLAGS_TF ? DR6_BS : 0;
}

/* Move RIP forward by @length bytes. 32-bit code goes round at 4 GiB; a guest's own segment of 64-bit code, in which its
 * kernel may run, begins above. */
static inline void emul_advance(struct vcpu *v, unsigned length)
{
	v->regs.rip += length;
	if (unlikely((uint32_t)v->regs.rip < length) && v->regs.rip >> 32 == 1 &&
	    v->regs.cs != SEL_GUEST_CS64)
		v->regs.rip = (uint32_t)v->regs.rip;
	v->regs.rflags &= ~RFLAGS_RF;
}

/* For a face's fetch: what is there at a linear address. The instruction may end at the end of the last mapped page. */
static __always_inline unsigned emul_fetch_at(struct emul *e, const struct emul_face *face, gva_t at,
					      uint8_t bytes[FETCH_BYTES])
{
	unsigned n = PAGE_SIZE - (at & ~PAGE_MASK);

	if (likely(n >= FETCH_BYTES))
		return face->read(e, at, bytes, FETCH_BYTES) == EMUL_DONE ? INSN_MAX : 0;
	n = MIN(INSN_MAX, n);
	if (face->read(e, at, bytes, n) != EMUL_DONE)
		return 0;
	if (n < INSN_MAX && face->read(e, at + n, bytes + n, INSN_MAX - n) == EMUL_DONE)
		n = INSN_MAX;
	return n;
}

/* The same where the code segment says. */
static __always_inline unsigned emul_fetch_by_segment(struct emul *e, const struct emul_face *face,
						      uint8_t bytes[FETCH_BYTES], unsigned *mode)
{
	struct segment seg;

	if (!desc_segment(e->v, e->regs->cs, &seg) || !seg.code)
		return 0;
	*mode = seg.code64 ? 64 : seg.big ? 32 : 16;
	return emul_fetch_at(e, face, seg.code64 ? e->regs->rip : (uint32_t)(seg.base + e->regs->rip), bytes);
}

/* Execute what is decoded. EMUL_DONE: RIP points after it. */
static inline enum emul_result emul_execute(struct emul *e, const struct emul_face *face)
{
	enum emul_result (*operation)(struct emul * e) = face->operation[insn_operation(&e->insn)];
	enum emul_result result;

	if (!operation)
		return EMUL_REFUSED;
	if ((e->insn.attributes & INSN_KERNEL) && !face->in_kernel(e->v))
		return EMUL_REFUSED;
	result = operation(e);
	if (result != EMUL_REFUSED)
		trace_point(TRACE_EMULATED, e->insn.opcode);
	if (result == EMUL_DONE)
		emul_advance(e->v, e->insn.length);
	return result;
}

/* Tell the guest what became of it; @vector and @error are the original fault. */
static inline void emul_conclude(struct emul *e, const struct emul_face *face, enum emul_result result,
				 uint8_t vector, uint32_t error)
{
	switch (result) {
	case EMUL_DONE:
	case EMUL_ROUND:
		if (unlikely(e->dr6))
			face->debug(e->v, e->dr6);
		break;
	case EMUL_AGAIN:
		break;
	case EMUL_FAULT:
		face->page_fault(e->v, e->fault_address, e->fault_error);
		break;
	case EMUL_UNDEFINED:
		face->exception(e->v, TRAP_UD);
		break;
	case EMUL_REFUSED:
		face->exception_with_error(e->v, vector, error);
		break;
	}
}

#define OPCODE_INT 0xcd

/* The vector of the INT n at RIP, and its length. -1: it is another instruction. Some processors get the error code of its
 * fault wrong (docs/tricks.md). */
static inline int emul_int(struct vcpu *v, const struct emul_face *face, unsigned *length)
{
	uint8_t bytes[FETCH_BYTES] __aligned(8);
	unsigned mode, n;
	struct emul e;

	e.v = v;
	e.regs = &v->regs;
	e.face = face;
	n = face->fetch(&e, bytes, &mode);
	if (likely(n >= 2) && likely(bytes[0] == OPCODE_INT)) { /* without prefixes */
		*length = 2;
		return bytes[1];
	}
	if (!n || insn_decode(&e.insn, bytes, n, mode) != DECODE_OK || insn_operation(&e.insn) != INSN_INT)
		return -1;
	*length = e.insn.length;
	return (uint8_t)e.insn.immediate;
}

/* Of an opcode of IN, OUT, INS, OUTS. */
#define EMUL_IS_OUT 2u
#define EMUL_BY_DX  8u

/* The access to a port was made: note the breakpoints that it hit. */
static inline void emul_port_used(struct emul *e, uint16_t port)
{
	if (unlikely(e->v->pv.debugreg[7] & DR7_ENABLES))
		e->dr6 |= debugreg_port_hits(e->v, port, e->insn.operand);
}

/* IN, OUT */
static inline enum emul_result emul_io(struct emul *e, const struct emul_ports *ports)
{
	uint16_t port = e->insn.opcode & EMUL_BY_DX ? (uint16_t)e->regs->rdx : (uint8_t)e->insn.immediate;
	unsigned size = e->insn.operand;
	uint32_t value;

	if (!ports->permitted(e->v, port, size))
		return EMUL_REFUSED;
	if (e->insn.opcode & EMUL_IS_OUT) {
		ports->write(e->v, port, size, e->regs->rax & size_mask(size));
	} else {
		value = ports->read(e->v, port, size);
		if (size == 4)
			e->regs->rax = value;
		else
			memcpy(&e->regs->rax, &value, size == 1 ? 1 : 2);
	}
	emul_port_used(e, port);
	return EMUL_DONE;
}

/* SPDX-License-Identifier: MIT */
/* Ports as a guest may use them (io.c), for single accesses and for strings. @size: 1, 2 or 4 bytes. */
#pragma once

#include "guest/domain.h"
#include "emul/emul.h"
#include "pv/debugreg.h"

/* May the guest's present code use the port: by its virtual IOPL, or by the bitmap of set_iobitmap? */
bool port_permitted(struct vcpu *v, uint16_t port, unsigned size);
/* The device, or nothing: ones are read, writes go nowhere. */
uint32_t port_read(const struct vcpu *v, uint16_t port, unsigned size);
void port_write(const struct vcpu *v, uint16_t port, unsigned size, uint32_t value);
/* The access was made: note the breakpoints that it hit. */
static inline void port_used(struct emul *e, uint16_t port)
{
	if (unlikely(e->v->debugreg[7] & DR7_ENABLES))
		e->breakpoints = debugreg_port_hits(e->v, port, e->insn.operand);
}

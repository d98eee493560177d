/* SPDX-License-Identifier: MIT */
/*
 * Fetching an instruction and finding who emulates it (emul.h). Kernels may use all of it; applications only
 * what their virtual IOPL lets them. What is not in the table is refused, and the guest gets its #GP.
 */
#include "emul/emul.h"
#include "cpu/gdt.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "dom/guest_ops.h"
#include "lib/string.h"
#include "lib/tracepoint.h"
#include "mm/guest_copy.h"
#include "mm/guest_words.h"
#include "pv/desc.h"
#include "pv/flags.h"

static bool code_segment_from_tables(struct vcpu *v, gva_t *base, unsigned *mode)
{
	struct segment seg;

	if (!desc_segment(v, v->regs.cs, &seg) || !seg.code)
		return false;
	*mode = seg.code64 ? 64 : seg.big ? 32 : 16;
	*base = seg.code64 ? 0 : seg.base;
	return true;
}

/* Linear address of the instruction at RIP, and what kind of code it is. The flat segments that nearly all
 * code uses need no look at the tables. */
static inline bool code_address(struct vcpu *v, gva_t *at, unsigned *mode)
{
	uint16_t cs = v->regs.cs;
	gva_t base;

	if (v->domain->ops->code64 ? cs == SEL_GUEST_CS64
				   : cs == SEL_COMPAT_KERNEL_CS || cs == SEL_COMPAT_USER_CS) {
		*mode = v->domain->ops->code64 ? 64 : 32;
		*at = v->regs.rip;
		return true;
	}
	if (!code_segment_from_tables(v, &base, mode))
		return false;
	*at = *mode == 64 ? v->regs.rip : (uint32_t)(base + v->regs.rip);
	return true;
}

/* One or two words of instructions. */
static inline bool fetch_words(struct vcpu *v, gva_t at, uint64_t *to, unsigned n)
{
	uint64_t low, high = 0;

	if (!range_ok(v->domain->ops, at, n * sizeof(*to)))
		return false;
	guest_access_begin();
	GUEST_LOAD(low, at, fault);
	if (n == 2)
		GUEST_LOAD(high, at + sizeof(*to), fault);
	guest_access_end();
	to[0] = low;
	if (n == 2)
		to[1] = high;
	return true;
fault:
	guest_access_end();
	return false;
}

unsigned emul_fetch(struct vcpu *v, uint8_t bytes[FETCH_BYTES], unsigned *mode)
{
	gva_t at;
	unsigned n;

	if (!code_address(v, &at, mode))
		return 0;
	n = PAGE_SIZE - (at & ~PAGE_MASK);
	if (likely(n >= FETCH_BYTES))
		return fetch_words(v, at, (uint64_t *)bytes, 2) ? INSN_MAX : 0;
	/* The instruction may end at the end of the last mapped page. */
	n = MIN(INSN_MAX, n);
	if (guest_read(bytes, at, n))
		return 0;
	if (n < INSN_MAX && !guest_read(bytes + n, at + n, INSN_MAX - n))
		n = INSN_MAX;
	return n;
}

void emul_advance(struct vcpu *v, unsigned length)
{
	v->regs.rip += length;
	if (v->regs.cs != SEL_GUEST_CS64)
		v->regs.rip = (uint32_t)v->regs.rip;
	v->regs.rflags &= ~RFLAGS_RF;
}

bool emul_iopl_ok(const struct vcpu *v)
{
	unsigned cpl = !v->domain->ops->in_kernel(v) ? 3 : iopl_is_architectural(v) ? 0 : 1;

	return cpl <= v->iopl;
}

/* CLI and STI change nothing: the upcall mask is the guest's interrupt flag, and POPF, which cannot be seen,
 * would not go with them. They are let pass where the virtual IOPL would. */
static enum emul_result interrupt_flag(struct emul *e)
{
	return emul_iopl_ok(e->v) ? EMUL_DONE : EMUL_REFUSED;
}

/* Caches stay coherent without the guest's help. */
static enum emul_result cache_op(struct emul *e)
{
	return EMUL_DONE;
}

static enum emul_result cpuid_op(struct emul *e)
{
	emul_cpuid(e->v, e->regs);
	return EMUL_DONE;
}

static enum emul_result dispatch(struct emul *e)
{
	switch (e->insn.opcode) {
	case 0x6c ... 0x6f:
	case 0xe4 ... 0xe7:
	case 0xec ... 0xef:
		return emul_io(e);
	case 0xfa:
	case 0xfb:
		return interrupt_flag(e);
	}
	if (!e->v->domain->ops->in_kernel(e->v))
		return EMUL_REFUSED;
	switch (e->insn.opcode) {
	case OP_0F(0x01):
		return emul_xsetbv(e);
	case OP_0F(0x06):
		return emul_clts(e);
	case OP_0F(0x08):
	case OP_0F(0x09):
		return cache_op(e);
	case OP_0F(0x20):
	case OP_0F(0x22):
		return emul_mov_cr(e);
	case OP_0F(0x21):
	case OP_0F(0x23):
		return emul_mov_dr(e);
	case OP_0F(0x30):
		return emul_wrmsr(e);
	case OP_0F(0x32):
		return emul_rdmsr(e);
	case OP_0F(0xa2):
		return cpuid_op(e); /* processors can be told to fault on it */
	}
	return EMUL_REFUSED;
}

enum emul_result emul_privileged(struct emul *e, struct vcpu *v)
{
	uint8_t bytes[FETCH_BYTES] __aligned(8);
	unsigned mode, n = emul_fetch(v, bytes, &mode);
	enum emul_result result;

	e->v = v;
	e->regs = &v->regs;
	if (insn_decode(&e->insn, bytes, n, mode) != DECODE_OK)
		return EMUL_REFUSED;
	result = dispatch(e);
	if (result != EMUL_REFUSED)
		trace_point(TRACE_EMULATED, e->insn.opcode);
	if (result == EMUL_DONE)
		emul_advance(v, e->insn.length);
	return result;
}

/* ud2; "xen"; then the instruction (xen/arch-x86/xen.h, XEN_EMULATE_PREFIX). Only CPUID is wanted that way.
 */
#define FORCED_CPUID 0xa20f6e65780b0full
#define FORCED_BYTES 7

bool emul_forced(struct vcpu *v)
{
	uint64_t word = 0;
	unsigned mode;
	gva_t at;

	if (!code_address(v, &at, &mode))
		return false;
	if (likely((at & ~PAGE_MASK) <= PAGE_SIZE - sizeof(word))) {
		if (!fetch_words(v, at, &word, 1))
			return false;
	} else if (guest_read(&word, at, FORCED_BYTES)) {
		return false;
	}
	if (word << 8 != FORCED_CPUID << 8)
		return false;
	trace_point(TRACE_EMULATED, TRACE_FORCED_CPUID);
	emul_cpuid(v, &v->regs);
	emul_advance(v, FORCED_BYTES);
	return true;
}

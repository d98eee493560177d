/* SPDX-License-Identifier: MIT */
/*
 * Fetching an instruction and finding the function that emulates it (emul.h). Kernels may use all of them;
 * applications only those that their virtual IOPL allows. The rest is refused, and the guest gets its #GP.
 */
#include "emul/emul.h"
#include "cpu/gdt.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "guest/kind.h"
#include "lib/string.h"
#include "lib/tracepoint.h"
#include "mm/guest_copy.h"
#include "mm/guest_words.h"
#include "pv/desc.h"
#include "pv/flags.h"

static inline bool is_flat_code(const struct vcpu *v)
{
	const struct guest_abi *abi = v->domain->abi;

	return v->regs.cs == abi->flat_cs[0] || v->regs.cs == abi->flat_cs[1];
}

/* Linear address of the instruction at RIP and what kind of code it is, by the descriptor tables. */
static __cold bool code_address(struct vcpu *v, gva_t *at, unsigned *mode)
{
	struct segment seg;

	if (is_flat_code(v)) {
		*mode = v->domain->abi->flat_mode;
		*at = v->regs.rip;
		return true;
	}
	if (!desc_segment(v, v->regs.cs, &seg) || !seg.code)
		return false;
	*mode = seg.code64 ? 64 : seg.big ? 32 : 16;
	*at = seg.code64 ? v->regs.rip : (uint32_t)(seg.base + v->regs.rip);
	return true;
}

/* Two words of instructions that lie in one page. */
static inline bool fetch_words(const struct guest_abi *abi, gva_t at, uint64_t to[2])
{
	uint64_t low, high;

	if (unlikely(!words_ok(abi, at)))
		return false;
	guest_access_begin();
	GUEST_LOAD(low, at, fault);
	GUEST_LOAD(high, at + sizeof(low), fault);
	guest_access_end();
	to[0] = low;
	to[1] = high;
	return true;
fault:
	guest_access_end();
	return false;
}

/* Code in other segments, or across pages. */
static __cold unsigned fetch_slowly(struct vcpu *v, uint8_t bytes[FETCH_BYTES], unsigned *mode)
{
	gva_t at;
	unsigned n;

	if (!code_address(v, &at, mode))
		return 0;
	/* The instruction may end at the end of the last mapped page. */
	n = MIN(INSN_MAX, PAGE_SIZE - (at & ~PAGE_MASK));
	if (guest_read(bytes, at, n))
		return 0;
	if (n < INSN_MAX && !guest_read(bytes + n, at + n, INSN_MAX - n))
		n = INSN_MAX;
	return n;
}

unsigned emul_fetch(struct vcpu *v, uint8_t bytes[FETCH_BYTES], unsigned *mode)
{
	const struct guest_abi *abi = v->domain->abi;
	gva_t at = v->regs.rip;

	if (likely(is_flat_code(v)) && likely((at & ~PAGE_MASK) <= PAGE_SIZE - FETCH_BYTES)) {
		*mode = abi->flat_mode;
		return fetch_words(abi, at, (uint64_t *)bytes) ? INSN_MAX : 0;
	}
	return fetch_slowly(v, bytes, mode);
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
	unsigned cpl = !v->domain->doors->in_kernel(v) ? 3 : iopl_is_architectural(v) ? 0 : 1;

	return cpl <= v->iopl;
}

/* CLI and STI change nothing: the upcall mask is the guest's interrupt flag, and POPF, which does not trap,
 * would not match them. They are accepted where the virtual IOPL allows them. */
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
		return emul_string_io(e);
	case 0xe4 ... 0xe7:
	case 0xec ... 0xef:
		return emul_io(e);
	case 0xfa:
	case 0xfb:
		return interrupt_flag(e);
	}
	if (!e->v->domain->doors->in_kernel(e->v))
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
	e->breakpoints = 0;
	if (insn_decode(&e->insn, bytes, n, mode) != DECODE_OK)
		return EMUL_REFUSED;
	result = dispatch(e);
	if (result != EMUL_REFUSED)
		trace_point(TRACE_EMULATED, e->insn.opcode);
	if (result == EMUL_DONE)
		emul_advance(v, e->insn.length);
	return result;
}

/* ud2; "xen"; then the instruction (xen/arch-x86/xen.h, XEN_EMULATE_PREFIX). Only CPUID is emulated that way.
 */
#define FORCED_CPUID 0xa20f6e65780b0full
#define FORCED_BYTES 7

__rare uint64_t emul_first_word_slowly(struct vcpu *v)
{
	uint64_t word = 0;
	unsigned mode;
	gva_t at;

	return code_address(v, &at, &mode) && !guest_read(&word, at, FORCED_BYTES) ? word : 0;
}

/* The first word of the instruction at RIP; anything but the prefix if it cannot be read. */
static inline uint64_t first_word(struct vcpu *v)
{
	gva_t at = v->regs.rip;
	uint64_t word;

	if (unlikely(!is_flat_code(v) || (at & ~PAGE_MASK) > PAGE_SIZE - sizeof(word)))
		return rare_value(emul_first_word_slowly, v);
	if (unlikely(!words_ok(v->domain->abi, at)))
		return 0;
	guest_access_begin();
	GUEST_LOAD(word, at, fault);
	guest_access_end();
	return word;
fault:
	guest_access_end();
	return 0;
}

bool emul_forced(struct vcpu *v)
{
	if (likely(first_word(v) << 8 != FORCED_CPUID << 8))
		return false;
	trace_point(TRACE_EMULATED, TRACE_FORCED_CPUID);
	emul_cpuid(v, &v->regs);
	emul_advance(v, FORCED_BYTES);
	return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * The face for paravirtual guests (pv.h): how their code is fetched, which memory it may use, and what they may execute.
 * Kernels may use all of the operations; applications only those that their virtual IOPL allows. The rest is
 * refused, and the guest gets its #GP.
 */
#include "emul/pv.h"
#include "cpu/descriptor.h"
#include "cpu/percpu.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "guest/kind.h"
#include "lib/string.h"
#include "lib/tracepoint.h"
#include "mm/guest_copy.h"
#include "mm/guest_words.h"
#include "pv/bounce.h"
#include "pv/debugreg.h"
#include "pv/desc.h"
#include "pv/flags.h"
#include "pv/walk.h"

static inline bool is_flat_code(const struct vcpu *v)
{
	const struct guest_abi *abi = v->domain->abi;

	return v->regs.cs == abi->flat_cs[0] || v->regs.cs == abi->flat_cs[1];
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
	struct emul e = {.v = v, .regs = &v->regs, .face = &emul_pv_face};

	if (!is_flat_code(v))
		return emul_fetch_by_segment(&e, &emul_pv_face, bytes, mode);
	*mode = v->domain->abi->flat_mode;
	return emul_fetch_at(&e, &emul_pv_face, v->regs.rip, bytes);
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

static bool in_kernel(const struct vcpu *v)
{
	return v->domain->doors->in_kernel(v);
}

static unsigned fetch(struct emul *e, uint8_t bytes[FETCH_BYTES], unsigned *mode)
{
	return emul_fetch(e->v, bytes, mode);
}

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
	uint32_t error = (store ? PF_WRITE : 0) | ((e->regs->cs & SELECTOR_RPL) == 3 ? PF_USER : 0);
	gva_t last = at + size - 1;

	return page_faults(e, at, error) ||
	       ((at ^ last) & PAGE_MASK && page_faults(e, last & PAGE_MASK, error));
}

/* Another vCPU may take the page away between the look and the access. */
static enum emul_result read(struct emul *e, gva_t at, void *to, unsigned n)
{
	if (access_faults(e, at, n, false))
		return EMUL_FAULT;
	return guest_read(to, at, n) ? EMUL_AGAIN : EMUL_DONE;
}

static enum emul_result may_write(struct emul *e, gva_t at, unsigned n)
{
	return access_faults(e, at, n, true) ? EMUL_FAULT : EMUL_DONE;
}

static enum emul_result write(struct emul *e, gva_t at, const void *from, unsigned n)
{
	return guest_write(at, from, n) ? EMUL_AGAIN : EMUL_DONE;
}

bool emul_iopl_ok(const struct vcpu *v)
{
	unsigned cpl = !in_kernel(v) ? 3 : iopl_is_architectural(v) ? 0 : 1;

	return cpl <= v->dom.iopl;
}

/* CLI and STI change nothing: the upcall mask is the guest's interrupt flag, and POPF, which does not trap,
 * would not match them. They are accepted where the virtual IOPL allows them. */
static enum emul_result interrupt_flag(struct emul *e)
{
	return emul_iopl_ok(e->v) ? EMUL_DONE : EMUL_REFUSED;
}

static enum emul_result cpuid_op(struct emul *e)
{
	emul_cpuid(e->v, e->regs);
	return EMUL_DONE;
}

static enum emul_result group_0f01(struct emul *e)
{
	return in_kernel(e->v) ? emul_xsetbv(e) : EMUL_REFUSED;
}

const struct emul_face emul_pv_face = {
    .in_kernel = in_kernel,
    .fetch = fetch,
    .read = read,
    .may_write = may_write,
    .write = write,
    .ports = &emul_pv_ports,
    .exception = bounce_trap,
    .exception_with_error = bounce_trap_error,
    .page_fault = bounce_page_fault,
    .debug = debugreg_bounce,
    .operation =
	{
	    [INSN_IO] = emul_pv_io,
	    [INSN_STRING_IO] = emul_string_io,
	    [INSN_INTERRUPT_FLAG] = interrupt_flag,
	    [INSN_GROUP_0F01] = group_0f01,
	    [INSN_CLTS] = emul_clts,
	    [INSN_CACHES] = emul_nothing,
	    [INSN_MOV_CR] = emul_mov_cr,
	    [INSN_MOV_DR] = emul_mov_dr,
	    [INSN_RDMSR] = emul_rdmsr,
	    [INSN_WRMSR] = emul_wrmsr,
	    [INSN_CPUID] = cpuid_op, /* cpu/cpuid_fault.h */
	},
};

enum emul_result emul_privileged(struct emul *e, struct vcpu *v)
{
	uint8_t bytes[FETCH_BYTES] __aligned(8);
	unsigned mode, n = emul_fetch(v, bytes, &mode);

	emul_begin(e, v, &emul_pv_face);
	return insn_decode(&e->insn, bytes, n, mode) == DECODE_OK ? emul_execute(e, &emul_pv_face)
								  : EMUL_REFUSED;
}

int emul_pv_int(struct vcpu *v, unsigned *length)
{
	return emul_int(v, &emul_pv_face, length);
}

/* ud2; "xen"; then the instruction (xen/arch-x86/xen.h, XEN_EMULATE_PREFIX). Only CPUID is emulated that way.
 */
#define FORCED_CPUID 0xa20f6e65780b0full
#define FORCED_BYTES 7

__rare uint64_t emul_first_word_slowly(struct vcpu *v)
{
	uint64_t words[FETCH_BYTES / 8] = {0};
	unsigned mode;

	return fetch_slowly(v, (uint8_t *)words, &mode) >= FORCED_BYTES ? words[0] : 0;
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

/* XGETBV, and XSETBV in the lowest bit of its last byte. */
#define XGETBV        0xd0010full
#define IS_XCR0_OP(w) (((w)&0xfefffful) == XGETBV)

enum emul_after_ud emul_undefined(struct vcpu *v)
{
	uint64_t word = first_word(v);

	if (likely(word << 8 != FORCED_CPUID << 8))
		return unlikely(IS_XCR0_OP(word)) && emul_first_xcr0(v) ? UD_AGAIN : UD_FAULT;
	trace_point(TRACE_EMULATED, TRACE_FORCED_CPUID);
	emul_cpuid(v, &v->regs);
	emul_advance(v, FORCED_BYTES);
	return UD_DONE;
}

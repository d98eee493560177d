/* SPDX-License-Identifier: MIT */
/* See operand.h. Data segment registers hold the guest's values while the hypervisor runs (pv/segments.h). */
#include "emul/operand.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "pv/desc.h"

uint64_t *reg_ptr(struct cpu_user_regs *r, unsigned number)
{
	static const uint8_t offset[16] = {
	    offsetof(struct cpu_user_regs, rax), offsetof(struct cpu_user_regs, rcx),
	    offsetof(struct cpu_user_regs, rdx), offsetof(struct cpu_user_regs, rbx),
	    offsetof(struct cpu_user_regs, rsp), offsetof(struct cpu_user_regs, rbp),
	    offsetof(struct cpu_user_regs, rsi), offsetof(struct cpu_user_regs, rdi),
	    offsetof(struct cpu_user_regs, r8),  offsetof(struct cpu_user_regs, r9),
	    offsetof(struct cpu_user_regs, r10), offsetof(struct cpu_user_regs, r11),
	    offsetof(struct cpu_user_regs, r12), offsetof(struct cpu_user_regs, r13),
	    offsetof(struct cpu_user_regs, r14), offsetof(struct cpu_user_regs, r15),
	};

	return (uint64_t *)((uint8_t *)r + offset[number & 15]);
}

static bool is_high_byte(unsigned number, unsigned size, bool rex)
{
	return size == 1 && !rex && number >= 4 && number < 8;
}

uint64_t reg_read(struct cpu_user_regs *r, unsigned number, unsigned size, bool rex)
{
	if (is_high_byte(number, size, rex))
		return *reg_ptr(r, number - 4) >> 8 & 0xff;
	return *reg_ptr(r, number) & size_mask(size);
}

void reg_write(struct cpu_user_regs *r, unsigned number, unsigned size, bool rex, uint64_t value)
{
	uint64_t *p;

	if (is_high_byte(number, size, rex)) {
		p = reg_ptr(r, number - 4);
		*p = (*p & ~0xff00ull) | (value & 0xff) << 8;
		return;
	}
	p = reg_ptr(r, number);
	*p = size == 4 ? (uint32_t)value : (*p & ~size_mask(size)) | (value & size_mask(size));
}

static uint16_t selector(struct emul *e, enum segment_register s)
{
	switch (s) {
	case SEG_ES:
		return read_es();
	case SEG_CS:
		return e->regs->cs;
	case SEG_SS:
		return e->regs->ss;
	case SEG_FS:
		return read_fs();
	case SEG_GS:
		return read_gs();
	default:
		return read_ds();
	}
}

bool segment_base(struct emul *e, enum segment_register s, gva_t *base)
{
	struct segment seg;

	if (e->insn.mode == 64) {
		*base = s == SEG_FS ? rdmsr(MSR_FS_BASE) : s == SEG_GS ? rdmsr(MSR_KERNEL_GS_BASE) : 0;
		return true;
	}
	if (!desc_segment(e->v, selector(e, s), &seg))
		return false;
	*base = seg.base;
	return true;
}

/* SDM 3A 5.3, Limit Checking. */
static bool within_limit(const struct segment *seg, uint64_t first, uint64_t last)
{
	if (seg->down)
		return first > seg->limit && last <= (seg->big ? 0xffffffffull : 0xffffull);
	return last <= seg->limit;
}

bool segment_permits(struct emul *e, enum segment_register s, uint64_t offset, unsigned size, bool store,
		     gva_t *va)
{
	struct segment seg;

	if (e->insn.mode == 64) {
		if (!segment_base(e, s, va))
			return false;
		*va += offset;
		return is_canonical(*va) && is_canonical(*va + size - 1);
	}
	if (!desc_segment(e->v, selector(e, s), &seg) || !(store ? seg.writable : seg.readable) ||
	    !within_limit(&seg, offset, offset + size - 1))
		return false;
	*va = (uint32_t)(seg.base + offset);
	return true;
}

bool operand_address(struct emul *e, gva_t *va)
{
	const struct insn *i = &e->insn;
	gva_t base;

	if (!segment_base(e, insn_segment(i), &base))
		return false;
	*va = base + insn_offset(i, *reg_ptr(e->regs, i->base), *reg_ptr(e->regs, i->index),
				 e->regs->rip + i->length);
	if (e->insn.mode != 64)
		*va = (uint32_t)*va;
	return true;
}

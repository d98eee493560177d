/* SPDX-License-Identifier: MIT */
/* See segments.h. SDM 3A 3.4.4, Segment Loading Instructions in IA-32e Mode. */
#include "pv/segments.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "lib/image.h"
#include "pv/bounce.h"

#define IS_NULL(sel) ((sel) <= 3)

#define LOAD(reg, sel)                                       \
	({                                                   \
		uint32_t ok_ = 0;                            \
		__asm__ volatile("1:\tmov %w1, %%" #reg "\n" \
				 "\tmov $1, %0\n"            \
				 "2:\n" EX_TABLE("1b", "2b") \
				 : "+r"(ok_)                 \
				 : "r"((uint32_t)(sel)));    \
		ok_ != 0;                                    \
	})

/* The base changes and is restored within one asm statement that touches no memory: nothing may use GS in
 * between. If MOV faults, GS and its base are as before. */
bool segments_load_gs(uint16_t selector, uint64_t *base)
{
	uint64_t self = (uint64_t)this_cpu->self;
	uint32_t ok = 0, lo = 0, hi = 0;

	__asm__ volatile("1:\tmov %w[sel], %%gs\n"
			 "\trdmsr\n"
			 "\tmov %%eax, %[lo]\n"
			 "\tmov %%edx, %[hi]\n"
			 "\tmov %[self], %%rdx\n"
			 "\tmov %%edx, %%eax\n"
			 "\tshr $32, %%rdx\n"
			 "\twrmsr\n"
			 "\tmov $1, %[ok]\n"
			 "2:\n" EX_TABLE("1b", "2b")
			 : [ok] "+&r"(ok), [lo] "+&r"(lo), [hi] "+&r"(hi)
			 : [sel] "r"((uint32_t)selector), [self] "r"(self), "c"(MSR_GS_BASE)
			 : "rax", "rdx", "memory");
	/* Some processors leave the base alone when a null selector is loaded. */
	*base = IS_NULL(selector) ? 0 : lo | (uint64_t)hi << 32;
	return ok;
}

void segments_save(struct vcpu *v, uint64_t *fs_base, uint64_t *gs_base)
{
	v->regs.ds = read_ds();
	v->regs.es = read_es();
	v->regs.fs = read_fs();
	v->regs.gs = read_gs();
	*fs_base = rdmsr(MSR_FS_BASE);
	*gs_base = rdmsr(MSR_KERNEL_GS_BASE);
}

bool segments_load(struct vcpu *v, bool from_tables, uint64_t *fs_base, uint64_t *gs_base)
{
	const struct cpu_user_regs *r = &v->regs;
	uint64_t base;
	bool ok = LOAD(ds, r->ds);

	ok &= LOAD(es, r->es);
	ok &= LOAD(fs, r->fs);
	if (from_tables && !IS_NULL(r->fs))
		*fs_base = rdmsr(MSR_FS_BASE);
	ok &= segments_load_gs(r->gs, &base);
	if (from_tables && !IS_NULL(r->gs))
		*gs_base = base;
	wrmsr(MSR_FS_BASE, *fs_base);
	wrmsr(MSR_KERNEL_GS_BASE, *gs_base);
	return ok;
}

void segments_forget(struct vcpu *v, struct segment_selectors *wanted)
{
	struct cpu_user_regs *r = &v->regs;
	uint64_t base;

	*wanted = (struct segment_selectors){r->ds, r->es, r->fs, r->gs};
	LOAD(ds, 0);
	LOAD(es, 0);
	LOAD(fs, 0);
	segments_load_gs(0, &base);
	r->ds = r->es = r->fs = r->gs = 0;
}

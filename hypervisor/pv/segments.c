/* SPDX-License-Identifier: MIT */
/* See segments.h. SDM 3A 3.4.4, Segment Loading Instructions in IA-32e Mode. */
#include "pv/segments.h"
#include "cpu/gdt.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "lib/image.h"
#include "pv/bounce.h"

/* Load a data segment register; at `failed` if it cannot be. */
#define LOAD(reg, sel) \
	__asm__ goto("1:\tmov %0, %%" #reg "\n" EX_TABLE("1b", "%l[failed]") : : "m"(sel) : : failed)

#define SAVE(reg, sel) __asm__ volatile("mov %%" #reg ", %0" : "=m"(sel))

static void load_null(void)
{
	__asm__ volatile("mov %0, %%ds\n\tmov %0, %%es\n\tmov %0, %%fs" : : "r"(0));
	load_gs(0);
}

bool segments_load_gs(uint16_t selector, uint64_t *base)
{
	uint64_t active = rdmsr(MSR_KERNEL_GS_BASE);
	bool ok = load_gs(selector);

	/* Some processors leave the base alone when a null selector is loaded. */
	*base = selector_is_null(selector) ? 0 : rdmsr(MSR_KERNEL_GS_BASE);
	wrmsr(MSR_KERNEL_GS_BASE, active);
	return ok;
}

void segments_save(struct vcpu *v)
{
	SAVE(ds, v->regs.ds);
	SAVE(es, v->regs.es);
	SAVE(fs, v->regs.fs);
	SAVE(gs, v->regs.gs);
}

bool segments_load(struct vcpu *v)
{
	const struct cpu_user_regs *r = &v->regs;

	LOAD(ds, r->ds);
	LOAD(es, r->es);
	LOAD(fs, r->fs);
	if (likely(load_gs(r->gs)))
		return true;
failed:
	load_null();
	return false;
}

void segments_forget(struct vcpu *v, struct segment_selectors *wanted)
{
	struct cpu_user_regs *r = &v->regs;

	*wanted = (struct segment_selectors){r->ds, r->es, r->fs, r->gs};
	r->ds = r->es = r->fs = r->gs = 0;
}

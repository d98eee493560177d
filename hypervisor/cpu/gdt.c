/* SPDX-License-Identifier: MIT */
/* The per-CPU descriptor pages and TSS (cpu/gdt.h). Descriptors: SDM 3A 3.4.5, Segment Descriptors; all are
 * made with the accessed bit set, so that loading one writes nothing. */
#include "cpu/gdt.h"
#include "cpu/descriptor.h"
#include "cpu/x86.h"

#define CODE64(dpl) (0x00af9b000000ffffull | DESC_FOR_DPL(dpl))
#define CODE32(dpl) (0x00cf9b000000ffffull | DESC_FOR_DPL(dpl))
#define DATA(dpl)   (0x00cf93000000ffffull | DESC_FOR_DPL(dpl))

static void set_tss(uint64_t *gdt, const struct tss *tss)
{
	uint64_t base = (uint64_t)tss, limit = sizeof(*tss) - 1;
	unsigned i = GDT_INDEX(SEL_TSS);

	gdt[i] =
	    limit | (base & 0xffffff) << 16 | DESC_P | DESC_OF_TYPE(DESC_TSS) | (base >> 24 & 0xff) << 56;
	gdt[i + 1] = base >> 32;
}

static void set_own(uint64_t *gdt, const struct tss *tss)
{
	gdt[GDT_INDEX(SEL_HV_CS)] = CODE64(0);
	gdt[GDT_INDEX(SEL_HV_DS)] = DATA(0);
	set_tss(gdt, tss);
}

void gdt_fill(struct percpu *cpu, struct cpu_tables *t)
{
	cpu->gdt = t->gdt;
	cpu->gdt_compat = t->gdt_compat;
	cpu->tss = &t->tss;
	cpu->idle_gdtr = (struct gdtr){.limit = GDT_LIMIT, .base = (uint64_t)t->gdt - GDT_RESERVED_BYTE};

	set_own(t->gdt, &t->tss);
	t->gdt[GDT_INDEX(SEL_GUEST_CS32)] = CODE32(3);
	t->gdt[GDT_INDEX(SEL_GUEST_DS)] = DATA(3);
	t->gdt[GDT_INDEX(SEL_GUEST_CS64)] = CODE64(3);

	set_own(t->gdt_compat, &t->tss);
	t->gdt_compat[GDT_INDEX(SEL_COMPAT_KERNEL_CS)] = CODE32(1);
	t->gdt_compat[GDT_INDEX(SEL_COMPAT_KERNEL_DS)] = DATA(1);
	t->gdt_compat[GDT_INDEX(SEL_COMPAT_USER_CS)] = CODE32(3);
	t->gdt_compat[GDT_INDEX(SEL_COMPAT_USER_DS)] = DATA(3);

	t->tss.rsp[0] = cpu->regs_top;
	for (int i = 0; i < IST_COUNT; i++) {
		*(struct percpu **)t->ist_stacks[i] = cpu;
		t->tss.ist[i] = (uint64_t)t->ist_stacks[i] + IST_STACK_SIZE;
	}
	/* Beyond the limit: no I/O bitmap, so every IN and OUT outside ring 0 traps (SDM 1 18.5.2). */
	t->tss.iomap_base = sizeof(t->tss);
}

void gdt_init_cpu(struct percpu *cpu)
{
	__asm__ volatile("lgdt %0" : : "m"(cpu->idle_gdtr));
	__asm__ volatile("pushq %0\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\tmov %1, %%ss\n\t"
			 "mov %2, %%ds\n\t"
			 "mov %2, %%es\n\t"
			 "mov %2, %%fs\n\t"
			 "mov %2, %%gs\n\t"
			 "ltr %w3"
			 :
			 : "i"(SEL_HV_CS), "r"(SEL_HV_DS), "r"(0), "r"(SEL_TSS)
			 : "rax", "memory");
	wrmsr(MSR_GS_BASE, (uint64_t)cpu);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
}

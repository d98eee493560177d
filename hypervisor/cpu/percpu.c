/* SPDX-License-Identifier: MIT */
/* Setting up the per-CPU structures. cpu_table is filled before a CPU runs and constant afterwards. */
#include "cpu/percpu.h"
#include "cpu/gdt.h"
#include "cpu/panic.h"
#include "cpu/x86.h"

struct percpu *cpu_table[MAX_CPUS];
uint32_t nr_cpus;

void percpu_fill(struct percpu *cpu, struct cpu_tables *tables, void *stack, uint32_t id, uint32_t apic_id)
{
	BUG_ON(id >= MAX_CPUS || cpu_table[id]);
	cpu->self = cpu;
	cpu->id = id;
	cpu->apic_id = apic_id;
	cpu->stack_top = (uint64_t)stack + CPU_STACK_SIZE;
	cpu->regs_top = cpu->stack_top;
	gdt_fill(cpu, tables);
	cpu_table[id] = cpu;
	nr_cpus = MAX(nr_cpus, id + 1);
}

void percpu_load(struct percpu *cpu)
{
	gdt_init_cpu(cpu);
	idt_load();
	cpu->cr3 = read_cr3();
	cpu->cr4 = read_cr4();
}

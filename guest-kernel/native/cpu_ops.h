/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions that pv/ must express otherwise. Others stand where they are used: LGDT, LIDT, LTR,
 * STI, CLI, HLT. Its sibling is pv/cpu_ops.h.
 */
#ifndef CPU_OPS_H
#define CPU_OPS_H

#include "machine.h"
#include "x86/ports.h"

static inline void write_msr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static inline void write_cr3(uintptr_t value)
{
	__asm__ volatile("mov %0, %%cr3" ::"r"(value) : "memory");
}

static inline uintptr_t read_cr3(void)
{
	uintptr_t value;

	__asm__ volatile("mov %%cr3, %0" : "=r"(value));
	return value;
}

static inline uintptr_t read_cr2(void)
{
	uintptr_t value;

	__asm__ volatile("mov %%cr2, %0" : "=r"(value));
	return value;
}

static inline void invlpg(uintptr_t va)
{
	__asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}

/* What a device calls the address of something in the linear map. */
static inline uint64_t machine_address(const void *virt)
{
	return (uintptr_t)virt - LINEAR_BASE;
}

/* Are 2^order frames in a row for devices too? */
static inline bool machine_in_a_row(pfn_t first, unsigned order)
{
	return true;
}

/* The byte of a device's memory at this machine address, and what follows in its page: uncached, and for good. NULL: no room. */
void *device_page(uint64_t address);

/* Let handler(data) be called for interrupts of a PCI function's line, as its configuration space has it (interrupts.c). */
bool pci_irq_register(unsigned line, void (*handler)(void *data), void *data);

#endif

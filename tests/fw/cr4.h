/* SPDX-License-Identifier: MIT */
/* The guest's CR4, as the hypervisor keeps it. */
#pragma once

#define CR4_DE       (1ul << 3)
#define CR4_FSGSBASE (1ul << 16)
#define CR4_OSXSAVE  (1ul << 18)

static inline unsigned long read_cr4(void)
{
	unsigned long v;

	__asm__ volatile("mov %%cr4, %0" : "=r"(v));
	return v;
}

static inline void write_cr4(unsigned long v)
{
	__asm__ volatile("mov %0, %%cr4" ::"r"(v));
}

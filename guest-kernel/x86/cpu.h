/* SPDX-License-Identifier: MIT */
/* Instructions without a C form: the unprivileged ones, which work the same in every ring. */
#ifndef X86_CPU_H
#define X86_CPU_H

#include "kern/lib/types.h"

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0));
	return r;
}

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static inline void barrier(void)
{
	__asm__ volatile("" ::: "memory");
}

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

/* (value * mul) >> 32, for clocks: 96 bits wide inside, without a 128-bit type. */
static inline uint64_t scale(uint64_t value, uint32_t mul)
{
	return (value >> 32) * mul + ((value & 0xffffffffu) * mul >> 32);
}

#endif

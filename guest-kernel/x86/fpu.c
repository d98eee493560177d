/* SPDX-License-Identifier: MIT */
/*
 * The floating point and vector state of processes. What must be saved is what applications can use: if
 * CPUID shows OSXSAVE they may use AVX and more (a hypervisor may have turned it on for us), else FXSAVE's
 * 512 bytes are all there is. (SDM 1 13.1, XSAVE-Supported Features and State-Component Bitmaps)
 */
#include "x86/internal.h"
#include "x86/cpu.h"
#include "kern/lib/string.h"

#define CPUID1_ECX_OSXSAVE (1u << 27)
#define FCW_OFFSET         0
#define MXCSR_OFFSET       24
#define FCW_INIT           0x037f
#define MXCSR_INIT         0x1f80
#define MXCSR_VALID        0xffbfu
#define XSTATE_BV_OFFSET   512
#define XSTATE_X87_SSE     3u
/* x87, SSE, AVX, AVX-512 and protection keys: together they fit into a page. */
#define XSAVE_MASK 0x2e7u

static bool use_xsave;

void fpu_setup(void)
{
	use_xsave = cpuid(1).ecx & CPUID1_ECX_OSXSAVE;
}

void fpu_init(void *area)
{
	memset(area, 0, FPU_AREA_SIZE);
	*(uint16_t *)((char *)area + FCW_OFFSET) = FCW_INIT;
	*(uint32_t *)((char *)area + MXCSR_OFFSET) = MXCSR_INIT;
}

void fpu_save(void *area)
{
	if (use_xsave)
		__asm__ volatile("xsave (%0)" ::"r"(area), "a"(XSAVE_MASK), "d"(0) : "memory");
	else
		__asm__ volatile("fxsave (%0)" ::"r"(area) : "memory");
}

void fpu_restore(void *area)
{
	if (use_xsave)
		__asm__ volatile("xrstor (%0)" ::"r"(area), "a"(XSAVE_MASK), "d"(0) : "memory");
	else
		__asm__ volatile("fxrstor (%0)" ::"r"(area) : "memory");
}

/* Reserved bits of MXCSR and a header that hides the SSE part are what could go wrong. */
void fpu_sanitise(void *area)
{
	*(uint32_t *)((char *)area + MXCSR_OFFSET) &= MXCSR_VALID;
	if (use_xsave)
		*(uint64_t *)((char *)area + XSTATE_BV_OFFSET) |= XSTATE_X87_SSE;
}

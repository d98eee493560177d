/* SPDX-License-Identifier: MIT */
/*
 * The floating point and vector state of processes: what FXSAVE holds, which is all that applications can use. AVX and
 * more need a kernel that sets CR4.OSXSAVE and XCR0, and this one does not; a hypervisor that shows OSXSAVE to all of its
 * guests leaves XCR0 at x87 and SSE until told otherwise. So 512 bytes are the whole state, in signal frames too.
 * (SDM 1 13.3, Enabling the XSAVE Feature Set; 10.5, FXSAVE and FXRSTOR)
 */
#include "x86/internal.h"
#include "kern/lib/string.h"

#define FCW_OFFSET      0
#define MXCSR_OFFSET    24
#define FCW_INIT        0x037f
#define MXCSR_INIT      0x1f80
#define MXCSR_VALID     0xffbfu
#define SOFTWARE_OFFSET 464 /* from here on for software, to say that more follows: here nothing may */

void fpu_init(void *area)
{
	memset(area, 0, FPU_AREA_SIZE);
	*(uint16_t *)((char *)area + FCW_OFFSET) = FCW_INIT;
	*(uint32_t *)((char *)area + MXCSR_OFFSET) = MXCSR_INIT;
}

void fpu_save(void *area)
{
	__asm__ volatile("fxsave (%0)" ::"r"(area) : "memory");
}

void fpu_restore(void *area)
{
	__asm__ volatile("fxrstor (%0)" ::"r"(area) : "memory");
}

/* Reserved bits of MXCSR would make FXRSTOR fault. */
void fpu_sanitise(void *area)
{
	*(uint32_t *)((char *)area + MXCSR_OFFSET) &= MXCSR_VALID;
	memset((char *)area + SOFTWARE_OFFSET, 0, FPU_AREA_SIZE - SOFTWARE_OFFSET);
}

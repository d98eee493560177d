/* SPDX-License-Identifier: MIT */
/* Saving and restoring guest floating point (cpu/fpu.h). SDM 1 13, Managing State Using the XSAVE Feature
 * Set. */
#include "cpu/fpu.h"
#include "cpu/features.h"
#include "cpu/x86.h"
#include "lib/string.h"
#include "lib/errno.h"

#define FXSAVE_SIZE   512
#define FCW_DEFAULT   0x37f
#define MXCSR_DEFAULT 0x1f80
#define MXCSR_AT      24
#define MXCSR_MASK_AT 28
#define MXCSR_BITS    0xffbf /* where the processor names no mask (SDM 1 11.6.6) */
#define XSTATE_BV_AT  512    /* first word of the XSAVE header */

static uint8_t *image(const struct fpu_area *area)
{
	return (uint8_t *)ROUND_UP((uint64_t)area->raw, 64);
}

static uint64_t xcr0_mask; /* what guests may set, and what is saved of those that have OSXSAVE set */
static uint32_t mxcsr_mask = MXCSR_BITS;

uint64_t fpu_xcr0_mask(void)
{
	return xcr0_mask;
}

void fpu_reset(struct fpu_area *area)
{
	uint8_t *p = image(area);

	memset(area->raw, 0, sizeof(area->raw));
	*(uint16_t *)p = FCW_DEFAULT;
	*(uint32_t *)(p + MXCSR_AT) = MXCSR_DEFAULT;
}

/* The bits of MXCSR that exist: FXRSTOR and XRSTOR fault if any other is set. */
static uint32_t read_mxcsr_mask(void)
{
	uint8_t fxsave[FXSAVE_SIZE] __aligned(16);
	uint32_t mask;

	memset(fxsave, 0, sizeof(fxsave));
	__asm__ volatile("fxsave64 (%0)" : : "r"(fxsave) : "memory");
	memcpy(&mask, fxsave + MXCSR_MASK_AT, sizeof(mask));
	return mask ? mask : MXCSR_BITS;
}

void fpu_cpu_init(void)
{
	uint32_t mxcsr = MXCSR_DEFAULT, r[4];

	if (features.xsave) {
		cpuid(0xd, 0, r);
		xcr0_mask = r[0] & (XCR0_X87 | XCR0_SSE | XCR0_AVX);
	}
	clts();
	__asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
	mxcsr_mask = read_mxcsr_mask();
}

/* The guest may have CR0.TS set: it must not stop the hypervisor, and stays as it is. */
static bool ts_clear(void)
{
	bool ts = read_cr0() & CR0_TS;

	if (ts)
		clts();
	return ts;
}

static void ts_put(bool ts)
{
	if (ts)
		write_cr0(read_cr0() | CR0_TS);
}

static void set_cr4_osxsave(bool on)
{
	cpu_set_cr4(on ? this_cpu->cr4 | CR4_OSXSAVE : this_cpu->cr4 & ~CR4_OSXSAVE);
}

/* XSAVE and XRSTOR skip what XCR0 leaves out, but a guest may use SSE without naming it there: they always
 * run with the full mask, and the guest's own value comes back afterwards. */
static void xsave_all(const struct fpu_area *area)
{
	if (area->xcr0 != xcr0_mask)
		xsetbv(0, xcr0_mask);
	__asm__ volatile("xsave64 (%0)" : : "r"(image(area)), "a"(-1), "d"(-1) : "memory");
}

static void xrstor_all(const struct fpu_area *area)
{
	xsetbv(0, xcr0_mask);
	__asm__ volatile("xrstor64 (%0)" : : "r"(image(area)), "a"(-1), "d"(-1) : "memory");
	if (area->xcr0 != xcr0_mask)
		xsetbv(0, area->xcr0);
}

void fpu_save(struct fpu_area *area)
{
	if (area->xcr0)
		xsave_all(area);
	else
		__asm__ volatile("fxsave64 (%0)" : : "r"(image(area)) : "memory");
}

/*
 * Addresses of the last x87 instruction and its operand. Some processors restore them only if an exception is pending in
 * the image, so that a guest would find those of another guest. A load by the hypervisor replaces them; what it does to
 * the registers does not matter, since they are about to be replaced (APM 2 11.4.4, Saving Media and x87 State).
 */
static void replace_pointers(void)
{
	static const uint32_t zero;

	__asm__ volatile("fnclex; ffree %%st(7); fildl %0" : : "m"(zero));
}

void fpu_restore(const struct fpu_area *area)
{
	if (unlikely(features.fpu_keeps_pointers))
		replace_pointers();
	set_cr4_osxsave(area->xcr0 != 0);
	if (area->xcr0)
		xrstor_all(area);
	else
		__asm__ volatile("fxrstor64 (%0)" : : "r"(image(area)) : "memory");
}

void fpu_get_fxsave(const struct fpu_area *area, void *fxsave)
{
	memcpy(fxsave, image(area), FXSAVE_SIZE);
}

void fpu_set_fxsave(struct fpu_area *area, const void *fxsave)
{
	uint8_t *p = image(area);

	memcpy(p, fxsave, FXSAVE_SIZE);
	*(uint32_t *)(p + MXCSR_AT) &= mxcsr_mask; /* or the hypervisor's FXRSTOR would fault */
	*(uint64_t *)(p + XSTATE_BV_AT) = XCR0_X87 | XCR0_SSE;
}

void fpu_start_osxsave(struct fpu_area *area, bool on)
{
	area->xcr0 = !on ? 0 : area->xcr0 ? area->xcr0 : XCR0_X87 & xcr0_mask;
}

void fpu_set_osxsave(struct fpu_area *area, bool on)
{
	bool ts;

	if (!xcr0_mask || on == (area->xcr0 != 0))
		return;
	ts = ts_clear();
	fpu_save(area);
	/* What another guest left in the AVX registers is not in the image: XSTATE_BV without AVX clears it.
	 */
	if (on)
		*(uint64_t *)(image(area) + XSTATE_BV_AT) = XCR0_X87 | XCR0_SSE;
	area->xcr0 = on ? XCR0_X87 : 0;
	fpu_restore(area);
	ts_put(ts);
}

static bool xcr0_ok(uint64_t xcr0)
{
	return !(xcr0 & ~xcr0_mask) && (xcr0 & XCR0_X87) && (!(xcr0 & XCR0_AVX) || (xcr0 & XCR0_SSE));
}

void fpu_get_xsave(const struct fpu_area *area, uint64_t *xcr0, struct fpu_xsave *xsave)
{
	memcpy(xsave, image(area), sizeof(*xsave));
	*xcr0 = area->xcr0;
	if (area->xcr0)
		return;
	/* FXSAVE wrote no header, and AVX was out of the guest's reach. */
	memset(&xsave->xstate_bv, 0, sizeof(*xsave) - FXSAVE_SIZE);
	xsave->xstate_bv = XCR0_X87 | XCR0_SSE;
}

/* SDM 1 13.8.1, Standard Form of XRSTOR: what else it refuses of a header. */
int fpu_set_xsave(struct fpu_area *area, uint64_t xcr0, const struct fpu_xsave *xsave)
{
	static const uint64_t zeros[6];

	if ((xcr0 && !xcr0_ok(xcr0)) || (xsave->xstate_bv & ~xcr0_mask) || xsave->xcomp_bv ||
	    memcmp(xsave->reserved, zeros, sizeof(zeros)))
		return -EINVAL;
	memcpy(image(area), xsave, sizeof(*xsave));
	*(uint32_t *)(image(area) + MXCSR_AT) &= mxcsr_mask;
	if (area->xcr0 && xcr0)
		area->xcr0 = xcr0;
	return 0;
}

int fpu_set_xcr0(struct fpu_area *area, uint64_t xcr0)
{
	if (!area->xcr0 || !xcr0_ok(xcr0))
		return -EINVAL;
	area->xcr0 = xcr0;
	xsetbv(0, xcr0);
	return 0;
}

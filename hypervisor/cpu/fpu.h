/* SPDX-License-Identifier: MIT */
/*
 * Guest floating point. The hypervisor itself never touches it, so the registers of the running vCPU stay in
 * the processor until another vCPU comes (eagerly switched: lazy switching leaks state by speculation).
 * A guest that has not set CR4.OSXSAVE can use no more than FXSAVE holds; one that has gets XSAVE.
 */
#pragma once

#include "lib/types.h"

#define XCR0_X87 1ull
#define XCR0_SSE 2ull
#define XCR0_AVX 4ull
/* FXSAVE image 512, XSAVE header 64, AVX 256 (SDM 1 13.4, XSAVE Area). */
#define FPU_IMAGE_SIZE 832

struct fpu_area {
	uint64_t xcr0;                    /* the guest's XCR0; 0: CR4.OSXSAVE is clear */
	uint8_t raw[FPU_IMAGE_SIZE + 64]; /* the image begins at the first 64-byte border */
};

void fpu_cpu_init(void);               /* this CPU's registers to a clean state */
void fpu_reset(struct fpu_area *area); /* registers as after FNINIT, MXCSR 0x1f80; XCR0 stays */
/* CR0.TS is clear. */
void fpu_save(struct fpu_area *area);
void fpu_restore(const struct fpu_area *area); /* also sets CR4.OSXSAVE and XCR0 */
/* The FXSAVE image, for vcpu_guest_context.fpu_ctxt (512 bytes). Area saved before. */
void fpu_get_fxsave(const struct fpu_area *area, void *fxsave);
void fpu_set_fxsave(struct fpu_area *area, const void *fxsave);
/* An XSAVE area in the plain format (SDM 1 13.4). */
struct fpu_xsave {
	uint8_t fxsave[512];
	uint64_t xstate_bv, xcomp_bv, reserved[6];
	uint8_t avx[256];
};
/* All of it, and XCR0 (0: CR4.OSXSAVE is clear). Area saved before. */
void fpu_get_xsave(const struct fpu_area *area, uint64_t *xcr0, struct fpu_xsave *xsave);
/* -EINVAL: XRSTOR would fault, or not XCR0's value. XCR0 stays 0 while CR4.OSXSAVE is clear. The vCPU does not run. */
int fpu_set_xsave(struct fpu_area *area, uint64_t xcr0, const struct fpu_xsave *xsave);
/* The vCPU, which does not run, goes on with CR4.OSXSAVE as said; XCR0 is what it was, or as after a reset. */
void fpu_start_osxsave(struct fpu_area *area, bool on);

/* The running vCPU sets or clears CR4.OSXSAVE, or executes XSETBV (-EINVAL: not a value it may have). */
void fpu_set_osxsave(struct fpu_area *area, bool on);
int fpu_set_xcr0(struct fpu_area *area, uint64_t xcr0);
/* What a guest may set in XCR0; 0 without XSAVE. */
uint64_t fpu_xcr0_mask(void);

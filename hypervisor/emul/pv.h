/* SPDX-License-Identifier: MIT */
/*
 * The emulator's face for paravirtual guests: what the ABI promises of privileged instructions after a #GP, forced CPUID
 * after a #UD, and stores to live page tables after a #PF.
 */
#pragma once

#include "emul/face.h"

extern const struct emul_face emul_pv_face;

enum emul_result emul_privileged(struct emul *e, struct vcpu *v); /* after #GP(0) */
int emul_pv_int(struct vcpu *v, unsigned *length);                /* emul_int() */

/* What is to be done after a #UD. */
enum emul_after_ud {
	UD_FAULT, /* the guest gets it */
	UD_DONE,  /* it was the prefix: a CPUID has been executed */
	UD_AGAIN, /* the processor knows the instruction now */
};
enum emul_after_ud emul_undefined(struct vcpu *v);
/* Inside it: code in other segments, across pages. */
uint64_t emul_first_word_slowly(struct vcpu *v) __rare;

/* The running vCPU uses XCR0 for the first time. Its CR4.OSXSAVE is set from the start, as Xen's guests expect, but the
 * processor's only from now on: until then its switches cost no more than FXSAVE. False: it has been on, or is not the
 * guest's choice. */
bool emul_first_xcr0(struct vcpu *v);

bool emul_ptwr(struct vcpu *v, gva_t addr); /* after #PF of a kernel's store to a present page */

/* As emul_face.fetch. */
unsigned emul_fetch(struct vcpu *v, uint8_t bytes[FETCH_BYTES], unsigned *mode);

/* May the guest's present code use its I/O privilege? (virtual IOPL; CLI, STI) */
bool emul_iopl_ok(const struct vcpu *v);

extern const struct emul_ports emul_pv_ports; /* ports.c */

/* The operations, by subject. */
enum emul_result emul_pv_io(struct emul *e);  /* ports.c: IN, OUT */
enum emul_result emul_mov_cr(struct emul *e); /* control.c */
enum emul_result emul_clts(struct emul *e);
enum emul_result emul_rdmsr(struct emul *e); /* msr.c */
enum emul_result emul_wrmsr(struct emul *e);
void emul_cpuid(struct vcpu *v, struct cpu_user_regs *regs); /* cpuid.c */

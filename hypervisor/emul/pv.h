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
bool emul_forced(struct vcpu *v);                                 /* after #UD: true if it was the prefix */
uint64_t
emul_first_word_slowly(struct vcpu *v) __rare; /* for emul_forced: code in other segments, across pages */
bool emul_ptwr(struct vcpu *v, gva_t addr);    /* after #PF of a kernel's store to a present page */

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

/* SPDX-License-Identifier: MIT */
/*
 * Emulation of single guest instructions: it shows two faces. To a paravirtual kernel it is the promise of the ABI about
 * privileged instructions (emul/pv.h), to an unmodified kernel the processor that this kernel believes in (fv/emul.c). Both
 * fetch, decode, and find the operation in the same way, share those operations that have the same effect, and conclude
 * in the same way what the guest learns of it. What differs is in struct emul_face.
 *
 * All for the current vCPU.
 */
#pragma once

#include "cpu/x86.h"
#include "emul/decode.h"
#include "guest/domain.h"
#include "lib/types.h"
#include "pv/debugreg.h"

struct cpu_user_regs;
struct emul_face;
struct vcpu;

enum emul_result {
	EMUL_DONE,      /* go on after it */
	EMUL_REFUSED,   /* not emulated, or not allowed: the guest gets the original fault */
	EMUL_FAULT,     /* the guest gets a page fault: emul.fault_address, fault_error */
	EMUL_ROUND,     /* one round of a REP is done: execute it again for the next */
	EMUL_AGAIN,     /* registers stand where they should: go on there */
	EMUL_UNDEFINED, /* the guest gets #UD */
};

/* One instruction being emulated. */
struct emul {
	struct vcpu *v;
	struct cpu_user_regs *regs;
	const struct emul_face *face;
	struct insn insn;
	gva_t fault_address;
	uint32_t fault_error;
	uint64_t dr6; /* the debug trap that follows it: single step, breakpoints on ports. 0: none */
};

#define FETCH_BYTES 16 /* two words: the last byte is never looked at */

/* RIP is behind an INT3, INTO or INT n of @vector, with one byte or two: back to where it begins. */
void emul_back_to_int(struct vcpu *v, const struct emul_face *face, uint8_t vector);

/* Operations that are the same for any face. */
enum emul_result emul_string_io(struct emul *e); /* string_io.c: INS, OUTS */
enum emul_result emul_nothing(struct emul *e);   /* caches stay coherent without the guest's help */
enum emul_result emul_mov_dr(struct emul *e);    /* control.c */
enum emul_result emul_xsetbv(struct emul *e);

/* SPDX-License-Identifier: MIT */
/*
 * Emulation of single guest instructions: what the ABI promises of privileged ones after a #GP, forced CPUID
 * after a #UD, and stores to live page tables after a #PF. On success RIP points after the
 * instruction. All for the current vCPU.
 */
#pragma once

#include "emul/decode.h"
#include "lib/types.h"

struct cpu_user_regs;
struct vcpu;

enum emul_result {
	EMUL_DONE,      /* go on after it */
	EMUL_REFUSED,   /* not emulated, or not allowed: the guest gets the original fault */
	EMUL_FAULT,     /* the guest gets a page fault: emul.fault_address, fault_error */
	EMUL_ROUND,     /* one round of a REP is done: execute it again for the next */
	EMUL_AGAIN,     /* registers stand where they should: execute it again for the rest */
	EMUL_UNDEFINED, /* the guest gets #UD */
};

/* One instruction being emulated. */
struct emul {
	struct vcpu *v;
	struct cpu_user_regs *regs;
	struct insn insn;
	gva_t fault_address;
	uint32_t fault_error;
	uint32_t breakpoints; /* those on ports that it hit: bits of DR6 */
};

enum emul_result emul_privileged(struct emul *e, struct vcpu *v); /* after #GP(0) */
bool emul_forced(struct vcpu *v);                                 /* after #UD: true if it was the prefix */
uint64_t
emul_first_word_slowly(struct vcpu *v) __rare; /* for emul_forced: code in other segments, across pages */
bool emul_ptwr(struct vcpu *v, gva_t addr);    /* after #PF of a kernel's store to a present page */

#define FETCH_BYTES 16 /* two words: the last byte is never looked at */

/* How many bytes @regs' instruction at RIP offers, up to INSN_MAX, and in *mode what code it is. 0: none. */
unsigned emul_fetch(struct vcpu *v, uint8_t bytes[FETCH_BYTES], unsigned *mode);
/* Move RIP forward by @length bytes. */
void emul_advance(struct vcpu *v, unsigned length);

/* May the guest's present code use its I/O privilege? (virtual IOPL; CLI, STI) */
bool emul_iopl_ok(const struct vcpu *v);

/* The parts, by subject. All expect e->insn decoded. */
enum emul_result emul_io(struct emul *e);        /* io.c: IN, OUT */
enum emul_result emul_string_io(struct emul *e); /* string_io.c: INS, OUTS */
enum emul_result emul_mov_cr(struct emul *e);    /* control.c: 0f 20, 0f 22 */
enum emul_result emul_mov_dr(struct emul *e);    /* 0f 21, 0f 23 */
enum emul_result emul_clts(struct emul *e);      /* 0f 06 */
enum emul_result emul_xsetbv(struct emul *e);    /* 0f 01 d1 */
enum emul_result emul_rdmsr(struct emul *e);     /* msr.c */
enum emul_result emul_wrmsr(struct emul *e);
void emul_cpuid(struct vcpu *v, struct cpu_user_regs *regs); /* cpuid.c */

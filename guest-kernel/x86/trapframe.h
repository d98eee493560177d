/* SPDX-License-Identifier: MIT */
/*
 * The registers of interrupted code, as the entry code (native/entry.asm, pv/entry.asm) leaves them on the
 * kernel stack. Native and PV builds of one word size have the same frame. Offsets stand beside the fields;
 * x86/trapframe.inc is the assembler's view and is checked against this one in x86/trap.c.
 */
#ifndef X86_TRAPFRAME_H
#define X86_TRAPFRAME_H

#include "kern/lib/types.h"

#ifdef __x86_64__

struct trapframe {
	uint64_t r15, r14, r13, r12, rbp, rbx;             /*  0  8 16 24 32 40 */
	uint64_t r11, r10, r9, r8, ax, rcx, rdx, rsi, rdi; /* 48 .. 112 */
	uint64_t trapno;                                   /* 120: vector, or TRAP_SYSCALL */
	uint64_t error;                                    /* 128: error code; system calls: their number */
	uint64_t ip, cs, flags, sp, ss;                    /* 136 144 152 160 168: the hardware's order */
};

#else

struct trapframe {
	uint32_t edi, esi, ebp, unused, ebx, edx, ecx, ax; /*  0 .. 28: the order of PUSHA */
	uint32_t gs, fs, es, ds;                           /* 32 36 40 44 */
	uint32_t trapno;                                   /* 48 */
	uint32_t error;                                    /* 52 */
	uint32_t ip, cs, flags;                            /* 56 60 64 */
	uint32_t sp, ss; /* 68 72: only there if the trap came from user mode */
};

#endif

#define TRAP_SYSCALL 0x80u

#define FLAG_CF 0x0001ul
#define FLAG_TF 0x0100ul
#define FLAG_IF 0x0200ul
#define FLAG_DF 0x0400ul
#define FLAG_NT 0x4000ul

/* Did it come from an application? Applications run with RPL 3; a kernel's CS says 0 in ring 0 and, since the
 * hypervisor clears the bits, also in pv64; 1 in ring 1. */
static inline bool trapframe_user(const struct trapframe *tf)
{
	return (tf->cs & 3) == 3;
}

/* Linux's system call convention. The number is read from the copy that survives sc_set_result(). */
static inline unsigned long sc_number(const struct trapframe *tf)
{
	return tf->error;
}

static inline void sc_set_result(struct trapframe *tf, long result)
{
	tf->ax = result;
}

/* Let the interrupted system call be executed again when user mode is reached (after a signal). */
static inline void sc_restart(struct trapframe *tf)
{
	tf->ax = tf->error;
	tf->ip -= 2; /* SYSCALL and INT 0x80 are two bytes */
}

static inline unsigned long sc_arg(const struct trapframe *tf, unsigned n)
{
	switch (n) {
#ifdef __x86_64__
	case 0:
		return tf->rdi;
	case 1:
		return tf->rsi;
	case 2:
		return tf->rdx;
	case 3:
		return tf->r10;
	case 4:
		return tf->r8;
	default:
		return tf->r9;
#else
	case 0:
		return tf->ebx;
	case 1:
		return tf->ecx;
	case 2:
		return tf->edx;
	case 3:
		return tf->esi;
	case 4:
		return tf->edi;
	default:
		return tf->ebp;
#endif
	}
}

/* GDT entry of the 32-bit TLS segment, as Linux numbers it: selector TLS_GDT_ENTRY * 8 + 3. */
#define TLS_GDT_ENTRY 6u

#endif

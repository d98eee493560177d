/* SPDX-License-Identifier: MIT */
/* Contexts and trap frames that no trap has made: the first run of a thread, and of a program. */
#include "x86/internal.h"
#include "kern/lib/string.h"
#include "segments.h"

#ifdef __x86_64__
#define SAVED_REGISTERS 6 /* what context_switch() (switch.asm) pops */
#else
#define SAVED_REGISTERS 4
#endif

void context_prepare(struct context *c, void *stack_top, void (*start)(void))
{
	uintptr_t *word = (uintptr_t *)trapframe_of(stack_top);

	*--word = (uintptr_t)trap_return; /* start() returns to there */
	*--word = (uintptr_t)start;
	for (unsigned i = 0; i < SAVED_REGISTERS; i++)
		*--word = 0;
	c->sp = (uintptr_t)word;
}

void trapframe_init_user(struct trapframe *tf, uintptr_t ip, uintptr_t sp)
{
	memset(tf, 0, sizeof(*tf));
	tf->ip = ip;
	tf->sp = sp;
#ifndef __x86_64__
	tf->ds = USER_DS;
	tf->es = USER_DS;
#endif
	trapframe_sanitise(tf);
}

/* Bits of the flags that an application may choose: status flags, TF, DF, AC, ID. */
#define FLAGS_FREE 0x00240dd5ul
#define FLAG_FIXED 0x0002ul

void trapframe_sanitise(struct trapframe *tf)
{
	tf->cs = USER_CS;
	tf->ss = USER_SS;
	tf->flags = (tf->flags & FLAGS_FREE) | FLAG_FIXED | FLAG_IF;
	/* A return to a non-canonical address would fault inside the kernel (SDM 2B, IRET, Protected Mode
	 * Exceptions): let it fault at address 0 in the application instead. */
	if (tf->ip >= USER_END)
		tf->ip = 0;
}

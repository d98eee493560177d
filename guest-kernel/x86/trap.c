/* SPDX-License-Identifier: MIT */
/* Where all entries meet: entry.asm comes here with the trapframe, whatever the reason was. */
#include "x86/internal.h"

_Static_assert(sizeof(struct trapframe) % 16 == 0 || sizeof(void *) == 4, "stack alignment in entry.asm");
#ifdef __x86_64__
_Static_assert(offsetof(struct trapframe, cs) == 144, "TF_CS in trapframe.inc");
#else
_Static_assert(offsetof(struct trapframe, cs) == 60, "TF_CS in trapframe.inc");
#endif

/* An exception in the kernel finds the lock held by this processor, except in trap_return (entry.asm), where
 * the cause is an application's selector and trap_fixup() needs only the frame. */
static bool lock_is_ours(const struct trapframe *tf)
{
	return !trapframe_user(tf) && tf->trapno < VECTOR_IRQ;
}

void machine_trap(struct trapframe *tf)
{
	bool ours = lock_is_ours(tf);

	if (!ours)
		kernel_lock();
#ifdef __x86_64__
	if (tf->trapno == VECTOR_DOUBLE_FAULT) /* in 32 bit a task of its own: native/segments.c */
		kernel_stack_overflow(tf->ip, tf->sp);
#endif
	trap_enter(tf);
	if (tf->trapno == TRAP_SYSCALL)
		syscall(tf);
	else if (tf->trapno < VECTOR_IRQ)
		trap(tf);
	else
		irq_dispatch(tf->trapno);
	trap_exit(tf);
	if (!ours)
		kernel_unlock();
}

extern const char user_copy_words[], user_copy_words_failed[], user_copy_bytes[], user_copy_bytes_failed[];
#ifndef __x86_64__
extern const char restore_gs[], restore_fs[], restore_es[], restore_ds[];

/* A fault in the kernel pushes no stack pointer: the interrupted stack, where the selector to be popped
 * lies, starts where that word would have been. The null selector never faults. */
static bool fixup_selector(struct trapframe *tf)
{
	const char *ip = (const char *)tf->ip;

	if (ip != restore_gs && ip != restore_fs && ip != restore_es && ip != restore_ds)
		return false;
	tf->sp = 0;
	return true;
}
#else
static bool fixup_selector(struct trapframe *tf)
{
	return false;
}
#endif

bool trap_fixup(struct trapframe *tf)
{
	if (tf->ip == (uintptr_t)user_copy_words)
		tf->ip = (uintptr_t)user_copy_words_failed;
	else if (tf->ip == (uintptr_t)user_copy_bytes)
		tf->ip = (uintptr_t)user_copy_bytes_failed;
	else
		return fixup_selector(tf);
	return true;
}

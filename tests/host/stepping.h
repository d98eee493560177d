/* SPDX-License-Identifier: MIT */
/* A function watched after each of its instructions, as another CPU may look between any two: the trap flag, whose #DB
 * Linux delivers as SIGTRAP, with the flag clear in the handler. */
#pragma once

#include <signal.h>
#include <stdbool.h>

/* The flags go below what a leaf function may keep under its stack pointer (psABI, "The Stack Frame"). */
static inline void trace_flag(bool on)
{
	if (on)
		__asm__ volatile(
		    "lea -128(%%rsp), %%rsp; pushf; orq $0x100, (%%rsp); popf; lea 128(%%rsp), %%rsp" ::
			: "cc", "memory");
	else
		__asm__ volatile(
		    "lea -128(%%rsp), %%rsp; pushf; andq $~0x100, (%%rsp); popf; lea 128(%%rsp), %%rsp" ::
			: "cc", "memory");
}

/* Run @fn; @look is called after each instruction. */
static inline void in_steps(void (*fn)(void), void (*look)(int))
{
	struct sigaction now = {.sa_handler = look}, before;

	if (sigaction(SIGTRAP, &now, &before))
		__builtin_trap();
	trace_flag(true);
	fn();
	trace_flag(false);
	sigaction(SIGTRAP, &before, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Guest memory word by word, in line: for the few paths where a call to guest_copy.c would cost more than the
 * words (exception frames, iret, multicalls). The same rules hold, but the caller sees to them: range_ok()
 * first, then the accesses between guest_access_begin() and _end(). A fault jumps to the label @fault of the
 * calling function, which must end the access too.
 */
#pragma once

#include "lib/image.h"
#include "lib/types.h"

/* CR4.SMAP is on for some guests: guest memory is opened by STAC around each copy. */
extern bool guest_copy_smap;

/* SMAP: guest pages only between these two (SDM 3A 4.6, "Access Rights"). */
static inline void guest_access_begin(void)
{
	if (unlikely(guest_copy_smap))
		__asm__ volatile("stac" : : : "memory");
}

static inline void guest_access_end(void)
{
	if (unlikely(guest_copy_smap))
		__asm__ volatile("clac" : : : "memory");
}

/* @var, an integer of 32 or 64 bits, from or to the guest's word at @gva. */
#define GUEST_LOAD(var, gva, fault)                                        \
	__asm__ goto("1:\tmov %1, %0\n\t" EX_TABLE("1b", "%l[" #fault "]") \
		     : "=r"(var)                                           \
		     : "m"(*(const __typeof__(var) *)(gva))                \
		     : "memory"                                            \
		     : fault)
#define GUEST_STORE(gva, value, fault)                                     \
	__asm__ goto("1:\tmov %0, %1\n\t" EX_TABLE("1b", "%l[" #fault "]") \
		     :                                                     \
		     : "r"(value), "m"(*(__typeof__(value) *)(gva))        \
		     : "memory"                                            \
		     : fault)

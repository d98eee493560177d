/* SPDX-License-Identifier: MIT */
/*
 * Guest memory word by word, in line: for the few paths where a call to guest_copy.c would cost more than the
 * words (exception frames, iret, multicalls). The same rules hold, but the caller must keep them: range_ok()
 * first, then the accesses between guest_access_begin() and _end(). A fault jumps to the label @fault of the
 * calling function, which must end the access too.
 */
#pragma once

#include "lib/image.h"
#include "lib/types.h"

/*
 * SMAP: guest pages only between these two (SDM 3A 4.6, "Access Rights"). Each is a NOP of three bytes,
 * which guest_access_init() replaces by STAC or CLAC if SMAP is used.
 */
#ifdef HOST_TEST
#define SMAP_SITE(last)
#else
#define SMAP_SITE(last)                                                                              \
	__asm__ volatile("1:\tnopl (%%rax)\n\t"                                                      \
			 ".pushsection .smap_sites, \"a\"\n\t.long 1b - ., " #last "\n\t.popsection" \
			 :                                                                           \
			 :                                                                           \
			 : "memory")
#endif
static __always_inline void guest_access_begin(void)
{
	SMAP_SITE(0xcb); /* 0f 01 cb: stac */
}

static __always_inline void guest_access_end(void)
{
	SMAP_SITE(0xca); /* 0f 01 ca: clac */
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

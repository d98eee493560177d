/* SPDX-License-Identifier: MIT */
/* The marks: 128 functions that do nothing, each with an address of its own, behind a gap of LAB_PAD * 16 bytes. */
#include "mark.h"

__asm__(".text\n"
	".skip LAB_PAD * 16, 0xcc\n"
	".balign 16\n"
	".globl marks\n"
	"marks:\n"
	".rept 128\n"
	"	ret\n"
	"	.balign 16, 0xcc\n"
	".endr\n");

/* SPDX-License-Identifier: MIT */
/* The first steps of the other processors (boot/trampoline.asm). */
#pragma once

#include "lib/types.h"

#define TRAMPOLINE \
	0x8000 /* page where they wake: conventional memory, ours alone after the loader is done \
		*/

extern const uint8_t trampoline_start[], trampoline_end[];
/* The stack of the CPU being started: a variable of .boot, seen at its image address (ringlet.lds). */
extern uint64_t ap_stack_variable;

/* SPDX-License-Identifier: MIT */
/* The first steps of the other processors (boot/trampoline.asm). */
#pragma once

#include "lib/types.h"

#define TRAMPOLINE \
	0x8000 /* page where they wake: conventional memory, unused once the loader is done \
		*/

extern const uint8_t trampoline_start[], trampoline_end[];
/* What the CPU being started needs to leave the early tables (boot/multiboot.asm): variables of .boot, seen at their
 * image address (ringlet.lds). */
struct ap_handover {
	uint64_t cr3, stack_top;
};
extern struct ap_handover ap_handover;

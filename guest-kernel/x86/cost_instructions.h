/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions that are the same on the bare machine and in a PV guest (x86/cost_instructions.c), for the
 * tables of native/cost.c and pv/cost.c.
 */
#ifndef X86_COST_INSTRUCTIONS_H
#define X86_COST_INSTRUCTIONS_H

#include "machine.h"

#define UNUSED_PORT 0x80u

void cost_clear_task_switched(const struct cost_room *room, unsigned rounds);
void cost_write_debug(const struct cost_room *room, unsigned rounds);
void cost_read_cr0(const struct cost_room *room, unsigned rounds);
void cost_read_efer(const struct cost_room *room, unsigned rounds);

#endif

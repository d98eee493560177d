/* SPDX-License-Identifier: MIT */
/* A trap frame as text, for panics. */
#ifndef X86_SHOW_REGISTERS_H
#define X86_SHOW_REGISTERS_H

#include "machine.h"

/* Line i of the dump, without a newline; false when there are no more. */
bool show_registers_line(const struct trapframe *tf, int i, char *buf, size_t size);

#endif

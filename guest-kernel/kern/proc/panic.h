/* SPDX-License-Identifier: MIT */
/* What a panic shows besides its sentence. */
#ifndef KERN_PROC_PANIC_H
#define KERN_PROC_PANIC_H

struct trapframe;

void panic_show_task(void);
/* Registers at an exception in the kernel itself. */
void panic_show_registers(const struct trapframe *tf);

#endif

/* SPDX-License-Identifier: MIT */
/* The end: reports of our own bugs. panic() itself is declared in lib/printk.h. */
#pragma once

#include "lib/printk.h"

struct cpu_user_regs;

/* An exception inside the hypervisor that no fix-up covers: print registers and backtrace, then as panic().
 */
void panic_trap(const struct cpu_user_regs *regs) __noreturn;
/* An NMI arrived: stops this CPU if another one panics, otherwise notes it. Called by entry/. */
void nmi_handler(const struct cpu_user_regs *regs);
/* What to do last (dev/power.c: reboot, or halt with noreboot). */
void panic_set_end(void (*fn)(void));

/* Registers of ours or of a guest, on seven lines. */
void regs_print(enum log_kind kind, const struct cpu_user_regs *regs);

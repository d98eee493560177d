/* SPDX-License-Identifier: MIT */
/* The end: reports of the hypervisor's own bugs. */
#pragma once

#include "lib/printk.h"

struct cpu_user_regs;

/* A bug of the hypervisor: print the sentence, registers, a backtrace by symbol and the CPU; stop every CPU; reboot or
 * halt (noreboot). No guest input may ever get here. */
void panic(const char *fmt, ...) __printf_like(1, 2) __noreturn;

#define BUG() panic("BUG at %s:%d", __FILE__, __LINE__)
#define BUG_ON(c)                                                          \
	do {                                                               \
		if (unlikely(c))                                           \
			panic("BUG at %s:%d: %s", __FILE__, __LINE__, #c); \
	} while (0)

/* An exception inside the hypervisor that no fix-up covers: print registers and backtrace, then as panic().
 */
void panic_trap(const struct cpu_user_regs *regs) __noreturn;
/* An NMI arrived: stops this CPU if another one panics, otherwise does nothing. Called by entry/. */
void nmi_handler(const struct cpu_user_regs *regs);
/* What else tells where the CPU was, if a vCPU is current (dom/report.c). */
void panic_set_context(void (*fn)(void));
/* What to do last (dev/power.c: reboot, or halt with noreboot). */
void panic_set_end(void (*fn)(void));

/* Registers of the hypervisor or of a guest, on seven lines. */
void regs_print(enum log_kind kind, const struct cpu_user_regs *regs);

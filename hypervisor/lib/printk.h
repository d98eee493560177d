/* SPDX-License-Identifier: MIT */
/* The hypervisor's log: a ring in memory (read by `rl dmesg`) and the consoles chosen on the command line. */
#pragma once

#include "lib/types.h"

/* Log one formatted message, prefixed "(ringlet) " at each line start. Any context, any CPU. */
void printk(const char *fmt, ...) __printf_like(1, 2);

/* The same, for text that came from guest @domid: prefixed "(dN) ". */
void guest_printk(domid_t domid, const char *fmt, ...) __printf_like(2, 3);

/* Our own bug: print the sentence, registers, a backtrace by symbol and the CPU; stop every CPU; reboot or
 * halt (noreboot). No guest input may ever get here. */
void panic(const char *fmt, ...) __printf_like(1, 2) __noreturn;

#define BUG() panic("BUG at %s:%d", __FILE__, __LINE__)
#define BUG_ON(c)                                                          \
	do {                                                               \
		if (unlikely(c))                                           \
			panic("BUG at %s:%d: %s", __FILE__, __LINE__, #c); \
	} while (0)
#define ASSERT(c) BUG_ON(!(c))

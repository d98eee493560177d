/* SPDX-License-Identifier: MIT */
/* The hypervisor's log: a ring in memory (read by `rl dmesg`) and the consoles chosen on the command line. */
#pragma once

#include "lib/types.h"

/* Log one formatted message, prefixed "(ringlet) " at each line start. Any CPU; not in an NMI or in cpu_call(). */
void printk(const char *fmt, ...) __printf_like(1, 2);

/* Three kinds of lines are kept apart, so that a flood of one leaves the others readable. */
enum log_kind {
	LOG_KIND_OWN,  /* printk: what the hypervisor does, and what an operator asked for */
	LOG_KIND_FATE, /* how guests ended */
	LOG_KIND_SAID, /* what guests wrote */
	LOG_KINDS,
};

/* As printk, of another kind. */
void printk_kind(enum log_kind kind, const char *fmt, ...) __printf_like(2, 3);
/* The same, for text that came from guest @domid: prefixed "(dN) ". */
void guest_printk(domid_t domid, const char *fmt, ...) __printf_like(2, 3);

/* Of each kind the last lines of LOG_KIND_SIZE characters together are kept. */
#define LOG_KIND_SIZE 16384
#define LOG_SIZE      (LOG_KIND_SIZE * LOG_KINDS)
/* Copy up to @n characters to @buf and return how many: with @incremental from *index on (a running count of
 * characters, advanced), else from the oldest kept (*index set to the end of what was copied). */
size_t log_read(uint32_t *index, bool incremental, char *buf, size_t n);
void log_clear(void); /* what is kept so far is not shown again by a non-incremental read */

/* Where printk's text goes besides the ring; dev/console.c registers. */
void printk_set_sink(void (*sink)(const char *text, size_t n));
/* Text without a prefix, straight to the consoles and not kept: Dom0's terminal (console_io). */
void printk_raw(const char *text, size_t n);
/* A panic may interrupt a holder of the log's lock: take no locks from now on. */
void printk_force(void);

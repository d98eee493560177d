/* SPDX-License-Identifier: MIT */
/*
 * How a judge tells the grader what it has found: it executes a mark. The grader has QEMU log the executed addresses, and
 * that log is a file of the host. What is printed counts for nothing, since the code that is judged can print as well. Where
 * the marks are is different in each grading (LAB_PAD).
 */
#pragma once

#include "fw.h"

#define MARK_BYTES 16 /* scripts/grading.py knows it, and that there are 128 */

extern const char marks[];

static inline void mark(unsigned n)
{
	((void (*)(void))(marks + n * MARK_BYTES))();
}

/* From now on the domain may live for a second: of instructions, under -icount. A kernel that loops with events masked ends
 * too, and no clock of the host is asked. */
static inline void judge_begins(void)
{
	struct sched_watchdog watchdog = {.id = 0, .timeout = 1};

	if (hypercall_sched_op(SCHEDOP_watchdog, &watchdog) < 0)
		error("no watchdog");
}

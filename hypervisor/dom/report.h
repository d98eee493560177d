/* SPDX-License-Identifier: MIT */
/* The report on a domain that cannot go on, and the line buffer of a guest's emergency console. */
#pragma once

struct domain;

/* For a panic: which vCPU this CPU holds. */
void report_current(void);
/* Domain, vCPU, RIP, the sentence @why; if it is the current vCPU's, registers, stack and callers too. */
void report_crash(struct domain *d, const char *why);

/* @d writes no more, for now: print what it has written by console_io without ending the line, and how many lines were
 * left out (dom/console_op.c). */
void console_flush(struct domain *d);

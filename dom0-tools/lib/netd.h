/* SPDX-License-Identifier: MIT */
/* How rl asks rl-netd: a line into its FIFO (ctl.h), which names the file where the answer is to be (netd/control.h). */
#pragma once

/* @verb and what stands behind the answer's file in the line. The answer, malloc()ed. NULL and a report: rl-netd does not run, or
 * says no. */
char *netd_ask(const char *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

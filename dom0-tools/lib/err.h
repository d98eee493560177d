/* SPDX-License-Identifier: MIT */
/*
 * One way to fail: a single line that says what failed, what was needed, what there was, and how to fix it. The line
 * goes to standard error and is kept, so that tests (and callers that add context) can look at it.
 */
#pragma once

#include <stdbool.h>

/* Report and return -1: `return fail("...")`. */
int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, and the meaning of @rc (-errno of a hypercall or system call) at the end. */
int fail_errno(long rc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Something is odd, but the work continues. */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The last line reported by fail() in this process, without the program's name; "" if none. */
const char *fail_last(void);
/* Keep the lines away from standard error, for callers that make many errors on purpose. */
void fail_quiet(bool on);
/* Name printed before each line ("rl" unless set). */
void fail_program(const char *name);

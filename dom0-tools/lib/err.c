/* SPDX-License-Identifier: MIT */
/* Error lines: see err.h. */
#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *program = "rl";
static char last[512];
static bool quiet;

static void put_line(const char *kind, const char *fmt, va_list ap)
{
	vsnprintf(last, sizeof(last), fmt, ap);
	if (quiet)
		return;
	fflush(stdout); /* keep the order a reader of both streams expects */
	fprintf(stderr, "%s: %s%s\n", program, kind, last);
}

int fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_line("", fmt, ap);
	va_end(ap);
	return -1;
}

int fail_errno(long rc, const char *fmt, ...)
{
	va_list ap;
	char text[400];

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail("%s: %s", text, strerror(rc < 0 ? (int)-rc : (int)rc));
}

void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_line("warning: ", fmt, ap);
	va_end(ap);
}

const char *fail_last(void)
{
	return last;
}

void fail_program(const char *name)
{
	program = name;
}

void fail_quiet(bool on)
{
	quiet = on;
}

/* SPDX-License-Identifier: MIT */
/* What stand-ins were asked for, in the order in which it happened. Included by one file of a test, after cmocka.h. */
#pragma once

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/types.h"

/* What was done, in words; each test compares and forgets. */
static char deeds[512];
static void note(const char *fmt, ...) __printf_like(1, 2);
static void note(const char *fmt, ...)
{
	size_t n = strlen(deeds);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(deeds + n, sizeof(deeds) - n, fmt, ap);
	va_end(ap);
	strncat(deeds, ";", sizeof(deeds) - strlen(deeds) - 1);
}
#define assert_done(expected)                         \
	do {                                          \
		assert_string_equal(deeds, expected); \
		deeds[0] = '\0';                      \
	} while (0)

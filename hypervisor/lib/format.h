/* SPDX-License-Identifier: MIT */
/* printf: %c %s %d %i %u %x %X %p %%, length l ll z h hh, width (also *), precision for %s, flags 0 - .
 */
#pragma once

#include <stdarg.h>
#include "lib/types.h"

/* Format into @buf of @size bytes, always zero-ended. Returns the length of the whole text. */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf_like(3, 4);

/* SPDX-License-Identifier: MIT */
/* Numbers on a test kernel's command line; for kernels of every kind. */
#pragma once

/* The number behind @name ("seed=") in @line, or @value. */
static inline unsigned long option_in(const char *line, const char *name, unsigned long value)
{
	for (const char *p = line; *p; p++) {
		unsigned n = 0;

		while (name[n] && p[n] == name[n])
			n++;
		if (name[n])
			continue;
		for (value = 0, p += n; *p >= '0' && *p <= '9'; p++)
			value = value * 10 + *p - '0';
		break;
	}
	return value;
}

/* SPDX-License-Identifier: MIT */
/* How much memory the kernel has left, for programs that look for what it loses. */
#ifndef TESTS_KERNEL_FREE_KIB_H
#define TESTS_KERNEL_FREE_KIB_H

#include <stdio.h>

static inline unsigned long free_kib(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	unsigned long kib = 0;
	char line[100];

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "MemFree: %lu", &kib);
	if (f)
		fclose(f);
	return kib;
}

#endif

/* SPDX-License-Identifier: MIT */
/* The trace as both files of this test read it. */
#pragma once

#include "fw.h"
#include "ringlet/sysctl.h"

#define RECORDS 2048

extern struct ringlet_record records[RECORDS];

long trace(uint32_t command, domid_t domain, uint32_t size);
/* Everything in the ring of CPU 0 into records[]; how much, and in *lost what found no room. */
uint32_t trace_read(uint64_t *lost);
/* Stays follow each other; moments lie behind the stay before and in the next one. */
void check_order(uint32_t n);

/* ---- moments.c ---- */
void moments(void);

static inline uint64_t ticks_now(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

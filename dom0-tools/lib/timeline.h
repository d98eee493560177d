/* SPDX-License-Identifier: MIT */
/*
 * Trace records (ringlet/sysctl.h) as a timeline: Chrome's JSON, which Perfetto's viewer opens. One track per
 * vCPU. Slices are strictly nested and written in order of time: running on a CPU > in a ring > for a reason.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include <ringlet/sysctl.h>

struct timeline_cpu {
	struct ringlet_record *records; /* in the order of the ring */
	size_t count;
	uint64_t lost;
};

struct timeline {
	struct timeline_cpu *cpus;
	unsigned nr_cpus;
	uint32_t khz;    /* of the time-stamp counter */
	unsigned domain; /* only this one, or RINGLET_TRACE_ALL */
	const char *(*domain_name)(unsigned id);
};

/* Write it all. -1 if there was no memory; the caller checks the file for errors (ferror). */
int timeline_write(const struct timeline *t, FILE *out);

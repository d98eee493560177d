/* SPDX-License-Identifier: MIT */
/*
 * Makes a PV domain, ready to be unpaused: creates it, gives it memory, loads kernel and initrd, writes its
 * first page tables, start_info and P2M, and sets its first vCPU (start of day as in xen/xen.h's start_info).
 * Whatever fails, everything is undone and one line says why.
 */
#pragma once

#include "hv.h"

#include <stdbool.h>

struct build_request {
	const char *kernel, *ramdisk; /* files; ramdisk may be NULL */
	const char *cmdline;
	uint64_t memory_kb, maxmem_kb;
	unsigned vcpus;
	const uint8_t *uuid; /* 16 bytes; NULL: a random one */
	bool fv, fv_patch;   /* an unmodified kernel; replace instructions that do not trap */
};

struct build_result {
	unsigned id;
	const char *kind; /* "pv64", "pv32", "fv" */
	char uuid[37];    /* as text */
	uint64_t console_mfn, store_mfn;
	unsigned console_port, store_port; /* the domain's */
};

/* The domain stays paused. -1 and a report. */
int build_domain(struct hv *hv, const struct build_request *request, struct build_result *result);

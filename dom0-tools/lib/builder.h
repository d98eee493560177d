/* SPDX-License-Identifier: MIT */
/*
 * Makes a domain, ready to be unpaused: creates it, gives it memory, loads kernel and initrd, writes its
 * first page tables, start_info and P2M, and sets its first vCPU (start of day as in xen/xen.h's start_info).
 * If a step fails, everything is undone and one line says why.
 */
#pragma once

#include "domconf.h"
#include "hv.h"
#include "job.h"

#include <stdbool.h>

struct build_result;

struct build_request {
	const struct domconf *conf;
	xen_domain_handle_t handle; /* its UUID */
	/* Called when the domain exists and is empty, with id, kind and uuid. Not 0, after a report: undo it. May be NULL. */
	int (*created)(void *arg, const struct build_result *built);
	void *arg;
};

#define NO_DOMAIN_YET (~0u)

struct build_result {
	unsigned id;      /* NO_DOMAIN_YET: it failed before there was a domain */
	const char *kind; /* "pv64", "pv32", "fv" */
	char uuid[UUID_TEXT];
	uint64_t console_mfn, store_mfn;
	unsigned console_port, store_port; /* the domain's */
};

/* Can the machine give a domain this much memory, if it gets @spare_kb back first? A check in advance, not a promise.
 * 0, or -1 and a report. */
int build_has_memory(struct hv *hv, uint64_t memory_kb, uint64_t spare_kb);
/* The domain stays paused. -1 and a report. */
int build_domain(struct hv *hv, const struct build_request *request, struct build_result *result);

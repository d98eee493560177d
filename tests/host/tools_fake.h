/* SPDX-License-Identifier: MIT */
/*
 * A hypervisor for the tests of the Dom0 tools: it has frames, one domain, and remembers what was asked of
 * it. Any of the hypercalls can be made to fail, to see that the tools undo what they did.
 */
#pragma once

#include "hv.h"

#include <stdbool.h>

#define FAKE_FRAMES 16384
#define FAKE_LOW    8 /* frames below 4 GiB: shared_info, and for callers that need such */
#define FAKE_BASE   (0x100000 - FAKE_LOW) /* machine frame number of the first one */
#define FAKE_DOMID  5

struct fake {
	uint8_t *ram;
	bool alive;
	unsigned flags;               /* of createdomain */
	uint32_t mfn_of[FAKE_FRAMES]; /* by the guest's frame numbers, as the builder named them */
	unsigned address_size, max_vcpus, nr_ports, calls,
	    fail_at;               /* fail_at: number of the call to fail, 0: none */
	unsigned maps;             /* foreign mappings not yet undone */
	uint64_t given, given_low; /* frames handed out */
	uint64_t hypercall_mfn, pinned, shared_info_mfn, grant_mfn;
	unsigned pin_cmd;
	uint8_t context[8192];
	unsigned largest_order; /* refuse extents above it */
	struct {
		void *at;
		xen_pfn_t mfns[256];
		size_t count;
	} map[4];
};

extern struct fake fake;
extern const struct hv_ops fake_ops;

void fake_reset(void);
uint8_t *fake_frame(uint64_t mfn);

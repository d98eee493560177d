/* SPDX-License-Identifier: MIT */
/* How much memory the initial domain gets (dom0_mem=): arithmetic only, so that it can be tested on the host. */
#pragma once

#include "lib/options.h"
#include "lib/types.h"

struct dom0_size {
	uint64_t pages, max_pages;  /* at its start; and what it may grow to */
	uint64_t wanted, available; /* pages: more wanted than available is no error, but is reported */
};

/* Of @free pages of the machine. */
struct dom0_size dom0_size_choose(const struct dom0_mem *options, uint64_t free);

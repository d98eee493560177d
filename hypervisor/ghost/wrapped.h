/* SPDX-License-Identifier: MIT */
/* Both names of each function of calls.def: the ghost's, which callers get, and the hypervisor's own. */
#pragma once

#include "lib/types.h"

struct ptwr_change;
struct vcpu;

#define GHOST_JUDGED(result, name, parameters) \
	result __wrap_##name parameters;       \
	result __real_##name parameters;
#define GHOST_BESIDE(result, name, parameters, arguments) GHOST_JUDGED(result, name, parameters)
#include "ghost/calls.def"
#undef GHOST_JUDGED
#undef GHOST_BESIDE

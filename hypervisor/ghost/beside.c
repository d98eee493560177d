/* SPDX-License-Identifier: MIT */
/* What is not judged, but changes what the model sees: nothing is judged meanwhile (see ghost.h). */
#include "ghost/ghost.h"
#include "ghost/wrapped.h"

#define GHOST_JUDGED(result, name, parameters)
#define GHOST_BESIDE(result, name, parameters, arguments) \
	result __wrap_##name parameters                   \
	{                                                 \
		result r;                                 \
                                                          \
		ghost_enter(NULL);                        \
		r = __real_##name arguments;              \
		ghost_leave(false);                       \
		return r;                                 \
	}
#include "ghost/calls.def"

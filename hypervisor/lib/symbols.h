/* SPDX-License-Identifier: MIT */
/* Names of our own functions, for backtraces. */
#pragma once

#include "lib/types.h"

/* The function that @addr lies in and the distance from its start; NULL outside the text. */
const char *symbol_lookup(uint64_t addr, uint64_t *offset);
/* Print a backtrace: @rip, then the callers by the chain of frame pointers from @rbp. */
void backtrace_print(uint64_t rip, uint64_t rbp);

/* SPDX-License-Identifier: MIT */
/* Names of the hypervisor's functions, for backtraces. */
#pragma once

#include "lib/types.h"

/* The function that @addr lies in and the distance from its start; NULL outside the text. */
const char *symbol_lookup(uint64_t addr, uint64_t *offset);
/* Print @rip and the callers found on the stack from @rsp up to @stack_end. */
void backtrace_print(uint64_t rip, uint64_t rsp, uint64_t stack_end);

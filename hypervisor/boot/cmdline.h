/* SPDX-License-Identifier: MIT */
/* The hypervisor's command line; names as Xen's. Unknown options give a warning (cmdline_report). */
#pragma once

#include "lib/types.h"
#include "lib/options.h"

void cmdline_parse(const char *line);
/* Print what could not be understood, once the console works. */
void cmdline_report(void);

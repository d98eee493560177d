/* SPDX-License-Identifier: MIT */
/* What `rl switch` asks, answered as text for people. */
#pragma once

#include "switch.h"

#include <stdio.h>

/* The question is one of "show", "vlan", "mac", "stats", "port NAME". False: it is none. */
bool answer(FILE *out, const char *question, uint64_t now_ms);

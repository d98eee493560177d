/* SPDX-License-Identifier: MIT */
/* The only file of rl that is compiled again with each commit (scripts/built-from.sh). */
#include "verbs.h"
#include <built_from.h>

const char rl_built_from[] = BUILT_FROM;

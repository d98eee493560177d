/* SPDX-License-Identifier: MIT */
/* The only file that is compiled again with each commit (scripts/built-from.sh). */
#include "lib/version.h"
#include "built_from.h"

const char version_changeset[] = BUILT_FROM;

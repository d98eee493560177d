/* SPDX-License-Identifier: MIT */
/* Running rl-unpack. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define KERNEL_FILE_MAX (256u << 20) /* no larger file is read, packed or not */

extern const char *unpack_program; /* "rl-unpack", looked for in PATH; tests have it elsewhere */

/* What @path carries packed, at most @max bytes, malloc()ed. NULL and a report, by rl-unpack or by the caller's
 * process. */
uint8_t *unpack_file(const char *path, size_t max, size_t *size);

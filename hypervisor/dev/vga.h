/* SPDX-License-Identifier: MIT */
/* VGA text mode, 80x25, as the firmware left it. Callers hold the console's lock. */
#pragma once

#include "lib/types.h"

void vga_init(void);
void vga_write(const char *text, size_t n);

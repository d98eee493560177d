/* SPDX-License-Identifier: MIT */
/* The options' defaults. */
#include "lib/options.h"

struct options options = {
    .console_com1 = true,
    .console_vga = true,
    .com1_baud = 115200,
    .com1_lcr = 0x03, /* 8n1 */
    .smep = -1,
    .smap = -1,
    .sched = "rr",
};

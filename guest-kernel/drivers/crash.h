/* SPDX-License-Identifier: MIT */
/* /dev/crash: ways to crash this kernel, for demonstrations. */
#ifndef DRIVERS_CRASH_H
#define DRIVERS_CRASH_H

void crash_init(void);

#endif

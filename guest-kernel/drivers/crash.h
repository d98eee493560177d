/* SPDX-License-Identifier: MIT */
/* /dev/crash: ways for this kernel to come to grief, for demonstrations. */
#ifndef DRIVERS_CRASH_H
#define DRIVERS_CRASH_H

void crash_init(void);

#endif

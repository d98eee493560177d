/* SPDX-License-Identifier: MIT */
/* Drivers that have nothing but device files for programs. Each registers its own when drivers_init() (native/, pv/) asks it. */
#ifndef DRIVERS_DEVICES_H
#define DRIVERS_DEVICES_H

void crash_init(void); /* /dev/crash: ways to crash this kernel, for demonstrations */

void serial_lines_init(void); /* /dev/ttyS1 and on, where the machine has them */

/* Linux's interfaces below /dev/xen. */
void evtchn_init(void);   /* event channels */
void gntalloc_init(void); /* granted pages */
void gntdev_init(void);   /* mapping and copying what other domains granted */
void privcmd_init(void);  /* hypercalls, and mappings of other domains' memory, for Dom0's tools */

#endif

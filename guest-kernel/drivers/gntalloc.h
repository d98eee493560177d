/* SPDX-License-Identifier: MIT */
/* /dev/xen/gntalloc: granted pages for programs. Linux's interface. */
#ifndef DRIVERS_GNTALLOC_H
#define DRIVERS_GNTALLOC_H

void gntalloc_init(void);

#endif

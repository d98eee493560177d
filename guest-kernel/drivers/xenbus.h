/* SPDX-License-Identifier: MIT */
/* /dev/xen/xenbus: the store for programs. /dev/xen/xenbus_backend: the store's own side, in Dom0. */
#ifndef DRIVERS_XENBUS_H
#define DRIVERS_XENBUS_H

#include "kern/lib/types.h"

void xenbus_init(void);

/* In Dom0: makes the ring, whose other side the store daemon will take. */
void xenbus_backend_init(void);
/* Has a daemon taken the other side? Always true in other domains. */
bool xenbus_served(void);

#endif

/* SPDX-License-Identifier: MIT */
/* Requests of Dom0 that come through the store: control/shutdown. */
#ifndef DRIVERS_XENSTORE_H
#define DRIVERS_XENSTORE_H

#include "kern/lib/types.h"

/* page: the store ring that start_info names. Begins to watch; what comes is done from the interrupt. */
void xenstore_init(void *page, unsigned event_port);

#endif

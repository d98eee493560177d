/* SPDX-License-Identifier: MIT */
/* Requests of Dom0 that come through the store: control/shutdown. */
#ifndef DRIVERS_XENSTORE_H
#define DRIVERS_XENSTORE_H

/* Begins to watch; requests are carried out in the interrupt. Needs the store ring (xs_ring.h). */
void xenstore_init(void);

#endif

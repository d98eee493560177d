/* SPDX-License-Identifier: MIT */
/* /dev/xen/evtchn: event channels for programs. Linux's interface. */
#ifndef DRIVERS_EVTCHN_H
#define DRIVERS_EVTCHN_H

void evtchn_init(void);

#endif

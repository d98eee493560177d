/* SPDX-License-Identifier: MIT */
/* /dev/net/tun: a device whose line ends in a program. */
#ifndef KERN_NET_TAP_H
#define KERN_NET_TAP_H

void tap_init(void);

#endif

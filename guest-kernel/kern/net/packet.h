/* SPDX-License-Identifier: MIT */
/* Packet sockets: programs that see and send frames as they are (udhcpc, arping, a switch). */
#ifndef KERN_NET_PACKET_H
#define KERN_NET_PACKET_H

#include "kern/net/netdev.h"

struct pbuf;

bool packet_wanted(const struct netdev *d); /* is there a socket that sees what the device receives? */
/* Gives sockets what the device has received; or, with `sent`, what it is going to send, of which that is known. */
void packet_deliver(struct netdev *d, struct pbuf *p, const struct net_frame *sent);
void packet_removed(const struct netdev *d); /* its sockets are told */

#endif

/* SPDX-License-Identifier: MIT */
/* Addresses of AF_INET and AF_INET6 sockets, and lwIP's. An IPv6 socket reaches IPv4 by mapped addresses (::ffff:a.b.c.d). */
#ifndef KERN_NET_INET_H
#define KERN_NET_INET_H

#include "kern/net/socket.h"

struct ip_addr; /* lwIP's struct ip_addr */

/* Any address, in what a socket of this kind binds: IPv6's takes IPv4 too, unless v6only. */
u8 inet_type(const struct socket *s);
/* -EAFNOSUPPORT, or -EINVAL: too short. */
int inet_from(const struct socket *s, const union address *a, u32 len, struct ip_addr *ip, u16 *port);
/* Its length. */
u32 inet_to(const struct socket *s, const struct ip_addr *ip, u16 port, union address *a);
/* The address by which a peer would be reached, if none is bound. */
void inet_local(const struct ip_addr *peer, struct ip_addr *local);

#endif

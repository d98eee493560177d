/* SPDX-License-Identifier: MIT */
/* Devices' addresses and states, as ioctl() (ioctl.c) and netlink sockets (netlink.c) show and change them. */
#ifndef KERN_NET_CONFIG_H
#define KERN_NET_CONFIG_H

#include "kern/net/netdev.h"

enum {
	IFF_UP = 1,
	IFF_BROADCAST = 2,
	IFF_LOOPBACK = 8,
	IFF_RUNNING = 0x40,
	IFF_MULTICAST = 0x1000,
	IFF_LOWER_UP = 0x10000,
};

#define TXQUEUE 128

u32 config_flags(const struct netdev *d);
int config_set_up(struct netdev *d, bool up);
int config_set_mac(struct netdev *d, const u8 *mac);
int config_set_mtu(struct netdev *d, int mtu);

/* IPv4, in network order. */
u32 config_address(const struct netdev *d);
u32 config_mask(const struct netdev *d);
u32 config_broadcast(const struct netdev *d);
int config_set_address(struct netdev *d, u32 address, u32 mask); /* 0: none any more, and no routes */
u32 config_mask_of(u32 prefix);
u32 config_prefix_of(u32 mask);

int config_add_address6(struct netdev *d, const u32 words[4]);
int config_delete_address6(struct netdev *d, const u32 words[4]);

#endif

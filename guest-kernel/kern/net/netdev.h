/* SPDX-License-Identifier: MIT */
/*
 * Network devices: what carries Ethernet frames. A driver registers one, sends the frames that it is given, and hands in those
 * that arrive. What becomes of them (lwIP, packet sockets) is not its concern.
 *
 * Everything is called with the kernel lock, in interrupts too, and nothing sleeps. netdev_receive() may send: transmit() is
 * called within it. Never call netdev_receive() or netdev_wake() within transmit().
 */
#ifndef KERN_NET_NETDEV_H
#define KERN_NET_NETDEV_H

#include "kern/lib/list.h"

#define NETDEV_NAME_MAX 16u /* with the end, as in Linux */
#define NET_MAC_LEN     6u
#define NET_HEADER_LEN  14u /* of a frame: two addresses and a type */
#define NET_MTU         1500u
#define NET_FRAME_MAX \
	(NET_HEADER_LEN + 4 + NET_MTU) /* the longest frame, with a VLAN's tag, without its checksum */
#define NET_PIECES 8u                  /* of a frame that is sent, at most */
#define NET_BURST \
	64u /* frames that a driver hands in before it lets others run: in one interrupt, or timer */

/* Memory in the linear map. Of a frame that is sent it lies within one page frame; what is in that page besides is the kernel's. */
struct net_piece {
	const void *at;
	u32 len;
};

/* What is known of a frame's TCP or UDP checksum. */
enum net_checksum {
	NET_SUM_UNKNOWN, /* sent: it is complete; received: it must be checked */
	NET_SUM_BLANK, /* the field has the sum of the pseudo-header only, not complemented: see start and offset */
	NET_SUM_GOOD, /* received: somebody has checked it */
};

struct net_frame {
	const struct net_piece *pieces;
	u32 count, len; /* of pieces; of all of them together */
	enum net_checksum checksum;
	/* With NET_SUM_BLANK, of a frame that is sent: where the sum begins, in the frame; and from there, where its field is. */
	u16 sum_start, sum_offset;
};

struct netdev {
	/* The driver's, before netdev_add(). */
	char name[NETDEV_NAME_MAX]; /* "eth%": the first number that is free */
	u8 mac[NET_MAC_LEN];
	u32 mtu;     /* 68 to NET_MTU */
	u32 longest; /* frame that it hands in, of segments that somebody has put together; 0: one of its MTU */
	bool sends_blank; /* transmit() takes frames with NET_SUM_BLANK */
	bool carrier;     /* as it is now */
	/* Sends a frame of at most NET_PIECES pieces and NET_FRAME_MAX bytes, and copies what it needs: pieces and memory are the
	 * caller's again at once. False: no room now; netdev_wake() when there is. */
	bool (*transmit)(struct netdev *d, const struct net_frame *f);
	/* Called at the end of netdev_remove(): nobody has it any more. NULL: nothing to do. */
	void (*release)(struct netdev *d);
	void *driver;

	/* The layer's. */
	struct list list;    /* in netdevs */
	u32 index;           /* from 1; never used again */
	bool gone;           /* nothing is sent or received any more */
	struct netif *netif; /* lwIP's side */
	struct list waiting; /* frames that transmit() had no room for */
	u32 waiting_count;
	struct net_counts {
		u64 frames, bytes, dropped;
	} sent, received;
};

extern struct list netdevs; /* in the order of their indices */

/* ---- For drivers ---- */

/* Registers a device. From now on transmit() may be called. -errno: its name, its MTU, or no memory. */
int netdev_add(struct netdev *d);
/* A frame has arrived: copied before this returns, or dropped. It may be anything, and of any length. */
void netdev_receive(struct netdev *d, const struct net_frame *f);
/* There is a line, or none any more. */
void netdev_carrier(struct netdev *d, bool up);
/* There is room again after transmit() has said no. */
void netdev_wake(struct netdev *d);
/* The device works no more. transmit() is not called again, and afterwards nobody has the device any more. */
void netdev_remove(struct netdev *d);

#endif

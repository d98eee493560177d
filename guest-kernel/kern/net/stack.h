/* SPDX-License-Identifier: MIT */
/*
 * lwIP in this kernel. It is entered with the kernel lock only, by system calls, by drivers' interrupts and by its timer, and
 * never sleeps; so whatever it calls back may not sleep either. Who has used it outside of a callback ends with net_settle().
 */
#ifndef KERN_NET_STACK_H
#define KERN_NET_STACK_H

#include "kern/net/netdev.h"

struct netif;
struct pbuf;

/* Once, when memory and devices' files work, before drivers. */
void net_init(void);
void net_proc_init(void); /* proc.c */

/* What was sent to this machine itself arrives; timers are set. */
void net_settle(void);

/* lwIP's err_t as -errno. */
int net_error(int rc);

/* Memory of the network's, for which there is a bound. */
void *net_malloc(size_t size);
void *net_calloc(size_t count, size_t size);
void net_free(void *p);
size_t net_memory(void); /* bytes in use */
u32 net_random(void);

/* ---- Devices and lwIP (stack.c) ---- */

extern struct netdev loopback;

int stack_add(struct netdev *d); /* makes d->netif */
void stack_remove(struct netdev *d);
void stack_carrier(struct netdev *d);
void stack_receive(struct netdev *d, struct pbuf *frame, enum net_checksum checksum); /* takes the frame */

/* ---- Devices, as users see them (netdev.c) ---- */

struct netdev *netdev_find(const char *name);
struct netdev *netdev_at(u32 index);
struct netdev *netdev_of(const struct netif *netif);
bool netdev_is_up(const struct netdev *d);
int netdev_set_up(struct netdev *d, bool up);
/* Adds the pieces of memory to those of a frame: NET_PIECES + 1: there are too many. */
u32 net_pieces(struct net_piece *pieces, u32 count, const void *at, u32 len);
/* Sends a frame, or queues it; -errno: it is dropped. */
int netdev_send(struct netdev *d, const struct net_frame *f);

/* ---- Checksums of frames (checksum.c) ---- */

/* Where the checksum of an unfragmented TCP or UDP packet begins, and from there its field; false: the frame has none. */
bool checksum_place(const u8 *frame, u32 len, u16 *start, u16 *offset);
/* The field becomes the sum of the pseudo-header. `len` bytes of the frame are there, of `whole` in all. */
bool checksum_blank(u8 *frame, u32 len, u32 whole, u16 *start, u16 *offset);
/* A field that is so becomes the checksum. */
void checksum_finish(u8 *frame, u32 len);

#endif

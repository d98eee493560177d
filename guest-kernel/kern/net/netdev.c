/* SPDX-License-Identifier: MIT */
/* See netdev.h: names, the queue before a device that has no room, and what is counted. */
#include "kern/net/netdev.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/net/packet.h"
#include "kern/net/stack.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"

#define MTU_MIN     68u /* RFC 791 */
#define MTU_MAX     65535u
#define NAMED_ALIKE 64u
#define WAITING     128u /* frames before a device that has no room; more are dropped */

struct list netdevs = LIST_INIT(netdevs);

/* A frame that waits. */
struct waiting {
	struct list list;
	struct net_piece piece;
	struct net_frame frame;
	u8 bytes[];
};

struct netdev *netdev_find(const char *name)
{
	struct netdev *d;

	list_for_each (d, &netdevs, list)
		if (!strcmp(d->name, name))
			return d;
	return NULL;
}

struct netdev *netdev_at(u32 index)
{
	struct netdev *d;

	list_for_each (d, &netdevs, list)
		if (d->index == index)
			return d;
	return NULL;
}

struct netdev *netdev_of(const struct netif *netif)
{
	return netif ? netif->state : NULL;
}

bool netdev_is_up(const struct netdev *d)
{
	return netif_is_up(d->netif);
}

/* "eth%" becomes "eth0" or the next. */
static int make_name(struct netdev *d)
{
	char *number = strchr(d->name, '%');
	char name[NETDEV_NAME_MAX];

	if (!number)
		return netdev_find(d->name) ? -EEXIST : 0;
	*number = 0;
	for (u32 n = 0; n < NAMED_ALIKE; n++) {
		if (snprintf(name, sizeof(name), "%s%u", d->name, n) >= (int)sizeof(name))
			return -EINVAL;
		if (!netdev_find(name)) {
			strlcpy(d->name, name, sizeof(d->name));
			return 0;
		}
	}
	return -EEXIST;
}

int netdev_add(struct netdev *d)
{
	static u32 last;
	int rc = d->mtu < MTU_MIN || d->mtu > MTU_MAX || !*d->name ? -EINVAL : make_name(d);

	if (!rc)
		rc = stack_add(d);
	if (rc)
		return rc;
	d->index = ++last;
	d->gone = false;
	list_init(&d->waiting);
	d->waiting_count = 0;
	list_add_tail(&netdevs, &d->list);
	return 0;
}

/* ---- Sending ---- */

/* All of the frame's bytes, one after another. */
static void gather(u8 *to, const struct net_frame *f)
{
	for (u32 i = 0; i < f->count; i++) {
		memcpy(to, f->pieces[i].at, f->pieces[i].len);
		to += f->pieces[i].len;
	}
}

static int keep_waiting(struct netdev *d, const struct net_frame *f)
{
	struct waiting *w = d->waiting_count < WAITING ? net_malloc(sizeof(*w) + f->len) : NULL;

	if (!w) {
		d->sent.dropped++;
		return -ENOBUFS;
	}
	gather(w->bytes, f);
	w->frame = *f;
	list_add_tail(&d->waiting, &w->list);
	d->waiting_count++;
	return 0;
}

/* The pieces of a frame that waits are made anew: none may cross a page frame. */
static bool send_waiting(struct netdev *d, struct waiting *w)
{
	struct net_piece pieces[NET_PIECES];

	w->frame.pieces = pieces;
	w->frame.count = net_pieces(pieces, 0, w->bytes, w->frame.len);
	return d->transmit(d, &w->frame);
}

u32 net_pieces(struct net_piece *pieces, u32 count, const void *at, u32 len)
{
	for (u32 n; len; at = (const u8 *)at + n, len -= n) {
		if (count == NET_PIECES)
			return NET_PIECES + 1;
		n = MIN(len, (u32)(PAGE_SIZE - ((ulong)at & ~PAGE_MASK)));
		pieces[count++] = (struct net_piece){at, n};
	}
	return count;
}

int netdev_send(struct netdev *d, const struct net_frame *f)
{
	if (d->gone || !netdev_is_up(d) || !d->carrier) {
		d->sent.dropped++;
		return -ENETDOWN;
	}
	d->sent.frames++;
	d->sent.bytes += f->len;
	if (!list_empty(&d->waiting) || !d->transmit(d, f))
		return keep_waiting(d, f);
	return 0;
}

void netdev_wake(struct netdev *d)
{
	while (!list_empty(&d->waiting)) {
		struct waiting *w = list_entry(d->waiting.next, struct waiting, list);

		if (!d->gone && !send_waiting(d, w))
			return;
		list_del(&w->list);
		d->waiting_count--;
		net_free(w);
	}
}

/* ---- Receiving ---- */

void netdev_receive(struct netdev *d, const struct net_frame *f)
{
	enum net_checksum checksum = f->checksum;
	struct pbuf *p = NULL;

	if (!d->gone && netdev_is_up(d) && f->len >= NET_HEADER_LEN &&
	    f->len <= MAX(NET_HEADER_LEN + 4 + d->mtu, d->longest))
		p = pbuf_alloc(PBUF_RAW, f->len, PBUF_RAM);
	if (!p) {
		d->received.dropped++;
		return;
	}
	gather(p->payload, f);
	d->received.frames++;
	d->received.bytes += f->len;
	if (packet_wanted(d) && checksum == NET_SUM_BLANK) {
		checksum_finish(p->payload, f->len);
		checksum = NET_SUM_GOOD;
	}
	packet_deliver(d, p, NULL);
	stack_receive(d, p, checksum);
}

/* ---- Coming and going ---- */

int netdev_set_up(struct netdev *d, bool up)
{
	if (up)
		netif_set_up(d->netif);
	else
		netif_set_down(d->netif);
	return 0;
}

void netdev_carrier(struct netdev *d, bool up)
{
	d->carrier = up;
	stack_carrier(d);
}

void netdev_remove(struct netdev *d)
{
	d->gone = true;
	d->carrier = false;
	netdev_wake(d);
	packet_removed(d);
	stack_remove(d);
	list_del(&d->list);
	if (d->release)
		d->release(d);
}

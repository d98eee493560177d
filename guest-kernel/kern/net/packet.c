/* SPDX-License-Identifier: MIT */
/* See packet.h. */
#include "kern/net/packet.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/net/socket.h"
#include "kern/net/stack.h"
#include "lwip/def.h"
#include "lwip/pbuf.h"

#define ALL           PP_HTONS(3) /* ETH_P_ALL: of every type, and also what is sent */
#define ARP_HARDWARE  1u          /* Ethernet */
#define ADDRESS_LEN   20u
#define ADDRESS_LEAST 12u
#define SOL_PACKET    263

enum {
	PACKET_ADD_MEMBERSHIP = 1,
	PACKET_DROP_MEMBERSHIP = 2,
	PACKET_AUXDATA = 8,
	PACKET_IGNORE_OUTGOING = 23,
};

enum {
	TO_US,
	TO_ALL,
	TO_MANY,
	TO_OTHERS,
	FROM_US
};

static struct list sockets = LIST_INIT(sockets);
static const struct socket *sender; /* does not see what it sends */

static const struct socket_ops packet_ops;

int packet_create(struct socket *s)
{
	if (s->type != SOCK_RAW && s->type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	s->ops = &packet_ops;
	list_add_tail(&sockets, &s->list);
	return 0;
}

static void packet_release(struct socket *s)
{
	list_del(&s->list);
}

/* ---- Receiving ---- */

static bool sees(const struct socket *s, const struct netdev *d, u16 type, bool outgoing)
{
	if (s->device && s->device != d->index)
		return false;
	if (s->protocol != ALL)
		return s->protocol == type && !outgoing;
	return !outgoing || (s != sender && !s->ignores_outgoing);
}

bool packet_wanted(const struct netdev *d)
{
	const struct socket *s;

	list_for_each (s, &sockets, list)
		if (s->protocol && (!s->device || s->device == d->index))
			return true;
	return false;
}

static u8 kind_of(const struct netdev *d, const u8 *frame)
{
	static const u8 everybody[NET_MAC_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	if (!memcmp(frame, everybody, NET_MAC_LEN))
		return TO_ALL;
	if (frame[0] & 1)
		return TO_MANY;
	return memcmp(frame, d->mac, NET_MAC_LEN) ? TO_OTHERS : TO_US;
}

static void give(struct socket *s, const struct netdev *d, struct pbuf *p, const struct net_frame *sent)
{
	struct pbuf *copy = s->queued < s->room ? pbuf_clone(PBUF_RAW, PBUF_RAM, p) : NULL;
	union address a = {0};
	u8 *frame;

	if (!copy)
		return;
	frame = copy->payload;
	a.ll.family = AF_PACKET;
	a.ll.index = d->index;
	a.ll.hardware = ARP_HARDWARE;
	a.ll.packet_type = sent ? FROM_US : kind_of(d, frame);
	a.ll.mac_len = NET_MAC_LEN;
	memcpy(&a.ll.protocol, frame + 2 * NET_MAC_LEN, sizeof(a.ll.protocol));
	memcpy(a.ll.mac, frame + NET_MAC_LEN, NET_MAC_LEN);
	if (sent && sent->checksum == NET_SUM_BLANK)
		checksum_finish(frame, copy->len);
	if (s->type == SOCK_DGRAM)
		pbuf_remove_header(copy, NET_HEADER_LEN);
	queue_add(s, copy, &a, ADDRESS_LEN);
}

void packet_deliver(struct netdev *d, struct pbuf *p, const struct net_frame *sent)
{
	struct socket *s;
	u16 type;

	if (list_empty(&sockets) || p->len < NET_HEADER_LEN)
		return;
	memcpy(&type, (const u8 *)p->payload + 2 * NET_MAC_LEN, sizeof(type));
	list_for_each (s, &sockets, list)
		if (sees(s, d, type, sent))
			give(s, d, p, sent);
}

void packet_removed(const struct netdev *d)
{
	struct socket *s;

	list_for_each (s, &sockets, list) {
		if (s->device != d->index)
			continue;
		s->error = ENETDOWN;
		wake_all(&s->changed);
	}
}

/* ---- Sending ---- */

static int packet_bind(struct socket *s, const union address *a, u32 len)
{
	if (len < ADDRESS_LEAST || a->family != AF_PACKET)
		return -EINVAL;
	if (a->ll.index && !netdev_at(a->ll.index))
		return -ENODEV;
	s->device = a->ll.index;
	if (a->ll.protocol)
		s->protocol = a->ll.protocol;
	return 0;
}

/* The header of a socket whose program does not make it. */
static int make_header(const struct socket *s, const struct message *m, const struct netdev *d, u8 *frame)
{
	u16 type = m->address.ll.protocol ? m->address.ll.protocol : s->protocol;

	if (m->address_len < ADDRESS_LEAST + NET_MAC_LEN)
		return -EDESTADDRREQ;
	memcpy(frame, m->address.ll.mac, NET_MAC_LEN);
	memcpy(frame + NET_MAC_LEN, d->mac, NET_MAC_LEN);
	memcpy(frame + 2 * NET_MAC_LEN, &type, sizeof(type));
	return 0;
}

static int transmit(const struct socket *s, struct netdev *d, struct pbuf *p)
{
	struct net_piece pieces[NET_PIECES];
	struct net_frame f = {
	    .pieces = pieces, .count = net_pieces(pieces, 0, p->payload, p->len), .len = p->len};

	sender = s;
	packet_deliver(d, p, &f);
	sender = NULL;
	return netdev_send(d, &f);
}

static long packet_send(struct socket *s, struct message *m)
{
	u32 header = s->type == SOCK_DGRAM ? NET_HEADER_LEN : 0;
	struct netdev *d = netdev_at(
	    m->address_len >= ADDRESS_LEAST && m->address.ll.index ? (u32)m->address.ll.index : s->device);
	struct pbuf *p;
	int rc;

	if (!d || d == &loopback)
		return -ENXIO;
	if (m->total + header < NET_HEADER_LEN)
		return -EINVAL;
	if (m->total + header > NET_HEADER_LEN + 4 + d->mtu)
		return -EMSGSIZE;
	p = pbuf_alloc(PBUF_RAW, m->total + header, PBUF_RAM);
	if (!p)
		return -ENOBUFS;
	rc = header ? make_header(s, m, d, p->payload) : 0;
	if (!rc)
		rc = message_get(m, 0, (u8 *)p->payload + header, m->total);
	if (!rc)
		rc = transmit(s, d, p);
	pbuf_free(p);
	return rc ? rc : (long)m->total;
}

static int packet_name(struct socket *s, bool peer, union address *a, u32 *len)
{
	const struct netdev *d = netdev_at(s->device);

	if (peer)
		return -EOPNOTSUPP;
	a->ll.family = AF_PACKET;
	a->ll.protocol = s->protocol;
	a->ll.index = s->device;
	a->ll.hardware = ARP_HARDWARE;
	a->ll.mac_len = NET_MAC_LEN;
	if (d)
		memcpy(a->ll.mac, d->mac, NET_MAC_LEN);
	*len = ADDRESS_LEN;
	return 0;
}

/* Devices here hand in all frames, whomever they are for. */
static int packet_set(struct socket *s, int level, int name, const void *value, u32 len)
{
	bool known =
	    name == PACKET_ADD_MEMBERSHIP || name == PACKET_DROP_MEMBERSHIP || name == PACKET_AUXDATA;

	if (level == SOL_PACKET && name == PACKET_IGNORE_OUTGOING && len >= sizeof(int)) {
		s->ignores_outgoing = *(const int *)value;
		return 0;
	}
	return level == SOL_PACKET && known ? 0 : -ENOPROTOOPT;
}

static const struct socket_ops packet_ops = {
    .release = packet_release,
    .bind = packet_bind,
    .send = packet_send,
    .receive = queue_receive,
    .name = packet_name,
    .ready = queue_ready,
    .readable = queue_readable,
    .set = packet_set,
};

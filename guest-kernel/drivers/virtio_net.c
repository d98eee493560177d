/* SPDX-License-Identifier: MIT */
/*
 * Network cards: a queue of buffers into which frames are received, a queue of frames to send, each with a header before it. Frames
 * are copied, so the card has only buffers that are this driver's. (Virtio 1.2, 5.1, Network Device)
 */
#include "drivers/virtio_net.h"
#include "drivers/virtio.h"
#include "kern/console/log.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/net/netdev.h"
#include "kern/time/clock.h"
#include "kern/time/timer.h"

enum {
	FEATURE_CSUM = 1u << 0,       /* the card completes blank checksums */
	FEATURE_GUEST_CSUM = 1u << 1, /* and may hand in frames with such */
	FEATURE_MAC = 1u << 5,
	FEATURE_STATUS = 1u << 16,
};
#define WANTED (FEATURE_CSUM | FEATURE_GUEST_CSUM | FEATURE_MAC | FEATURE_STATUS)

enum {
	RECEIVE,
	SEND
}; /* queues */

/* The device's own configuration. */
enum {
	CONFIG_MAC = 0,
	CONFIG_STATUS = 6
};
#define LINK_UP 1u

struct net_header {
	uint8_t flags, gso_type;
	uint16_t length, gso_size, sum_start, sum_offset;
	uint16_t buffers; /* of the modern interface only */
};
#define NEEDS_SUM     1u
#define SUM_IS_GOOD   2u
#define LEGACY_HEADER 10u

#define BUFFERS 64u /* for frames that are received */
#define SENDING 32u /* frames that the card has */

struct buffer {
	struct net_header header;
	uint8_t frame[NET_FRAME_MAX];
	struct buffer *next; /* unused, for sending */
};

struct card {
	struct netdev net;
	struct virtio_device device;
	struct virtqueue queues[2];
	uint32_t header; /* bytes */
	struct buffer *unused;
	struct timer more; /* to go on with what came in a burst */
	bool has_status;
};

static struct card *card_of(struct netdev *d)
{
	return container_of(d, struct card, net);
}

static void give_up(struct card *c, const char *why)
{
	if (c->net.gone)
		return;
	log_warn("virtio-net: %s: %s; it is not used any more\n", c->net.name, why);
	virtio_give_up(&c->device);
	timer_cancel(&c->more);
	netdev_remove(&c->net);
}

static bool hand_over(struct card *c, unsigned queue, struct buffer *b, uint32_t bytes)
{
	struct virtio_piece pieces[] = {
	    {&b->header, c->header, queue == RECEIVE},
	    {b->frame, bytes, queue == RECEIVE},
	};

	return virtqueue_add(&c->queues[queue], pieces, ARRAY_SIZE(pieces), b);
}

/* ---- Sending ---- */

/* What the card has sent is unused again. False: it has answered what nobody asked. */
static bool take_back(struct card *c)
{
	struct buffer *b;
	uint32_t len;

	while ((b = virtqueue_take(&c->queues[SEND], &len)) && !IS_ERR(b)) {
		b->next = c->unused;
		c->unused = b;
	}
	return !b;
}

static bool card_transmit(struct netdev *d, const struct net_frame *f)
{
	struct card *c = card_of(d);
	struct buffer *b = c->unused;
	uint8_t *to;

	if (!b)
		return false;
	to = b->frame;
	for (uint32_t i = 0; i < f->count; i++) {
		memcpy(to, f->pieces[i].at, f->pieces[i].len);
		to += f->pieces[i].len;
	}
	b->header = (struct net_header){0};
	if (f->checksum == NET_SUM_BLANK)
		b->header = (struct net_header){
		    .flags = NEEDS_SUM, .sum_start = f->sum_start, .sum_offset = f->sum_offset};
	if (!hand_over(c, SEND, b, f->len))
		return false;
	c->unused = b->next;
	return true;
}

/* ---- Receiving ---- */

static void received(struct card *c, struct buffer *b, uint32_t len)
{
	struct net_piece piece = {b->frame, len - c->header};
	struct net_frame f = {.pieces = &piece,
			      .count = 1,
			      .len = len - c->header,
			      .checksum = b->header.flags & NEEDS_SUM     ? NET_SUM_BLANK
					  : b->header.flags & SUM_IS_GOOD ? NET_SUM_GOOD
									  : NET_SUM_UNKNOWN};

	if (len > c->header)
		netdev_receive(&c->net, &f);
}

/* Some frames; then others have their turn. */
static void receive(struct card *c)
{
	struct buffer *b = NULL;
	uint32_t len;

	for (unsigned n = 0; n < NET_BURST; n++) {
		b = virtqueue_take(&c->queues[RECEIVE], &len);
		if (!b || IS_ERR(b))
			break;
		received(c, b, len);
		hand_over(c, RECEIVE, b, sizeof(b->frame));
	}
	if (IS_ERR(b))
		give_up(c, "the card hands in what it has not got");
	else if (b)
		timer_set(&c->more, clock_monotonic());
}

static void go_on(struct timer *t)
{
	receive(container_of(t, struct card, more));
}

static void card_interrupt(struct virtio_device *v)
{
	struct card *c = container_of(v, struct card, device);

	if (c->net.gone)
		return;
	if (!take_back(c)) {
		give_up(c, "the card has sent what nobody gave it");
		return;
	}
	netdev_wake(&c->net);
	receive(c);
}

static bool link(struct card *c)
{
	return !c->has_status || virtio_config(&c->device, CONFIG_STATUS) & LINK_UP;
}

static void card_changed(struct virtio_device *v)
{
	struct card *c = container_of(v, struct card, device);

	if (virtio_is_broken(v))
		give_up(c, "the card needs a reset");
	else if (!c->net.gone && link(c) != c->net.carrier)
		netdev_carrier(&c->net, link(c));
}

/* ---- Coming ---- */

static bool fill(struct card *c)
{
	for (unsigned i = 0; i < SENDING + BUFFERS; i++) {
		struct buffer *b = kzalloc(sizeof(*b));

		if (!b)
			return false;
		if (i >= SENDING) {
			if (!hand_over(c, RECEIVE, b, sizeof(b->frame)))
				kfree(b); /* a short queue */
			continue;
		}
		b->next = c->unused;
		c->unused = b;
	}
	return true;
}

static void describe(struct card *c, uint32_t features)
{
	struct netdev *d = &c->net;

	strlcpy(d->name, "eth%", sizeof(d->name));
	c->header = c->device.common ? sizeof(struct net_header) : LEGACY_HEADER;
	c->has_status = features & FEATURE_STATUS;
	for (unsigned i = 0; i < NET_MAC_LEN; i++)
		d->mac[i] = virtio_config(&c->device, CONFIG_MAC + i);
	d->mtu = NET_MTU;
	d->sends_blank = features & FEATURE_CSUM;
	d->carrier = link(c);
	d->transmit = card_transmit;
	timer_init(&c->more, go_on);
}

static bool start(struct card *c, pci_function_t function)
{
	uint32_t features;

	if (!virtio_begin(&c->device, function, WANTED, &features) || !(features & FEATURE_MAC))
		return false;
	c->device.interrupt = card_interrupt;
	c->device.changed = card_changed;
	describe(c, features);
	if (!virtqueue_init(&c->queues[RECEIVE], &c->device, RECEIVE) ||
	    !virtqueue_init(&c->queues[SEND], &c->device, SEND) || netdev_add(&c->net))
		return false;
	if (fill(c) && virtio_start(&c->device))
		return true;
	netdev_remove(&c->net);
	return false;
}

/* What cannot be started keeps its memory: the device may have got it already. */
void virtio_net_found(pci_function_t function)
{
	struct card *c = kzalloc(sizeof(*c));

	if (!c || !start(c, function)) {
		log_warn("virtio-net: a card cannot be used: no address, interrupt or memory for it\n");
		return;
	}
	log_print("virtio-net: %s: %02x:%02x:%02x:%02x:%02x:%02x%s\n", c->net.name, c->net.mac[0],
		  c->net.mac[1], c->net.mac[2], c->net.mac[3], c->net.mac[4], c->net.mac[5],
		  c->net.sends_blank ? ", with checksums" : "");
}

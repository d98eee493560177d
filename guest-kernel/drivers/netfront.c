/* SPDX-License-Identifier: MIT */
/*
 * The front end of virtual network cards, as far as the store goes: which states follow from which, and what each end offers
 * (Xen's io/netif.h, and xenbus.h for the states). net_ring.c has the frames.
 *
 *	we      they
 *	1       2       it has made its offers: we make rings, and tell where they are; there is no state 3  -> 4
 *	4       4       it uses the rings; the card appears, or has a line again
 *	4       2       it was restarted, and reads where our rings are
 *	4       5, 6    and `online`: it goes, and may come again; there is no line              -> 6, 1
 *	4       5, 6    else the tools take the card away                                       -> 6
 *
 * A back end that does what cannot be loses its card.
 */
#include "drivers/netfront.h"
#include "drivers/net_ring.h"
#include "drivers/xenbus_device.h"
#include "kern/console/log.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/time/clock.h"

struct vif {
	struct xenbus_device xenbus;
	struct net_ring ring;
	struct netdev net;
	struct timer more; /* to go on with what came in a burst */
	bool is_card;      /* the network layer has it */
	bool ended;        /* until the tools make the device anew */
	char name[16];     /* before it is a card */
};

static const char *const keys[] = {"mac", "mtu", "carrier", "feature-rx-copy", "feature-split-event-channels",
				   NULL};

/* ---- The card, as the network layer has it ---- */

static bool transmit(struct netdev *d, const struct net_frame *f)
{
	return net_ring_send(&container_of(d, struct vif, net)->ring, f);
}

static void received(struct net_ring *r, const struct net_frame *f)
{
	netdev_receive(&container_of(r, struct vif, ring)->net, f);
}

static bool parse_mac(const char *text, u8 mac[NET_MAC_LEN])
{
	for (u32 i = 0; i < NET_MAC_LEN; i++, text += 2) {
		u8 byte = 0;

		if (i && *text++ != ':')
			return false;
		for (u32 j = 0; j < 2; j++) {
			char c = text[j] | 0x20;

			if (!((text[j] >= '0' && text[j] <= '9') || (c >= 'a' && c <= 'f')))
				return false;
			byte = byte * 16 + (text[j] <= '9' ? text[j] - '0' : c - 'a' + 10);
		}
		mac[i] = byte;
	}
	return !*text;
}

/* 0 or -errno: what the back end says of it is no card's. */
static int card_new(struct vif *v)
{
	struct netdev *d = &v->net;
	int rc;

	*d = (struct netdev){.name = "eth%",
			     .mtu = MIN(xenbus_number(&v->xenbus, "mtu", NET_MTU), NET_MTU),
			     .longest = NET_RX_FRAME_MAX,
			     .sends_blank = true,
			     .transmit = transmit};
	if (!parse_mac(xenbus_value(&v->xenbus, "mac"), d->mac))
		return -EINVAL;
	rc = netdev_add(d);
	v->is_card = !rc;
	return rc;
}

/* It is there no more. The rings are closed. */
static void card_end(struct vif *v)
{
	timer_cancel(&v->more);
	if (v->is_card)
		netdev_remove(&v->net);
	v->is_card = false;
}

static void end(struct vif *v)
{
	net_ring_close(&v->ring);
	card_end(v);
	v->ended = true;
	xenbus_set_state(&v->xenbus, XenbusStateClosed);
}

static const char *name_of(const struct vif *v)
{
	return v->is_card ? v->net.name : v->name;
}

/* ---- Events ---- */

static void look(struct vif *v)
{
	bool more;
	const char *wrong = net_ring_answers(&v->ring, &more);

	if (wrong) {
		log_warn("%s: the back end %s; the card is given up\n", name_of(v), wrong);
		net_ring_close(&v->ring);
		card_end(v);
		v->ended = true;
		xenbus_look(&v->xenbus);
		return;
	}
	if (v->is_card)
		netdev_wake(&v->net);
	if (more)
		timer_set(&v->more, clock_monotonic());
}

static void interrupt(void *data)
{
	look(data);
}

static void go_on(struct timer *t)
{
	look(container_of(t, struct vif, more));
}

/* ---- States ---- */

/* Tells the back end of the rings, which may be there from a transaction that failed. */
static void offer(struct vif *v)
{
	struct xenbus_device *x = &v->xenbus;
	bool split = xenbus_number(x, "feature-split-event-channels", 0);
	int rc = 0;

	v->ring.backend = x->backend;
	if (!xenbus_number(x, "feature-rx-copy", 0)) {
		log_warn("%s: the back end does not copy frames\n", v->name);
		return end(v);
	}
	if (!v->ring.tx)
		rc = net_ring_open(&v->ring, split, interrupt, v);
	if (rc) {
		log_warn("%s: no rings or ports for it: error %d\n", v->name, rc);
		return end(v);
	}
	xenbus_write(x, "tx-ring-ref", "%u", v->ring.tx_ref);
	xenbus_write(x, "rx-ring-ref", "%u", v->ring.rx_ref);
	if (v->ring.tx_port == v->ring.rx_port) {
		xenbus_write(x, "event-channel", "%u", v->ring.tx_port);
	} else {
		xenbus_write(x, "event-channel-tx", "%u", v->ring.tx_port);
		xenbus_write(x, "event-channel-rx", "%u", v->ring.rx_port);
	}
	xenbus_write(x, "request-rx-copy", "1");
	xenbus_write(x, "feature-rx-notify", "1");
	xenbus_write(x, "feature-sg", "1");
	xenbus_write(x, "feature-gso-tcpv4", "1");
	xenbus_write(x, "feature-gso-tcpv6", "1");
	xenbus_write(x, "feature-ipv6-csum-offload", "1");
	xenbus_set_state(x, XenbusStateConnected);
}

static void connect(struct vif *v)
{
	bool line = xenbus_number(&v->xenbus, "carrier", 1);
	int rc = v->is_card ? 0 : card_new(v);

	if (rc) {
		log_warn("%s: cannot be a network card: error %d\n", v->name, rc);
		return end(v);
	}
	if (!v->ring.runs)
		log_print("%s: %s of domain %u, %02x:%02x:%02x:%02x:%02x:%02x\n", v->net.name, v->name,
			  v->xenbus.backend, v->net.mac[0], v->net.mac[1], v->net.mac[2], v->net.mac[3],
			  v->net.mac[4], v->net.mac[5]);
	net_ring_run(&v->ring);
	if (line != v->net.carrier)
		netdev_carrier(&v->net, line);
	netdev_wake(&v->net); /* what has waited since the old rings; no answer will come of them */
}

/* The back end goes. Tools that want the card no more have said so before. */
static void closing(struct vif *v, enum xenbus_state back)
{
	if (!v->xenbus.online || back == XenbusStateUnknown)
		return end(v);
	net_ring_close(&v->ring);
	if (v->is_card && v->net.carrier)
		netdev_carrier(&v->net, false);
	xenbus_set_state(&v->xenbus, back == XenbusStateClosed ? XenbusStateInitialising : XenbusStateClosed);
}

/* The tools have just made the device, or we begin anew with it. */
static void begin(struct vif *v, enum xenbus_state back)
{
	if (v->ended || v->ring.runs) { /* they have made it a second time */
		net_ring_close(&v->ring);
		card_end(v);
		v->ended = false;
	}
	if (back == XenbusStateInitWait)
		offer(v);
}

static void changed(struct xenbus_device *x)
{
	struct vif *v = container_of(x, struct vif, xenbus);
	enum xenbus_state back = x->back_state;

	if (!*v->name)
		snprintf(v->name, sizeof(v->name), "vif %u", x->number);
	v->ring.name = v->name;
	if (x->state == XenbusStateInitialising)
		begin(v, back);
	else if (v->ended)
		xenbus_set_state(x, XenbusStateClosed);
	else if (x->state == XenbusStateClosed && back == XenbusStateClosed && x->online)
		xenbus_set_state(x, XenbusStateInitialising);
	else if (!v->ring.tx)
		; /* somebody else's state: not made for this kernel */
	else if (back == XenbusStateConnected)
		connect(v);
	else if (back == XenbusStateClosing || back == XenbusStateClosed || back == XenbusStateUnknown)
		closing(v, back);
	x->settled = v->ended || v->ring.runs || back == XenbusStateUnknown || back > XenbusStateConnected;
}

static struct xenbus_device *make(void)
{
	struct vif *v = kzalloc(sizeof(*v));

	if (!v)
		return NULL;
	v->ring.receive = received;
	timer_init(&v->more, go_on);
	return &v->xenbus;
}

static void gone(struct xenbus_device *x)
{
	struct vif *v = container_of(x, struct vif, xenbus);

	net_ring_close(&v->ring);
	card_end(v);
	kfree(v);
}

static const struct xenbus_driver driver = {
    .class = "vif", .keys = keys, .make = make, .changed = changed, .gone = gone};

void netfront_init(void)
{
	xenbus_driver_add(&driver);
}

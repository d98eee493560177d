/* SPDX-License-Identifier: MIT */
/* Lies to the other end of a network card. */
#include "liar.h"
#include "rings.h"

#define TX    (d->first_ref) /* grants of this device */
#define RX    (d->first_ref + 1)
#define DATA  (d->first_ref + 2)  /* two pages, may be written */
#define RO    (d->first_ref + 4)  /* a page that may be read only */
#define OTHER (d->first_ref + 5)  /* a page for a domain that there is not */
#define WRONG (d->first_ref + 6)  /* a frame that is not ours */
#define NEVER (d->first_ref + 99) /* nothing was granted there */

static struct net_tx_ring tx;
static struct net_rx_ring rx;
static char data[2][4096] __attribute__((aligned(4096)));

/* A frame to all stations, so that it goes through the bridge. */
static void fill(char *page)
{
	__builtin_memset(page, 0x5a, 4096);
	__builtin_memset(page, 0xff, 6);
	page[12] = 0x08;
	page[13] = 0x06;
}

bool net_connect(struct device *d)
{
	if (!device_is_at(d, INIT_WAIT))
		return false;
	__builtin_memset(&tx, 0, sizeof(tx));
	__builtin_memset(&rx, 0, sizeof(rx));
	tx.head.req_event = tx.head.rsp_event = rx.head.req_event = rx.head.rsp_event = 1;
	grant(TX, &tx, GTF_permit_access);
	grant(RX, &rx, GTF_permit_access);
	for (unsigned i = 0; i < 2; i++) {
		fill(data[i]);
		grant(DATA + i, data[i], GTF_permit_access);
	}
	grant(RO, data[0], GTF_permit_access | GTF_readonly);
	grant_of(OTHER, va_to_mfn(data[0]), 77, GTF_permit_access);
	grant_of(WRONG, 0xfffff, 0, GTF_permit_access);
	device_new_port(d);
	device_set_number(d, "/tx-ring-ref", TX);
	device_set_number(d, "/rx-ring-ref", RX);
	device_set_number(d, "/event-channel", d->port);
	device_set_number(d, "/request-rx-copy", 1);
	device_set_number(d, "/feature-rx-notify", 1);
	device_set_number(d, "/feature-sg", 1);
	device_set_number(d, "/feature-gso-tcpv4", 1);
	device_set_number(d, "/state", CONNECTED);
	return device_is_at(d, CONNECTED);
}

static void push(struct device *d)
{
	barrier();
	storm(d->port, 1);
	rest(10);
	tx.head.rsp_event = tx.head.rsp_prod + 1;
	rx.head.rsp_event = rx.head.rsp_prod + 1;
}

static void send(uint32_t ref, uint16_t offset, uint16_t size, uint16_t flags)
{
	tx.slot[tx.head.req_prod++ % NET_SLOTS] = (struct net_tx_request){ref, offset, flags, chance(), size};
}

static void receive(uint32_t ref)
{
	rx.slot[rx.head.req_prod++ % NET_SLOTS] = (struct net_rx_request){.id = chance(), .ref = ref};
}

static void tx_far_ahead(struct device *d)
{
	tx.head.req_prod = tx.head.rsp_prod + NET_SLOTS + 1;
	push(d);
	tx.head.req_prod = tx.head.rsp_prod + 0x7fffffff;
	tx.head.rsp_prod = chance(); /* the other end's own number */
	push(d);
}

static void rx_far_ahead(struct device *d)
{
	static const uint32_t ahead[] = {0x7fffffff, 0xffffffff, NET_SLOTS + 1, 0x80000000};

	for (unsigned i = 0; i < ARRAY_SIZE(ahead); i++) {
		rx.head.req_prod = rx.head.rsp_prod + ahead[i];
		send(DATA, 0, 60, 0); /* makes others answer, perhaps */
		push(d);
		rest(50);
	}
}

static void wrong_grants(struct device *d)
{
	const uint32_t refs[] = {0xffffffff, 0x7fffffff, 100000, NEVER, OTHER, WRONG, RO, TX, RX};

	for (unsigned i = 0; i < ARRAY_SIZE(refs); i++) {
		for (unsigned n = 0; n < 8; n++)
			receive(refs[i]);
		send(refs[i], 0, 60, 0);
		send(refs[i], 0, 1400, NET_MORE_DATA);
		send(refs[i], 100, 500, 0);
		push(d);
	}
	rest(100);
}

static void size_and_place(struct device *d)
{
	static const struct {
		uint16_t offset, size;
	} forms[] = {{4090, 100}, {0, 4097},      {4095, 1},  {0, 0},    {0, 1},
		     {0, 13},     {65535, 65535}, {4096, 60}, {0, 65535}};

	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++)
		for (unsigned first = 0; first < 2; first++) {
			if (first)
				send(DATA, 0, 4000, NET_MORE_DATA);
			send(DATA, forms[i].offset, forms[i].size, 0);
			push(d);
		}
}

static void chains(struct device *d)
{
	for (unsigned n = 0; n < 200; n++) /* one frame of 200 pieces */
		send(DATA, 0, 300, NET_MORE_DATA);
	send(DATA, 0, 300, 0);
	push(d);
	send(DATA, 0, 4000, NET_MORE_DATA); /* one that never ends */
	push(d);
}

/* What follows the first slot of a frame and is no part of its data: segmentation offload and others, by chance. */
static void extras(struct device *d)
{
	for (unsigned i = 0; i < 20; i++) {
		send(DATA, 0, 200, NET_EXTRA | (i % 2 ? NET_MORE_DATA : 0));
		for (unsigned n = 0; n < i % 5; n++) {
			uint32_t *extra = (uint32_t *)&tx.slot[tx.head.req_prod++ % NET_SLOTS];

			extra[0] = (chance() % 6) | (chance() & 0x100) | chance() << 16;
			extra[1] = chance();
			extra[2] = chance();
		}
		if (i % 2)
			send(DATA + 1, 0, 100, 0);
		push(d);
	}
}

/* True frames and room for others', whose grants and pages go meanwhile. */
static void revoked(struct device *d)
{
	for (unsigned i = 0; i < 40; i++) {
		for (unsigned n = 0; n < 16; n++) {
			send(DATA + n % 2, 0, 60 + 16 * n, 0);
			receive(DATA + n % 2);
		}
		barrier();
		storm(d->port, 1);
		for (unsigned wait = chance() % 20000; wait; wait--)
			barrier();
		revoke(DATA + i % 2);
		page_renew(data[i % 2]);
		rest(chance() % 8);
		fill(data[i % 2]);
		grant(DATA + i % 2, data[i % 2], GTF_permit_access);
	}
}

static void rings_change(struct device *d)
{
	revoke(TX);
	revoke(RX);
	for (unsigned i = 0; i < 100; i++) {
		uint32_t *word = i % 2 ? (uint32_t *)&tx : (uint32_t *)&rx;

		for (unsigned n = 0; n < 64; n++)
			word[chance() % (sizeof(tx) / 4)] = chance() >> chance() % 32;
		tx.head.req_prod = tx.head.rsp_prod + chance() % 40;
		rx.head.req_prod = rx.head.rsp_prod + chance() % 40;
		barrier();
		storm(d->port, 1 + chance() % 8);
		if (i % 16 == 0)
			rest(2);
	}
	page_renew(&tx); /* theirs is the old one */
	page_renew(&rx);
	storm(d->port, 10);
}

static void events(struct device *d)
{
	storm(d->port, 20000);
}

/* Last, since the other end may not come back from that. */
static void store(struct device *d)
{
	static const char *const nodes[] = {"/tx-ring-ref",
					    "/rx-ring-ref",
					    "/event-channel",
					    "/event-channel-tx",
					    "/mac",
					    "/multi-queue-num-queues",
					    "/queue-0/tx-ring-ref",
					    "/request-rx-copy",
					    "/ctrl-ring-ref",
					    "/event-channel-ctrl",
					    "/feature-multicast-control"};

	device_nonsense(d, nodes, ARRAY_SIZE(nodes), CONNECTED);
}

/* All kinds of true and false slots, as chance has it. */
static void anything(struct device *d)
{
	for (unsigned i = 0; i < 300; i++) {
		send(d->first_ref + chance() % 7, chance() % 8 ? 0 : chance(),
		     chance() % 8 ? 60 + chance() % 1400 : chance(), chance() % 8 ? 0 : chance());
		receive(d->first_ref + chance() % 7);
		if (chance() % 4 == 0)
			storm(d->port, 1 + chance() % 3);
		if (chance() % 16 == 0)
			page_renew(data[chance() % 2]);
		if (chance() % 16 == 0)
			rest(1 + chance() % 4);
	}
	push(d);
}

const struct lie net_lies[] = {
    {"card: sender far ahead", tx_far_ahead},      {"card: receiver far ahead", rx_far_ahead},
    {"card: grants that are none", wrong_grants},  {"card: sizes and places", size_and_place},
    {"card: frames of too many pieces", chains},   {"card: extra slots", extras},
    {"card: grants revoked amid frames", revoked}, {"card: rings that are no more", rings_change},
    {"card: events without end", events},          {"card: anything", anything},
    {"card: nonsense in the store", store},        {NULL, NULL},
};

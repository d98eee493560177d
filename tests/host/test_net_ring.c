/* SPDX-License-Identifier: MIT */
/*
 * The teaching kernel's rings of a virtual network card (guest-kernel/drivers/net_ring.c), against a back end that is right, and one that
 * lies in every field of its answers.
 *   sending    a frame is in the page that its request names, whole; its page is used again when it is answered, not before; with no
 *              page left nothing is taken, and the next answer makes an event
 *   receiving  frames of one slot and of many, with extras; all of a frame or nothing of it; each page is posted again
 *   checksums  the flags of either way, which differ
 *   lies       each ends the card, and touches nothing
 *   events     the back end is told of what it waits for, and of nothing else
 *   memory     however little there is, rings open whole or not at all, and close whole
 */
#include "front_host.h"
#include "drivers/net_ring.c"

static struct net_ring *r;
static u32 tx_seen, rx_seen; /* the back end's */
static u8 got[NET_RX_FRAME_MAX];
static u32 got_len, got_count;
static enum net_checksum got_checksum;

static void arrives(struct net_ring *ring, const struct net_frame *f)
{
	got_len = 0;
	got_count++;
	got_checksum = f->checksum;
	for (u32 i = 0; i < f->count; i++) {
		memcpy(got + got_len, f->pieces[i].at, f->pieces[i].len);
		got_len += f->pieces[i].len;
	}
	assert_int_equal(got_len, f->len);
}

static int setup(void **state)
{
	memory_new(300);
	r = calloc(1, sizeof(*r));
	r->backend = BACK_END;
	r->receive = arrives;
	tx_seen = rx_seen = got_count = got_len = 0;
	assert_int_equal(net_ring_open(r, *state != NULL, NULL, NULL), 0);
	assert_int_equal(ports_open, *state ? 2 : 1);
	net_ring_run(r);
	return 0;
}

static int teardown(void **state)
{
	net_ring_close(r);
	net_ring_close(r);
	assert_int_equal(ports_open, 0);
	assert_int_equal(refs_left, REFS);
	for (u32 i = 0; i < POOL_PAGES; i++)
		assert_int_equal(pages[i].refs, 0);
	free(r);
	free(pool);
	free(pages);
	return 0;
}

/* New rings, in memory that is all free. */
static void again(void)
{
	net_ring_close(r);
	next_page = 1;
	pages_left = 300;
	tx_seen = rx_seen = 0;
	assert_int_equal(net_ring_open(r, false, NULL, NULL), 0);
	net_ring_run(r);
}

static const char *answers(void)
{
	bool more;

	return net_ring_answers(r, &more);
}

/* ---- Sending ---- */

static bool send(u8 byte, u32 len, enum net_checksum checksum)
{
	static u8 bytes[1514];
	struct net_piece pieces[] = {{bytes, len / 3}, {bytes + len / 3, len - len / 3}};
	struct net_frame f = {.pieces = pieces, .count = 2, .len = len, .checksum = checksum};

	memset(bytes, byte, sizeof(bytes));
	return net_ring_send(r, &f);
}

static struct netif_tx_request taken(void)
{
	assert_true(tx_seen != r->tx->req_prod);
	return r->tx->ring[tx_seen++ % NET_SLOTS].req;
}

static void tx_answer(u16 id, s16 status)
{
	r->tx->ring[r->tx->rsp_prod++ % NET_SLOTS].rsp = (struct netif_tx_response){id, status};
}

static void test_sending(void **state)
{
	u16 ids[NET_TX_PAGES];

	for (u32 round = 0; round < 10; round++) {
		for (u32 i = 0; i < NET_TX_PAGES; i++) {
			struct netif_tx_request q;

			assert_true(send(i + round, 60 + 20 * i, i & 1 ? NET_SUM_BLANK : NET_SUM_UNKNOWN));
			q = taken();
			assert_int_equal(q.size, 60 + 20 * i);
			assert_int_equal(q.offset, 0);
			assert_int_equal(q.flags, i & 1 ? 3 : 0);
			for (u32 b = 0; b < q.size; b++)
				assert_int_equal(at_ref(q.gref, false)[b], (u8)(i + round));
			for (u32 before = 0; before < i; before++)
				assert_int_not_equal(ids[before], q.id);
			ids[i] = q.id;
		}
		assert_false(send(1, 60, NET_SUM_UNKNOWN));
		assert_int_equal(r->tx->rsp_event, r->tx->rsp_prod + 1);
		for (u32 i = 0; i < NET_TX_PAGES; i++)
			tx_answer(ids[NET_TX_PAGES - 1 - i], i % 5 ? NETIF_RSP_OKAY : NETIF_RSP_DROPPED);
		assert_null(answers());
	}
}

/* Half of what is under way, as it is at the last look. */
static void test_sent_events(void **state)
{
	for (u32 i = 0; i < 20; i++)
		send(i, 60, NET_SUM_UNKNOWN);
	assert_null(answers());
	assert_int_equal(r->tx->rsp_event, 11);
	for (u32 i = 0; i < 20; i++)
		tx_answer(taken().id, 0);
	assert_null(answers());
	assert_int_equal(r->tx->rsp_event, 21);
}

static void test_sent_lies(void **state)
{
	static const struct {
		u16 id;
		s16 status;
	} lies[] = {{NET_TX_PAGES, 0}, {65535, 0}, {0, 0}, {63, NETIF_RSP_NULL}};

	for (u32 i = 0; i < ARRAY_SIZE(lies); i++) {
		again();
		assert_true(send(1, 60, NET_SUM_UNKNOWN) && r->sent[63]);
		tx_answer(lies[i].id, lies[i].status);
		assert_non_null(answers());
	}
	again();
	send(1, 60, NET_SUM_UNKNOWN);
	tx_answer(63, 0);
	tx_answer(63, 0); /* twice */
	assert_non_null(answers());
}

/* ---- Receiving ---- */

static struct netif_rx_request posted(void)
{
	assert_true(rx_seen != r->rx->req_prod);
	return r->rx->ring[rx_seen++ % NET_SLOTS].req;
}

static void rx_answer(struct netif_rx_response s)
{
	r->rx->ring[r->rx->rsp_prod++ % NET_SLOTS].rsp = s;
}

/* A slot of a frame, full of a byte. */
static void fill(u16 offset, s16 len, u16 flags, u8 byte)
{
	struct netif_rx_request q = posted();

	memset(at_ref(q.gref, true) + offset, byte, len);
	rx_answer((struct netif_rx_response){q.id, offset, flags, len});
}

static void extra(u8 flags)
{
	posted();
	*(struct netif_extra_info *)&r->rx->ring[r->rx->rsp_prod++ % NET_SLOTS] =
	    (struct netif_extra_info){.type = XEN_NETIF_EXTRA_TYPE_GSO, .flags = flags, .u.gso.size = 1448};
}

static void test_receiving(void **state)
{
	u32 frames = 0;

	for (u32 round = 0; round < 300; round++) {
		fill(round % 100, 60 + round,
		     round % 3 == 1 ? NETRXF_csum_blank
		     : round % 3    ? NETRXF_data_validated
				    : 0,
		     round);
		assert_null(answers());
		assert_int_equal(got_count, ++frames);
		assert_int_equal(got_len, 60 + round);
		assert_int_equal(got[0], (u8)round);
		assert_int_equal(got[got_len - 1], (u8)round);
		assert_int_equal(got_checksum, round % 3 == 1 ? NET_SUM_BLANK
					       : round % 3    ? NET_SUM_GOOD
							      : NET_SUM_UNKNOWN);
		assert_int_equal(r->rx->req_prod - rx_seen, NET_RX_PAGES);
	}
}

/* All at once or slot by slot: it is a frame when its last slot has come. */
static void test_many_slots(void **state)
{
	for (u32 step = 0; step < 2; step++) {
		u32 before = got_count;

		fill(0, 200, NETRXF_csum_blank | NETRXF_extra_info | NETRXF_more_data, 1);
		if (step)
			assert_null(answers());
		extra(XEN_NETIF_EXTRA_FLAG_MORE);
		if (step)
			assert_null(answers());
		extra(0);
		for (u32 i = 0; i < 15; i++) {
			if (step)
				assert_null(answers());
			assert_int_equal(got_count, before);
			fill(0, PAGE_SIZE, i < 14 ? NETRXF_more_data : 0, 2 + i);
		}
		assert_null(answers());
		assert_int_equal(got_count, before + 1);
		assert_int_equal(got_len, 200 + 15 * PAGE_SIZE);
		assert_int_equal(got[199], 1);
		assert_int_equal(got[200], 2);
		assert_int_equal(got[got_len - 1], 16);
		assert_int_equal(r->rx->req_prod - rx_seen, NET_RX_PAGES);
	}
	fill(0, 60, NETRXF_extra_info, 9); /* a frame's end is its extra */
	extra(0);
	assert_null(answers());
	assert_int_equal(got_len, 60);
}

static void test_dropped(void **state)
{
	fill(0, 60, NETRXF_more_data, 1);
	rx_answer((struct netif_rx_response){posted().id, 0, 0, NETIF_RSP_ERROR});
	for (u32 i = 0; i < NET_RX_PIECES + 3; i++)
		fill(0, 60, i < NET_RX_PIECES + 2 ? NETRXF_more_data : 0, 1);
	for (u32 i = 0; i < NET_RX_PIECES; i++) /* too long for a frame */
		fill(0, PAGE_SIZE, i < NET_RX_PIECES - 1 ? NETRXF_more_data : 0, 1);
	fill(0, 0, 0, 1);
	assert_null(answers());
	assert_int_equal(got_count, 0);
	fill(0, 60, 0, 1);
	assert_null(answers());
	assert_int_equal(got_count, 1);
	assert_int_equal(r->rx->req_prod - rx_seen, NET_RX_PAGES);
}

static void test_bursts(void **state)
{
	bool more;

	for (u32 i = 0; i < NET_BURST + 3; i++)
		fill(0, 60, 0, i);
	assert_null(net_ring_answers(r, &more));
	assert_int_equal(got_count, NET_BURST);
	assert_true(more);
	assert_null(net_ring_answers(r, &more));
	assert_int_equal(got_count, NET_BURST + 3);
	assert_false(more);
	assert_int_equal(r->rx->rsp_event, r->rx->rsp_prod + 1);
}

static void lie(struct netif_rx_response s)
{
	again();
	rx_answer(s);
	assert_non_null(answers());
}

static void test_received_lies(void **state)
{
	lie((struct netif_rx_response){.id = 1, .status = 60});
	lie((struct netif_rx_response){.id = 65535, .status = 60});
	lie((struct netif_rx_response){.offset = PAGE_SIZE, .status = 1});
	lie((struct netif_rx_response){.offset = 65535, .status = 32767});
	lie((struct netif_rx_response){.offset = 4000, .status = 97});
	again();
	r->rx->rsp_prod = NET_RX_PAGES + 1;
	assert_non_null(answers());
	again();
	for (u32 i = 0; i < NET_RX_PAGES; i++) /* and there is never an end of it */
		rx_answer((struct netif_rx_response){i, 0, NETRXF_more_data, 1});
	assert_non_null(answers());
	again();
	r->rx->ring[0].rsp = (struct netif_rx_response){0, 0, NETRXF_extra_info, 60};
	for (u32 i = 1; i < NET_RX_PAGES; i++)
		((struct netif_extra_info *)&r->rx->ring[i])->flags = XEN_NETIF_EXTRA_FLAG_MORE;
	r->rx->rsp_prod = NET_RX_PAGES;
	assert_non_null(answers());
	assert_int_equal(got_count, 0);
}

static void test_events(void **state)
{
	notified = 0;
	r->tx->req_event = 1;
	send(1, 60, NET_SUM_UNKNOWN);
	assert_int_equal(notified, 1);
	send(1, 60, NET_SUM_UNKNOWN); /* it has not said that it waits again */
	assert_int_equal(notified, 1);
	r->rx->req_event = NET_RX_PAGES + 3;
	for (u32 i = 0; i < 2; i++)
		fill(0, 60, 0, i);
	assert_null(answers());
	assert_int_equal(notified, 1);
	for (u32 i = 0; i < 2; i++)
		fill(0, 60, 0, i);
	assert_null(answers());
	assert_int_equal(notified, 2);
}

/* The answer comes in the moment in which it says what it waits for: nothing is forgotten. */
static void test_counters_wrap(void **state)
{
	r->tx_prod = r->tx_cons = r->tx->req_prod = r->tx->rsp_prod = tx_seen = (u32)-20;
	for (u32 i = 0; i < 60; i++) {
		assert_true(send(i, 60, NET_SUM_UNKNOWN));
		tx_answer(taken().id, 0);
		assert_null(answers());
	}
}

static void test_memory(void **state)
{
	net_ring_close(r);
	for (unsigned n = 0; n < 200; n++) {
		int rc;

		next_page = 1;
		pages_left = n;
		rc = net_ring_open(r, n & 1, NULL, NULL);
		assert_int_equal(rc, n >= 2 + NET_TX_PAGES + NET_RX_LEAST ? 0 : -ENOMEM);
		assert_int_equal(ports_open, rc ? 0 : 1 + (n & 1));
		net_ring_close(r);
		assert_int_equal(refs_left, REFS);
	}
}

/* What the back end still has is lost, and nobody else gets it. */
static void test_kept(void **state)
{
	struct netif_rx_request q = posted();
	pfn_t kept = grants[q.gref].pfn;

	grants[q.gref].mapped = true;
	net_ring_close(r);
	assert_int_equal(pages[kept].refs, 1);
	grants[q.gref] = (typeof(grants[0])){0};
	pages[kept].refs = 0;
	refs_left++;
}

int main(void)
{
	static int split = 1;
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_sending, setup, teardown),
	    cmocka_unit_test_prestate_setup_teardown(test_sending, setup, teardown, &split),
	    cmocka_unit_test_setup_teardown(test_sent_events, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_sent_lies, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_receiving, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_many_slots, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_dropped, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bursts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_received_lies, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_events, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_counters_wrap, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

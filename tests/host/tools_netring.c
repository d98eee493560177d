/* SPDX-License-Identifier: MIT */
/*
 * Specification of rl-netd's rings, against front ends that tell the truth and others.
 *   sent      a packet in one slot and in many arrives whole, with its flags; each slot is answered with its id, in order, extras apart
 *   refused   past a page, sizes that contradict each other, too short, not granted, too many slots, an extra that is none: an error,
 *             nothing arrives, and the packets before and behind it do (XSA-39, -155, -216, -392, -423, -432, -448)
 *   copied    what is checked is what is used, whatever the guest writes meanwhile
 *   halted    an index that runs away, or a packet without end; the other ring stands, too
 *   partly    the rest of a packet is waited for, without turning in circles
 *   given     in order, in the slots of their requests, split into pages; a tag is put in between; blank and large as the guest takes them
 *   finished  whole checksums and single segments for a guest that takes no others
 *   bounded   bytes and age of what waits for a guest that posts no buffers
 *   told      an event is sent if, and only if, the front end waits for it
 *   rate      a packet that is over waits in its ring, and a large one passes some time
 *   again     another program goes on where one was killed
 */
#include "netd_host.h"
#include "err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#undef fail
#include <cmocka.h>

#define TAKEN 64

static struct frame *taken[TAKEN];
static unsigned nr_taken;
static struct net_result result;

static void keep(void *arg, struct frame *f)
{
	assert_true(nr_taken < TAKEN);
	taken[nr_taken++] = f;
}

static void forget(void)
{
	while (nr_taken)
		frame_drop(taken[--nr_taken]);
}

static int setup(void **state)
{
	fail_quiet(true);
	forget();
	begin();
	for (unsigned i = 0; i < GRANTED; i++)
		for (unsigned j = 0; j < NET_PAGE; j++)
			granted[i][j] = (uint8_t)(i * 7 + j + j / 256);
	return 0;
}

static int teardown(void **state)
{
	forget();
	netring_detach(&ring);
	return 0;
}

static void serve_at(uint64_t now_ns)
{
	result = (struct net_result){0};
	netring_take(&ring, now_ns, keep, NULL, &result);
}

static void serve(void)
{
	serve_at(1000000);
}

static void slot(uint32_t ref, unsigned offset, unsigned size, uint16_t flags)
{
	struct tx_request s = {ref, (uint16_t)offset, flags, (uint16_t)(0x4000 + tx_head()->req_prod),
			       (uint16_t)size};

	send_slot(&s);
}

static void extra(uint8_t type, uint8_t gso, uint16_t size, uint8_t flags)
{
	struct net_extra e = {.type = type, .flags = flags, .size = size, .gso = gso};

	send_slot(&e);
}

/* All slots are answered, each so. */
static void assert_answers(uint32_t from, const char *statuses)
{
	assert_int_equal(tx_head()->rsp_prod, from + strlen(statuses));
	for (uint32_t i = 0; statuses[i]; i++) {
		struct tx_response a = tx_answer(from + i);
		bool is_extra = statuses[i] == 'x';

		assert_int_equal(a.status, statuses[i] == '+' ? NET_OKAY : is_extra ? NET_NULL : NET_ERROR);
		assert_int_equal(a.id, is_extra ? 0 : 0x4000 + from + i);
		assert_memory_equal(a.zeros, "\0\0\0\0\0\0\0\0", 8);
	}
}

static void sent(void **state)
{
	slot(3, 100, 60, TX_BLANK);
	slot(4, 0, 60, TX_VALIDATED);
	slot(5, 4000, 96 + 4096 + 14, TX_MORE | TX_EXTRA);
	extra(EXTRA_GSO, GSO_TCP4, 1448, 0);
	slot(6, 0, 4096, TX_MORE);
	slot(7, 4082, 14, 0);
	serve();
	assert_answers(0, "+++x++");
	assert_int_equal(nr_taken, 3);
	assert_memory_equal(taken[0]->data, granted[3] + 100, 60);
	assert_true(taken[0]->blank && !taken[0]->validated && taken[1]->validated && !taken[1]->blank);
	assert_int_equal(taken[2]->len, 96 + 4096 + 14);
	assert_memory_equal(taken[2]->data, granted[5] + 4000, 96);
	assert_memory_equal(taken[2]->data + 96, granted[6], 4096);
	assert_memory_equal(taken[2]->data + 96 + 4096, granted[7] + 4082, 14);
	assert_int_equal(taken[2]->gso, GSO_TCP4);
	assert_int_equal(taken[2]->gso_size, 1448);
}

/* As many slots as there may be, with nothing in some of them. */
static void odd_splits(void **state)
{
	slot(1, 4096, 17 * 10, TX_MORE); /* nothing of it is in the first slot */
	for (unsigned i = 0; i < 18; i++)
		slot(i, 5, i == 3 ? 0 : 10, i < 17 ? TX_MORE : 0);
	serve();
	assert_answers(0, "+++++++++++++++++++");
	assert_int_equal(taken[0]->len, 170);
	assert_memory_equal(taken[0]->data + 30, granted[4] + 5, 10);
	assert_int_equal(copies, 17);
}

static void refused(void **state)
{
	static const char *const statuses[] = {"-",  "-",  "--", "---", "-",   "--", "-x",
					       "-x", "-x", "-x", "--x", "-xx", "--"};

	for (unsigned kind = 0; kind < sizeof(statuses) / sizeof(*statuses); kind++) {
		uint32_t from = tx_head()->req_prod;
		char all[8];

		forget();
		slot(1, 0, 60, 0);
		switch (kind) {
		case 0:
			slot(2, 4000, 97, 0); /* past its page */
			break;
		case 1:
			slot(2, 0, 13, 0);
			break;
		case 2:
			slot(2, 0, 100, TX_MORE);
			slot(3, 4090, 7, 0);
			break;
		case 3:
			slot(2, 100, 100, TX_MORE);
			slot(3, 0, 60, TX_MORE);
			slot(3, 0, 60, 0); /* more than the whole */
			break;
		case 4:
			slot(GRANTED, 0, 60, 0);
			break;
		case 5:
			slot(1, 0, 100, TX_MORE);
			slot(GRANTED, 0, 60, 0);
			break;
		case 6:
			slot(2, 0, 100, TX_EXTRA);
			extra(2, GSO_TCP4, 100, 0);
			break;
		case 7:
			slot(2, 0, 100, TX_EXTRA);
			extra(EXTRA_GSO, 3, 100, 0);
			break;
		case 8:
			slot(2, 0, 100, TX_EXTRA);
			extra(EXTRA_GSO, GSO_TCP6, 0, 0);
			break;
		case 9:
			slot(2, 0, 100, TX_EXTRA);
			extra(0xff, 0xff, 0xffff, 0xfe);
			break;
		case 10: /* an extra that is not behind the first slot */
			slot(2, 0, 100, TX_MORE);
			slot(2, 0, 10, TX_EXTRA);
			slot(1, 0, 60, 0); /* so this one is no extra, but a packet */
			break;
		case 11:
			slot(2, 0, 100, TX_EXTRA);
			extra(EXTRA_GSO, GSO_TCP4, 100, EXTRA_MORE);
			extra(9, 0, 0, 0);
			break;
		case 12:
			slot(2, 0xffff, 0xffff, TX_MORE);
			slot(2, 0xffff, 0xffff, 0);
			break;
		}
		slot(1, 8, 60, 0);
		serve();
		snprintf(all, sizeof(all), "+%s+", kind == 10 ? "--+" : statuses[kind]);
		assert_answers(from, all);
		assert_int_equal(nr_taken, kind == 10 ? 3 : 2);
		assert_memory_equal(taken[nr_taken - 1]->data, granted[1] + 8, 60);
		assert_false(ring.halted);
	}
}

static void too_many_slots(void **state)
{
	slot(1, 0, 200, TX_MORE);
	for (unsigned i = 0; i < TX_SLOTS_MAX; i++)
		slot(1, 0, 10, i + 1 < TX_SLOTS_MAX ? TX_MORE : 0);
	serve();
	assert_answers(0, "--------------------");
	assert_int_equal(nr_taken, 0);
	assert_int_equal(copies, 0);
}

static void scribble(void)
{
	memset(tx_page + 64, 0xff, NET_PAGE - 64);
	memset(rx_page + 64, 0xff, NET_PAGE - 64);
}

static void copied(void **state)
{
	slot(1, 0, 100, TX_MORE);
	slot(2, 0, 40, 0);
	meanwhile = scribble;
	serve();
	assert_answers(0, "++");
	assert_int_equal(taken[0]->len, 100);
}

static void halted(void **state)
{
	tx_head()->req_prod = NET_SLOTS + 1;
	serve();
	assert_true(ring.halted);
	assert_int_equal(nr_taken, 0);
	setup(state);
	for (unsigned i = 0; i < 100; i++)
		slot(1, 0, 20, TX_MORE);
	serve();
	assert_true(ring.halted);
	assert_int_equal(tx_head()->rsp_prod, 0);
	setup(state);
	slot(1, 0, 20, TX_EXTRA);
	for (unsigned i = 0; i < 100; i++)
		extra(EXTRA_GSO, GSO_TCP4, 1000, EXTRA_MORE);
	serve();
	assert_true(ring.halted);
	slot(1, 0, 60, 0);
	serve();
	assert_int_equal(nr_taken, 0);
}

static void partly(void **state)
{
	slot(1, 0, 60, 0);
	slot(1, 0, 100, TX_MORE);
	serve();
	assert_answers(0, "+");
	assert_false(result.more);
	assert_int_equal(tx_head()->req_event, 3);
	slot(1, 0, 40, 0);
	serve();
	assert_answers(1, "++");
	assert_int_equal(nr_taken, 2);
}

static void whole_ring(void **state)
{
	for (unsigned i = 0; i < NET_SLOTS; i++)
		slot(1, 0, 60, 0);
	for (unsigned i = 0; i < NET_SLOTS / TX_BATCH; i++) {
		serve();
		assert_int_equal(nr_taken, TX_BATCH); /* another vif has its turn */
		assert_true(result.more);
		forget();
	}
	serve();
	assert_false(result.more);
	assert_int_equal(tx_head()->rsp_prod, NET_SLOTS);
}

static void told(void **state)
{
	slot(1, 0, 60, 0);
	serve();
	assert_true(result.tell_tx); /* rsp_event is 1 */
	assert_int_equal(tx_head()->req_event, 2);
	slot(1, 0, 60, 0);
	serve();
	assert_false(result.tell_tx);
	tx_head()->rsp_event = 4;
	slot(1, 0, 60, 0);
	slot(1, 0, 60, 0);
	serve();
	assert_true(result.tell_tx);
}

/* ---- To the guest ---- */

static struct frame *pattern(unsigned len, uint16_t type)
{
	struct frame *f = frame_new(len);

	for (unsigned i = 0; i < len; i++)
		f->data[i] = (uint8_t)(i * 13 + i / 256 + 1);
	put_be16(f->data + 12, type);
	return f;
}

static bool queue(struct frame *f, bool tagged)
{
	bool okay = netring_queue(&ring, f, tagged, 1000);

	frame_drop(f);
	return okay;
}

static void post(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		post_buffer((uint16_t)(rx_head()->req_prod + 500), rx_head()->req_prod % GRANTED);
}

static void give(void)
{
	result = (struct net_result){0};
	netring_give(&ring, 1000, &result);
}

static void assert_given(uint32_t index, int status, uint16_t flags)
{
	struct rx_response a = rx_answer(index);

	assert_int_equal(a.id, index + 500);
	assert_int_equal(a.offset, 0);
	assert_int_equal(a.status, status);
	assert_int_equal(a.flags, flags);
}

static void given(void **state)
{
	struct frame *f = pattern(9000, 0x1234), *g = pattern(100, 0x1234);

	g->validated = true;
	post(6);
	assert_true(queue(frame_ref(f), false) && queue(frame_ref(g), false));
	give();
	assert_int_equal(rx_head()->rsp_prod, 4);
	assert_given(0, 4096, RX_MORE);
	assert_given(1, 4096, RX_MORE);
	assert_given(2, 9000 - 8192, 0);
	assert_given(3, 100, RX_VALIDATED);
	for (unsigned i = 0; i < 9000; i++)
		assert_int_equal(granted[i / 4096][i % 4096], f->data[i]);
	assert_memory_equal(granted[3], g->data, 100);
	assert_true(result.tell_rx);
	assert_false(result.more);
	assert_int_equal(ring.bytes, 0);
	frame_drop(f);
	frame_drop(g);
}

static void with_tag(void **state)
{
	static const uint16_t lengths[] = {60, 4092, 4093, 8190};

	for (unsigned n = 0; n < 4; n++) {
		struct frame *f = pattern(lengths[n], 0x1234);
		uint32_t index = rx_head()->rsp_prod, at = 0;

		f->vid = 0x123;
		f->priority = 5;
		post(3);
		assert_true(queue(frame_ref(f), true));
		give();
		assert_int_equal(rx_head()->rsp_prod - index, (lengths[n] + 4u + 4095) / 4096);
		for (; index != rx_head()->rsp_prod; index++) {
			const uint8_t *page = granted[index % GRANTED];
			struct rx_response a = rx_answer(index);

			for (int i = 0; i < a.status; i++, at++) {
				const uint8_t tag[] = {0x81, 0, 0x51, 0x23};
				uint8_t want = at < 12   ? f->data[at]
					       : at < 16 ? tag[at - 12]
							 : f->data[at - 4];

				assert_int_equal(page[i], want);
			}
		}
		assert_int_equal(at, lengths[n] + 4);
		frame_drop(f);
		setup(state);
	}
}

static struct frame *tcp(unsigned data, uint8_t gso)
{
	struct frame *f = pattern(54 + data, ETH_IPV4);

	memset(f->data + 14, 0, 40);
	f->data[14] = 0x45;
	put_be16(f->data + 16, (uint16_t)(40 + data));
	f->data[23] = PROTOCOL_TCP;
	f->data[46] = 0x50;
	f->blank = true;
	f->gso = gso;
	f->gso_size = gso ? 1000 : 0;
	assert_true(frame_offload_ok(f));
	return f;
}

static void unfinished(void **state)
{
	struct net_extra e;

	post(20);
	queue(tcp(100, 0), false);
	queue(tcp(6000, GSO_TCP4), false);
	give();
	assert_int_equal(rx_head()->rsp_prod, 4);
	assert_given(0, 154, RX_BLANK | RX_VALIDATED);
	assert_given(1, 4096, RX_BLANK | RX_VALIDATED | RX_EXTRA | RX_MORE);
	memcpy(&e, net_slot(rx_head(), 2, 8), 8);
	assert_memory_equal(&e, "\x01\0\xe8\x03\x01\0\0\0", 8);
	assert_given(3, 6054 - 4096, 0);
	queue(tcp(6000, GSO_TCP4), true); /* behind a tag it would not be understood */
	give();
	assert_int_equal(rx_head()->rsp_prod, 10);
	for (unsigned i = 4; i < 10; i++)
		assert_given(i, 1058, 0);
	ring.can = (struct net_features){.no_csum4 = true};
	queue(tcp(100, 0), false);
	queue(tcp(2001, GSO_TCP4), false);
	give();
	assert_int_equal(rx_head()->rsp_prod, 14);
	assert_given(10, 154, 0);
	assert_given(11, 1054, 0);
	assert_given(12, 1054, 0);
	assert_given(13, 55, 0);
	assert_false(queue(pattern(4097, 0x1234), false)); /* without scatter-gather */
	assert_true(queue(pattern(4096, 0x1234), false));
	assert_false(queue(pattern(4093, 0x1234), true));
}

static void not_granted(void **state)
{
	post(1);
	post_buffer(501, GRANTED);
	post_buffer(502, 2);
	post_buffer(503, GRANTED);
	post(1);
	queue(pattern(9000, 0x1234), false);
	queue(pattern(60, 0x1234), false);
	queue(pattern(61, 0x1234), false);
	give();
	assert_given(0, NET_ERROR, RX_MORE);
	assert_given(1, NET_ERROR, RX_MORE);
	assert_given(2, NET_ERROR, 0);
	assert_given(3, NET_ERROR, 0);
	assert_given(4, 61, 0);
	assert_false(ring.halted);
}

static void bounded(void **state)
{
	unsigned fit = 0;

	while (queue(pattern(1000, 0x1234), false))
		fit++;
	assert_in_range(ring.bytes, QUEUE_BYTES - 2000, QUEUE_BYTES);
	post(2);
	give();
	assert_int_equal(rx_head()->rsp_prod, 2);
	assert_int_equal(ring.count, fit - 2);
	assert_int_equal(rx_head()->req_event, 3);
	assert_false(result.more);
	netring_give(&ring, 1000 + QUEUE_AGE_MS, &result);
	assert_int_equal(ring.count, fit - 2);
	netring_give(&ring, 1001 + QUEUE_AGE_MS, &result);
	assert_int_equal(ring.count, 0);
	assert_int_equal(ring.bytes, 0);
	for (fit = 0; queue(pattern(14, 0x1234), false);) /* small ones are counted, too */
		fit++;
	assert_true(fit <= QUEUE_FRAMES);
	netring_detach(&ring);
	assert_false(queue(pattern(60, 0x1234), false));
	begin();
	queue(pattern(60, 0x1234), false);
	rx_head()->req_prod = NET_SLOTS + 1;
	give();
	assert_true(ring.halted);
	assert_false(queue(pattern(60, 0x1234), false));
}

static void rate(void **state)
{
	static const char *const none[] = {"", "x", "1", "0,5", "5,0", "5,5,5", "-1", NULL};
	unsigned passed;

	for (unsigned i = 0; i < 8; i++) {
		rate_set(&ring.rate, none[i]);
		assert_int_equal(rate_take(&ring.rate, 65535, 1), 0);
	}
	rate_set(&ring.rate, "1000,50000");
	for (unsigned i = 0; i < 4; i++)
		slot(1, 0, 600, 0);
	serve_at(1000);
	assert_int_equal(nr_taken, 1);
	assert_answers(0, "+"); /* the others wait in their ring */
	assert_int_equal(result.wait_ns, 50001000);
	assert_false(result.more);
	serve_at(50000999);
	assert_int_equal(nr_taken, 1);
	serve_at(50001000);
	assert_int_equal(nr_taken, 3);
	serve_at(1000000000000); /* credit has a limit */
	forget();
	for (passed = 0; !rate_take(&ring.rate, 60000, 1000000000000); passed++)
		;
	assert_int_equal(passed, 2);
}

static void again(void **state)
{
	slot(1, 0, 60, 0);
	slot(1, 0, 60, 0);
	serve();
	post(3);
	queue(pattern(60, 0x1234), false);
	give();
	slot(2, 0, 61, 0);
	netring_detach(&ring);
	ring = (struct netring){.name = "again"};
	netring_attach(&ring, tx_page, rx_page);
	forget();
	serve();
	assert_answers(2, "+");
	assert_int_equal(taken[0]->len, 61);
	queue(pattern(77, 0x1234), false);
	give();
	assert_given(1, 77, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(sent),        TEST(odd_splits), TEST(refused),  TEST(too_many_slots),
	    TEST(copied),      TEST(halted),     TEST(partly),   TEST(whole_ring),
	    TEST(told),        TEST(given),      TEST(with_tag), TEST(unfinished),
	    TEST(not_granted), TEST(bounded),    TEST(rate),     TEST(again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

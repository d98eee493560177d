/* SPDX-License-Identifier: MIT */
/*
 * Specification of rl-netd's switch.
 *   vlan text  Xen's forms, each with what it means; what is none is refused
 *   learning   unknown goes to all but where it came from, known to one port; per VLAN; after 300 s it is unknown; a new place counts
 *   given      a frame for the address that a port's card was given goes there, or nowhere, in its VLAN
 *   access     one VLAN; a tag only if it says that VLAN, or a priority; leaves without a tag
 *   trunk      tags on its list; without a tag the native VLAN or nothing; leaves tagged but for the native VLAN, with its priority
 *   stacked    two tags, or a provider's, do not pass, on any port, into any VLAN
 *   refused    runts, long frames, sources that are no station's, spoofed ones, reserved addresses: counted, and nothing is learned
 *   limits     a port that invents addresses takes no other's place; what goes to many is bounded for each port
 *   isolated   two isolated ports are apart, and both reach a third
 *   groups     apart but for a rule: opening one way, answers the other, ARP with either; fragments only by a whole rule
 *   unfinished a blank checksum is finished, and is right; a large segment becomes several that are right; what cannot be is dropped
 */
#include "netd/switch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PORTS 5

static struct lan lan;
static struct switch_port port[PORTS];
static unsigned got[PORTS];
static bool last_tagged[PORTS], full;
static uint8_t last_tag[PORTS][ETH_TAG];
static uint64_t now;

static bool send_frame(struct switch_port *p, struct frame *f, bool tagged)
{
	unsigned i = (unsigned)(p - port);

	if (full)
		return false;
	got[i]++;
	last_tagged[i] = tagged;
	frame_tag(f, last_tag[i]);
	return true;
}

static const struct port_ops ops = {.send = send_frame};

static int setup(void **state)
{
	(void)state;
	memset(&lan, 0, sizeof(lan));
	memset(port, 0, sizeof(port));
	full = false;
	now = 1000000;
	for (unsigned i = 0; i < PORTS; i++) {
		port[i] = (struct switch_port){.ops = &ops, .group = -1, .mtu = 1500};
		vlans_parse("", &port[i].vlans);
		switch_add(&lan, &port[i]);
	}
	return 0;
}

static void vlan(unsigned i, const char *text)
{
	assert_null(vlans_parse(text, &port[i].vlans));
}

/* The address of a station on port @i; PORTS: all. */
static void station(uint8_t *mac, unsigned i)
{
	memset(mac, i == PORTS ? 0xff : 0, ETH_ADDRESS);
	if (i == PORTS)
		return;
	mac[0] = 2;
	mac[5] = (uint8_t)(i + 1);
}

static struct frame *frame(unsigned from, unsigned to, uint16_t type, unsigned len)
{
	struct frame *f = frame_new(len);

	memset(f->data, 0, len);
	if (len >= ETH_HEAD) {
		station(f->data, to);
		station(f->data + ETH_ADDRESS, from);
		put_be16(f->data + 12, type);
	}
	return f;
}

static void input(unsigned from, struct frame *f)
{
	memset(got, 0, sizeof(got));
	switch_input(&port[from], f, now);
}

/* Send, and see which ports have got it: a bit each. */
static unsigned reaches(unsigned from, struct frame *f)
{
	unsigned bits = 0;

	input(from, f);
	for (unsigned i = 0; i < PORTS; i++) {
		assert_true(got[i] <= 1);
		bits |= got[i] << i;
	}
	return bits;
}

static unsigned plain(unsigned from, unsigned to)
{
	return reaches(from, frame(from, to, 0x1234, 60));
}

static unsigned tagged(unsigned from, unsigned to, uint16_t tci, uint16_t inner)
{
	struct frame *f = frame(from, to, ETH_VLAN, 64);

	put_be16(f->data + 14, tci);
	put_be16(f->data + 16, inner);
	return reaches(from, f);
}

static void vlan_text(void **state)
{
	static const struct {
		const char *text, *means;
	} good[] = {
	    {"", "access 1"},
	    {"10", "access 10"},
	    {"4094", "access 4094"},
	    {"10p", "trunk, native 10"},
	    {"10p/20", "trunk, native 10, tagged 20"},
	    {"10/20/21", "trunk, tagged 10,20-21"},
	    {"10p/100+10x4", "trunk, native 10, tagged 100,110,120,130"},
	    {"10p/9+1x3", "trunk, native 10, tagged 9,11"},
	    {"1+1x4094", "trunk, tagged 1-4094"},
	};
	static const char *const bad[] = {
	    "0",    "4095",   "10,20",  "10p/20p",  "p",   "10/", "/10",
	    "10+1", "10+0x2", "10+1x0", "4094+1x2", "10 ", "-1",  "99999999999999999999",
	    "10pp", "x"};
	struct vlans v;
	char text[64];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_null(vlans_parse(good[i].text, &v));
		vlans_print(&v, text, sizeof(text));
		assert_string_equal(text, good[i].means);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_non_null(vlans_parse(bad[i], &v));
}

static void learning(void **state)
{
	assert_int_equal(plain(0, 1), 0x1e); /* all but where it came from */
	assert_int_equal(plain(1, 0), 1 << 0);
	assert_int_equal(plain(0, 1), 1 << 1);
	assert_int_equal(plain(0, 0), 0); /* is there already */
	assert_int_equal(plain(0, PORTS), 0x1e);
	now += MAC_AGE_MS;
	assert_int_equal(plain(2, 1), 1 << 1);
	now += 1;
	assert_int_equal(plain(2, 1), 0x1b);
	plain(1, 0);
	assert_int_equal(reaches(3, frame(1, 0, 0x1234, 60)) & 1, 1); /* the station has moved */
	assert_int_equal(plain(2, 1), 1 << 3);
	switch_remove(&port[3]);
	assert_int_equal(plain(2, 1), 0x13);
	assert_int_equal(port[3].macs, 0);
}

/* The toolstack has said which address is where. */
static void given(void **state)
{
	station(port[1].mac, 1);
	assert_int_equal(plain(0, 1), 1 << 1);
	port[1].down = true;
	assert_int_equal(plain(0, 1), 0);
	port[1].down = false;
	vlan(1, "10");
	assert_int_equal(plain(0, 1), 0x1c);
	vlan(1, "");
	reaches(3, frame(1, 0, 0x1234, 60)); /* but the station speaks elsewhere */
	assert_int_equal(plain(0, 1), 1 << 3);
	assert_int_equal(plain(0, 2), 0x1e);
}

static void per_vlan(void **state)
{
	vlan(0, "10");
	vlan(1, "10");
	vlan(2, "20");
	vlan(3, "20");
	assert_int_equal(plain(0, PORTS), 1 << 1);
	assert_int_equal(plain(2, PORTS), 1 << 3);
	assert_int_equal(plain(3, 0), 1 << 2);                             /* known, but in another VLAN */
	assert_int_equal(reaches(3, frame(0, PORTS, 0x1234, 60)), 1 << 2); /* the same station there */
	assert_int_equal(plain(1, 0), 1 << 0);
	assert_int_equal(plain(2, 0), 1 << 3);
}

static void access_ports(void **state)
{
	vlan(0, "10");
	vlan(1, "10");
	assert_int_equal(tagged(0, 1, 10, 0x1234), 1 << 1);
	assert_false(last_tagged[1]);
	assert_int_equal(tagged(0, 1, 0xe000, 0x1234), 1 << 1); /* a priority alone */
	assert_int_equal(tagged(0, 1, 1, 0x1234), 0);
	assert_int_equal(tagged(0, 1, 20, 0x1234), 0);
	assert_int_equal(tagged(0, 1, 4095, 0x1234), 0);
	assert_int_equal(port[0].counters.drops[DROP_VLAN], 3);
	assert_int_equal(port[0].macs, 1);
}

static void trunk_ports(void **state)
{
	vlan(0, "10p/20");
	vlan(1, "20");
	vlan(2, "10");
	vlan(3, "20p/10");
	vlan(4, "20");
	assert_int_equal(tagged(0, PORTS, 0x6014, 0x1234), 0x1a);
	assert_false(last_tagged[1]);
	assert_false(last_tagged[3]);
	assert_int_equal(plain(0, PORTS), 0x0c);
	assert_true(last_tagged[3]);
	assert_memory_equal(last_tag[3], "\x81\x00\x00\x0a", 4);
	assert_int_equal(tagged(0, PORTS, 0xa000, 0x1234), 0x0c); /* native, and its priority is kept */
	assert_memory_equal(last_tag[3], "\x81\x00\xa0\x0a", 4);
	assert_int_equal(tagged(0, PORTS, 30, 0x1234), 0);
	assert_int_equal(reaches(1, frame(1, PORTS, 0x1234, 60)), 0x19);
	assert_memory_equal(last_tag[0], "\x81\x00\x00\x14", 4);
	vlan(0, "20/30");
	assert_int_equal(plain(0, PORTS), 0); /* no native VLAN */
}

/* The old trick: the first tag is that of the native VLAN, which the switch takes off; the second one is another VLAN's. */
static void stacked(void **state)
{
	static const uint16_t types[] = {ETH_VLAN, ETH_SVLAN, ETH_QINQ};

	vlan(1, "10p/20");
	for (unsigned p = 0; p < 2; p++) {
		vlan(0, p ? "10p/20" : "10");
		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(tagged(0, PORTS, 10, types[i]), 0);
			assert_int_equal(tagged(0, PORTS, 0, types[i]), 0);
			if (types[i] != ETH_VLAN)
				assert_int_equal(reaches(0, frame(0, PORTS, types[i], 64)), 0);
		}
	}
	assert_int_equal(port[0].counters.drops[DROP_STACKED], 16);
	assert_int_equal(port[0].macs, 0);
}

static void refused(void **state)
{
	struct frame *f;

	for (unsigned len = 0; len < ETH_HEAD; len++)
		assert_int_equal(reaches(0, frame(0, 1, 0x1234, len)), 0);
	for (unsigned len = ETH_HEAD; len < ETH_HEAD + 4; len++)
		assert_int_equal(reaches(0, frame(0, 1, ETH_VLAN, len)), 0);
	assert_int_equal(port[0].counters.drops[DROP_RUNT], 18);
	assert_int_equal(reaches(0, frame(0, 1, 0x1234, 1515)), 0);
	assert_int_equal(port[0].counters.drops[DROP_LONG], 1);
	f = frame(0, 1, 0x1234, 60);
	f->data[6] |= 1;
	assert_int_equal(reaches(0, f), 0);
	f = frame(0, 1, 0x1234, 60);
	memset(f->data + 6, 0, 6);
	assert_int_equal(reaches(0, f), 0);
	assert_int_equal(port[0].counters.drops[DROP_SOURCE], 2);
	for (unsigned i = 0; i < 16; i++) {
		f = frame(0, 1, 0x1234, 60);
		memcpy(f->data, (uint8_t[]){0x01, 0x80, 0xc2, 0, 0, (uint8_t)i}, 6);
		assert_int_equal(reaches(0, f), 0);
	}
	assert_int_equal(port[0].counters.drops[DROP_RESERVED], 16);
	port[0].antispoof = true;
	station(port[0].mac, 0);
	assert_int_equal(reaches(0, frame(1, 2, 0x1234, 60)), 0);
	assert_int_equal(port[0].counters.drops[DROP_SPOOFED], 1);
	assert_int_equal(port[0].macs, 0); /* none of all these was learned */
	f = frame(0, PORTS, 0x1234, 60);
	memcpy(f->data, (uint8_t[]){0x01, 0x80, 0xc2, 0, 0, 0x10},
	       6); /* the first one that is not reserved */
	assert_int_equal(reaches(0, f), 0x1e);
	assert_int_equal(reaches(0, frame(0, 1, 0x1234, 1514)), 0x1e);
	port[1].mtu = 1000;
	assert_int_equal(reaches(0, frame(0, 1, 0x1234, 1015)), 0x1c);
	assert_int_equal(port[1].counters.drops[DROP_LONG], 1);
	full = true;
	assert_int_equal(plain(0, 1), 0);
	assert_int_equal(port[1].counters.drops[DROP_QUEUE], 1);
	full = false;
	port[0].down = true;
	assert_int_equal(plain(0, 1), 0);
	assert_int_equal(plain(1, 0), 0); /* known, but it does not listen */
	mac_forget(&port[0]);
	assert_int_equal(plain(1, 0), 0); /* nor does anybody else: it was given that address */
	memset(port[0].mac, 0, ETH_ADDRESS);
	assert_int_equal(plain(1, 0), 0x1c);
}

static void limits(void **state)
{
	unsigned passed = 0;

	plain(1, PORTS);
	for (unsigned i = 0; i < 20000; i++) {
		struct frame *f = frame(0, 1, 0x1234, 60);

		put_be16(f->data + 8, (uint16_t)i);
		f->data[10] = 1;
		input(0, f);
	}
	assert_true(port[0].macs <= MACS_PORT && port[0].macs > MACS_PORT / 2);
	assert_int_equal(plain(2, 1), 1 << 1);
	assert_int_equal(port[1].macs, 1);
	for (unsigned i = 0; i < 10000; i++)
		passed += plain(3, PORTS) != 0;
	assert_int_equal(passed, STORM_BURST);
	assert_int_equal(port[3].counters.drops[DROP_STORM], 10000 - STORM_BURST);
	assert_int_equal(plain(3, 1), 1 << 1);    /* to one station, as ever */
	assert_int_not_equal(plain(2, PORTS), 0); /* another port has a share of its own */
	now += 5;
	for (passed = 0; plain(3, PORTS);)
		passed++;
	assert_int_equal(passed, 5 * STORM_RATE / 1000);
}

static void isolated(void **state)
{
	port[0].isolated = port[1].isolated = true;
	assert_int_equal(plain(0, PORTS), 0x1c);
	assert_int_equal(plain(1, 0), 0);
	assert_int_equal(plain(2, 0), 1 << 0);
	assert_int_equal(plain(0, 2), 1 << 2);
}

static struct frame *ip(unsigned from, unsigned to, uint8_t protocol, uint16_t source, uint16_t target,
			uint8_t flags)
{
	struct frame *f = frame(from, to, ETH_IPV4, 60);
	uint8_t *p = f->data + 14;

	p[0] = 0x45;
	put_be16(p + 2, 40);
	p[9] = protocol;
	put_be16(p + 20, source);
	put_be16(p + 22, target);
	p[32] = 0x50;
	p[33] = flags;
	return f;
}

static void groups(void **state)
{
	struct frame *f;

	assert_int_equal(group_add(&lan, "web", 100), 0);
	assert_int_equal(group_add(&lan, "db", 200), 1);
	assert_int_equal(group_add(&lan, "db", 201), -1);
	assert_int_equal(group_add(&lan, "other", 200), -1);
	assert_int_equal(group_add(&lan, "other", 4095), -1);
	port[0].group = port[4].group = 0;
	port[1].group = 1;
	assert_int_equal(reaches(0, frame(0, PORTS, ETH_ARP, 60)), 1 << 4);
	assert_int_equal(rule_add(&lan, &(struct rule){0, 1, PROTOCOL_TCP, 5432}), 0);
	assert_int_equal(reaches(0, frame(0, PORTS, ETH_ARP, 60)), 1 << 4 | 1 << 1);
	assert_int_equal(reaches(1, frame(1, 0, ETH_ARP, 60)), 1 << 0);
	assert_int_equal(plain(0, PORTS), 1 << 4);
	assert_int_equal(reaches(0, ip(0, 1, PROTOCOL_TCP, 999, 5432, 2)), 1 << 1);
	assert_false(last_tagged[1]);
	assert_int_equal(reaches(1, ip(1, 0, PROTOCOL_TCP, 5432, 999, 0x12)), 1 << 0);
	assert_int_equal(reaches(1, ip(1, 0, PROTOCOL_TCP, 5432, 999, 0x02)), 0); /* it may not open */
	assert_int_equal(reaches(1, ip(1, 0, PROTOCOL_TCP, 999, 5432, 0x12)), 0);
	assert_int_equal(reaches(0, ip(0, 1, PROTOCOL_TCP, 999, 22, 2)), 0);
	assert_int_equal(reaches(0, ip(0, 1, PROTOCOL_UDP, 999, 5432, 0)), 0);
	f = ip(0, 1, PROTOCOL_TCP, 999, 5432, 2);
	put_be16(f->data + 20, 1); /* a later fragment has no ports */
	assert_int_equal(reaches(0, f), 0);
	assert_int_equal(plain(0, 1), 0);
	assert_int_equal(plain(2, PORTS), 1 << 3); /* who is in no group sees none of it */
	assert_int_equal(rule_add(&lan, &(struct rule){1, 0, 0, 0}), 1);
	assert_int_equal(plain(0, 1), 1 << 1);
	assert_int_equal(plain(1, 0), 1 << 0);
	port[0].isolated = port[1].isolated = true;
	assert_int_equal(plain(0, 1), 0);
}

/* ---- What is unfinished ---- */

static uint32_t add_up(const uint8_t *p, size_t len)
{
	uint32_t s = 0;

	for (size_t i = 0; i < len; i++)
		s += (uint32_t)p[i] << (i % 2 ? 0 : 8);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

/* As who receives it does: all together is 0xffff. */
static void assert_checksum(const struct frame *f)
{
	bool v6 = frame_type(f) == ETH_IPV6;
	const uint8_t *p = f->data + 14;
	unsigned head = v6 ? 40 : 20, len = v6 ? be16(p + 4) : be16(p + 2) - 20u;
	uint32_t s =
	    add_up(p + (v6 ? 8 : 12), v6 ? 32 : 8) + (v6 ? p[6] : p[9]) + len + add_up(p + head, len);

	assert_int_equal(f->len, 14 + head + len);
	assert_int_equal((s & 0xffff) + (s >> 16), 0xffff);
	if (!v6)
		assert_int_equal(add_up(p, 20), 0xffff);
}

static struct frame *large(bool v6, uint8_t protocol, unsigned data)
{
	unsigned head = v6 ? 40 : 20, transport = protocol == PROTOCOL_TCP ? 20 : 8;
	struct frame *f = frame(0, 1, v6 ? ETH_IPV6 : ETH_IPV4, 14 + head + transport + data);
	uint8_t *p = f->data + 14;

	for (unsigned i = 0; i < data; i++)
		p[head + transport + i] = (uint8_t)(i * 31 + i / 256);
	p[0] = v6 ? 0x60 : 0x45;
	put_be16(p + (v6 ? 4 : 2), (uint16_t)(transport + data + (v6 ? 0 : head)));
	p[v6 ? 6 : 9] = protocol;
	memset(p + (v6 ? 8 : 12), 0x1f, v6 ? 32 : 8);
	if (!v6)
		put_be16(p + 10, (uint16_t)~add_up(p, 20));
	put_be16(p + head + 2, 80);
	if (protocol == PROTOCOL_TCP) {
		p[head + 4] = 0xff; /* the sequence number wraps */
		p[head + 5] = p[head + 6] = 0xff;
		p[head + 12] = 0x50;
		p[head + 13] = 0x99; /* CWR, ACK, PSH, FIN */
	} else {
		put_be16(p + head + 4, (uint16_t)(8 + data));
	}
	f->blank = true;
	return f;
}

static void checksums(void **state)
{
	for (unsigned i = 0; i < 4; i++)
		for (unsigned data = 0; data < 5; data++) {
			struct frame *f = large(i & 1, i & 2 ? PROTOCOL_TCP : PROTOCOL_UDP, data), *done;

			assert_true(frame_offload_ok(f));
			done = frame_finished(f);
			assert_checksum(done);
			assert_false(done->blank);
			assert_true(f->blank);
			frame_drop(done);
			frame_drop(f);
		}
}

static struct {
	unsigned count, at;
	uint32_t sequence;
	const struct frame *of;
} seen;

static void see_segment(void *arg, struct frame *s)
{
	bool v6 = frame_type(s) == ETH_IPV6;
	unsigned head = v6 ? 54 : 34, bytes = s->len - head - 20;
	const uint8_t *t = s->data + head;
	bool last = seen.at + bytes == seen.of->len - head - 20;

	assert_checksum(s);
	assert_true(bytes == seen.of->gso_size || (last && bytes < seen.of->gso_size));
	assert_memory_equal(t + 20, seen.of->data + head + 20 + seen.at, bytes);
	assert_int_equal((uint32_t)be16(t + 4) << 16 | be16(t + 6), 0xffffff00u + seen.at);
	assert_int_equal(t[13], 0x10 | (seen.at ? 0 : 0x80) | (last ? 0x09 : 0));
	if (!v6)
		assert_int_equal(be16(s->data + 18), seen.count);
	seen.at += bytes;
	seen.count++;
	frame_drop(s);
}

static void segments(void **state)
{
	static const unsigned sizes[] = {2, 1448, 2896, 2897, 60000};

	for (unsigned v6 = 0; v6 < 2; v6++)
		for (unsigned i = 0; i < 5; i++) {
			struct frame *f = large(v6, PROTOCOL_TCP, sizes[i]);

			f->gso = v6 ? GSO_TCP6 : GSO_TCP4;
			f->gso_size = i ? 1448 : 1;
			assert_true(frame_offload_ok(f));
			assert_int_equal(f->gso != GSO_NONE, sizes[i] > f->gso_size);
			memset(&seen, 0, sizeof(seen));
			seen.of = f;
			assert_true(frame_segment(f, true, see_segment, NULL));
			assert_int_equal(seen.at, sizes[i]);
			frame_drop(f);
		}
}

static void unfinishable(void **state)
{
	struct frame *f;

	for (unsigned i = 0; i < 9; i++) {
		f = large(i == 8, i == 4 ? PROTOCOL_UDP : PROTOCOL_TCP, 1000);
		if (i == 0)
			f->data[14] = 0x4f; /* its header reaches into the next one */
		if (i == 1)
			put_be16(f->data + 16, 2000);
		if (i == 2)
			put_be16(f->data + 20, 0x2000);
		if (i == 3)
			f->data[46] = 0x40;
		if (i >= 4) {
			f->gso = GSO_TCP4;
			f->gso_size = 500;
		}
		if (i == 5)
			f->gso_size = 0;
		if (i == 6)
			f->gso_size = 3; /* too many */
		if (i == 7)
			put_be16(f->data + 12, ETH_ARP);
		if (i == 0)
			put_be16(f->data + 14 + 60 + 2, 0);
		assert_int_equal(frame_offload_ok(f), i == 0);
		f->blank = true;
		if (i)
			assert_int_equal(reaches(0, f), 0);
		else
			frame_drop(f);
	}
	assert_int_equal(port[0].counters.drops[DROP_OFFLOAD], 8);
	for (unsigned len = ETH_HEAD; len < 54; len++) { /* no length is read over */
		f = large(false, PROTOCOL_TCP, 0);
		f->len = len;
		assert_false(frame_offload_ok(f));
		frame_drop(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vlan_text),
	    cmocka_unit_test_setup(learning, setup),
	    cmocka_unit_test_setup(given, setup),
	    cmocka_unit_test_setup(per_vlan, setup),
	    cmocka_unit_test_setup(access_ports, setup),
	    cmocka_unit_test_setup(trunk_ports, setup),
	    cmocka_unit_test_setup(stacked, setup),
	    cmocka_unit_test_setup(refused, setup),
	    cmocka_unit_test_setup(limits, setup),
	    cmocka_unit_test_setup(isolated, setup),
	    cmocka_unit_test_setup(groups, setup),
	    cmocka_unit_test_setup(checksums, setup),
	    cmocka_unit_test_setup(segments, setup),
	    cmocka_unit_test_setup(unfinishable, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

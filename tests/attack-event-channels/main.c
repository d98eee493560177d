/* SPDX-License-Identifier: MIT */
/*
 * Event channels named wrongly: ports beyond the end of every table, port 0, ports closed a moment ago, ports of other
 * kinds, vCPUs and VIRQs that do not exist, other domains' channels, channels offered to another domain. Nothing but
 * an error comes of it; a closed port delivers nothing; and however often a channel is made, all ports come back.
 */
#include "fw.h"

const char test_title[] = "attack-event-channels";

#ifdef __x86_64__
#define PORTS 4096
#else
#define PORTS 1024
#endif

static int op(unsigned cmd, void *arg)
{
	return hypercall_event_channel_op(cmd, arg);
}

static int close_port(unsigned port)
{
	struct evtchn_close c = {.port = port};

	return op(EVTCHNOP_close, &c);
}

static void bad_ports(void)
{
	static const unsigned bad[] = {0,   PORTS - 1,   PORTS,      PORTS + 1,  4096,       131072,
				       ~0u, 0x80000000u, 0x7fffffff, 0xffff0000, PORTS * 32, 0x1fffffff};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct evtchn_send send = {.port = bad[i]};
		struct evtchn_unmask unmask = {.port = bad[i]};
		struct evtchn_bind_vcpu vcpu = {.port = bad[i]};
		struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF, .remote_port = bad[i]};
		struct evtchn_status status = {.dom = DOMID_SELF, .port = bad[i]};

		check(close_port(bad[i]) < 0);
		op(EVTCHNOP_send,
		   &send); /* an unbound port takes a send in silence, one that cannot be does not */
		check(bad[i] < PORTS || op(EVTCHNOP_send, &send) < 0);
		check(bad[i] < PORTS || op(EVTCHNOP_unmask, &unmask) < 0);
		check(op(EVTCHNOP_bind_vcpu, &vcpu) < 0);
		check(op(EVTCHNOP_bind_interdomain, &bind) < 0);
		check(bad[i] < PORTS || op(EVTCHNOP_status, &status) < 0);
	}
}

static void bad_binders(void)
{
	static const unsigned vcpus[] = {1000, 32, 33, 0x7fffffff, 0x80000000u, ~0u};
	struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = 77};
	struct evtchn_bind_interdomain steal = {.remote_dom = DOMID_SELF};

	for (unsigned i = 0; i < ARRAY_SIZE(vcpus); i++) {
		struct evtchn_bind_ipi ipi = {.vcpu = vcpus[i]};
		struct evtchn_bind_virq virq = {.virq = 0, .vcpu = vcpus[i]};
		struct evtchn_bind_virq number = {.virq = vcpus[i], .vcpu = 0};

		check(op(EVTCHNOP_bind_ipi, &ipi) < 0);
		check(op(EVTCHNOP_bind_virq, &virq) < 0);
		check(op(EVTCHNOP_bind_virq, &number) < 0);
	}
	/* Offered to domain 77: not ours to bind, though we made it. */
	check_eq(op(EVTCHNOP_alloc_unbound, &alloc), 0);
	steal.remote_port = alloc.port;
	check(op(EVTCHNOP_bind_interdomain, &steal) < 0);
	steal.remote_dom = 78;
	check(op(EVTCHNOP_bind_interdomain, &steal) < 0);
	check_eq(close_port(alloc.port), 0);
	check(close_port(alloc.port) < 0);
}

/* A loop-back pair: each end closed first in turn, one end used after the other is gone. */
static void pairs(void)
{
	struct evtchn_alloc_unbound offer = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
	struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF};
	struct evtchn_send send;

	for (unsigned i = 0; i < 200; i++) {
		check_eq(op(EVTCHNOP_alloc_unbound, &offer), 0);
		bind.remote_port = offer.port;
		check_eq(op(EVTCHNOP_bind_interdomain, &bind), 0);
		event_test_and_clear(bind.local_port);           /* binding itself is an event */
		check(op(EVTCHNOP_bind_interdomain, &bind) < 0); /* taken */
		check_eq(close_port(i & 1 ? offer.port : bind.local_port), 0);
		send.port = i & 1 ? bind.local_port : offer.port;
		op(EVTCHNOP_send, &send);
		check(!event_test_and_clear(offer.port) && !event_test_and_clear(bind.local_port));
		check_eq(close_port(send.port), 0);
	}
}

static void all_ports(void)
{
	unsigned made = 0, again = 0, first = 0;
	struct evtchn_bind_ipi ipi = {.vcpu = 0};

	while (op(EVTCHNOP_bind_ipi, &ipi) == 0) {
		first = first ? first : ipi.port;
		check(ipi.port && ipi.port < PORTS);
		made++;
	}
	check(made > PORTS / 2 && made < PORTS);
	for (unsigned port = first; port < PORTS; port++)
		close_port(port);
	while (op(EVTCHNOP_bind_ipi, &ipi) == 0)
		again++;
	check_eq(again, made);
	for (unsigned port = first; port < PORTS; port++)
		close_port(port);
}

void test_main(void)
{
	bad_ports();
	bad_binders();
	pairs();
	all_ports();
}

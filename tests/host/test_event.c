/* SPDX-License-Identifier: MIT */
/*
 * Specification: event channels, 2-level ABI, for both layouts.
 *   states    alloc, bind, close as in xen/event_channel.h; the other end falls back to unbound
 *   bits      pending, selector and upcall byte at the layout's places; masked ports raise nothing; unmask does
 *   limits    4095 and 1023 ports, never port 0; -ENOSPC after the last
 *   virqs     global ones on vCPU 0 only, once each; free again after close
 *   polling   a pending port wakes the vCPU that polls for it, and no other
 *   reset     closes everything, on both sides, in as many steps as it takes
 *   order     of two locks the one at the lower address comes first
 *   status    tells of each kind what it is bound to
 */
#include "event_host.h"

static void pairs(void **state)
{
	struct domain a, b, c;
	int pa, pb;

	make(&a, 1, &abi64);
	make(&b, 2, &abi32);
	make(&c, 0, &abi64);
	pa = evtchn_alloc_unbound(&a, 2);
	assert_int_equal(pa, 1);
	assert_int_equal(status(&a, pa), EVTCHNSTAT_unbound);
	assert_int_equal(evtchn_send(&a, pa), 0);
	assert_int_equal(evtchn_bind_interdomain(&b, &a, 77), -EINVAL);
	assert_int_equal(evtchn_bind_interdomain(&b, &a, 4095), -EINVAL); /* ports that there never were */
	assert_int_equal(evtchn_bind_interdomain(&b, &a, ~0u), -EINVAL);
	assert_int_equal(evtchn_close(&a, 4095), -EINVAL);
	pb = evtchn_bind_interdomain(&b, &a, pa);
	assert_int_equal(pb, 1);
	assert_int_equal(evtchn_bind_interdomain(&b, &a, pa), -EINVAL);
	assert_true(evtchn_port_pending(&b, pb)); /* it may have missed something */
	assert_int_equal(evtchn_send(&b, pb), 0);
	assert_int_equal(info(&a)[0x800], 1 << pa);
	assert_int_equal(info(&a)[8], 1); /* selector */
	assert_int_equal(info(&a)[0], 1); /* upcall */
	assert_int_equal(evtchn_close(&b, pb), 0);
	assert_int_equal(status(&a, pa), EVTCHNSTAT_unbound);
	assert_int_equal(evtchn_bind_interdomain(&c, &a, pa), -EINVAL); /* it waits for the same one again */
	assert_int_equal(evtchn_bind_interdomain(&b, &a, pa), pb);
	assert_int_equal(evtchn_close(&b, pb), 0);
	assert_int_equal(evtchn_close(&b, pb), -EINVAL);
	assert_int_equal(evtchn_send(&b, pb), -EINVAL);
	assert_int_equal(evtchn_close(&a, 0), -EINVAL);
	end(&a);
	end(&b);
	end(&c);
}

/* Both ends in one domain. */
static void loopback(void **state)
{
	struct domain a;
	int p, q;

	make(&a, 1, &abi64);
	p = evtchn_alloc_unbound(&a, 1);
	q = evtchn_bind_interdomain(&a, &a, p);
	assert_int_equal(q, 2);
	assert_int_equal(evtchn_send(&a, p), 0);
	assert_true(evtchn_port_pending(&a, q));
	assert_int_equal(evtchn_close(&a, q), 0);
	assert_int_equal(status(&a, p), EVTCHNSTAT_unbound);
	end(&a);
}

static void masks(void **state)
{
	const struct guest_abi *kinds[] = {&abi64, &abi32};
	static const unsigned mask_at[] = {0xa00, 0x880}, sel_at[] = {8, 4};

	for (unsigned i = 0; i < 2; i++) {
		struct domain a;
		int p;

		make(&a, 1, kinds[i]);
		p = evtchn_bind_ipi(a.vcpu[0]);
		info(&a)[mask_at[i]] = 1 << p;
		assert_int_equal(evtchn_send(&a, p), 0);
		assert_true(evtchn_port_pending(&a, p));
		assert_int_equal(info(&a)[0], 0);
		assert_int_equal(info(&a)[sel_at[i]], 0);
		assert_int_equal(evtchn_unmask(&a, p), 0);
		assert_int_equal(info(&a)[mask_at[i]], 0);
		assert_int_equal(info(&a)[0], 1);
		assert_int_equal(info(&a)[sel_at[i]], 1);
		assert_int_equal(evtchn_unmask(&a, 5000), -EINVAL);
		end(&a);
	}
}

static void exhaustion(void **state)
{
	const struct guest_abi *kinds[] = {&abi64, &abi32};

	for (unsigned i = 0; i < 2; i++) {
		struct domain a;
		uint32_t next = 0;

		make(&a, 1, kinds[i]);
		for (uint32_t n = 1; n < kinds[i]->max_ports; n++)
			assert_int_equal(evtchn_alloc_unbound(&a, 1), n);
		assert_int_equal(evtchn_alloc_unbound(&a, 1), -ENOSPC);
		assert_int_equal(evtchn_close(&a, kinds[i]->max_ports - 1), 0);
		assert_int_equal(evtchn_alloc_unbound(&a, 1), kinds[i]->max_ports - 1);
		assert_int_equal(evtchn_close(&a, 700), 0);
		assert_int_equal(evtchn_alloc_unbound(&a, 1), 700);
		assert_int_equal(evtchn_close_all(&a, &next), 0);
		assert_int_equal(evtchn_alloc_unbound(&a, 1), 1);
		end(&a);
	}
}

/* The debug key's list: each port that is taken, what it is, and where it leads. */
static void list(void **state)
{
	struct domain a, b;

	make(&a, 1, &abi64);
	make(&b, 2, &abi64);
	strcpy(a.name, "d1");
	strcpy(b.name, "d2");
	assert_int_equal(evtchn_alloc_unbound(&a, 2), 1);
	assert_int_equal(evtchn_alloc_unbound(&a, 2), 2);
	assert_int_equal(evtchn_bind_virq(a.vcpu[1], VIRQ_TIMER), 3);
	assert_int_equal(evtchn_bind_ipi(a.vcpu[1]), 4);
	assert_int_equal(evtchn_alloc_unbound(&b, 1), 1);
	assert_int_equal(evtchn_alloc_unbound(&b, 1), 2);
	assert_int_equal(evtchn_bind_interdomain(&b, &a, 2), 3);
	assert_int_equal(evtchn_send(&a, 2), 0);
	info(&a)[0xa00] = 1 << 4;
	said[0] = 0;
	evtchn_dump(&a);
	assert_string_equal(said, "d1 port 1: unbound for d2, vcpu 0\n"
				  "d1 port 2: interdomain to d2 port 3, vcpu 0\n"
				  "d1 port 3: virq 0, vcpu 1\n"
				  "d1 port 4: ipi, vcpu 1, masked\n");
	said[0] = 0;
	evtchn_dump(&b);
	assert_string_equal(said, "d2 port 1: unbound for d1, vcpu 0\n"
				  "d2 port 2: unbound for d1, vcpu 0\n"
				  "d2 port 3: interdomain to d1 port 2, vcpu 0, pending\n");
	end(&a);
	end(&b);
}

/* Memory ends in the middle: no port is lost by that, and a domain never takes more than it was said to. */
static void memory(void **state)
{
	struct domain a;
	uint32_t n = 0;
	int rc;

	make(&a, 1, &abi64);
	blocks_left = 1;
	while ((rc = evtchn_alloc_unbound(&a, 1)) > 0)
		n++;
	assert_int_equal(rc, -ENOMEM);
	assert_int_equal(evtchn_bind_ipi(a.vcpu[0]), -ENOMEM);
	assert_int_equal(evtchn_bind_virq(a.vcpu[0], VIRQ_TIMER), -ENOMEM);
	assert_int_equal(n, 2 * EVTCHNS_PER_BUCKET - 1);
	blocks_left = ~0u;
	assert_int_equal(evtchn_bind_virq(a.vcpu[0], VIRQ_TIMER), n + 1);
	end(&a);

	blocks_left = 0;
	a = (struct domain){.abi = &abi64, .shared_info = calloc(1, PAGE_SIZE), .evt.max_port = ~0u};
	assert_int_equal(evtchn_init(&a), -ENOMEM);
	free(a.shared_info);
	blocks_left = ~0u;

	charged = 0;
	make(&a, 1, &abi64);
	while (evtchn_alloc_unbound(&a, 1) > 0)
		;
	assert_int_equal(charged, evtchn_most(&a));
	assert_int_equal(
	    charged, evtchn_most(&(struct domain){.abi = &abi64, .evt.max_port = ~0u})); /* one yet to be */
	end(&a);
}

static void virqs(void **state)
{
	struct domain a;
	int timer, console;
	struct vcpu *second;

	make(&a, 0, &abi64);
	second = a.vcpu[1];
	dom0 = &a;
	timer = evtchn_bind_virq(a.vcpu[1], VIRQ_TIMER);
	assert_true(timer > 0);
	assert_int_equal(evtchn_bind_virq(a.vcpu[1], VIRQ_TIMER), -EEXIST);
	assert_int_equal(evtchn_bind_virq(a.vcpu[1], VIRQ_CONSOLE), -EINVAL);
	console = evtchn_bind_virq(a.vcpu[0], VIRQ_CONSOLE);
	assert_int_equal(evtchn_bind_vcpu(&a, timer, 0), -EINVAL);
	assert_int_equal(evtchn_bind_vcpu(&a, console, 1), 0);
	assert_int_equal(evtchn_bind_vcpu(&a, console, 2), -ENOENT);
	a.vcpu[1] = NULL; /* within the limit, and not there */
	assert_int_equal(evtchn_bind_vcpu(&a, console, 1), -ENOENT);
	a.vcpu[1] = second;
	a.max_vcpus = ARRAY_SIZE(a.vcpu);
	assert_int_equal(evtchn_bind_vcpu(&a, console, ARRAY_SIZE(a.vcpu)), -ENOENT);
	a.max_vcpus = 2;
	send_global_virq(VIRQ_CONSOLE);
	assert_true(evtchn_port_pending(&a, console));
	assert_int_equal(info(&a)[64], 1); /* vCPU 1 is told */
	assert_int_equal(info(&a)[0], 0);
	send_virq(a.vcpu[0], VIRQ_TIMER); /* not bound there: nothing */
	assert_false(evtchn_port_pending(&a, timer));
	send_virq(a.vcpu[1], VIRQ_TIMER);
	assert_true(evtchn_port_pending(&a, timer));
	assert_int_equal(info(&a)[0], 0);
	assert_int_equal(evtchn_close(&a, console), 0);
	assert_int_equal(evtchn_bind_virq(a.vcpu[0], VIRQ_CONSOLE), console);
	assert_int_equal(evtchn_bind_virq(a.vcpu[0], 24), -EINVAL);
	dom0 = NULL;
	end(&a);
}

/* Where global virtual interrupts go: no Dom0 yet, no vCPU of it, not bound; others are bound where they are sent. */
static void nobody_to_tell(void **state)
{
	struct domain a;
	struct vcpu *v;

	send_global_virq(VIRQ_CONSOLE);
	make(&a, 0, &abi64);
	dom0 = &a;
	send_global_virq(VIRQ_CONSOLE);
	v = a.vcpu[0];
	a.vcpu[0] = NULL;
	send_global_virq(VIRQ_CONSOLE);
	a.vcpu[0] = v;
	assert_int_equal(info(&a)[0], 0);
	dom0 = NULL;
	/* A port of a vCPU that is not there yet. */
	assert_int_equal(evtchn_alloc_unbound(&a, 0), 1);
	assert_int_equal(evtchn_bind_interdomain(&a, &a, 1), 2);
	a.vcpu[0] = NULL;
	assert_int_equal(evtchn_send(&a, 1), 0);
	assert_int_equal(evtchn_unmask(&a, 1), -EINVAL);
	a.vcpu[0] = v;
	assert_int_equal(evtchn_unmask(&a, 1), 0);
	end(&a);
}

static void statuses(void **state)
{
	struct domain a, b;
	struct evtchn_status s = {.port = 0};

	make(&a, 1, &abi64);
	make(&b, 2, &abi64);
	a.privileged = true;
	assert_int_equal(status(&a, 0), EVTCHNSTAT_closed);
	assert_int_equal(status(&a, 4095), EVTCHNSTAT_closed);
	s.port = 4096;
	assert_int_equal(evtchn_status(&a, &s), -EINVAL);
	s.port = evtchn_alloc_unbound(&a, 2);
	assert_int_equal(evtchn_bind_vcpu(&a, s.port, 1), 0);
	assert_int_equal(evtchn_status(&a, &s), 0);
	assert_int_equal(s.u.unbound.dom, 2);
	assert_int_equal(s.vcpu, 1);
	assert_int_equal(evtchn_bind_interdomain(&b, &a, s.port), 1);
	assert_int_equal(evtchn_status(&a, &s), 0);
	assert_int_equal(s.status, EVTCHNSTAT_interdomain);
	assert_int_equal(s.u.interdomain.dom, 2);
	assert_int_equal(s.u.interdomain.port, 1);
	a.privileged = true;
	s.port = evtchn_bind_pirq(&a, 7, 0);
	assert_int_equal(evtchn_status(&a, &s), 0);
	assert_int_equal(s.status, EVTCHNSTAT_pirq);
	assert_int_equal(s.u.pirq, 7);
	s.port = evtchn_bind_virq(a.vcpu[1], VIRQ_DEBUG);
	assert_int_equal(evtchn_status(&a, &s), 0);
	assert_int_equal(s.status, EVTCHNSTAT_virq);
	assert_int_equal(s.u.virq, VIRQ_DEBUG);
	assert_int_equal(s.vcpu, 1);
	assert_int_equal(evtchn_send(&a, s.port), -EINVAL);
	s.port = evtchn_bind_ipi(a.vcpu[1]);
	assert_int_equal(evtchn_status(&a, &s), 0);
	assert_int_equal(s.status, EVTCHNSTAT_ipi);
	assert_int_equal(evtchn_bind_vcpu(&a, s.port, 0), -EINVAL); /* it is its vCPU's */
	assert_int_equal(evtchn_bind_vcpu(&a, 77, 0), -EINVAL);
	assert_int_equal(evtchn_bind_vcpu(&a, 4096, 0), -EINVAL);
	end(&a);
	end(&b);
}

/* Interrupted at each chance that there is, and again. */
static void reset_in_steps(void **state)
{
	struct domain a, b;
	uint32_t next = 0, steps = 0, last = 0;
	int rc;

	make(&a, 1, &abi64);
	make(&b, 2, &abi64);
	for (unsigned i = 1; i < 1000; i++) {
		assert_int_equal(evtchn_alloc_unbound(&a, 2), i);
		assert_int_equal(evtchn_bind_interdomain(&b, &a, i), i);
	}
	interrupt_at = 1;
	while ((rc = evtchn_close_all(&a, &next)) == -ERESTART) {
		assert_true(next > last && next < 1100);
		last = next;
		steps++;
	}
	interrupt_at = ~0u;
	assert_int_equal(rc, 0);
	assert_int_equal(next, 0);
	assert_in_range(steps, 15, 17);
	for (unsigned i = 1; i < 1000; i++) {
		assert_int_equal(status(&a, i), EVTCHNSTAT_closed);
		assert_int_equal(status(&b, i), EVTCHNSTAT_unbound);
	}
	end(&a);
	end(&b);
}

static struct domain *first, *second;
static void first_comes(void)
{
	assert_false(second->evt.lock.held);
	spin_unlock(&first->evt.lock);
}

static void order_of_locks(void **state)
{
	struct domain two[2];

	for (unsigned i = 0; i < 2; i++) {
		make(&two[0], 1, &abi64);
		make(&two[1], 2, &abi64);
		assert_int_equal(evtchn_alloc_unbound(&two[!i], two[i].id), 1);
		first = &two[0];
		second = &two[1];
		spin_lock(&first->evt.lock);
		spin_waiting = first_comes;
		assert_int_equal(evtchn_bind_interdomain(&two[i], &two[!i], 1), 1);
		assert_false(first->evt.lock.held || second->evt.lock.held);
		end(&two[0]);
		end(&two[1]);
	}
}

static void unmasking(void **state)
{
	struct domain a;
	int p;

	make(&a, 1, &abi64);
	p = evtchn_bind_ipi(a.vcpu[0]);
	assert_int_equal(evtchn_unmask(&a, p), 0); /* neither masked nor pending */
	assert_int_equal(info(&a)[0], 0);
	info(&a)[0xa00] = 1 << p;
	assert_int_equal(evtchn_unmask(&a, p), 0); /* nothing has come */
	assert_int_equal(info(&a)[0], 0);
	assert_int_equal(evtchn_send(&a, p), 0);
	info(&a)[0] = info(&a)[8] = 0; /* seen, and not cleared: no new edge without a mask */
	assert_int_equal(evtchn_unmask(&a, p), 0);
	assert_int_equal(info(&a)[0], 0);
	/* A vcpu_info has moved: the vCPU looks at all ports. */
	evtchn_rescan(a.vcpu[0]);
	for (unsigned i = 8; i < 16; i++)
		assert_int_equal(info(&a)[i], 0xff);
	assert_int_equal(info(&a)[16], 0);
	assert_int_equal(info(&a)[0], 1);
	assert_true(vcpu_event_pending(a.vcpu[0]));
	a.vcpu[0]->info->upcall_mask = 1;
	assert_false(vcpu_event_pending(a.vcpu[0]));
	end(&a);
}

static void waking(void **state)
{
	struct domain a;
	int p, q;

	make(&a, 1, &abi64);
	p = evtchn_bind_ipi(a.vcpu[0]);
	q = evtchn_bind_ipi(a.vcpu[1]);
	a.vcpu[0]->state = VCPU_BLOCKED;
	assert_int_equal(evtchn_send(&a, p), 0);
	assert_int_equal(wakes, 1);
	a.vcpu[1]->running = true;
	assert_int_equal(evtchn_send(&a, q), 0);
	assert_int_equal(kicks, 1);
	assert_int_equal(evtchn_send(&a, q), 0); /* still pending: no second kick */
	assert_int_equal(kicks, 1);
	/* Nor for the running vCPU, nor for one that waits for a processor; but one about to sleep wakes by itself. */
	host_percpu.vcpu = a.vcpu[1];
	info(&a)[64] = 0;
	vcpu_mark_events(a.vcpu[1]);
	assert_int_equal(kicks, 1);
	host_percpu.vcpu = NULL;
	a.vcpu[1]->running = false;
	info(&a)[64] = 0;
	vcpu_mark_events(a.vcpu[1]);
	assert_int_equal(kicks, 1);
	assert_int_equal(wakes, 1);
	host_percpu.vcpu = a.vcpu[1];
	a.vcpu[1]->state = VCPU_BLOCKED;
	info(&a)[64] = 0;
	vcpu_mark_events(a.vcpu[1]);
	assert_int_equal(wakes, 2);
	host_percpu.vcpu = NULL;
	end(&a);
}

static void polling(void **state)
{
	struct domain a;
	int p, q;

	make(&a, 1, &abi64);
	p = evtchn_bind_ipi(a.vcpu[0]);
	q = evtchn_bind_ipi(a.vcpu[0]);
	info(&a)[0xa00] = 0xff;
	a.vcpu[1]->evt.polling = true;
	a.vcpu[1]->evt.poll_port = q;
	a.evt.pollers = 2;
	evtchn_send(&a, p);
	assert_int_equal(wakes, 0);
	evtchn_send(&a, q);
	assert_int_equal(wakes, 1);
	a.vcpu[0]->evt.polling = a.vcpu[1]->evt.polling = true; /* for any of several */
	a.vcpu[1]->evt.poll_port = 77;
	a.evt.pollers = 3;
	evtchn_close(&a, q);
	q = evtchn_bind_ipi(a.vcpu[1]);
	evtchn_send(&a, q);
	assert_int_equal(wakes, 2);
	assert_int_equal(a.evt.pollers, 2);
	evtchn_close(&a, q);
	q = evtchn_bind_ipi(a.vcpu[1]);
	a.vcpu[0]->evt.poll_port = 77; /* the first waits for another, the second for any */
	a.vcpu[1]->evt.poll_port = 0;
	a.evt.pollers = 3;
	evtchn_send(&a, q);
	assert_int_equal(wakes, 3);
	assert_int_equal(a.evt.pollers, 1);
	end(&a);
}

/* Ports that are pending and not masked, below a bit of this vCPU's selector; no more than there is room for. */
static void told(void **state)
{
	const struct guest_abi *abis[] = {&abi64, &abi32};
	static const uint32_t taken[] = {5, 77, 78};
	uint16_t ports[4];

	for (unsigned i = 0; i < 2; i++) {
		uint32_t last = abis[i]->max_ports - 1;
		struct domain a;

		make(&a, 1, abis[i]);
		for (unsigned j = 0; j < ARRAY_SIZE(taken); j++)
			a.evt.ports_taken[taken[j] / 64] |= 1ull << taken[j] % 64;
		a.evt.ports_taken[last / 64] |= 1ull << last % 64;
		bit_test_and_set(a.evt.pending, 4); /* no port */
		assert_int_equal(vcpu_told_ports(a.vcpu[0], ports, 4), 0);
		bit_test_and_set(a.evt.pending, 5);
		assert_int_equal(vcpu_told_ports(a.vcpu[0], ports, 4), 0);
		port_set_pending(&a, a.vcpu[0], 77);
		port_set_pending(&a, a.vcpu[0], last);
		bit_test_and_set(a.evt.mask, 78);
		port_set_pending(&a, a.vcpu[0], 78);
		assert_int_equal(vcpu_told_ports(a.vcpu[0], ports, 4), 2);
		assert_int_equal(ports[0], 77);
		assert_int_equal(ports[1], last);
		memset(vcpu_selector(&a, a.vcpu[0]), 0xff, 4);
		assert_int_equal(vcpu_told_ports(a.vcpu[0], ports, 2), 2);
		assert_int_equal(ports[0], 5);
		assert_int_equal(ports[1], 77);
		end(&a);
	}
}

static void dying(void **state)
{
	struct domain a, b;
	int p;

	make(&a, 1, &abi64);
	make(&b, 2, &abi64);
	p = evtchn_alloc_unbound(&a, 2);
	b.state = DOMAIN_DYING;
	assert_true(evtchn_alloc_unbound(&b, 1) < 0);
	assert_true(evtchn_bind_interdomain(&b, &a, p) < 0);
	assert_int_equal(status(&a, p), EVTCHNSTAT_unbound);
	end(&a);
	end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pairs),      cmocka_unit_test(loopback),       cmocka_unit_test(masks),
	    cmocka_unit_test(exhaustion), cmocka_unit_test(virqs),          cmocka_unit_test(waking),
	    cmocka_unit_test(polling),    cmocka_unit_test(dying),          cmocka_unit_test(memory),
	    cmocka_unit_test(list),       cmocka_unit_test(nobody_to_tell), cmocka_unit_test(statuses),
	    cmocka_unit_test(unmasking),  cmocka_unit_test(reset_in_steps), cmocka_unit_test(order_of_locks),
	    cmocka_unit_test(told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

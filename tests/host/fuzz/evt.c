/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target of event channels: three domains of both layouts allocate, bind, send, mask, close and end. A model of each
 * port's state says what every call must come to, and what all ports are afterwards: both ends of a pair name each
 * other, what is closed is free and not pending, an event that is not masked reaches its vCPU.
 */
#include "input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "evt/evtchn.c"
#include "evt/port.c"
#include "evt/virq.c"

#define DOMAINS 3
#define PORTS   20 /* of each, 0 included */
#define VCPUS   2

struct percpu host_percpu, *cpu_table[MAX_CPUS];
uint32_t nr_cpus = 1;
struct domain *dom0;
struct domain dom_idle;

void *heap_alloc(size_t n)
{
	return calloc(1, n);
}
void *heap_alloc_for(struct domain *d, size_t n)
{
	return calloc(1, n);
}
size_t heap_size(size_t n)
{
	return n;
}
void heap_free(void *p)
{
	free(p);
}
void domain_get(struct domain *d)
{
	d->refs++;
}
void domain_put(struct domain *d)
{
	assert_true(d->refs--);
}
static void wake(struct vcpu *v)
{
}
static void kick(struct vcpu *v)
{
}
bool hypercall_preempt_check(void)
{
	return input_below(2);
}
void pirq_release(struct domain *d, uint32_t port, uint32_t pirq)
{
}
void pirq_bind_vcpu(struct domain *d, uint32_t pirq, const struct vcpu *v)
{
}
void printk(const char *fmt, ...)
{
}

static const struct guest_abi layout[2] = {{.max_ports = 4096, .word_shift = 6},
					   {.max_ports = 1024, .word_shift = 5}};

static struct domain *doms[DOMAINS];

/* The model. */
static struct port {
	unsigned status, vcpu, virq, remote, remote_port;
	bool pending;
} model[DOMAINS][PORTS];

static struct domain *new_domain(unsigned id)
{
	struct domain *d = calloc(1, sizeof(*d));

	*d = (struct domain){.id = id, .abi = &layout[id & 1], .state = DOMAIN_ALIVE, .refs = 1};
	d->max_vcpus = VCPUS;
	d->evt.max_port = PORTS - 1;
	d->shared_info = calloc(1, PAGE_SIZE);
	for (unsigned i = 0; i < VCPUS; i++) {
		struct vcpu *v = calloc(1, sizeof(*v));

		v->domain = d;
		v->id = i;
		v->info = (void *)((char *)d->shared_info + i * 64);
		v->state = VCPU_RUNNABLE;
		d->vcpu[i] = v;
	}
	evtchn_wake = wake;
	evtchn_kick = kick;
	assert_int_equal(evtchn_init(d), 0);
	return d;
}

static struct port *any(unsigned *d, unsigned *port)
{
	*d = input_below(DOMAINS);
	*port = input_below(PORTS);
	return &model[*d][*port];
}

/* The calls give the lowest free port, or none. */
static struct port *given(unsigned d, int port)
{
	int lowest = 1;

	while (lowest < PORTS && model[d][lowest].status != EVTCHNSTAT_closed)
		lowest++;
	assert_int_equal(port, lowest < PORTS ? lowest : -ENOSPC);
	return port > 0 ? &model[d][port] : NULL;
}

static void alloc(void)
{
	unsigned d = input_below(DOMAINS), remote = input_below(DOMAINS);
	struct port *p = given(d, evtchn_alloc_unbound(doms[d], remote));

	if (p)
		*p = (struct port){.status = EVTCHNSTAT_unbound, .remote = remote};
}

/* A port of @d became pending, and was not: unmasked, it reaches its vCPU. */
static void check_delivery(unsigned d, unsigned port, bool was)
{
	struct vcpu *v = doms[d]->vcpu[model[d][port].vcpu];

	model[d][port].pending = true;
	assert_true(evtchn_port_pending(doms[d], port));
	if (!was && !evtchn_port_masked(doms[d], port)) {
		assert_true(bit_test(vcpu_selector(doms[d], v), port >> doms[d]->abi->word_shift));
		assert_int_equal(v->info->upcall_pending, 1);
	}
}

static void bind(void)
{
	unsigned d = input_below(DOMAINS), remote, remote_port;
	struct port *r = any(&remote, &remote_port), *p;
	bool ok = r->status == EVTCHNSTAT_unbound && r->remote == d;
	int port = evtchn_bind_interdomain(doms[d], doms[remote], remote_port);

	if (!ok) {
		assert_int_equal(port, -EINVAL);
		return;
	}
	p = given(d, port);
	if (!p)
		return;
	*p = (struct port){.status = EVTCHNSTAT_interdomain, .remote = remote, .remote_port = remote_port};
	*r = (struct port){.status = EVTCHNSTAT_interdomain,
			   .remote = d,
			   .remote_port = port,
			   .vcpu = r->vcpu,
			   .pending = r->pending};
	check_delivery(d, port, false); /* what it may have missed */
}

static bool virq_bound(unsigned d, unsigned vcpu, unsigned virq)
{
	for (unsigned i = 0; i < PORTS; i++)
		if (model[d][i].status == EVTCHNSTAT_virq && model[d][i].virq == virq &&
		    model[d][i].vcpu == vcpu)
			return true;
	return false;
}

/* Global ones go to vCPU 0, and anywhere from there. */
static void bind_virq(void)
{
	unsigned d = input_below(DOMAINS), vcpu = input_below(VCPUS), virq = input_below(26);
	bool global =
	    virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
	bool taken = doms[d]->vcpu[vcpu]->evt.virq_port[virq % 24];
	int port = evtchn_bind_virq(doms[d]->vcpu[vcpu], virq);
	struct port *p;

	if (virq >= 24 || (global && vcpu)) {
		assert_int_equal(port, -EINVAL);
	} else if (taken) {
		assert_int_equal(port, -EEXIST);
	} else if ((p = given(d, port))) {
		assert_true(global || !virq_bound(d, vcpu, virq));
		*p = (struct port){.status = EVTCHNSTAT_virq, .vcpu = vcpu, .virq = virq};
	}
}

static void bind_ipi(void)
{
	unsigned d = input_below(DOMAINS), vcpu = input_below(VCPUS);
	struct port *p = given(d, evtchn_bind_ipi(doms[d]->vcpu[vcpu]));

	if (p)
		*p = (struct port){.status = EVTCHNSTAT_ipi, .vcpu = vcpu};
}

static void transmit(void)
{
	unsigned d, port;
	struct port *p = any(&d, &port);
	bool was;

	if (p->status == EVTCHNSTAT_interdomain) {
		was = model[p->remote][p->remote_port].pending;
		assert_int_equal(evtchn_send(doms[d], port), 0);
		check_delivery(p->remote, p->remote_port, was);
	} else if (p->status == EVTCHNSTAT_ipi) {
		was = p->pending;
		assert_int_equal(evtchn_send(doms[d], port), 0);
		check_delivery(d, port, was);
	} else {
		assert_int_equal(evtchn_send(doms[d], port), p->status == EVTCHNSTAT_unbound ? 0 : -EINVAL);
	}
}

static void forget(struct port *p)
{
	if (p->status == EVTCHNSTAT_interdomain) {
		struct port *r = &model[p->remote][p->remote_port];

		*r = (struct port){.status = EVTCHNSTAT_unbound,
				   .remote = (p - &model[0][0]) / PORTS,
				   .vcpu = r->vcpu,
				   .pending = r->pending};
	}
	*p = (struct port){0};
}

static void close(void)
{
	unsigned d, port;
	struct port *p = any(&d, &port);

	assert_int_equal(evtchn_close(doms[d], port), p->status == EVTCHNSTAT_closed ? -EINVAL : 0);
	forget(p);
}

static void move(void)
{
	unsigned d, port, vcpu = input_below(VCPUS + 1);
	struct port *p = any(&d, &port);
	bool global = p->virq != VIRQ_TIMER && p->virq != VIRQ_DEBUG && p->virq != VIRQ_XENOPROF &&
		      p->virq != VIRQ_XENPMU;
	bool ok = p->status == EVTCHNSTAT_unbound || p->status == EVTCHNSTAT_interdomain ||
		  (p->status == EVTCHNSTAT_virq && global);

	assert_int_equal(evtchn_bind_vcpu(doms[d], port, vcpu), vcpu == VCPUS ? -ENOENT : ok ? 0 : -EINVAL);
	if (ok && vcpu < VCPUS)
		p->vcpu = vcpu;
}

static void take(unsigned d, unsigned port)
{
	bit_test_and_clear(doms[d]->evt.pending, port);
	model[d][port].pending = false;
}

/* What the guest does by itself: mask a port, take an event, clear its words. */
static void guest(void)
{
	unsigned d, port, what = input_below(4);

	any(&d, &port);
	if (what == 0)
		bit_test_and_set(doms[d]->evt.mask, port);
	else if (what == 1)
		bit_test_and_clear(doms[d]->evt.mask, port);
	else if (what == 2)
		take(d, port);
	else
		memset(doms[d]->vcpu[port % VCPUS]->info, 0, 16);
}

static void unmask(void)
{
	unsigned d, port;
	struct port *p = any(&d, &port);
	bool masked = evtchn_port_masked(doms[d], port);

	if (evtchn_unmask(doms[d], port))
		return;
	assert_false(evtchn_port_masked(doms[d], port));
	if (masked && p->pending && p->status != EVTCHNSTAT_closed)
		assert_int_equal(doms[d]->vcpu[p->vcpu]->info->upcall_pending, 1);
}

/* A domain's end: all its ports, and their other ends. */
static void close_all(unsigned d)
{
	uint32_t next = 0;

	while (evtchn_close_all(doms[d], &next) == -ERESTART)
		;
	for (unsigned i = 0; i < PORTS; i++)
		forget(&model[d][i]);
}

static void check(void)
{
	for (unsigned d = 0; d < DOMAINS; d++) {
		for (unsigned i = 0; i < PORTS; i++) {
			const struct port *p = &model[d][i];
			struct evtchn_status s = {.port = i};

			assert_int_equal(evtchn_status(doms[d], &s), 0);
			assert_int_equal(s.status, p->status);
			if (p->status == EVTCHNSTAT_closed)
				continue;
			assert_int_equal(s.vcpu, p->vcpu);
			assert_int_equal(evtchn_port_pending(doms[d], i), p->pending);
			if (p->status == EVTCHNSTAT_interdomain) {
				assert_int_equal(s.u.interdomain.dom, p->remote);
				assert_int_equal(s.u.interdomain.port, p->remote_port);
			} else if (p->status == EVTCHNSTAT_unbound) {
				assert_int_equal(s.u.unbound.dom, p->remote);
			} else if (p->status == EVTCHNSTAT_virq) {
				assert_int_equal(s.u.virq, p->virq);
			}
		}
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const steps[])(void) = {alloc,    bind,  bind, bind_virq, bind_ipi, transmit,
					      transmit, close, move, guest,     unmask};

	input_begin(data, size);
	memset(model, 0, sizeof(model));
	for (unsigned i = 0; i < DOMAINS; i++)
		doms[i] = new_domain(i);
	dom0 = doms[0];
	for (unsigned i = 0; i < 400 && !input_ended(); i++) {
		unsigned what = input_below(40);

		if (what < 39)
			steps[what % 11]();
		else
			close_all(input_below(DOMAINS));
		check();
	}
	for (unsigned i = 0; i < DOMAINS; i++)
		close_all(i);
	check();
	for (unsigned i = 0; i < DOMAINS; i++) {
		evtchn_destroy(doms[i]);
		assert_int_equal(doms[i]->refs, 1);
		free(doms[i]->vcpu[0]);
		free(doms[i]->vcpu[1]);
		free(doms[i]->shared_info);
		free(doms[i]);
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Specification: event channels whose partners do something at the same time. Between any two holds of the locks, one
 * CPU does for the partner what it may: close its end, reset, bind the port to another domain, end (and its memory is
 * gone with the last reference). Whichever of the two was first: no freed memory is touched, no end names
 * a domain that does not name it, no reference is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/spinlock.h"

/* The other CPU's turn comes whenever ours holds no lock. */
static int holds, turn_at = -1, turns;
static void (*other_cpu)(void);

static void counted_lock(struct spinlock *l)
{
	spin_lock(l);
	holds++;
}

static void counted_unlock(struct spinlock *l)
{
	spin_unlock(l);
	if (--holds == 0 && turns++ == turn_at && other_cpu) {
		void (*act)(void) = other_cpu;

		other_cpu = NULL;
		act();
	}
}

#define spin_lock   counted_lock
#define spin_unlock counted_unlock
#include "evt/evtchn.c"
#include "evt/port.c"
#undef spin_lock
#undef spin_unlock

struct percpu host_percpu, *cpu_table[MAX_CPUS];
uint32_t nr_cpus = 1;
struct domain *dom0;
static int alive; /* domains whose memory is there */

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
	assert_true(d->refs > 0);
	d->refs++;
}

void domain_put(struct domain *d)
{
	assert_true(d->refs > 0);
	if (--d->refs)
		return;
	evtchn_destroy(d);
	free(d->vcpu[0]);
	free(d->shared_info);
	free(d);
	alive--;
}

bool virq_is_global(uint32_t virq)
{
	return false;
}

static void wake(struct vcpu *v)
{
}

static void kick(struct vcpu *v)
{
}

bool hypercall_preempt_check(void)
{
	return false;
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

static const struct guest_abi abi = {.max_ports = 4096, .word_shift = 6};

static struct domain *make(domid_t id)
{
	struct domain *d = calloc(1, sizeof(*d));
	struct vcpu *v = calloc(1, sizeof(*v));

	*d = (struct domain){
	    .id = id, .abi = &abi, .state = DOMAIN_ALIVE, .max_vcpus = 1, .evt.max_port = ~0u, .refs = 1};
	d->shared_info = calloc(1, PAGE_SIZE);
	v->domain = d;
	v->info = d->shared_info;
	v->state = VCPU_RUNNABLE;
	d->vcpu[0] = v;
	evtchn_wake = wake;
	evtchn_kick = kick;
	assert_int_equal(evtchn_init(d), 0);
	alive++;
	return d;
}

/* ---- a pair, us and the partner, and a third ---- */

enum {
	PORTS = 6
};

static struct domain *us, *partner, *third;
static int ours, theirs;

/* What dom/destroy.c does of it: no new ports, no ports, and in the end not its own reference. */
static void end(struct domain **d)
{
	uint32_t next = 0;

	if (!*d)
		return;
	(*d)->state = DOMAIN_DYING;
	assert_int_equal(evtchn_close_all(*d, &next), 0);
	(*d)->state = DOMAIN_DEAD;
	domain_put(*d);
	*d = NULL;
}

static void partner_closes(void)
{
	evtchn_close(partner, theirs);
}

static void partner_resets(void)
{
	uint32_t next = 0;

	evtchn_close_all(partner, &next);
}

static void partner_ends(void)
{
	end(&partner);
}

/* The same port, another pair: the third one's. */
static void partner_changes(void)
{
	int port;

	if (evtchn_close(partner, theirs))
		return;
	port = evtchn_alloc_unbound(partner, third->id);
	if (port > 0)
		evtchn_bind_interdomain(third, partner, port);
}

/* Our own other vCPU. */
static void we_close(void)
{
	evtchn_close(us, ours);
}

static void we_change(void)
{
	int port;

	if (evtchn_close(us, ours))
		return;
	port = evtchn_alloc_unbound(us, third->id);
	assert_true(port > 0);
	assert_true(evtchn_bind_interdomain(third, us, port) > 0);
}

static void (*const others[])(void) = {partner_closes,  partner_resets, partner_ends,
				       partner_changes, we_close,       we_change};

static void close_ours(void)
{
	evtchn_close(us, ours);
}

static void reset_ours(void)
{
	uint32_t next = 0;

	evtchn_close_all(us, &next);
}

static void send_ours(void)
{
	evtchn_send(us, ours);
}

/* To the partner's open port, as EVTCHNOP_bind_interdomain: it holds the partner. */
static void bind_another(void)
{
	struct domain *remote = partner;

	domain_get(remote);
	evtchn_bind_interdomain(us, remote, theirs + 1);
	domain_put(remote);
}

/* For the partner, as Dom0 may. */
static void alloc_theirs(void)
{
	struct domain *d = partner;

	domain_get(d);
	evtchn_alloc_unbound(d, us->id);
	domain_put(d);
}

static void end_us(void)
{
	end(&us);
}

static void dump_us(void)
{
	evtchn_dump(us);
}

static void (*const operations[])(void) = {close_ours,   reset_ours, send_ours, bind_another,
					   alloc_theirs, end_us,     dump_us};

/* Each end names one that names it, and no unknown domain. */
static void check_pairs(const struct domain *d)
{
	for (uint32_t port = 1; d && port < PORTS; port++) {
		const struct evtchn *ch = port_channel((struct domain *)d, port);

		if (ch->state != ECS_INTERDOMAIN)
			continue;
		assert_true(ch->remote == us || ch->remote == partner || ch->remote == third);
		assert_ptr_equal(ch->peer, port_channel(ch->remote, ch->remote_port));
		assert_int_equal(ch->peer->state, ECS_INTERDOMAIN);
		assert_ptr_equal(ch->peer->remote, d);
		assert_int_equal(ch->peer->remote_port, port);
	}
}

/* @op by us, with @act by another CPU after the @at-th hold of a lock. Was there such a one? */
static bool race(bool upper, void (*op)(void), void (*act)(void), int at)
{
	struct domain *all[] = {make(1), make(2)};
	bool higher = all[0] > all[1];

	/* Whose lock comes first depends on the addresses. */
	us = all[higher != upper];
	partner = all[higher == upper];
	third = make(3);
	ours = evtchn_alloc_unbound(us, partner->id);
	theirs = evtchn_bind_interdomain(partner, us, ours);
	assert_true(theirs > 0);
	assert_int_equal(evtchn_alloc_unbound(partner, us->id), theirs + 1);
	turns = 0;
	turn_at = at;
	other_cpu = act;
	op();
	turn_at = -1;
	check_pairs(us);
	check_pairs(partner);
	check_pairs(third);
	assert_true(!us || us->refs == 1);
	assert_true(!partner || partner->refs == 1);
	end(&us);
	end(&partner);
	end(&third);
	assert_int_equal(alive, 0);
	return turns > at;
}

static void between_locks(void **state)
{
	for (unsigned upper = 0; upper < 2; upper++)
		for (unsigned op = 0; op < ARRAY_SIZE(operations); op++)
			for (unsigned act = 0; act < ARRAY_SIZE(others); act++) {
				if (operations[op] == end_us &&
				    (others[act] == we_close || others[act] == we_change))
					continue; /* it has no vCPU any more that could */
				for (int at = 0; race(upper, operations[op], others[act], at); at++)
					;
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(between_locks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Domains with event channels and nothing else. Included by one file of a test. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "evt/evtchn.c"
#include "evt/pirq.c"
#include "evt/port.c"
#include "evt/virq.c"

struct percpu host_percpu, *cpu_table[MAX_CPUS];
uint32_t nr_cpus = 1;
struct domain *dom0;
struct domain dom_idle;
static unsigned wakes, kicks;

void *heap_alloc(size_t n)
{
	return calloc(1, n);
}
static unsigned blocks_left = ~0u; /* that there is memory for */
static size_t charged;
void *heap_alloc_for(struct domain *d, size_t n)
{
	if (!blocks_left)
		return NULL;
	blocks_left--;
	charged += n;
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
	d->refs--;
}
static void wake(struct vcpu *v)
{
	wakes++;
	v->state = VCPU_RUNNABLE;
	v->polling = false;
	v->domain->pollers &= ~(1u << v->id);
}
static void kick(struct vcpu *v)
{
	kicks++;
}
static unsigned looks, interrupt_at = ~0u;
bool hypercall_preempt_check(void)
{
	return ++looks % interrupt_at == 0;
}
static unsigned bound[MAX_GSI], unmasked[MAX_GSI];
int irq_bind_pirq(uint32_t gsi)
{
	if (gsi == 9)
		return -EBUSY;
	bound[gsi]++;
	return 0;
}
int irq_unbind_pirq(uint32_t gsi)
{
	bound[gsi]--;
	return 0;
}
void irq_unmask(uint32_t gsi)
{
	unmasked[gsi]++;
}
static char said[4096];
void printk(const char *fmt, ...)
{
	size_t n = strlen(said);
	va_list args;

	va_start(args, fmt);
	vsnprintf(said + n, sizeof(said) - n, fmt, args);
	va_end(args);
}

static const struct guest_ops ops64 = {.max_ports = 4096, .word_shift = 6};
static const struct guest_ops ops32 = {.max_ports = 1024, .word_shift = 5};

static void make(struct domain *d, domid_t id, const struct guest_ops *ops)
{
	*d = (struct domain){.id = id, .ops = ops, .state = DOMAIN_ALIVE, .max_vcpus = 2, .max_port = ~0u};
	d->shared_info = calloc(1, PAGE_SIZE);
	for (unsigned i = 0; i < 2; i++) {
		struct vcpu *v = calloc(1, sizeof(*v));

		v->domain = d;
		v->id = i;
		v->info = (char *)d->shared_info + i * 64;
		v->upcall = v->info;
		v->state = VCPU_RUNNABLE;
		d->vcpu[i] = v;
	}
	evtchn_wake = wake;
	evtchn_kick = kick;
	assert_int_equal(evtchn_init(d), 0);
	wakes = kicks = 0;
}

static void end(struct domain *d)
{
	uint32_t next = 0;

	assert_int_equal(evtchn_close_all(d, &next), 0);
	assert_int_equal(d->refs, 0);
	evtchn_destroy(d);
	free(d->vcpu[0]);
	free(d->vcpu[1]);
	free(d->shared_info);
}

static uint8_t *info(struct domain *d)
{
	return d->shared_info;
}

static uint32_t status(struct domain *d, uint32_t port)
{
	struct evtchn_status s = {.port = port};

	assert_int_equal(evtchn_status(d, &s), 0);
	return s.status;
}

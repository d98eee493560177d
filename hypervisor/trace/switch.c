/* SPDX-License-Identifier: MIT */
/* Switching accounting and tracing on and off, and the memory of both. Under trace_lock (trace_op.c). */
#include "cpu/percpu.h"
#include "dom/domain.h"
#include "dom/domctl.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "trace/trace.h"
#include "trace/trace_op.h"

static unsigned ring_order(uint32_t size)
{
	return block_order(size * sizeof(struct ringlet_record));
}

static void nothing(struct percpu *cpu)
{
}

void trace_init(void)
{
	hooks_init();
	sysctl_extension = trace_sysctl;
}

void accounting_set(bool on)
{
	if (on != accounting)
		hooks_set(listening ^ LISTEN_ACCOUNTING, on ? accounting_begin : nothing);
}

/* A vCPU that counts meanwhile may keep one of its counters: this need not be exact. */
void accounting_reset(void)
{
	struct domain *d;
	struct vcpu *v;

	for (uint32_t id = 0; (d = domain_next(id)) != NULL; domain_put(d)) {
		id = d->id + 1;
		for_each_vcpu (d, v)
			if (v->counters)
				memset(v->counters, 0, sizeof(*v->counters));
	}
}

void tracing_free(void)
{
	tracing_stop();
	for (uint32_t i = 0; i < nr_cpus; i++) {
		struct trace_ring *ring = &trace_cpus[i].ring;

		if (ring->slots)
			heap_free_pages(ring->slots, ring_order(ring->size));
		ring->slots = NULL;
	}
}

int tracing_start(uint16_t domain, uint32_t size)
{
	if (tracing)
		return -EBUSY;
	tracing_free();
	trace_domain = domain;
	for (uint32_t i = 0; i < nr_cpus; i++) {
		struct ringlet_record *slots = heap_alloc_pages(ring_order(size));

		if (!slots) {
			tracing_free();
			return -ENOMEM;
		}
		ring_init(&trace_cpus[i].ring, &cpu_table[i]->trace, slots, size);
	}
	hooks_set(listening | LISTEN_TRACING, tracing_begin);
	return 0;
}

void tracing_stop(void)
{
	if (tracing)
		hooks_set(listening & ~LISTEN_TRACING, nothing);
}

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
	v->evt.polling = false;
	v->domain->evt.pollers &= ~(1u << v->id);
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
/* Lines: 24 of an I/O APIC, of which 9 is the hypervisor's own, and those of messages. dev/irq.c has a test of its own. */
#define GSIS 24
static struct irq_line host_lines[GSIS], message_lines[PIRQS];
static unsigned host_gsis = GSIS; /* 0: a machine without I/O APIC */
static unsigned eois, messages_open;
unsigned ioapic_gsi_count(void)
{
	return host_gsis;
}
int irq_attach(struct irq_user *u, struct irq_line *l)
{
	assert_null(u->line);
	u->line = l;
	u->next = l->users;
	l->users = u;
	return 0;
}
int irq_attach_gsi(struct irq_user *u, uint32_t gsi)
{
	assert_true(gsi < GSIS);
	host_lines[gsi].level = gsi >= 16;
	return gsi == 9 ? -EBUSY : irq_attach(u, &host_lines[gsi]);
}
void irq_detach(struct irq_user *u)
{
	struct irq_user **at;

	if (!u->line)
		return;
	for (at = &u->line->users; *at != u; at = &(*at)->next)
		;
	*at = u->next;
	u->line = NULL;
}
void irq_eoi(struct irq_user *u)
{
	eois++;
}
bool irq_shared(const struct irq_user *u)
{
	return u->line && u->line->users->next;
}
void irq_aim(struct irq_user *u, uint32_t apic_id)
{
	u->line->apic_id = apic_id;
}
int msi_open(uint16_t function, uint64_t table_base, uint32_t number, struct irq_line **line)
{
	if (function != 0x18)
		return -ENODEV;
	if (message_lines[number].chip)
		return -EEXIST;
	message_lines[number].chip = (const void *)&message_lines;
	message_lines[number].msi.function = function;
	messages_open++;
	*line = &message_lines[number];
	return 0;
}
void msi_close(struct irq_line *l)
{
	assert_null(l->users);
	l->chip = NULL;
	messages_open--;
}
/* One frame, which only domain 0 has. */
#define EOI_FRAME 7
static struct page_info frames[EOI_FRAME + 1];
static int eoi_frame_uses, type_error; /* what asking for its type gives */
struct page_info *frame_table = frames;
uint64_t host_directmap;
struct page_info *page_get_mfn(mfn_t mfn, struct domain *d)
{
	if (mfn != EOI_FRAME || d->id)
		return NULL;
	frames[mfn].count++;
	return &frames[mfn];
}
void frame_release(struct page_info *pg)
{
	fail();
}
int page_get_type(struct page_info *pg, enum page_type type)
{
	eoi_frame_uses += !type_error;
	return type_error;
}
int page_put_and_type(struct page_info *pg)
{
	eoi_frame_uses--;
	pg->count--;
	return 0;
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

static const struct guest_abi abi64 = {.max_ports = 4096, .word_shift = 6};
static const struct guest_abi abi32 = {.max_ports = 1024, .word_shift = 5};

static void make(struct domain *d, domid_t id, const struct guest_abi *abi)
{
	*d =
	    (struct domain){.id = id, .abi = abi, .state = DOMAIN_ALIVE, .max_vcpus = 2, .evt.max_port = ~0u};
	d->shared_info = calloc(1, PAGE_SIZE);
	for (unsigned i = 0; i < 2; i++) {
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
	wakes = kicks = 0;
}

static void end(struct domain *d)
{
	uint32_t next = 0;

	assert_int_equal(evtchn_close_all(d, &next), 0);
	assert_int_equal(d->refs, 0);
	pirqs_free(d);
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

/* SPDX-License-Identifier: MIT */
/*
 * Physical interrupts of a domain. A PIRQ of an I/O APIC has its line while it is bound; a message has one from the
 * beginning, since its function must be told the vector. Dom0 has all PIRQs of the I/O APICs without asking.
 *
 * Locking: d->evt.lock guards the table and the bindings. pirq_arrived() runs under irq_lock alone, and finds the port that
 * was there before the line got this user and is there until it has lost it.
 */
#include "evt/pirq.h"
#include "dev/ioapic.h"
#include "dev/msi.h"
#include "evt/port.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "xen/event_channel.h"
#include "xen/physdev.h"

struct pirq {
	struct irq_user user;
	struct domain *domain;
	struct irq_line *message; /* its line if it is a message */
	uint32_t number;
	uint32_t port; /* 0: not bound */
};

/* Allocated with a domain's first PIRQ. */
struct pirqs {
	void *eoi_page; /* d->evt.pirq_eoi_mfn */
	bool eoi_unmasks;
	struct pirq *pirq[PIRQS];
};

uint64_t pirqs_most(void)
{
	return heap_size(sizeof(struct pirqs)) + PIRQS * heap_size(sizeof(struct pirq));
}

static void needs_eoi(struct pirq *p, bool needs)
{
	struct pirqs *all = p->domain->evt.pirqs;

	if (!all->eoi_page)
		return;
	if (needs)
		bit_test_and_set(all->eoi_page, p->number);
	else
		bit_test_and_clear(all->eoi_page, p->number);
}

static bool pirq_arrived(struct irq_user *u)
{
	struct pirq *p = container_of(u, struct pirq, user);
	bool news = !evtchn_port_pending(p->domain, p->port);

	if (!news) /* an edge line is masked now: it came again too soon */
		needs_eoi(p, true);
	port_notify(p->domain, p->port, port_channel(p->domain, p->port));
	return news;
}

/* NULL: @d has no PIRQ of that number. */
static struct pirq *find(const struct domain *d, uint32_t number)
{
	return d->evt.pirqs && number < PIRQS ? d->evt.pirqs->pirq[number] : NULL;
}

/* -ENOMEM; -EINVAL: @d is dying, and gives its PIRQs back or has done so. */
static int make_table(struct domain *d)
{
	if (d->state >= DOMAIN_DYING)
		return -EINVAL;
	if (!d->evt.pirqs)
		d->evt.pirqs = heap_alloc_for(d, sizeof(*d->evt.pirqs));
	return d->evt.pirqs ? 0 : -ENOMEM;
}

static int make_pirq(struct domain *d, uint32_t number, struct pirq **made)
{
	int rc = make_table(d);
	struct pirq *p;

	if (rc)
		return rc;
	p = heap_alloc_for(d, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->user.arrived = pirq_arrived;
	p->domain = d;
	p->number = number;
	d->evt.pirqs->pirq[number] = *made = p;
	return 0;
}

static bool is_interrupt(uint32_t number)
{
	return number < MIN(ioapic_gsi_count(), (unsigned)PIRQS);
}

static int map_gsi(struct domain *d, uint32_t gsi, int wanted)
{
	struct pirq *p;
	int rc;

	if (!is_interrupt(gsi))
		return -EINVAL;
	if (wanted >= 0 && (uint32_t)wanted != gsi)
		return -EEXIST;
	if (find(d, gsi))
		return gsi;
	rc = make_pirq(d, gsi, &p);
	return rc ? rc : (int)gsi;
}

int pirq_map_gsi(struct domain *d, uint32_t gsi, int wanted)
{
	int rc;

	spin_lock(&d->evt.lock);
	rc = map_gsi(d, gsi, wanted);
	spin_unlock(&d->evt.lock);
	return rc;
}

/* From the top, since interrupts of I/O APICs have theirs at the bottom. */
static int highest_free(const struct domain *d)
{
	for (uint32_t number = PIRQS; number && !is_interrupt(number - 1); number--)
		if (!find(d, number - 1))
			return number - 1;
	return -ENOSPC;
}

/* A PIRQ that is no interrupt of an I/O APIC. A @wanted one may have been reserved. */
static int take_number(struct domain *d, int wanted, struct pirq **p)
{
	int number = wanted < 0 ? highest_free(d) : wanted;

	if (number < 0)
		return number;
	if (number >= PIRQS || is_interrupt(number))
		return -EINVAL;
	*p = find(d, number);
	if (*p)
		return (*p)->message ? -EEXIST : number;
	return make_pirq(d, number, p) ?: number;
}

static void drop(struct pirq *p)
{
	irq_detach(&p->user);
	if (p->message)
		msi_close(p->message);
	p->domain->evt.pirqs->pirq[p->number] = NULL;
	heap_free(p);
}

int pirq_reserve(struct domain *d)
{
	struct pirq *p;
	int number;

	spin_lock(&d->evt.lock);
	number = take_number(d, PIRQ_ANY, &p);
	spin_unlock(&d->evt.lock);
	return number;
}

int pirq_map_msi(struct domain *d, const struct pirq_message *m, int wanted)
{
	struct irq_line *l;
	struct pirq *p;
	int number, rc;

	rc = msi_open(m->function, m->table_base, m->number, &l);
	if (rc)
		return rc;
	spin_lock(&d->evt.lock);
	number = take_number(d, wanted, &p);
	if (number >= 0)
		p->message = l;
	spin_unlock(&d->evt.lock);
	if (number < 0)
		msi_close(l);
	return number;
}

int pirq_unmap(struct domain *d, uint32_t pirq)
{
	struct pirq *p;

	spin_lock(&d->evt.lock);
	p = find(d, pirq);
	if (p)
		drop(p);
	spin_unlock(&d->evt.lock);
	return p || (d->privileged && is_interrupt(pirq)) ? 0 : -EINVAL;
}

void pirq_unmap_function(struct domain *d, uint16_t function)
{
	spin_lock(&d->evt.lock);
	for (uint32_t number = 0; number < PIRQS; number++) {
		struct pirq *p = find(d, number);

		if (p && p->message && p->message->msi.function == function)
			drop(p);
	}
	spin_unlock(&d->evt.lock);
}

/* The line's user may be called before this returns: the port must be ready. */
static int attach(struct pirq *p, uint32_t port, bool shares)
{
	int rc;

	p->port = port;
	p->user.shares = shares;
	rc = p->message ? irq_attach(&p->user, p->message) : irq_attach_gsi(&p->user, p->number);
	if (rc)
		p->port = 0;
	else
		needs_eoi(p, p->user.line->level);
	return rc;
}

static int bind(struct domain *d, struct pirq *p, bool shares)
{
	struct evtchn *ch;
	int port, rc;

	if (p->port)
		return -EEXIST;
	port = port_alloc(d, &ch);
	if (port < 0)
		return port;
	*ch = (struct evtchn){.state = ECS_PIRQ, .pirq = p->number};
	rc = attach(p, port, shares);
	if (rc)
		port_free(d, port, ch);
	return rc ? rc : port;
}

static int bind_number(struct domain *d, uint32_t pirq, bool shares)
{
	int rc = d->privileged && is_interrupt(pirq) ? map_gsi(d, pirq, PIRQ_ANY) : 0;
	struct pirq *p = find(d, pirq);

	if (rc < 0)
		return rc;
	if (!p)
		return d->privileged ? -EINVAL : -EPERM;
	return p->message || is_interrupt(pirq) ? bind(d, p, shares) : -EINVAL;
}

int evtchn_bind_pirq(struct domain *d, uint32_t pirq, uint32_t flags)
{
	int rc;

	spin_lock(&d->evt.lock);
	rc = bind_number(d, pirq, flags & BIND_PIRQ__WILL_SHARE);
	spin_unlock(&d->evt.lock);
	return rc;
}

void pirq_release(struct domain *d, uint32_t port, uint32_t pirq)
{
	struct pirq *p = find(d, pirq);

	if (!p || p->port != port) /* it was unmapped meanwhile */
		return;
	irq_detach(&p->user);
	p->port = 0;
}

void pirq_bind_vcpu(struct domain *d, uint32_t pirq, const struct vcpu *v)
{
	struct pirq *p = find(d, pirq);

	if (p && v->cpu)
		irq_aim(&p->user, v->cpu->apic_id);
}

int pirq_eoi(struct domain *d, uint32_t pirq)
{
	uint32_t unmask = 0;
	struct pirq *p;

	if (pirq >= PIRQS)
		return -EINVAL;
	spin_lock(&d->evt.lock);
	p = find(d, pirq);
	if (p && p->port) {
		needs_eoi(p, p->user.line->level);
		if (d->evt.pirqs->eoi_unmasks)
			unmask = p->port;
		irq_eoi(&p->user);
	}
	spin_unlock(&d->evt.lock);
	if (unmask)
		evtchn_unmask(d, unmask);
	return 0;
}

/* A guest without an EOI page must always say EOI: an edge line may be resting (dev/irq.h). */
int pirq_status(struct domain *d, uint32_t pirq, uint32_t *flags)
{
	struct pirq *p;

	if (pirq >= PIRQS)
		return -EINVAL;
	*flags = XENIRQSTAT_needs_eoi;
	spin_lock(&d->evt.lock);
	p = find(d, pirq);
	if (p && irq_shared(&p->user))
		*flags |= XENIRQSTAT_shared;
	spin_unlock(&d->evt.lock);
	return 0;
}

/* evt.lock held. */
static int set_eoi_page(struct domain *d, mfn_t mfn, bool unmasks)
{
	int rc = make_table(d);

	if (rc)
		return rc;
	if (d->evt.pirqs->eoi_page)
		return -EBUSY;
	d->evt.pirq_eoi_mfn = mfn;
	d->evt.pirqs->eoi_unmasks = unmasks;
	d->evt.pirqs->eoi_page = mfn_to_virt(mfn);
	for (uint32_t number = 0; number < PIRQS; number++) {
		struct pirq *p = find(d, number);

		if (p && p->port)
			needs_eoi(p, p->user.line->level);
	}
	return 0;
}

int pirq_set_eoi_page(struct domain *d, uint64_t mfn, bool unmasks)
{
	struct page_info *pg = page_get_mfn(mfn, d);
	int rc;

	if (!pg)
		return -EINVAL;
	if (page_get_type(pg, PGT_WRITABLE)) {
		page_put(pg);
		return -EINVAL;
	}
	spin_lock(&d->evt.lock);
	rc = set_eoi_page(d, mfn, unmasks);
	spin_unlock(&d->evt.lock);
	if (rc)
		page_put_and_type(pg);
	return rc;
}

void pirqs_free(struct domain *d)
{
	if (!d->evt.pirqs)
		return;
	for (uint32_t number = 0; number < PIRQS; number++)
		if (d->evt.pirqs->pirq[number])
			drop(d->evt.pirqs->pirq[number]);
	if (d->evt.pirq_eoi_mfn)
		page_put_and_type(mfn_to_page(d->evt.pirq_eoi_mfn));
	d->evt.pirq_eoi_mfn = 0;
	heap_free(d->evt.pirqs);
	d->evt.pirqs = NULL;
}

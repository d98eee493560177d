/* SPDX-License-Identifier: MIT */
/*
 * Physical interrupts: a domain's numbers for interrupt lines (dev/irq.h), each of which may be bound to an event channel.
 * The numbers below ioapic_gsi_count() are the lines of the same number; messages get the highest free ones.
 * All take d->evt.lock.
 */
#pragma once

#include "lib/types.h"

struct domain;

/* Numbers that a domain may use: the first are interrupts of I/O APICs. */
#define PIRQS    512
#define PIRQ_ANY (-1)

/* A message of a PCI function (dev/msi.h). */
struct pirq_message {
	uint16_t function;
	uint64_t table_base;
	uint32_t number;
};

/*
 * Give @d a PIRQ: its number or -errno. @wanted: PIRQ_ANY, or the number it must have.
 * -EINVAL: no such interrupt or number, or @d dies; -EEXIST: the number is taken, or not @gsi's; -ENOSPC: all are
 * taken; -ENOMEM; what msi_open() returns.
 */
int pirq_map_gsi(struct domain *d, uint32_t gsi, int wanted);
int pirq_map_msi(struct domain *d, const struct pirq_message *m, int wanted);
/* A number that nothing else will get until it is unmapped or a message is mapped to it. */
int pirq_reserve(struct domain *d);
/* Take it away, bound or not. -EINVAL: @d has no such PIRQ. */
int pirq_unmap(struct domain *d, uint32_t pirq);
/* Take away all that are messages of @function. */
void pirq_unmap_function(struct domain *d, uint16_t function);

/* PHYSDEVOP_eoi, _irq_status_query. -EINVAL: no such number. */
int pirq_eoi(struct domain *d, uint32_t pirq);
int pirq_status(struct domain *d, uint32_t pirq, uint32_t *flags);
/*
 * From now on a bit for each PIRQ in the domain's page @mfn says if it needs an EOI. @unmasks: an EOI unmasks the port.
 * -EBUSY: there is such a page already. -EINVAL: not a writable frame of its own.
 */
int pirq_set_eoi_page(struct domain *d, uint64_t mfn, bool unmasks);

/* Give back everything: all ports are closed. */
void pirqs_free(struct domain *d);
/* Bytes of memory that they may take. */
uint64_t pirqs_most(void);

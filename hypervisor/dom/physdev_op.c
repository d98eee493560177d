/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 33, physdev_op (xen/physdev.h): interrupts and I/O privilege. Every guest has a virtual I/O
 * privilege level; the machine's interrupts are Dom0's, and those of other domains for which it maps them. Here is what any
 * domain may ask; what Dom0 alone may is in dom/physdev_driver.c.
 */
#include "dom/physdev.h"
#include "evt/pirq.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "xen/physdev.h"

#define IO_PORTS 65536

static long set_iopl(struct vcpu *v, struct physdev_set_iopl *s)
{
	if (s->iopl > 3)
		return -EINVAL;
	v->dom.iopl = s->iopl;
	return 0;
}

/* The bitmap stays in the guest; emulation of IN and OUT reads it when an application does I/O. */
static long set_iobitmap(struct vcpu *v, struct physdev_set_iobitmap *s)
{
	if (s->nr_ports > IO_PORTS)
		return -EINVAL;
	v->dom.iobitmap = s->bitmap;
	v->dom.iobitmap_ports = s->nr_ports;
	return 0;
}

static bool has_interrupts(const struct domain *d)
{
	return d->privileged || d->evt.pirqs;
}

static long eoi(struct vcpu *v, struct physdev_eoi *e)
{
	return has_interrupts(v->domain) ? pirq_eoi(v->domain, e->irq) : -EPERM;
}

static long irq_status_query(struct vcpu *v, struct physdev_irq_status_query *q)
{
	return has_interrupts(v->domain) ? pirq_status(v->domain, q->irq, &q->flags) : -EPERM;
}

static long pirq_eoi_gmfn_v1(struct vcpu *v, struct physdev_pirq_eoi_gmfn *g)
{
	return has_interrupts(v->domain) ? pirq_set_eoi_page(v->domain, g->gmfn, true) : -EPERM;
}

static long pirq_eoi_gmfn_v2(struct vcpu *v, struct physdev_pirq_eoi_gmfn *g)
{
	return has_interrupts(v->domain) ? pirq_set_eoi_page(v->domain, g->gmfn, false) : -EPERM;
}

static const struct sub_op ops[] = {
    [PHYSDEVOP_set_iopl] = SUB_OP(set_iopl, physdev_set_iopl, SUB_READS),
    [PHYSDEVOP_set_iobitmap] = SUB_OP(set_iobitmap, physdev_set_iobitmap, SUB_READS),
    [PHYSDEVOP_eoi] = SUB_OP(eoi, physdev_eoi, SUB_READS),
    [PHYSDEVOP_irq_status_query] =
	SUB_OP(irq_status_query, physdev_irq_status_query, SUB_READS | SUB_ANSWERS),
    [PHYSDEVOP_pirq_eoi_gmfn_v1] = SUB_OP(pirq_eoi_gmfn_v1, physdev_pirq_eoi_gmfn, SUB_READS),
    [PHYSDEVOP_pirq_eoi_gmfn_v2] = SUB_OP(pirq_eoi_gmfn_v2, physdev_pirq_eoi_gmfn, SUB_READS),
};

long hc_physdev_op(uint64_t cmd, uint64_t arg)
{
	uint32_t n = cmd;

	if (n < ARRAY_SIZE(ops) && ops[n].run)
		return sub_op_run(ops, ARRAY_SIZE(ops), n, current, arg);
	return sub_op_run(physdev_driver_ops, PHYSDEV_DRIVER_OPS, n, current, arg);
}

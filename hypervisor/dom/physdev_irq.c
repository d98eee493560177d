/* SPDX-License-Identifier: MIT */
/* physdev_op of a domain that has physical interrupts: how it answers them. */
#include "guest/domain.h"
#include "dom/physdev.h"
#include "evt/pirq.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "xen/physdev.h"

static int eoi(gva_t arg)
{
	struct physdev_eoi e;

	if (guest_get(&e, arg, physdev_eoi))
		return -EFAULT;
	return pirq_eoi(current->domain, e.irq);
}

static int irq_status_query(gva_t arg)
{
	struct physdev_irq_status_query q;
	int rc;

	if (guest_get(&q, arg, physdev_irq_status_query))
		return -EFAULT;
	rc = pirq_status(current->domain, q.irq, &q.flags);
	if (rc)
		return rc;
	return guest_put(arg, &q, physdev_irq_status_query) ? -EFAULT : 0;
}

static int pirq_eoi_gmfn(gva_t arg, bool unmasks)
{
	struct physdev_pirq_eoi_gmfn g;

	if (guest_get(&g, arg, physdev_pirq_eoi_gmfn))
		return -EFAULT;
	return pirq_set_eoi_page(current->domain, g.gmfn, unmasks);
}

long physdev_irq_op(uint32_t cmd, gva_t arg)
{
	switch (cmd) {
	case PHYSDEVOP_eoi:
		return eoi(arg);
	case PHYSDEVOP_irq_status_query:
		return irq_status_query(arg);
	default:
		return pirq_eoi_gmfn(arg, cmd == PHYSDEVOP_pirq_eoi_gmfn_v1);
	}
}

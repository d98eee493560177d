/* SPDX-License-Identifier: MIT */
/*
 * How much of the hypervisor's memory may be held for a domain: what the limits that Dom0 gave it add up to, and some
 * room for what is only held during a call. docs/overhead.md has the table.
 */
#include "dom/domain.h"
#include "evt/evtchn.h"
#include "evt/pirq.h"
#include "gnt/grant.h"
#include "guest/kind.h"
#include "mm/page.h"

#define DOMAIN_MOST (128ul << 10) /* shared_info, descriptor windows, memory map, grant table, first ports */
#define VCPU_MOST \
	(64ul << 10) /* its structure, FPU image, counters, tables; a context, an exchange under way */

void domain_set_quota(struct domain *d)
{
	uint64_t quota = DOMAIN_MOST + MAX(d->max_vcpus, 1u) * VCPU_MOST + evtchn_most(d);

	if (d->privileged)
		quota += pirqs_most();
	if (d->hypercalls) /* others cannot ask for more than the first frame of their grant table */
		quota += grant_most(d);
	if (d->doors->heap_most)
		quota += d->doors->heap_most(d->mm.max_pages);
	d->mm.heap_quota = quota;
}

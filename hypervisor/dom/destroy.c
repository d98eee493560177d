/* SPDX-License-Identifier: MIT */
/*
 * The end of a domain, in stages, each of which may stop for other work and be called again:
 *
 *	0  no vCPU runs any more, no timer fires; no domain may begin to use its grants
 *	1  event channels closed: no other domain refers to this one; physical interrupts given back
 *	2  vCPUs give up page tables, descriptor tables and shared areas, that is their uses of frames
 *	3  frames given back (mm_relinquish): page tables taken apart, then everything freed that no other
 *	   domain maps
 *	4  grants of others released: what their mappings held went with the page tables
 *	5  shared_info and grant frames given up, and with them the domain's hold on itself
 *
 * Called under the lock that serialises domctls. Nothing takes new resources for a dying domain: doom().
 */
#include "dom/domain.h"
#include "dom/report.h"
#include "evt/evtchn.h"
#include "evt/pirq.h"
#include "gnt/grant.h"
#include "guest/hypercall.h"
#include "guest/kind.h"
#include "lib/errno.h"
#include "mm/memory.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "sched/sched.h"
#include "xen/xen.h"

/*
 * Code that gives a domain something that it must give back looks at its state, under the lock that guards the thing
 * (evt.lock: port_alloc; page_lock: frames, the memory map; pt_lock: pins). Such code either is done before this, and
 * then the thing is found below, or sees the new state. Other locks are taken below after this, which is as good.
 */
static void doom(struct domain *d)
{
	spin_lock(&d->evt.lock);
	spin_lock(&d->mm.page_lock);
	d->state = DOMAIN_DYING;
	spin_unlock(&d->mm.page_lock);
	spin_unlock(&d->evt.lock);
}

static void stop(struct domain *d)
{
	struct vcpu *v;

	domain_pause(d); /* for good */
	console_flush(d);
	doom(d);
	grant_close(d);
	watchdog_stop(d);
	for_each_vcpu (d, v)
		vcpu_timers_stop(v);
}

static int release_vcpu(struct domain *d, struct vcpu *v)
{
	int rc = memory_work_end(v);

	if (rc)
		return rc;
	vcpu_unmap_info(v);
	vcpu_drop_roots(v);
	if (d->doors->vcpu_relinquish)
		rc = d->doors->vcpu_relinquish(v);
	if (!rc)
		d->doors->vcpu_free(v);
	return rc;
}

static int release_vcpus(struct domain *d)
{
	for (; d->dom.release_next < d->max_vcpus; d->dom.release_next++) {
		struct vcpu *v = d->vcpu[d->dom.release_next];
		int rc = v ? release_vcpu(d, v) : 0;

		if (rc)
			return rc;
		if (hypercall_preempt_check()) {
			d->dom.release_next++;
			return -ERESTART;
		}
	}
	return 0;
}

int domain_relinquish(struct domain *d)
{
	int rc;

	switch (d->dom.relinquish_stage) {
	case 0:
		stop(d);
		d->dom.relinquish_stage++;
		/* fall through */
	case 1:
		rc = evtchn_close_all(d, &d->dom.close_next);
		if (rc)
			return rc;
		pirqs_free(d);
		d->dom.relinquish_stage++;
		/* fall through */
	case 2:
		rc = release_vcpus(d);
		if (rc)
			return rc;
		d->dom.relinquish_stage++;
		/* fall through */
	case 3:
		rc = mm_relinquish(d);
		if (rc)
			return rc;
		d->dom.relinquish_stage++;
		/* fall through */
	case 4:
		rc = grant_release_maps(d);
		if (rc)
			return rc;
		d->dom.relinquish_stage++;
		/* fall through */
	case 5:
		unshare_heap_page(d->shared_info);
		grant_unshare(d);
		d->state = DOMAIN_DEAD;
		d->dom.relinquish_stage++;
		send_global_virq(VIRQ_DOM_EXC);
		domain_put(d);
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Domains: creation, change of kind, pausing. */
#include "dom/domain.h"
#include "cpu/panic.h"
#include "evt/evtchn.h"
#include "gnt/grant.h"
#include "guest/hypercall.h"
#include "guest/kind.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/page.h"
#include "sched/sched.h"

static void domain_free(struct domain *d)
{
	struct vcpu *v;

	BUG_ON(d->privileged); /* privileged_domains */
	BUG_ON(d->mm.tot_pages || d->mm.partial_tables || d->mm.pt_left || d->mm.tlb_cpus);
	for_each_vcpu (d, v)
		vcpu_free(v);
	sched_domain_free(d);
	evtchn_destroy(d);
	grant_destroy(d);
	if (d->mm.window_l3)
		heap_free_pages(d->mm.window_l3, 0);
	heap_free(d->dom.cpu_policy);
	BUG_ON(d->mm.heap_bytes);
	heap_free(d);
}

static void take_kind(struct domain *d, const struct guest_kind *kind)
{
	d->kind = kind;
	d->abi = kind->abi;
	d->calls = kind->calls;
	d->paging = kind->paging;
	d->pv = kind->pv;
	d->doors = kind->doors;
	d->hypercalls = kind->calls ? hypercalls_for(false) : NULL;
}

struct domain *domain_create(domid_t id, const struct guest_kind *kind, int *rc)
{
	struct domain *d = heap_alloc(sizeof(*d));

	*rc = -ENOMEM;
	if (!d)
		return NULL;
	take_kind(d, kind);
	d->refs = 1;
	d->state = DOMAIN_BUILDING;
	d->sched.pause_count = d->dom.controller_pauses = 1;
	d->evt.max_port = ~0u;
	list_init(&d->link);
	watchdog_init(d);
	domain_set_quota(d);
	d->mm.window_l3 = heap_alloc_pages_for(d, 0);
	d->shared_info = heap_alloc_pages_low_for(d, 0); /* a pv32 guest is told its address in 32 bits */
	if (!d->mm.window_l3 || !d->shared_info || evtchn_init(d) || sched_domain_init(d) || grant_create(d))
		goto fail;
	*rc = domain_list_insert(d, id);
	if (*rc)
		goto fail;
	d->shared_info_mfn = virt_to_mfn(d->shared_info);
	share_heap_page(d->shared_info, d, false);
	time_update_wallclock(d);
	return d;
fail:
	if (d->grants)
		grant_unshare(d);
	if (d->shared_info)
		heap_free_pages(d->shared_info, 0);
	domain_free(d);
	return NULL;
}

/* Refused if a frame of @d would be demoted by new rules, a port would lie beyond those closed at the end, or its vCPUs
 * would need memory of another size. */
static int change_kind(struct domain *d, const struct guest_kind *kind)
{
	int rc = 0;

	spin_lock(&d->evt.lock);
	spin_lock(&d->mm.page_lock);
	if (d->mm.tot_pages || d->state != DOMAIN_BUILDING || !kind->pv != !d->pv)
		rc = -EACCES;
	for (unsigned i = kind->abi->max_ports / EVTCHNS_PER_BUCKET; i < ARRAY_SIZE(d->evt.bucket); i++)
		if (d->evt.bucket[i])
			rc = -EACCES;
	if (!rc)
		take_kind(d, kind);
	spin_unlock(&d->mm.page_lock);
	spin_unlock(&d->evt.lock);
	return rc;
}

/* Give each vCPU what belongs to its kind, unless it has it. */
static int vcpus_complete(struct domain *d)
{
	struct vcpu *v;
	int rc = 0;

	for_each_vcpu (d, v) {
		if (v->mm.desc_l1 || rc)
			continue;
		rc = d->doors->vcpu_init(v);
		if (rc)
			d->doors->vcpu_free(v);
	}
	return rc;
}

int domain_set_kind(struct domain *d, const struct guest_kind *kind)
{
	const struct guest_kind *before = d->kind;
	struct vcpu *v;
	int rc;

	if (before == kind)
		return vcpus_complete(d); /* an earlier call may have stopped half way */
	rc = change_kind(d, kind);
	if (rc)
		return rc;
	for_each_vcpu (d, v)
		before->doors->vcpu_free(v);
	evtchn_init(d);
	domain_set_quota(d);
	time_update_wallclock(d);
	return vcpus_complete(d);
}

void domains_init(void)
{
	domain_last_put = domain_free;
}

void domain_pause_nosync(struct domain *d)
{
	struct vcpu *v;

	if (!__atomic_fetch_add(&d->sched.pause_count, 1, __ATOMIC_SEQ_CST))
		d->dom.paused_since = now();
	for_each_vcpu (d, v)
		vcpu_reconsider(v);
}

void domain_pause(struct domain *d)
{
	struct vcpu *v;

	domain_pause_nosync(d);
	for_each_vcpu (d, v)
		vcpu_sync(v);
}

void domain_unpause(struct domain *d)
{
	struct vcpu *v;

	spin_lock(&d->dom.lock);
	if (d->sched.pause_count == 1)
		watchdog_go_on(d, now() - d->dom.paused_since);
	if (!__atomic_sub_fetch(&d->sched.pause_count, 1, __ATOMIC_SEQ_CST))
		watchdog_go_on(d, 0);
	spin_unlock(&d->dom.lock);
	for_each_vcpu (d, v) {
		vcpu_reconsider(v);
		vcpu_timers_go_on(v);
	}
}

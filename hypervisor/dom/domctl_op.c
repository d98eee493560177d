/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 36, domctl (xen/domctl.h): Dom0 makes, changes and ends domains. The dispatcher has checked that
 * the caller may.
 *
 * domctl_lock serialises all of them. A target's own hypercalls never take it, so waiting under it for the
 * target's vCPUs to stop is safe; d->dom.lock would not be.
 */
#include "dom/domain.h"
#include "dom/cpu_policy.h"
#include "dom/domctl.h"
#include "gnt/grant.h"
#include "guest/hypercall.h"
#include "guest/kind.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "mm/page.h"
#include "ringlet/fv.h"
#include "sched/policy.h"
#include "xen/domctl.h"
#include "xen/xen.h"

#define PAGEFRAME_MAX 1024
#define PAUSE_MAX     255

#define FRAMES_PER_CHECK 64u

static struct spinlock domctl_lock;

static long create(struct xen_domctl *op)
{
	struct xen_domctl_createdomain *c = &op->u.createdomain;
	bool any_id = op->domain == 0 || op->domain >= DOMID_FIRST_RESERVED;
	const enum kind_row kind = c->flags & RINGLET_CDF_fv ? KIND_FV : KIND_PV64;
	struct domain *d;
	int rc;

	/* No other flag asks for more than a hint. */
	if (c->flags & ~(XEN_DOMCTL_CDF_xs_domain | RINGLET_CDF_fv | RINGLET_CDF_fv_nopatch) ||
	    c->arch.emulation_flags || c->vmtrace_size || c->cpupool_id)
		return -EINVAL;
	if (!c->max_vcpus || c->max_vcpus > MAX_VCPUS ||
	    !grant_limits_ok(c->max_grant_frames, c->max_maptrack_frames))
		return -EINVAL;
	if (!guest_kinds[kind])
		return -EOPNOTSUPP;
	d = domain_create(any_id ? DOMID_INVALID : op->domain, guest_kinds[kind], &rc);
	if (!d)
		return rc;
	d->max_vcpus = c->max_vcpus;
	d->dom.fv_nopatch = c->flags & RINGLET_CDF_fv_nopatch;
	d->evt.max_port = MIN(d->evt.max_port, c->max_evtchn_port);
	grant_set_limits(d, c->max_grant_frames, c->max_maptrack_frames);
	domain_set_quota(d);
	d->dom.ssidref = c->ssidref;
	memcpy(d->dom.uuid, c->handle, sizeof(d->dom.uuid));
	op->domain = d->id;
	return 0;
}

static long max_vcpus(struct domain *d, uint32_t max)
{
	int rc = 0;

	if (max != d->max_vcpus || d == current->domain)
		return -EINVAL;
	for (uint32_t id = 0; id < max && !rc; id++) {
		if (d->vcpu[id])
			continue;
		rc = vcpu_create(d, id);
		if (!rc && hypercall_preempt_check())
			rc = -ERESTART; /* to the next one */
	}
	return rc;
}

static long destroy(struct domain *d)
{
	if (d == current->domain || d == dom0)
		return -EINVAL;
	if (d->state == DOMAIN_DEAD)
		return 0;
	return domain_relinquish(d);
}

static long pause(struct domain *d)
{
	if (d == current->domain)
		return -EINVAL;
	if (d->dom.controller_pauses == PAUSE_MAX)
		return -EOVERFLOW;
	d->dom.controller_pauses++;
	domain_pause(d);
	return 0;
}

static long unpause(struct domain *d)
{
	enum domain_state building = DOMAIN_BUILDING;

	if (d == current->domain || !d->dom.controller_pauses)
		return -EINVAL;
	__atomic_compare_exchange_n(&d->state, &building, DOMAIN_ALIVE, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_RELAXED);
	d->dom.controller_pauses--;
	domain_unpause(d);
	return 0;
}

static long set_address_size(struct domain *d, uint32_t size)
{
	if (d == current->domain)
		return -EINVAL;
	switch (size) {
	case 32:
		return domain_set_kind(d, guest_kinds[KIND_PV32]);
	case 64:
		return domain_set_kind(d, guest_kinds[KIND_PV64]);
	default:
		return -EINVAL;
	}
}

static long hypercall_init(struct domain *d, mfn_t mfn)
{
	struct page_info *pg = page_get_mfn(mfn, d);

	if (!pg)
		return -EACCES;
	if (page_get_type(pg, PGT_WRITABLE)) {
		page_put(pg);
		return -EPERM;
	}
	d->doors->fill_hypercall_page(mfn_to_virt(mfn));
	page_put_and_type(pg);
	return 0;
}

static uint64_t frame_kind(struct domain *d, mfn_t mfn)
{
	uint64_t info = XEN_DOMCTL_PFINFO_XTAB;
	struct page_info *pg = page_get_mfn(mfn, d);

	if (pg) {
		enum page_type type = page_type_of(pg);

		info = XEN_DOMCTL_PFINFO_NOTAB;
		if (type >= PGT_L1 && type <= PGT_L4)
			info = (uint64_t)(type - PGT_L1 + 1) << XEN_DOMCTL_PFINFO_LTAB_SHIFT;
		if (pg->type & PGT_PINNED)
			info |= XEN_DOMCTL_PFINFO_LPINTAB;
		page_put(pg);
	}
	return info;
}

/* What kind of page each of these frames is, for tools that save a domain. Each number is replaced by the answer;
 * before other work, the caller's structure is left to say what remains. */
static long page_frame_info(struct domain *d, struct xen_domctl_getpageframeinfo3 *p, bool *copyback)
{
	const unsigned word = 1u << (current->domain->abi->word_shift - 3);

	if (p->num > PAGEFRAME_MAX)
		return -E2BIG;
	for (unsigned done = 1; p->num; done++) {
		uint64_t mfn;

		if (guest_get_word(&mfn, p->array, 0) || guest_put_word(p->array, 0, frame_kind(d, mfn)))
			return -EFAULT;
		p->array += word;
		p->num--;
		*copyback = done % FRAMES_PER_CHECK == 0 && hypercall_preempt_check();
		if (*copyback)
			return -ERESTART;
	}
	return 0;
}

/* The parameters that the scheduler's policy has for a domain. */
static long scheduler_op(struct domain *d, struct xen_domctl_scheduler_op *s)
{
	if (s->sched_id != sched_policy->sched_id || s->cmd > XEN_DOMCTL_SCHEDOP_getvcpuinfo)
		return -EINVAL;
	return sched_policy->adjust ? sched_policy->adjust(d, s) : -EOPNOTSUPP;
}

/* The operations on an existing domain @d, which the caller holds. */
static long domctl_on(struct domain *d, struct xen_domctl *op, bool *copyback)
{
	switch (op->cmd) {
	case XEN_DOMCTL_destroydomain:
		return destroy(d);
	case XEN_DOMCTL_getdomaininfo:
		domain_info(d, &op->u.getdomaininfo);
		op->domain = d->id;
		*copyback = true;
		return 0;
	}
	if (d->state >= DOMAIN_DYING) /* to be looked at and finished, nothing else */
		return -ESRCH;
	switch (op->cmd) {
	case XEN_DOMCTL_pausedomain:
		return pause(d);
	case XEN_DOMCTL_unpausedomain:
		return unpause(d);
	case XEN_DOMCTL_max_mem:
		d->mm.max_pages = op->u.max_mem.max_memkb >> (PAGE_SHIFT - 10);
		domain_set_quota(d);
		return 0;
	case XEN_DOMCTL_max_vcpus:
		return max_vcpus(d, op->u.max_vcpus.max);
	case XEN_DOMCTL_set_address_size:
		return set_address_size(d, op->u.address_size.size);
	case XEN_DOMCTL_get_address_size:
		op->u.address_size.size = 1u << d->abi->word_shift;
		*copyback = true;
		return 0;
	case XEN_DOMCTL_hypercall_init:
		return hypercall_init(d, op->u.hypercall_init.gmfn);
	case XEN_DOMCTL_settimeoffset:
		d->sched.time_offset = op->u.settimeoffset.time_offset_seconds;
		time_update_wallclock(d);
		return 0;
	case XEN_DOMCTL_setdomainhandle:
		memcpy(d->dom.uuid, op->u.setdomainhandle.handle, sizeof(d->dom.uuid));
		return 0;
	case XEN_DOMCTL_getpageframeinfo3:
		return page_frame_info(d, &op->u.getpageframeinfo3, copyback);
	case XEN_DOMCTL_resumedomain:
		return d == current->domain ? -EINVAL : (domain_resume(d), 0);
	case XEN_DOMCTL_get_cpu_policy:
		*copyback = true;
		return cpu_policy_get(d, &op->u.cpu_policy);
	case XEN_DOMCTL_set_cpu_policy:
		*copyback = true; /* what it objects to */
		return cpu_policy_set(d, &op->u.cpu_policy);
	case XEN_DOMCTL_scheduler_op:
		*copyback = op->u.scheduler_op.cmd == XEN_DOMCTL_SCHEDOP_getinfo ||
			    op->u.scheduler_op.cmd == XEN_DOMCTL_SCHEDOP_getvcpuinfo;
		return scheduler_op(d, &op->u.scheduler_op);
	default:
		return domctl_vcpu(d, op, copyback);
	}
}

/* The domain an operation is for. Asking for one's state is also how tools go through all: it means the first
 * with at least this id. */
static struct domain *find(const struct xen_domctl *op)
{
	if (op->domain >= DOMID_FIRST_RESERVED)
		return NULL;
	return op->cmd == XEN_DOMCTL_getdomaininfo ? domain_next(op->domain) : domain_by_id(op->domain);
}

long hc_domctl(uint64_t arg)
{
	struct xen_domctl op;
	struct domain *d;
	bool copyback = false;
	long rc;

	if (guest_read(&op, arg, sizeof(op)))
		return -EFAULT;
	if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
		return -EACCES;
	spin_lock(&domctl_lock);
	if (op.cmd == XEN_DOMCTL_createdomain) {
		rc = create(&op);
		copyback = true;
	} else if ((d = find(&op)) != NULL) {
		rc = domctl_on(d, &op, &copyback);
		domain_put(d);
	} else {
		rc = -ESRCH;
	}
	spin_unlock(&domctl_lock);
	hypercall_was_long();
	/* ENOBUFS and the like say in the structure what would have been right. */
	if ((!rc || rc == -ERESTART || rc == -ENOBUFS || op.cmd == XEN_DOMCTL_set_cpu_policy) && copyback &&
	    guest_write(arg, &op, sizeof(op)))
		return -EFAULT;
	return rc == -ERESTART ? HYPERCALL_RESTART(domctl, arg) : rc;
}

/* SPDX-License-Identifier: MIT */
/* What the tools are told about a domain. Read without its locks: a snapshot, already old when it arrives. */
#include "dom/domain.h"
#include "dom/domctl.h"
#include "lib/string.h"
#include "sched/sched.h"
#include "xen/domctl.h"
#include "xen/vcpu.h"

uint32_t domain_flags(const struct domain *d)
{
	uint32_t flags = 0;

	if (d->state >= DOMAIN_DYING)
		flags |= XEN_DOMINF_dying;
	if (d->dom.shut_down)
		flags |= XEN_DOMINF_shutdown | (uint32_t)d->dom.shutdown_code << XEN_DOMINF_shutdownshift;
	if (d->dom.controller_pauses)
		flags |= XEN_DOMINF_paused;
	return flags;
}

void domain_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
	uint32_t flags = domain_flags(d) | XEN_DOMINF_blocked;
	struct vcpu *v;

	memset(info, 0, sizeof(*info));
	info->domain = d->id;
	info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
	for_each_vcpu (d, v) {
		struct vcpu_runstate_info r;

		vcpu_runstate_get(v, &r);
		info->cpu_time += r.time[RUNSTATE_running];
		info->max_vcpu_id = v->id;
		if (v->state == VCPU_OFFLINE)
			continue;
		info->nr_online_vcpus++;
		if (v->state != VCPU_BLOCKED)
			flags &= ~XEN_DOMINF_blocked;
		if (v->running)
			flags |= XEN_DOMINF_running;
	}
	info->flags = flags;
	info->tot_pages = d->mm.tot_pages;
	info->max_pages = d->mm.max_pages;
	info->outstanding_pages = d->mm.claimed_pages;
	info->shared_info_frame = d->shared_info_mfn;
	info->ssidref = d->dom.ssidref;
	memcpy(info->handle, d->dom.uuid, sizeof(info->handle));
}

/* SPDX-License-Identifier: MIT */
/*
 * The domctls with which tools save and restore what vcpu_guest_context has no room for (xen/domctl.h): the second half of
 * a vCPU's entry points, its extended registers, its MSRs; and the domain's time stamp counter. domctl_lock held.
 */
#include "cpu/fpu.h"
#include "cpu/tsc.h"
#include "dom/domain.h"
#include "dom/domctl.h"
#include "guest/kind.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "mm/page.h"
#include "sched/sched.h"
#include "xen/callback.h"
#include "xen/domctl.h"

static void get_ext_context(const struct vcpu *v, struct xen_domctl_ext_vcpucontext *c)
{
	*c = (struct xen_domctl_ext_vcpucontext){
	    .vcpu = v->id,
	    .size = sizeof(*c),
	    .syscall32_callback_eip = v->entry.syscall32_cb.address,
	    .syscall32_callback_cs = v->entry.syscall32_cb.cs,
	    .syscall32_disables_events = (v->entry.syscall32_cb.flags & CALLBACKF_mask_events) != 0,
	    .sysenter_callback_eip = v->entry.sysenter_cb.address,
	    .sysenter_callback_cs = v->entry.sysenter_cb.cs,
	    .sysenter_disables_events = (v->entry.sysenter_cb.flags & CALLBACKF_mask_events) != 0,
	};
}

static bool take_callback(const struct vcpu *v, struct callback *cb, uint64_t address, uint16_t cs, bool mask)
{
	const struct domain *d = v->domain;

	if (address && !range_ok(d->abi, address, 1))
		return false;
	*cb = (struct callback){.address = address, .flags = mask ? CALLBACKF_mask_events : 0};
	if (cs)
		cb->cs = d->pv->fix_selector(cs);
	return true;
}

static long set_ext_context(struct vcpu *v, const struct xen_domctl_ext_vcpucontext *c)
{
	struct callback syscall32, sysenter;

	if (v->domain == current->domain || !v->domain->pv || c->size < sizeof(*c))
		return -EINVAL;
	if (!take_callback(v, &syscall32, c->syscall32_callback_eip, c->syscall32_callback_cs,
			   c->syscall32_disables_events) ||
	    !take_callback(v, &sysenter, c->sysenter_callback_eip, c->sysenter_callback_cs,
			   c->sysenter_disables_events))
		return -EINVAL;
	vcpu_pause(v);
	v->entry.syscall32_cb = syscall32;
	v->entry.sysenter_cb = sysenter;
	vcpu_unpause(v);
	return 0;
}

/* XCR0, all that was ever set in it, the image. */
struct extended {
	uint64_t xcr0, ever;
	struct fpu_xsave image;
};

static long get_extended(struct vcpu *v, struct xen_domctl_vcpuextstate *s)
{
	uint64_t room = s->size;
	struct extended *x;
	long rc;

	s->xfeature_mask = fpu_xcr0_mask();
	s->size = fpu_xcr0_mask() ? sizeof(*x) : 0; /* without XSAVE the context has everything */
	if (!s->buffer || !s->size)
		return 0;
	if (v->domain == current->domain || room < s->size)
		return -EINVAL;
	x = heap_alloc_for(current->domain, sizeof(*x));
	if (!x)
		return -ENOMEM;
	vcpu_pause(v);
	fpu_get_xsave(v->fpu, &x->xcr0, &x->image);
	vcpu_unpause(v);
	x->ever = x->xcr0 | XCR0_X87 | XCR0_SSE;
	rc = guest_write(s->buffer, x, sizeof(*x));
	heap_free(x);
	return rc;
}

static long set_extended(struct vcpu *v, const struct xen_domctl_vcpuextstate *s)
{
	struct extended *x;
	long rc;

	if (v->domain == current->domain || s->size < 2 * sizeof(uint64_t) || s->size > sizeof(*x))
		return -EINVAL;
	x = heap_alloc_for(current->domain, sizeof(*x));
	if (!x)
		return -ENOMEM;
	rc = guest_read(x, s->buffer, s->size);
	if (!rc && s->size > 2 * sizeof(uint64_t)) { /* or it was never used: it stays as after a reset */
		vcpu_pause(v);
		rc = s->size > offsetof(struct extended, image.avx) - 1
			 ? fpu_set_xsave(v->fpu, x->xcr0, &x->image)
			 : -EINVAL;
		vcpu_unpause(v);
	}
	heap_free(x);
	return rc;
}

/* A PV guest has no MSR of its own that a context does not have: 0 of at most 0. */
static long get_msrs(struct xen_domctl_vcpu_msrs *m)
{
	m->msr_count = 0;
	return 0;
}

static long set_msrs(struct xen_domctl_vcpu_msrs *m)
{
	if (!m->msr_count)
		return 0;
	m->msr_count = 0; /* the first one is not known */
	return -EINVAL;
}

static long send_trigger(struct vcpu *v, uint32_t trigger)
{
	switch (trigger) {
	case XEN_DOMCTL_SENDTRIGGER_NMI:
		vcpu_send_nmi(v);
		return 0;
	default: /* of hardware that a PV guest does not have */
		return -ENOSYS;
	}
}

/* Guests read the machine's counter, and their clocks are offsets to it: the only mode there is is "as it comes". */
static void get_tsc(struct xen_domctl_tsc_info *t)
{
	*t = (struct xen_domctl_tsc_info){.gtsc_khz = tsc_hz / 1000};
}

static long set_tsc(struct domain *d, const struct xen_domctl_tsc_info *t)
{
	if (d == current->domain)
		return -EINVAL;
	/* 0: the hypervisor chooses; 2: never emulated. 1 asks for emulation. */
	return t->tsc_mode == 0 || t->tsc_mode == 2 ? 0 : -EOPNOTSUPP;
}

/* One node. */
static long get_nodes(const struct xen_domctl_nodeaffinity *n)
{
	return cpumap_put(&n->nodemap, 1);
}

static long set_nodes(const struct xen_domctl_nodeaffinity *n)
{
	uint32_t nodes;
	int rc = cpumap_get(&nodes, &n->nodemap);

	if (rc)
		return rc;
	return nodes & 1 ? 0 : -EINVAL;
}

static long on_vcpu(struct vcpu *v, struct xen_domctl *op, bool *copyback)
{
	switch (op->cmd) {
	case XEN_DOMCTL_get_ext_vcpucontext:
		get_ext_context(v, &op->u.ext_vcpucontext);
		*copyback = true;
		return 0;
	case XEN_DOMCTL_set_ext_vcpucontext:
		return set_ext_context(v, &op->u.ext_vcpucontext);
	case XEN_DOMCTL_getvcpuextstate:
		*copyback = true;
		return get_extended(v, &op->u.vcpuextstate);
	case XEN_DOMCTL_setvcpuextstate:
		return set_extended(v, &op->u.vcpuextstate);
	case XEN_DOMCTL_get_vcpu_msrs:
		*copyback = true;
		return get_msrs(&op->u.vcpu_msrs);
	default:
		return set_msrs(&op->u.vcpu_msrs);
	}
}

long domctl_state(struct domain *d, struct xen_domctl *op, bool *copyback)
{
	struct vcpu *v;

	switch (op->cmd) {
	case XEN_DOMCTL_get_ext_vcpucontext:
	case XEN_DOMCTL_set_ext_vcpucontext:
	case XEN_DOMCTL_getvcpuextstate:
	case XEN_DOMCTL_setvcpuextstate:
	case XEN_DOMCTL_get_vcpu_msrs:
	case XEN_DOMCTL_set_vcpu_msrs:
		v = domctl_vcpu_of(d, op->u.ext_vcpucontext.vcpu); /* the first member of all */
		return v ? on_vcpu(v, op, copyback) : -EINVAL;
	case XEN_DOMCTL_sendtrigger:
		v = domctl_vcpu_of(d, op->u.sendtrigger.vcpu);
		return v ? send_trigger(v, op->u.sendtrigger.trigger) : -ESRCH;
	case XEN_DOMCTL_gettscinfo:
		get_tsc(&op->u.tsc_info);
		*copyback = true;
		return 0;
	case XEN_DOMCTL_settscinfo:
		return set_tsc(d, &op->u.tsc_info);
	case XEN_DOMCTL_getnodeaffinity:
		return get_nodes(&op->u.nodeaffinity);
	case XEN_DOMCTL_setnodeaffinity:
		return set_nodes(&op->u.nodeaffinity);
	case XEN_DOMCTL_shadow_op: /* no dirty pages are logged: a saving tool asks to switch that off at its end */
		return -EINVAL;
	default:
		return -ENOSYS;
	}
}

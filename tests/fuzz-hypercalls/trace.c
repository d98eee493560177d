/* SPDX-License-Identifier: MIT */
/* Accounting and tracing (ringlet/sysctl.h), which change the hypervisor's own text while others run in it. A DomU is
 * refused all of it. */
#include "fuzz.h"
#include "ringlet/sysctl.h"
#include "xen/sysctl.h"

static struct xen_sysctl *begin(struct fuzz *f, uint32_t cmd)
{
	struct xen_sysctl *op = buffer(f, sizeof(*op));

	op->cmd = cmd;
	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return op;
}

static void accounting(struct fuzz *f)
{
	struct xen_sysctl *op = begin(f, RINGLET_SYSCTL_accounting);
	struct ringlet_accounting *a = (void *)op->u.pad;

	a->command = one_in(f, 10) ? any_word(f) : below(f, 4);
	call(f, __HYPERVISOR_sysctl, pointer(f, op), 0, 0, 0, 0);
}

static void stats(struct fuzz *f)
{
	struct xen_sysctl *op = begin(f, RINGLET_SYSCTL_stats);
	struct ringlet_stats *s = (void *)op->u.pad;

	s->domain = one_in(f, 2) ? DOMID_SELF : any_domid(f);
	s->vcpu = one_in(f, 4) ? any_word(f) : below(f, 3);
	s->count = one_in(f, 4) ? any_word(f) : below(f, 40);
	set_xen_guest_handle(s->buffer,
			     (struct ringlet_stat *)pointer(f, buffer(f, 40 * sizeof(struct ringlet_stat))));
	call(f, __HYPERVISOR_sysctl, pointer(f, op), 0, 0, 0, 0);
}

static void trace(struct fuzz *f)
{
	struct xen_sysctl *op = begin(f, RINGLET_SYSCTL_trace);
	struct ringlet_trace *t = (void *)op->u.pad;

	t->command = one_in(f, 10) ? any_word(f) : below(f, 5);
	t->domain = one_in(f, 2) ? RINGLET_TRACE_ALL : any_domid(f);
	t->cpu = one_in(f, 4) ? any_word(f) : below(f, 3);
	t->size = one_in(f, 4) ? any_word(f) : 256u << below(f, 4);
	t->count = one_in(f, 4) ? any_word(f) : below(f, 40);
	set_xen_guest_handle(
	    t->buffer, (struct ringlet_record *)pointer(f, buffer(f, 40 * sizeof(struct ringlet_record))));
	call(f, __HYPERVISOR_sysctl, pointer(f, op), 0, 0, 0, 0);
}

void do_trace(struct fuzz *f)
{
	switch (below(f, 3)) {
	case 0:
		accounting(f);
		break;
	case 1:
		stats(f);
		break;
	default:
		trace(f);
	}
}

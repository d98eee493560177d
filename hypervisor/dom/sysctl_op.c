/* SPDX-License-Identifier: MIT */
/* Hypercall 35, sysctl (xen/sysctl.h): Dom0 looks at the machine as a whole. The dispatcher has checked that
 * the caller may. Nothing here needs a lock of its own. */
#include "cpu/features.h"
#include "cpu/tsc.h"
#include "cpu/x86.h"
#include "dev/console.h"
#include "dom/domain.h"
#include "dom/cpu_policy.h"
#include "dom/domctl.h"
#include "guest/hypercall.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "mm/page.h"
#include "ringlet/sysctl.h"
#include "sched/policy.h"
#include "xen/domctl.h"
#include "xen/sysctl.h"
#include "xen/vcpu.h"

#define LOG_PIECE      1024
#define LOG_READ_MAX   4096
#define DEBUG_KEYS_MAX 256 /* each prints for a while, with no look at other work in between */

long (*sysctl_extension)(struct xen_sysctl *op);

/*
 * Each piece is searched for from the log's beginning, so pieces are large and few, and a call gives only what takes a
 * moment: a caller that needs the whole log reads on until nothing comes, as the ABI's tools do. The call that reaches
 * the end clears the log, if asked to.
 */
static long read_console(struct xen_sysctl_readconsole *r)
{
	uint32_t done = 0, limit = MIN(r->count, (uint32_t)LOG_READ_MAX);
	bool incremental = r->incremental;

	while (done < limit) {
		char text[LOG_PIECE];
		size_t n = log_read(&r->index, incremental, text, MIN(limit - done, (uint32_t)LOG_PIECE));

		if (!n)
			break;
		if (guest_write(r->buffer + done, text, n))
			return -EFAULT;
		done += n;
		incremental = true; /* go on where the first part ended */
	}
	if (r->clear && done < limit)
		log_clear();
	r->count = done;
	return 0;
}

/* The processor's feature words, in the order of Xen's tools: CPUID 1 D C, 0x80000001 D C, 0xd.1 A, 7 B. */
static void feature_words(uint32_t caps[8])
{
	uint32_t r[4];

	cpuid(1, 0, r);
	caps[0] = r[3];
	caps[1] = r[2];
	cpuid(0x80000001, 0, r);
	caps[2] = r[3];
	caps[3] = r[2];
	if (features.max_leaf >= 0xd) {
		cpuid(0xd, 1, r);
		caps[4] = r[0];
	}
	if (features.max_leaf >= 7) {
		cpuid(7, 0, r);
		caps[5] = r[1];
	}
}

static long physinfo(struct xen_sysctl_physinfo *p)
{
	memset(p, 0, sizeof(*p));
	p->threads_per_core = 1;
	p->cores_per_socket = nr_cpus;
	p->nr_cpus = nr_cpus;
	p->max_cpu_id = nr_cpus - 1;
	p->nr_nodes = 1;
	p->cpu_khz = tsc_hz / 1000;
	p->capabilities = XEN_SYSCTL_PHYSCAP_pv;
	p->total_pages = frames_total();
	p->free_pages = frames_free();
	p->max_mfn = max_mfn - 1;
	feature_words(p->hw_cap);
	return 0;
}

/* How far a list has come that makes way for other work: behind its arguments, in what no operation uses. A caller that
 * forges it is told of fewer domains. */
struct list_progress {
	uint64_t mark;
	uint32_t done, next;
};

#define LIST_MARK 0x7473696c6d6f64ull /* "domlist" */
#define LIST_LOOK 32                  /* domains between two looks at other work */

/* Write what a list says of @d to @to. */
static int domain_tell(struct domain *d, gva_t to, bool in_short)
{
	struct xen_domctl_getdomaininfo info;

	if (in_short) {
		struct ringlet_domain_state state = {.domain = d->id, .flags = domain_flags(d)};

		return guest_write(to, &state, sizeof(state));
	}
	domain_info(d, &info);
	return guest_write(to, &info, sizeof(info));
}

static long domain_list_op(struct xen_sysctl *op, bool in_short)
{
	struct xen_sysctl_getdomaininfolist *l = &op->u.getdomaininfolist;
	struct list_progress *p = (void *)(op->u.pad + sizeof(*l));
	size_t size =
	    in_short ? sizeof(struct ringlet_domain_state) : sizeof(struct xen_domctl_getdomaininfo);
	bool goes_on = p->mark == LIST_MARK && p->done < l->max_domains;
	uint32_t n = goes_on ? p->done : 0, next = goes_on ? p->next : l->first_domain;
	struct domain *d;

	p->mark = 0;
	while (n < l->max_domains && (d = domain_next(next)) != NULL) {
		int rc = domain_tell(d, l->buffer + n * size, in_short);

		next = d->id + 1;
		domain_put(d);
		if (rc)
			return rc;
		if (++n % LIST_LOOK == 0 && hypercall_preempt_check()) {
			*p = (struct list_progress){LIST_MARK, n, next};
			return -ERESTART;
		}
	}
	l->num_domains = n;
	return 0;
}

static long debug_keys(const struct xen_sysctl_debug_keys *k)
{
	if (k->nr_keys > DEBUG_KEYS_MAX)
		return -E2BIG;
	for (uint32_t i = 0; i < k->nr_keys; i++) {
		char key;

		if (guest_read(&key, k->keys + i, 1))
			return -EFAULT;
		debug_key(key);
	}
	return 0;
}

static long cpu_info(struct xen_sysctl_getcpuinfo *c)
{
	uint32_t n = MIN(c->max_cpus, nr_cpus);

	for (uint32_t i = 0; i < n; i++) {
		struct vcpu_runstate_info r;
		struct xen_sysctl_cpuinfo info;

		vcpu_runstate_get(cpu_table[i]->idle, &r);
		info.idletime = r.time[RUNSTATE_running];
		if (guest_write(c->info + i * sizeof(info), &info, sizeof(info)))
			return -EFAULT;
	}
	c->nr_cpus = n;
	return 0;
}

/* Each CPU a core of one socket on one node: what QEMU shows by default. */
static long cpu_topology(struct xen_sysctl_cputopoinfo *t)
{
	if (t->cputopo) {
		for (uint32_t i = 0; i < MIN(t->num_cpus, nr_cpus); i++) {
			struct xen_sysctl_cputopo topo = {.core = i};

			if (guest_write(t->cputopo + i * sizeof(topo), &topo, sizeof(topo)))
				return -EFAULT;
		}
	}
	t->num_cpus = nr_cpus;
	return 0;
}

static long numa_info(struct xen_sysctl_numainfo *n)
{
	struct xen_sysctl_meminfo mem = {
	    .memsize = frames_total() << PAGE_SHIFT,
	    .memfree = frames_free() << PAGE_SHIFT,
	};
	uint32_t distance = 10;

	if (n->num_nodes && n->meminfo && guest_write(n->meminfo, &mem, sizeof(mem)))
		return -EFAULT;
	if (n->num_nodes && n->distance && guest_write(n->distance, &distance, sizeof(distance)))
		return -EFAULT;
	n->num_nodes = 1;
	return 0;
}

/* The node of each device: nobody has said which, as on Xen for a device that Dom0 names without its node. Devices are not
 * looked for. */
static long pci_topology(struct xen_sysctl_pcitopoinfo *p)
{
	const uint32_t node = XEN_INVALID_NODE_ID, all = p->num_devs;

	for (p->num_devs = 0; p->num_devs < all; p->num_devs++) {
		if (guest_write(p->nodes + p->num_devs * sizeof(node), &node, sizeof(node)))
			return -EFAULT;
		if (p->num_devs % LIST_LOOK == LIST_LOOK - 1 && hypercall_preempt_check()) {
			p->num_devs++;
			break; /* the tool asks again for the rest */
		}
	}
	return 0;
}

static long overhead(struct ringlet_overhead *o)
{
	struct domain *d = domain_by_id(o->domain);

	if (!d)
		return -ESRCH;
	o->bytes = d->mm.heap_bytes;
	o->limit = d->mm.heap_quota;
	domain_put(d);
	return 0;
}

static long sysctl_do(struct xen_sysctl *op)
{
	switch (op->cmd) {
	case XEN_SYSCTL_readconsole:
		return read_console(&op->u.readconsole);
	case XEN_SYSCTL_physinfo:
		return physinfo(&op->u.physinfo);
	case XEN_SYSCTL_sched_id:
		op->u.sched_id.sched_id = sched_policy->sched_id;
		return 0;
	case XEN_SYSCTL_getdomaininfolist:
		return domain_list_op(op, false);
	case XEN_SYSCTL_debug_keys:
		return debug_keys(&op->u.debug_keys);
	case XEN_SYSCTL_getcpuinfo:
		return cpu_info(&op->u.getcpuinfo);
	case XEN_SYSCTL_availheap:
		op->u.availheap.avail_bytes = frames_free() << PAGE_SHIFT;
		return 0;
	case XEN_SYSCTL_cputopoinfo:
		return cpu_topology(&op->u.cputopoinfo);
	case XEN_SYSCTL_numainfo:
		return numa_info(&op->u.numainfo);
	case RINGLET_SYSCTL_states:
		return domain_list_op(op, true);
	case XEN_SYSCTL_cpupool_op:
		return cpupool_op(&op->u.cpupool_op);
	case XEN_SYSCTL_scheduler_op:
		return cpupool_scheduler_op(&op->u.scheduler_op);
	case XEN_SYSCTL_pcitopoinfo:
		return pci_topology(&op->u.pcitopoinfo);
	case XEN_SYSCTL_get_cpu_levelling_caps: /* an application's CPUID is the processor's own */
		op->u.cpu_levelling_caps.caps = 0;
		return 0;
	case XEN_SYSCTL_get_cpu_featureset:
		return cpu_featureset(&op->u.cpu_featureset);
	case XEN_SYSCTL_get_cpu_policy:
		return cpu_policy_of_machine(&op->u.cpu_policy);
	case RINGLET_SYSCTL_overhead:
		return overhead((void *)op->u.pad);
	default:
		return op->cmd >= RINGLET_SYSCTL_BASE ? sysctl_extension(op) : -ENOSYS;
	}
}

long hc_sysctl(uint64_t arg)
{
	struct xen_sysctl op;
	long rc;

	if (guest_read(&op, arg, sizeof(op)))
		return -EFAULT;
	if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
		return -EACCES;
	hypercall_was_long();
	rc = sysctl_do(&op);
	if ((!rc || rc == -ERESTART || rc == -ENOBUFS) && guest_write(arg, &op, sizeof(op)))
		return -EFAULT;
	return rc == -ERESTART ? HYPERCALL_RESTART(sysctl, arg) : rc;
}

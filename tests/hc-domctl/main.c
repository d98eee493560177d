/* SPDX-License-Identifier: MIT */
/*
 * domctl: an empty domain is created, found, given vCPUs and a memory limit, and destroyed without a trace.
 * A frame of it that Dom0 still maps keeps it, dying, until the mapping goes; the contents stay readable.
 * A vCPU's context is set as a whole or not at all: what cannot be is refused before anything changes; what turns out
 * not to be a page table leaves the vCPU without a context, offline, until it gets one; no domain sets its own. With the
 * context come the clocks, if a tool has zeroed them.
 * Unknown domains give -ESRCH, a wrong interface version -EACCES, nonsense -EINVAL.
 */
#include "control.h"
#include "fw.h"
#include "time.h"

const char test_title[] = "hc-domctl";

static domid_t create(void)
{
	__builtin_memset(&op, 0, sizeof(op));
	op.u.createdomain.max_vcpus = 1;
	op.u.createdomain.max_evtchn_port = -1;
	op.u.createdomain.max_grant_frames = 1;
	op.u.createdomain.max_maptrack_frames = 1;
	op.u.createdomain.grant_opts = 1;
	check_eq(domctl(XEN_DOMCTL_createdomain, 0), 0);
	return op.domain;
}

/* Destroy @dom while one of its frames, @mfn, is mapped here. */
static void outlive(domid_t dom, unsigned long mfn, unsigned timer)
{
	volatile char *page = page_alloc();
	unsigned long va = (unsigned long)page;
	pte_t old = *pte_of(va, 1), foreign = (pte_t)mfn << 12 | (old & 0xfff);

	check_eq(hypercall_update_va_mapping_otherdomain(va, foreign, UVMF_INVLPG, dom), 0);
	*page = 42;
	check_eq(domctl(XEN_DOMCTL_destroydomain, dom), 0);
	check_eq(domctl(XEN_DOMCTL_getdomaininfo, dom), 0);
	check_eq(op.domain, dom);
	check(op.u.getdomaininfo.flags & XEN_DOMINF_dying);
	check_eq(op.u.getdomaininfo.tot_pages, 1);
	check_eq(*page, 42);
	check_eq(hypercall_update_va_mapping(va, old, UVMF_INVLPG), 0);
	for (int i = 0; i < 100 && !domctl(XEN_DOMCTL_getdomaininfo, dom) && op.domain == dom; i++)
		wait_for_port(timer, system_time() + 10000000);
	check(domctl(XEN_DOMCTL_getdomaininfo, dom) < 0 || op.domain != dom);
}

/* Of vCPU 0 of @dom, in that domain's layout. */
static int context(unsigned cmd, domid_t dom, void *c)
{
	__builtin_memset(&op, 0, sizeof(op));
	set_xen_guest_handle(op.u.vcpucontext.ctxt, c);
	return domctl(cmd, dom);
}

static void own_context(void)
{
	static char any[8192]; /* more than either kind's */

	check_eq(context(XEN_DOMCTL_setvcpucontext, 0, any), -XEN_EINVAL);
	check_eq(context(XEN_DOMCTL_getvcpucontext, 0, any), -XEN_EINVAL);
}

#ifdef __x86_64__
static bool online(domid_t dom)
{
	__builtin_memset(&op, 0, sizeof(op));
	check_eq(domctl(XEN_DOMCTL_getvcpuinfo, dom), 0);
	return op.u.getvcpuinfo.online;
}

static struct vcpu_guest_context *fresh(unsigned long root, unsigned long user_root, unsigned long flags)
{
	static struct vcpu_guest_context c;

	c = (struct vcpu_guest_context){.flags = flags};
	c.user_regs.rip = 0x1000;
	c.ctrlreg[3] = xen_pfn_to_cr3(root);
	c.ctrlreg[1] = xen_pfn_to_cr3(user_root);
	return &c;
}

/* An empty frame is a root that maps nothing. */
static void contexts(domid_t dom, const unsigned long mfn[2])
{
	static struct vcpu_guest_context seen;
	const unsigned long on = VGCF_online;

	check_eq(context(XEN_DOMCTL_getvcpucontext, dom, &seen), -XEN_ENODATA);
	check_eq(context(XEN_DOMCTL_setvcpucontext, dom, fresh(mfn[0], 0, on)),
		 -XEN_EINVAL); /* an application */
	check_eq(context(XEN_DOMCTL_setvcpucontext, dom, fresh(1, 0, on | VGCF_in_kernel)), -XEN_EINVAL);
	check_eq(context(XEN_DOMCTL_getvcpucontext, dom, &seen), -XEN_ENODATA);
	check(!online(dom));

	check_eq(context(XEN_DOMCTL_setvcpucontext, dom, fresh(mfn[0], mfn[1], on)), 0);
	check_eq(context(XEN_DOMCTL_getvcpucontext, dom, &seen), 0);
	check_eq(seen.ctrlreg[1], xen_pfn_to_cr3(mfn[1]));
	check_eq(seen.flags & (VGCF_in_kernel | VGCF_online), VGCF_online);
	check(online(dom));

	/* Refused at once: as it was. */
	check_eq(context(XEN_DOMCTL_setvcpucontext, dom, fresh(mfn[1], 0, 0)), -XEN_EINVAL);
	check_eq(context(XEN_DOMCTL_getvcpucontext, dom, &seen), 0);
	check_eq(seen.ctrlreg[3], xen_pfn_to_cr3(mfn[0]));
	check(online(dom));

	/* Refused half way: not in user mode on whatever there was, but not at all. */
	check_eq(context(XEN_DOMCTL_setvcpucontext, dom, fresh(mfn[1], 1, on)), -XEN_EINVAL);
	check_eq(context(XEN_DOMCTL_getvcpucontext, dom, &seen), -XEN_ENODATA);
	check(!online(dom));

	/* And what there was is gone: an application's root, when there is none any more. */
	check_eq(context(XEN_DOMCTL_setvcpucontext, dom, fresh(mfn[1], 0, VGCF_in_kernel)), 0);
	check_eq(context(XEN_DOMCTL_getvcpucontext, dom, &seen), 0);
	check_eq(seen.ctrlreg[1], 0);
	check(!online(dom));

	/* What a callback does about events comes back as it was given, each by itself. */
	for (unsigned i = 0; i < 4; i++) {
		const unsigned long both = VGCF_failsafe_disables_events | VGCF_syscall_disables_events;
		unsigned long given =
		    (i & 1 ? VGCF_failsafe_disables_events : 0) | (i & 2 ? VGCF_syscall_disables_events : 0);

		check_eq(context(XEN_DOMCTL_setvcpucontext, dom, fresh(mfn[1], 0, VGCF_in_kernel | given)),
			 0);
		check_eq(context(XEN_DOMCTL_getvcpucontext, dom, &seen), 0);
		check_eq(seen.flags & both, given);
	}
}

/* A tool may zero shared_info after it has made the vCPU; what sets the context sets the clocks again. */
static void clocks(domid_t dom, unsigned long root)
{
	volatile struct shared_info *page = page_alloc();
	unsigned long va = (unsigned long)page;
	pte_t old = *pte_of(va, 1), foreign;

	check_eq(domctl(XEN_DOMCTL_getdomaininfo, dom), 0);
	foreign = (pte_t)op.u.getdomaininfo.shared_info_frame << 12 | (old & 0xfff);
	check_eq(hypercall_update_va_mapping_otherdomain(va, foreign, UVMF_INVLPG, dom), 0);
	__builtin_memset((void *)page, 0, sizeof(*page));
	check_eq(context(XEN_DOMCTL_setvcpucontext, dom, fresh(root, 0, VGCF_in_kernel)), 0);
	check(page->vcpu_info[0].time.tsc_to_system_mul != 0);
	check(page->vcpu_info[0].time.version != 0);
	check_eq(page->wc_sec, shared->wc_sec);
	check_eq(hypercall_update_va_mapping(va, old, UVMF_INVLPG), 0);
}

/* A context that fails at step @step of it: what was got before is held by a vCPU that never runs, until it ends. */
static void fails_at(domid_t dom, unsigned step)
{
	unsigned long mfn[3] = {0, 1, 2};
	struct xen_memory_reservation r = {.nr_extents = 3, .domid = dom};
	struct vcpu_guest_context *c;

	op.u.max_mem.max_memkb = 64;
	check_eq(domctl(XEN_DOMCTL_max_mem, dom), 0);
	set_xen_guest_handle(r.extent_start, mfn);
	check_eq(hypercall_memory_op(XENMEM_populate_physmap, &r), 3);
	c = fresh(step == 1 ? 1 : mfn[0], step == 2 ? 1 : mfn[1], VGCF_online);
	c->gdt_ents = 512;
	c->gdt_frames[0] = step == 0 ? 1 : mfn[2];
	check_eq(context(XEN_DOMCTL_setvcpucontext, dom, c), step < 3 ? -XEN_EINVAL : 0);
	check_eq(online(dom), step == 3);
}
#else
static void contexts(domid_t dom, const unsigned long mfn[2])
{
}

static void clocks(domid_t dom, unsigned long root)
{
}

static void fails_at(domid_t dom, unsigned step)
{
}
#endif

void test_main(void)
{
	uint64_t before;
	unsigned timer = bind_timer();
	domid_t dom = create();

	check(dom > 0 && dom < DOMID_FIRST_RESERVED);
	check_eq(domctl(XEN_DOMCTL_getdomaininfo, dom), 0);
	check_eq(op.domain, dom);
	check_eq(op.u.getdomaininfo.tot_pages, 0);
	op.u.max_vcpus.max = 1;
	check_eq(domctl(XEN_DOMCTL_max_vcpus, dom), 0);
	op.u.max_mem.max_memkb = 4096;
	check_eq(domctl(XEN_DOMCTL_max_mem, dom), 0);

	unsigned long pfns[8] = {0, 1, 2, 3, 4, 5, 6, 7};
	struct xen_memory_reservation r = {.nr_extents = 8, .domid = dom};
	set_xen_guest_handle(r.extent_start, pfns);
	check_eq(hypercall_memory_op(XENMEM_populate_physmap, &r), 8);
	check_eq(domctl(XEN_DOMCTL_getdomaininfo, dom), 0);
	check_eq(op.u.getdomaininfo.tot_pages, 8);

	contexts(dom, pfns);
	clocks(dom, pfns[1]);
	own_context();
	check_eq(domctl(XEN_DOMCTL_pausedomain, dom), 0);
	check_eq(domctl(XEN_DOMCTL_unpausedomain, dom), 0);
	outlive(dom, pfns[3], timer);

	/* Nothing is lost over rounds. */
	wait_for_port(timer, system_time() + 50000000);
	before = free_pages();
	for (int i = 0; i < 10; i++) {
		dom = create();
		op.u.max_vcpus.max = 1;
		check_eq(domctl(XEN_DOMCTL_max_vcpus, dom), 0);
		fails_at(dom, i % 4);
		check_eq(domctl(XEN_DOMCTL_destroydomain, dom), 0);
	}
	/* A hypervisor may take a moment to tear down. */
	for (int i = 0; i < 100 && free_pages() != before; i++)
		wait_for_port(timer, system_time() + 10000000);
	check_eq(free_pages(), before);

	check_eq(domctl(XEN_DOMCTL_pausedomain, 0x1234), -XEN_ESRCH);
	check(domctl(XEN_DOMCTL_destroydomain, 0) < 0); /* not ourselves */
	check(domctl(9999, 0) < 0);
	op.interface_version++;
	check_eq(hypercall_domctl(&op), -XEN_EACCES);
	check_eq(hypercall_domctl((void *)8), -XEN_EFAULT);
}
